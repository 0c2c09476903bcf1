from kernel.apps import TierApp


class TenancyConfig(TierApp):
    name = "kernel.tenancy"
    label = "tenancy"
    tier = "public"
