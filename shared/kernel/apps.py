"""The base of every app of the product: says which tier its tables belong to and loads what it registers."""

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from django.apps import AppConfig

#: Modules of an app that register something when they are imported.
REGISTERING_MODULES = ("handlers", "tasks", "navigation", "joining", "sealing", "benchmarks", "explaining", "holdings")


class TierApp(AppConfig):
    """An app of one tier.

    `tier` is "public" (directory and published reference), "manufacturer" (schema `oem`), "dealership"
    (every `d_…` schema) or "both" (`oem` and every dealership).
    """

    default_auto_field = "django.db.models.BigAutoField"
    tier: str = ""
    #: Django looks for the one AppConfig of an `apps` module; this base is not it, its subclasses are.
    default = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.default = True

    def ready(self) -> None:
        for module in REGISTERING_MODULES:
            name = f"{self.name}.{module}"
            if find_spec(name) is not None:
                import_module(name)
