from kernel.apps import TierApp


class CatalogueConfig(TierApp):
    name = "oem.catalogue"
    label = "catalogue"
    tier = "manufacturer"
