from kernel.apps import TierApp


class OwnersConfig(TierApp):
    name = "oem.owners"
    label = "owners"
    tier = "manufacturer"
