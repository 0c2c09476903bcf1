"""Working off rows of `StewardRequest`."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from kernel import clock
from kernel.checkpoints import reached
from kernel.tenancy.bindings import Owner, bound, current
from kernel.tenancy.models import SIGNED_VERBS, RequestState, StewardRequest, StewardSignature
from kernel.tenancy.steward import domains
from kernel.tenancy.steward.fleet import upgrade
from kernel.tenancy.steward.logins import repair_logins
from kernel.tenancy.steward.measuring import measure
from kernel.tenancy.steward.provisioning import provision
from kernel.tenancy.steward.retiring import drop, drop_kept, retire
from kernel.tenancy.steward.watching import end_overdue_sessions

log = logging.getLogger(__name__)

#: Seconds between two repairs of all logins, and between two looks for sessions that hold what others need.
REPAIR_EVERY, WATCH_EVERY = 60.0, 10.0

VERBS: dict[str, Callable[..., Any]] = {
    "provision": provision,
    "retire": retire,
    "drop": drop,
    "drop_kept": drop_kept,
    "upgrade": upgrade,
    "repair_logins": repair_logins,
    "measure": measure,
}


def sign(request_id: UUID, *, by: str) -> None:
    """Put the second signature under a request. Needs the owner's binding, so nobody at the portal can do it."""
    StewardSignature.objects.get_or_create(request_id=request_id, defaults={"signed_by": by[:120]})


def work_off_one() -> bool:
    """Take the oldest waiting (or abandoned) request and carry it out; what ends something only if it is signed. False
    when there is none."""
    signed = ~Q(verb__in=SIGNED_VERBS) | Exists(StewardSignature.objects.filter(request=OuterRef("pk")))
    with bound(Owner()), transaction.atomic():
        request = (
            StewardRequest.objects.select_for_update(skip_locked=True)
            .filter(signed, state__in=[RequestState.WAITING, RequestState.RUNNING])
            .first()
        )
        if request is None:
            return False
        request.state = RequestState.RUNNING
        request.save(update_fields=["state"])

    def progress(step: str) -> None:
        log.info("steward: %s %s: %s", request.verb, request.arguments.get("slug", ""), step)
        if isinstance(current(), Owner):  # whatever schema is being worked on, `public` is on the path
            StewardRequest.objects.filter(id=request.id).update(step=step[:60])

    error = ""
    try:
        VERBS[request.verb](request.arguments, progress)
    except Exception as problem:
        log.exception("steward: %s failed", request.verb)
        error = f"{type(problem).__name__}: {problem}"
    reached("done")
    with bound(Owner()):
        StewardRequest.objects.filter(id=request.id).update(
            state=RequestState.FAILED if error else RequestState.DONE,
            error=error[:4000],
            finished_at=clock.now(),
        )
    return True


def run_forever(
    stop: Callable[[], bool],
    *,
    pause: float = 0.5,
    repair_every: float = REPAIR_EVERY,
    watch_every: float = WATCH_EVERY,
    measure_every: float = 3600.0,
    afterwards: Callable[[], None] = lambda: None,
) -> None:
    """The steward's loop. Logins are repaired every `repair_every` seconds, sessions that hold what others need are
    ended every `watch_every`, storage is measured every `measure_every`, and at the beginning. `afterwards` is called
    when anything was done that may have changed logins, and at the beginning."""
    repaired_at = watched_at = time.monotonic()
    changed = True
    measured_at = -measure_every
    while not stop():
        try:
            worked = work_off_one()
            worked = domains.work_off() or worked
            if time.monotonic() - repaired_at > repair_every:
                repair_logins({})
                repaired_at = time.monotonic()
                changed = True
            if time.monotonic() - watched_at > watch_every:
                watched_at = time.monotonic()
                end_overdue_sessions()
            if time.monotonic() - measured_at > measure_every:
                measured_at = time.monotonic()
                measure({})
            if worked or changed:
                afterwards()
                changed = False
        except Exception:
            log.exception("steward: pass failed")
            worked = False
        if not worked:
            time.sleep(pause)
