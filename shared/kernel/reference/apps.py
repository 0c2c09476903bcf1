from kernel.apps import TierApp


class ReferenceConfig(TierApp):
    name = "kernel.reference"
    label = "reference"
    tier = "public"
