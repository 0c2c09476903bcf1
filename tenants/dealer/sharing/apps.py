from kernel.apps import TierApp


class SharingConfig(TierApp):
    name = "dealer.sharing"
    label = "sharing"
    tier = "dealership"
