"""Celery tasks that are bound to one login. They carry ids only; the rows are the truth, a task is a hint."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any
from uuid import UUID

from celery import Task, current_app, shared_task

from kernel.tenancy.bindings import Dealer, Portal, Unbound, bound, current

PORTAL_QUEUE = "portal"
DEALERS_QUEUE = "dealers"


class _PortalTask(Task):
    """Goes to the manufacturer's workers. (Celery deprecates the attribute `queue` of tasks; this does the same.)"""

    abstract = True

    def apply_async(self, *args: Any, **options: Any) -> Any:
        return super().apply_async(*args, **{"queue": PORTAL_QUEUE, **options})


class _DealerTask(Task):
    """Goes to the dealers' workers."""

    abstract = True

    def apply_async(self, *args: Any, **options: Any) -> Any:
        return super().apply_async(*args, **{"queue": DEALERS_QUEUE, **options})


def portal_task(*, name: str, **options: Any) -> Callable[[Callable[..., Any]], Any]:
    """A task of the manufacturer's workers, bound to the portal's login."""

    def decorate(function: Callable[..., Any]) -> Any:
        @functools.wraps(function)
        def run(*args: Any, **kwargs: Any) -> Any:
            with bound(Portal()):
                return function(*args, **kwargs)

        return shared_task(name=name, base=_PortalTask, ignore_result=True, **options)(run)

    return decorate


def dealer_task(*, name: str, **options: Any) -> Callable[[Callable[..., Any]], Any]:
    """A task of the dealers' workers. Its first argument is the dealership's id, as text; without it it refuses.

    A dealership that an upgrade fenced off is left alone: the rows stay, and a sweeper hints again.
    """

    def decorate(function: Callable[..., Any]) -> Any:
        @functools.wraps(function)
        def run(dealer_id: str, *args: Any, **kwargs: Any) -> Any:
            from kernel.tenancy import directory

            if isinstance(current(), Unbound) and directory.is_fenced(UUID(dealer_id)):
                return None
            with bound(Dealer(UUID(dealer_id))):
                return function(dealer_id, *args, **kwargs)

        return shared_task(name=name, base=_DealerTask, ignore_result=True, **options)(run)

    return decorate


@shared_task(name="tenancy.fan_out", base=_DealerTask, ignore_result=True)
def fan_out(task: str) -> int:
    """Send a dealer task to every active dealership; returns how many. Runs unbound: it reads the directory only."""
    from kernel.tenancy.models import Kind, State, Tenant

    ids = list(Tenant.objects.filter(kind=Kind.DEALERSHIP, state=State.ACTIVE).values_list("id", flat=True))
    for dealer_id in ids:
        current_app.send_task(task, [str(dealer_id)], queue=DEALERS_QUEUE)
    return len(ids)
