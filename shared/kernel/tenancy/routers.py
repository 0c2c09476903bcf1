"""Which tables belong where is decided by `TierApp.tier` and rendered by the steward, not by `migrate`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django_tenants.routers import TenantSyncRouter

_rendering: ContextVar[bool] = ContextVar("dealernet_rendering", default=False)


@contextmanager
def rendering() -> Iterator[None]:
    """Let migrations run against a collecting schema editor."""
    token = _rendering.set(True)
    try:
        yield
    finally:
        _rendering.reset(token)


class WallRouter(TenantSyncRouter):
    """Refuses `migrate`: only the steward's renderer may run a migration."""

    def allow_migrate(self, db: str, app_label: str, model_name: str | None = None, **hints: Any) -> bool:
        return _rendering.get()

    def allow_relation(self, obj1: Any, obj2: Any, **hints: Any) -> bool | None:
        return None
