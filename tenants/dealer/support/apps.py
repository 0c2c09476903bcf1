from kernel.apps import TierApp


class SupportConfig(TierApp):
    name = "dealer.support"
    label = "support"
    tier = "dealership"
