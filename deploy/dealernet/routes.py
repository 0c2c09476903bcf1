"""Puts the pages and the API of a tier together from its apps.

An app offers `urls.urlpatterns` (pages, with `app_name`) and `api_urls.urlpatterns` (mounted under /api/v1/).
"""

from importlib import import_module
from importlib.util import find_spec

from django.urls import URLPattern, URLResolver, include, path

from dealernet import health

PORTAL_APPS = (
    "oem.network",
    "oem.catalogue",
    "oem.agreements",
    "oem.leads",
    "oem.owners",
    "oem.privacy",
    "oem.support",
    "oem.aftersales",
    "oem.insight",
)
DEALER_APPS = (
    "kernel.reference",
    "dealer.organisation",
    "dealer.customers",
    "dealer.sharing",
    "dealer.support",
    "dealer.stock",
    "dealer.sales",
    "dealer.workshop",
    "dealer.warranty",
)
BOTH = ("kernel.ui", "kernel.accounts", "kernel.audit", "exchange")


def patterns_of(apps: tuple[str, ...]) -> list[URLPattern | URLResolver]:
    """URL patterns of the given apps and of those that both tiers have."""
    pages: list[URLPattern | URLResolver] = []
    api: list[URLPattern | URLResolver] = []
    for app in (*BOTH, *apps):
        if find_spec(f"{app}.urls"):
            pages.append(path("", include(f"{app}.urls")))
        if find_spec(f"{app}.api_urls"):
            api += import_module(f"{app}.api_urls").urlpatterns
    return [
        path("healthz", health.healthz, name="healthz"),
        path("readyz", health.readyz, name="readyz"),
        *pages,
        path("api/", include("kernel.api.urls")),
        path("api/v1/", include(api)),
    ]
