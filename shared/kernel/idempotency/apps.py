from django.apps import AppConfig


class IdempotencyConfig(AppConfig):
    name = "kernel.idempotency"
    label = "idempotency"
    verbose_name = "Stored answers"
