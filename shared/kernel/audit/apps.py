from kernel.apps import TierApp


class AuditConfig(TierApp):
    name = "kernel.audit"
    label = "audit"
    tier = "both"
