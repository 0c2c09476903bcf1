from kernel.apps import TierApp


class WorkshopConfig(TierApp):
    name = "dealer.workshop"
    label = "workshop"
    tier = "dealership"
