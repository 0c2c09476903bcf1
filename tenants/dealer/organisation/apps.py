from kernel.apps import TierApp


class OrganisationConfig(TierApp):
    name = "dealer.organisation"
    label = "organisation"
    tier = "dealership"
