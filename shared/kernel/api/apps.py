from kernel.apps import TierApp


class ApiConfig(TierApp):
    name = "kernel.api"
    label = "kernel_api"
    tier = "both"
