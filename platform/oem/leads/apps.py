from kernel.apps import TierApp


class LeadsConfig(TierApp):
    name = "oem.leads"
    label = "leads"
    tier = "manufacturer"
