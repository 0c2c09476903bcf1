from kernel.apps import TierApp


class AgreementsConfig(TierApp):
    name = "oem.agreements"
    label = "agreements"
    tier = "manufacturer"
