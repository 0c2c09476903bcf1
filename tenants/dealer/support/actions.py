"""Writes of support access: asked, answered, entered, ended; and the trail of whoever was let in.

Only a person of the dealership approves: not the system, not the operator, not the exchange. Nothing makes an access
longer: it ends at `until`, and another needs another question.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from dealer.organisation.queries import profile
from dealer.support import queries
from dealer.support.models import ROLES, TRANSITIONS, Access, Act, Origin
from exchange.outbound import send_down
from kernel import audit, clock
from kernel.accounts import actions as accounts
from kernel.accounts import codes
from kernel.accounts.actors import EXCHANGE, SYSTEM, Actor
from kernel.accounts.address import client_address
from kernel.accounts.models import User
from kernel.contracts import Purpose, SupportAccess, SupportArea, SupportMay, SupportStep
from kernel.contracts.support import ANSWER_HOURS, MOST_HOURS
from kernel.errors import Conflict, Forbidden, Invalid, Missing, Text
from kernel.requests import current_request_id
from kernel.transitions import move

#: How long an operator's link is good once it is printed.
LINK_FOR = timedelta(minutes=10)
_MAY, _AREA = list(SupportMay), list(SupportArea)


def _locked(access: Access) -> Access:
    return Access.objects.select_for_update().get(pk=access.pk)


# -- asking ----------------------------------------------------------------------------------------------------


@transaction.atomic
def ask_access(
    *,
    actor: Actor,
    by: str,
    reason: str,
    hours: int,
    may: str = SupportMay.READ,
    area: str = SupportArea.EVERYTHING,
) -> Access:
    """The operator asks to be let in for `hours`; `by` is the name of whoever will come. People cannot ask this way.

    Raises Invalid.
    """
    if actor.kind == "user":
        raise Forbidden()
    errors: dict[str, Text] = {}
    if not by.strip() or len(by.strip()) > 100:
        errors["by"] = _("Please enter a name of at most 100 characters.")
    if not reason.strip() or len(reason) > 4000:
        errors["reason"] = _("Please say why.")
    if not 1 <= hours <= MOST_HOURS:
        errors["hours"] = _("Choose 1 to 72 hours.")
    if may not in _MAY:
        errors["may"] = _("This choice does not exist.")
    if area not in _AREA:
        errors["area"] = _("This choice does not exist.")
    if errors:
        raise Invalid(errors)
    access = Access.objects.create(
        origin=Origin.OPERATOR,
        asked_by=by.strip(),
        reason=reason.strip(),
        hours=hours,
        asked_may=may,
        asked_area=area,
        may=may,
        area=area,
        asked_at=clock.now(),
    )
    _note_question(actor, access)
    return access


def _note_question(actor: Actor, access: Access) -> None:
    after = {"hours": access.hours, "may": access.may, "area": access.area}
    audit.record(actor=actor, action="support.ask", obj=access, after=after, note=access.reason)


@transaction.atomic
def receive_request(record: SupportAccess, *, purpose: Purpose) -> None:
    """Keep a question of the manufacturer; one that came before changes nothing. Of more hours than may be asked for
    only so many count."""
    asked: Any = record  # the contract has seen to it that a question is whole
    access, new = Access.objects.get_or_create(
        id=record.access_id,
        defaults={
            "origin": Origin.MANUFACTURER,
            "asked_by": asked.role,
            "asked_by_id": asked.person,
            "purpose": purpose,
            "reason": asked.reason,
            "hours": min(asked.hours, MOST_HOURS),
            "asked_may": asked.may,
            "asked_area": asked.area,
            "may": asked.may,
            "area": asked.area,
            "asked_at": asked.at,
            "code_hash": asked.code_hash,
        },
    )
    if new:
        _note_question(EXCHANGE, access)


@transaction.atomic
def receive_withdrawal(access_id: UUID) -> None:
    """The manufacturer takes its question back, or leaves before the time is over."""
    access = Access.objects.filter(pk=access_id, origin=Origin.MANUFACTURER).first()
    if access is not None:
        withdraw_access(actor=EXCHANGE, access=access)


@transaction.atomic
def withdraw_access(*, actor: Actor, access: Access) -> Access:
    """Whoever asked takes it back, or ends it when it is open; what is over stays as it is. People end instead."""
    if actor.kind == "user":
        raise Forbidden()
    access = _locked(access)
    if access.state == SupportStep.APPROVED:
        _close(access, actor, SupportStep.ENDED)
    elif access.state == SupportStep.ASKED:
        _close(access, actor, SupportStep.WITHDRAWN)
    return access


# -- answering -------------------------------------------------------------------------------------------------


def _answering(actor: Actor) -> User:
    """The person who answers, as they stand at this moment. Raises Forbidden for anybody who is no person of this
    dealership with the right, and for one who was retired meanwhile; the row is locked, so nobody can be in between."""
    person = User.objects.select_for_update().filter(pk=actor.id).first() if actor.id is not None else None
    if person is None or person.is_guest or not person.has(queries.ANSWERS):
        raise Forbidden(queries.ANSWERS)
    return person


def _to_answer(access: Access) -> Access:
    """The request, locked, when it may still be answered. Raises Conflict."""
    access = _locked(access)
    if access.state == SupportStep.ASKED and _is_void(access):
        raise Conflict("support_lapsed", _("This request is void: nobody answered it within a week."))
    if access.state != SupportStep.ASKED:
        raise Conflict("support_answered", _("This request has been answered or withdrawn already."))
    return access


def _is_void(access: Access) -> bool:
    return access.asked_at + timedelta(hours=ANSWER_HOURS) <= clock.now()


@transaction.atomic
def approve_access(*, actor: Actor, access: Access, hours: int, may: str, area: str) -> Access:
    """Let whoever asked in, from now for `hours`. Time, deeds and area may be less than asked for, never more.

    Raises Forbidden for everybody but a person of the dealership with the right, Conflict when it is answered, void or
    withdrawn, Invalid.
    """
    person = _answering(actor)
    access = _to_answer(access)
    errors: dict[str, Text] = {}
    if not 1 <= hours <= access.hours:
        errors["hours"] = _("Choose between one hour and what was asked for.")
    if may not in _MAY[: _MAY.index(SupportMay(access.asked_may)) + 1]:
        errors["may"] = _("Not more than was asked for.")
    if area not in _AREA[: _AREA.index(SupportArea(access.asked_area)) + 1]:
        errors["area"] = _("Not more than was asked for.")
    if errors:
        raise Invalid(errors)
    access.answered_at = clock.now()
    access.until = access.answered_at + timedelta(hours=hours)
    access.answered_by_id, access.answered_by_name = person.pk, person.name
    access.may, access.area = may, area
    access.guest = accounts.let_in(
        actor=actor,
        login=f"support.{access.pk.hex[:12]}",
        name=guest_name(access),
        role=ROLES[area, may],
        ends_at=access.until,
    )
    if access.code_hash:
        access.code_until = access.until
    move(access, "state", SupportStep.APPROVED, TRANSITIONS)
    access.save(
        update_fields=[
            "state",
            "may",
            "area",
            "answered_at",
            "answered_by_id",
            "answered_by_name",
            "until",
            "guest",
            "code_until",
        ]
    )
    audit.record(
        actor=actor,
        action="support.approve",
        obj=access,
        before={"hours": access.hours, "may": access.asked_may, "area": access.asked_area},
        after={"hours": hours, "may": may, "area": area, "until": access.until},
    )
    _tell(access, actor)
    return access


def guest_name(access: Access) -> str:
    """How a guest is named wherever a person's name stands."""
    if access.origin == Origin.OPERATOR:
        return f"Support ({access.asked_by})"
    return f"Support (manufacturer, {access.asked_by.replace('_', ' ')})"


@transaction.atomic
def refuse_access(*, actor: Actor, access: Access) -> Access:
    """Say no. Raises Forbidden, Conflict as `approve_access`."""
    person = _answering(actor)
    access = _to_answer(access)
    access.answered_by_id, access.answered_by_name = person.pk, person.name
    access.answered_at = clock.now()
    _close(access, actor, SupportStep.REFUSED, "answered_at", "answered_by_id", "answered_by_name")
    return access


# -- ending ----------------------------------------------------------------------------------------------------


@transaction.atomic
def end_access(*, actor: Actor, access: Access) -> Access:
    """Show the guest out at once: the next request is nobody's. Ending twice changes nothing.

    Raises Forbidden for everybody but a person of the dealership with the right; whoever asked withdraws.
    """
    _answering(actor)
    access = _locked(access)
    if access.state == SupportStep.APPROVED:
        _close(access, actor, SupportStep.ENDED)
    return access


def _close(access: Access, actor: Actor, step: SupportStep, *fields: str) -> None:
    """Move a locked request to one of its ends: the guest goes, the code stops working, the manufacturer is told."""
    before = access.state
    move(access, "state", step, TRANSITIONS)
    access.ended_at, access.ended_by_name = clock.now(), actor.name[:120]
    access.save(update_fields=["state", "ended_at", "ended_by_name", *fields])
    if access.guest is not None:
        accounts.see_out(actor=actor, guest=access.guest)
    audit.record(
        actor=actor, action=f"support.{step}", obj=access, before={"state": before}, after={"state": str(step)}
    )
    _tell(access, actor)


def _tell(access: Access, actor: Actor) -> None:
    """Tell the manufacturer what became of its question. It holds no record of the dealership, so no gate cuts it."""
    if access.origin != Origin.MANUFACTURER:
        return
    approved = access.state == SupportStep.APPROVED
    now = clock.now()
    send_down(
        SupportAccess(
            access_id=access.pk,
            step=SupportStep(access.state),
            at=now,
            may=SupportMay(access.may) if approved else None,
            area=SupportArea(access.area) if approved else None,
            until=access.until if approved else None,
        ),
        to=profile().manufacturer_id,
        subject=access.pk,
        purpose=Purpose(access.purpose),
        actor=actor,
        event_at=now,
    )


def close_expired() -> int:
    """Write down the end of every access that is over, and that every question nobody answered is void. Returns how
    many. A guest is out, and a question void, by the clock alone; here it comes into the books."""
    closed = 0
    ids = Access.objects.filter(state__in=[SupportStep.APPROVED, SupportStep.ASKED]).values_list("pk", flat=True)
    for pk in list(ids):
        with transaction.atomic():
            access = Access.objects.select_for_update().get(pk=pk)
            if access.state == SupportStep.APPROVED and access.until is not None and access.until <= clock.now():
                _close(access, SYSTEM, SupportStep.ENDED)
            elif access.state == SupportStep.ASKED and _is_void(access):
                _close(access, SYSTEM, SupportStep.LAPSED)
            else:
                continue
            closed += 1
    return closed


# -- entering --------------------------------------------------------------------------------------------------


@transaction.atomic
def make_code(*, actor: Actor, access: Access) -> str:
    """A one-time code for the operator, good for LINK_FOR and never beyond the access. An earlier one stops working.

    Raises Forbidden for people, Conflict when it is not the operator's or not open.
    """
    if actor.kind == "user":
        raise Forbidden()
    access = _locked(access)
    if access.origin != Origin.OPERATOR:
        raise Conflict("support_not_yours", _("The manufacturer asked for this access; its link is the asker's alone."))
    now = clock.now()
    if access.state != SupportStep.APPROVED or access.until is None or access.until <= now:
        raise Conflict("support_not_open", _("This access is not open."))
    code = codes.make()
    access.code_hash, access.code_used_at = codes.hash_of(code), None
    access.code_until = min(now + LINK_FOR, access.until)
    access.save(update_fields=["code_hash", "code_used_at", "code_until"])
    audit.record(actor=actor, action="support.make_link", obj=access, after={"until": access.code_until})
    return code


def usable(access: Access) -> bool:
    """Whether the access's code lets somebody in at this moment."""
    now = clock.now()
    return (
        access.state == SupportStep.APPROVED
        and access.until is not None
        and access.until > now
        and access.code_used_at is None
        and access.code_until is not None
        and access.code_until > now
    )


@transaction.atomic
def enter(*, request: HttpRequest, code: str, language: str = "en") -> Access:
    """Sign the guest in by a one-time code, which is used up; an earlier sign-in of the same guest ends.

    Raises Missing for a code that lets nobody in: unknown, used, too old, or of an access that is not open.
    """
    found = queries.access_of_code(code)
    access = _locked(found) if found else None
    if access is None or access.guest is None or not usable(access):
        raise Missing()
    access.code_used_at = clock.now()
    access.save(update_fields=["code_used_at"])
    guest = access.guest
    accounts.end_sessions(actor=SYSTEM, person=guest)
    accounts.choose_language(person=guest, language=language)
    accounts.open_session(request=request, user=guest, by="support link")
    path = request.path.replace(code, "…")
    note_act(access=access, method="POST", path=path, page="support:enter", request=request, status=302)
    return access


# -- the trail -------------------------------------------------------------------------------------------------


def note_act(
    *,
    access: Access,
    method: str,
    path: str,
    page: str = "",
    record: str = "",
    request: HttpRequest | None = None,
    status: int | None = None,
) -> Act:
    """Write down one request of a guest. It must be committed before anything is answered."""
    return Act.objects.create(
        access=access,
        at=clock.now(),
        method=method[:8],
        path=path[:500],
        page=page[:120],
        record=record[:200],
        address=client_address(request) if request is not None else None,
        request_id=current_request_id()[:64],
        status=status,
    )


def note_status(act: Act, status: int) -> None:
    """Add how a request was answered."""
    Act.objects.filter(pk=act.pk).update(status=status)
