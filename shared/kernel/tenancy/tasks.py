"""Celery tasks that are bound to one login. They carry ids only; the rows are the truth, a task is a hint.

A dealership's tasks take turns with the others' (kernel.tenancy.turns): `delay` asks for a job of that dealership. One
with more to do than fits into a turn returns `AGAIN`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any
from uuid import UUID

from celery import Task, shared_task
from django.core.cache import cache
from django.db import connection

from kernel.tenancy import turns
from kernel.tenancy.bindings import Dealer, Portal, Unbound, bound, current
from kernel.tenancy.turns import AGAIN

__all__ = ["AGAIN", "DEALERS_QUEUE", "PING", "PORTAL_QUEUE", "dealer_task", "fan_out", "portal_task"]

PORTAL_QUEUE = "portal"
PING = "tenancy.ping"
DEALERS_QUEUE = turns.QUEUE


class _PortalTask(Task):
    """Goes to the manufacturer's workers. (Celery deprecates the attribute `queue` of tasks; this does the same.)"""

    abstract = True

    def apply_async(self, *args: Any, **options: Any) -> Any:
        return super().apply_async(*args, **{"queue": PORTAL_QUEUE, **options})


class _DealersTask(Task):
    """Goes to the dealers' workers, in the order of coming."""

    abstract = True

    def apply_async(self, *args: Any, **options: Any) -> Any:
        return super().apply_async(*args, **{"queue": DEALERS_QUEUE, **options})


class _DealerTask(_DealersTask):
    """One dealership's: takes turns with the others', unless it is asked for in a way of its own (another queue)."""

    abstract = True
    urgent = False

    def apply_async(self, args: Any = (), kwargs: Any = None, **options: Any) -> Any:
        if kwargs or set(options) - {"countdown"} or not turns.fair():
            return super().apply_async(args, kwargs, **options)
        return turns.ask(self.name, *args, urgent=self.urgent, after=options.get("countdown") or 0.0)

    def on_success(self, retval: Any, task_id: str, args: Any, kwargs: Any) -> None:
        """Of a task that came through Celery's own queue: more to do is a task of its own."""
        if retval == AGAIN:
            self.apply_async(args, kwargs)


def portal_task(*, name: str, **options: Any) -> Callable[[Callable[..., Any]], Any]:
    """A task of the manufacturer's workers, bound to the portal's login."""

    def decorate(function: Callable[..., Any]) -> Any:
        @functools.wraps(function)
        def run(*args: Any, **kwargs: Any) -> Any:
            with bound(Portal()):
                return function(*args, **kwargs)

        return shared_task(name=name, base=_PortalTask, ignore_result=True, **options)(run)

    return decorate


def dealer_task(*, name: str, urgent: bool = False, **options: Any) -> Callable[[Callable[..., Any]], Any]:
    """A task of the dealers' workers. Its first argument is the dealership's id, as text; without it it refuses.

    `urgent`: it comes before the other tasks of its own dealership. A dealership that an upgrade fenced off is left
    alone: the rows stay, and a sweeper hints again.
    """

    def decorate(function: Callable[..., Any]) -> Any:
        @functools.wraps(function)
        def run(dealer_id: str, *args: Any, **kwargs: Any) -> Any:
            from kernel.tenancy import directory

            if isinstance(current(), Unbound) and directory.is_fenced(UUID(dealer_id)):
                return None
            with bound(Dealer(UUID(dealer_id))):
                return function(dealer_id, *args, **kwargs)

        return shared_task(name=name, base=_DealerTask, ignore_result=True, urgent=urgent, **options)(run)

    return decorate


@dealer_task(name=PING)
def ping(dealer_id: str, token: str, queries: int = 1) -> None:
    """Answer that jobs of this dealership are done: ask the database so often, and leave the token in the cache."""
    for _ in range(queries):
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM accounts_user")
    cache.set(f"ping:{token}", queries, 60)


@shared_task(name="tenancy.fan_out", base=_DealersTask, ignore_result=True)
def fan_out(task: str) -> int:
    """Ask for a job of every active dealership; returns how many. Runs unbound: it reads the directory only."""
    from kernel.tenancy.models import Kind, State, Tenant

    ids = list(Tenant.objects.filter(kind=Kind.DEALERSHIP, state=State.ACTIVE).values_list("id", flat=True))
    turns.ask_all(task, ids)
    return len(ids)


@shared_task(name=turns.TURN, base=_DealersTask, ignore_result=True, bind=True)
def turn(self: Task) -> int:
    """Jobs of one dealership after the other, for a few seconds; returns how many."""
    return turns.work(self.request.id)


@shared_task(name=turns.LATER, base=_DealersTask, ignore_result=True)
def ask_later(task: str, dealer_ids: list[str], arguments: list[Any], urgent: bool) -> None:
    """Ask for jobs now that had to wait."""
    turns.ask_all(task, dealer_ids, *arguments, urgent=urgent)


@shared_task(name=turns.SWEEP, base=_DealersTask, ignore_result=True)
def sweep_turns() -> int:
    """Find jobs that were lost with their worker."""
    return turns.sweep()
