from kernel.apps import TierApp


class AftersalesConfig(TierApp):
    name = "oem.aftersales"
    label = "aftersales"
    tier = "manufacturer"
