from kernel.apps import TierApp


class PrivacyConfig(TierApp):
    name = "oem.privacy"
    label = "privacy"
    tier = "manufacturer"
