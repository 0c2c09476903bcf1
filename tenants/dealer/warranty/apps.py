from kernel.apps import TierApp


class WarrantyConfig(TierApp):
    name = "dealer.warranty"
    label = "warranty"
    tier = "dealership"
