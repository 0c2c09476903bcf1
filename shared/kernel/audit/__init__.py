"""The audit trail: `kernel.audit.record(…)` in the same function and transaction as the write it describes."""

from typing import TYPE_CHECKING, Any

from django.apps import apps as app_registry

from kernel import clock
from kernel.accounts.actors import Actor
from kernel.audit.context import coming_from, current_origin
from kernel.requests import current_request_id

if TYPE_CHECKING:
    from kernel.audit.models import Entry

__all__ = ["changes", "coming_from", "record"]

_ORIGIN_OF_KIND = {"user": "user", "system": "system", "exchange": "exchange"}


def record(
    *,
    actor: Actor,
    action: str,
    obj: Any,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    note: str = "",
) -> "Entry":
    """Add one row to the audit trail of the bound tenant and return it.

    `action` is "<app>.<verb>" ("leads.accept"); `obj` a saved model instance; `before`/`after` hold the changed values
    (dates, decimals and UUIDs are fine). Event time is the kernel clock's; the origin is that of `coming_from`, the
    demo's while the clock is set, else that of the kind of actor.
    """
    entry_model = app_registry.get_model("audit", "Entry")
    origin = current_origin() or ("demo" if clock.in_history() else _ORIGIN_OF_KIND[actor.kind])
    entry: Entry = entry_model.objects.create(
        at=clock.now(),
        actor_kind=actor.kind,
        actor_id=actor.id,
        actor_name=actor.name[:120],
        actor_role=actor.role,
        action=action,
        object_type=obj._meta.label_lower,
        object_id=str(obj.pk),
        object_label=str(obj)[:200],
        before=before,
        after=after,
        note=note,
        origin=origin,
        request_id=current_request_id()[:64],
    )
    return entry


def changes(obj: Any, **new: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Set attributes and return (before, after) with those that really changed. Does not save."""
    before, after = {}, {}
    for field, value in new.items():
        old = getattr(obj, field)
        if old != value:
            before[field], after[field] = old, value
            setattr(obj, field, value)
    return before, after
