from django.conf import settings

from kernel.apps import TierApp
from kernel.tenancy.pool import pool


class TenancyConfig(TierApp):
    name = "kernel.tenancy"
    label = "tenancy"
    tier = "public"

    def ready(self) -> None:
        super().ready()
        pool.configure(**settings.CONNECTION_POOL)
