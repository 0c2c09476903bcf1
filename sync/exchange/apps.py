from kernel.apps import TierApp


class ExchangeConfig(TierApp):
    name = "exchange"
    label = "exchange"
    tier = "both"
