"""Writes of support access at the portal: asking, taking back, and noting what the dealership answers.

Nothing here lets anybody in. Asking makes a one-time code: the asker sees it once, its hash goes to the dealership, and
the portal keeps neither. So whoever reads or writes the portal's tables still cannot enter by an approved request.
"""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from exchange.outbound import send_down
from kernel import audit, clock
from kernel.accounts import codes
from kernel.accounts.actors import EXCHANGE, Actor
from kernel.accounts.roles import Right
from kernel.contracts import Purpose, SupportAccess, SupportArea, SupportMay, SupportStep
from kernel.contracts.support import MOST_HOURS
from kernel.errors import Conflict, Forbidden, Invalid, Text
from kernel.transitions import may_move, move
from oem.network.models import AT_WORK, Dealership
from oem.support.models import PURPOSES, TRANSITIONS, Ask


@transaction.atomic
def ask_access(
    *, actor: Actor, dealership: Dealership, purpose: str, reason: str, hours: int, may: str, area: str
) -> tuple[Ask, str]:
    """Ask a dealership to let the asker in. Returns the question and the one-time code, which is kept nowhere.

    Only a person asks, for themselves. Raises Forbidden, Conflict for a dealership that is not at work, Invalid.
    """
    actor.require(Right.SUPPORT_ASK)
    if actor.id is None:
        raise Forbidden(Right.SUPPORT_ASK)
    if dealership.state not in AT_WORK:
        raise Conflict("not_at_work", _("This dealership is not at work in the network."))
    errors: dict[str, Text] = {}
    if purpose not in PURPOSES:
        errors["purpose"] = _("This choice does not exist.")
    if not reason.strip() or len(reason) > 4000:
        errors["reason"] = _("Please say why.")
    if not 1 <= hours <= MOST_HOURS:
        errors["hours"] = _("Choose 1 to 72 hours.")
    if may not in list(SupportMay):
        errors["may"] = _("This choice does not exist.")
    if area not in list(SupportArea):
        errors["area"] = _("This choice does not exist.")
    if errors:
        raise Invalid(errors)
    code, now = codes.make(), clock.now()
    ask = Ask.objects.create(
        dealership=dealership.pk,
        asked_by_id=actor.id,
        asked_by_name=actor.name[:120],
        asked_by_role=actor.role,
        purpose=purpose,
        reason=reason.strip(),
        hours=hours,
        asked_may=may,
        asked_area=area,
        asked_at=now,
    )
    record = SupportAccess(
        access_id=ask.pk,
        step=SupportStep.ASKED,
        at=now,
        hours=hours,
        may=SupportMay(may),
        area=SupportArea(area),
        reason=ask.reason,
        person=actor.id,
        role=actor.role,
        code_hash=codes.hash_of(code),
    )
    _send(ask, record, actor)
    after = {"dealership": dealership.slug, "hours": hours, "may": may, "area": area, "purpose": purpose}
    audit.record(actor=actor, action="support.ask", obj=ask, after=after, note=ask.reason)
    return ask, code


def _send(ask: Ask, record: SupportAccess, actor: Actor) -> None:
    send_down(record, to=ask.dealership, subject=ask.pk, purpose=Purpose(ask.purpose), actor=actor, event_at=record.at)


@transaction.atomic
def withdraw_ask(*, actor: Actor, ask: Ask) -> Ask:
    """Take a question back, or end the access before its time. What is over stays as it is.

    The dealership shows the guest out when the message arrives; its own clock and its manager need no message.
    """
    actor.require(Right.SUPPORT_ASK)
    ask = Ask.objects.select_for_update().get(pk=ask.pk)
    if not ask.can_be_withdrawn:
        return ask
    before, now = ask.state, clock.now()
    move(ask, "state", SupportStep.WITHDRAWN, TRANSITIONS)
    ask.ended_at = now
    ask.save(update_fields=["state", "ended_at"])
    _send(ask, SupportAccess(access_id=ask.pk, step=SupportStep.WITHDRAWN, at=now), actor)
    audit.record(actor=actor, action="support.withdraw", obj=ask, before={"state": before})
    return ask


@transaction.atomic
def note_answer(*, dealership: UUID, record: SupportAccess) -> None:
    """Write down what a dealership says of a question that was put to it; what came before, or from elsewhere, changes
    nothing."""
    ask = Ask.objects.select_for_update().filter(pk=record.access_id, dealership=dealership).first()
    if ask is None or not may_move(ask.state, record.step, TRANSITIONS):
        return
    before = ask.state
    move(ask, "state", record.step, TRANSITIONS)
    if record.step == SupportStep.APPROVED:
        assert record.may is not None
        assert record.area is not None
        ask.may, ask.area, ask.until, ask.answered_at = record.may, record.area, record.until, record.at
    else:
        ask.ended_at = record.at
    ask.save(update_fields=["state", "may", "area", "until", "answered_at", "ended_at"])
    audit.record(
        actor=EXCHANGE, action="support.answer", obj=ask, before={"state": before}, after={"state": str(record.step)}
    )
