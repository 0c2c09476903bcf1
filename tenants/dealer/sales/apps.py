from kernel.apps import TierApp


class SalesConfig(TierApp):
    name = "dealer.sales"
    label = "sales"
    tier = "dealership"
