from kernel.apps import TierApp


class IdempotencyConfig(TierApp):
    name = "kernel.idempotency"
    label = "idempotency"
    tier = "both"
