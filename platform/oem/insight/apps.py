from kernel.apps import TierApp


class InsightConfig(TierApp):
    name = "oem.insight"
    label = "insight"
    tier = "manufacturer"
