from kernel.apps import TierApp


class NetworkConfig(TierApp):
    name = "oem.network"
    label = "network"
    tier = "manufacturer"
