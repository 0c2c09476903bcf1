from kernel.apps import TierApp


class StockConfig(TierApp):
    name = "dealer.stock"
    label = "stock"
    tier = "dealership"
