"""The composition root as a Django app: commands, translations, and the Celery app every process sends hints by."""

from importlib import import_module

from django.apps import AppConfig


class DealernetConfig(AppConfig):
    name = "dealernet"

    def ready(self) -> None:
        import_module("dealernet.celery_app")
        import_module("dealernet.moving.verbs")
