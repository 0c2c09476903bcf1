from kernel.apps import TierApp


class AskedSupportConfig(TierApp):
    name = "oem.support"
    label = "oem_support"
    tier = "manufacturer"
