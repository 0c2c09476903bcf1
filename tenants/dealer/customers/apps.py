from kernel.apps import TierApp


class CustomersConfig(TierApp):
    name = "dealer.customers"
    label = "customers"
    tier = "dealership"
