"""Settings of the peer: django-tenants as it comes, every dealership app a tenant app. Nothing of ours but the apps."""

import os

from dealernet import settings as ours

# What the apps read besides: ours. What follows says what is the peer's.
globals().update({name: value for name, value in vars(ours).items() if name.isupper()})

SECRET_KEY = "of a benchmark"  # noqa: S105 - signs nothing that anybody gets
DATABASES = {
    "default": {
        "ENGINE": "django_tenants.postgresql_backend",
        "NAME": os.environ["DEALERNET_PEER_DATABASE"],
        "HOST": os.environ["DEALERNET_PEER_HOST"],
        "USER": "postgres",
        "PASSWORD": os.environ["DEALERNET_KEY_SUPERUSER"],
        "CONN_MAX_AGE": None,
    }
}
TENANT_SYNC_ROUTER = "django_tenants.routers.TenantSyncRouter"
DATABASE_ROUTERS = [TENANT_SYNC_ROUTER]
SHARED_APPS = [
    "django_tenants",
    "django.contrib.contenttypes",
    "dealernet.bench.peer",
    "kernel.tenancy",
    "kernel.reference",
]
TENANT_APPS = [
    app
    for app in ours.INSTALLED_APPS
    if app.startswith("dealer.") or app in ("kernel.accounts", "kernel.audit", "kernel.idempotency", "exchange")
]
INSTALLED_APPS = [*SHARED_APPS, *TENANT_APPS]
HAS_MULTI_TYPE_TENANTS = False
TENANT_MODEL = "peer.Client"
TENANT_DOMAIN_MODEL = "peer.Domain"
TENANT_BASE_SCHEMA = os.environ.get("DEALERNET_PEER_BASE") or None
SILENCED_SYSTEM_CHECKS = ["auth.W004"]
LOGGING_CONFIG = None
EXTRA = os.environ.get("DEALERNET_PEER_MIGRATIONS", "")
MIGRATION_MODULES = dict(part.split("=") for part in EXTRA.split(",")) if EXTRA else {}
