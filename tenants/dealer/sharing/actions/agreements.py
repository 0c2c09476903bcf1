"""Receiving, signing and ending agreements."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from dealer.organisation.queries import profile
from dealer.sharing.actions.levels import note_change, stop_waiting
from dealer.sharing.actions.telling import tell_decision
from dealer.sharing.models import (
    AGREEMENT_TRANSITIONS,
    Agreement,
    AgreementState,
    Grant,
)
from kernel import audit, clock
from kernel.accounts.actors import SYSTEM, Actor
from kernel.accounts.roles import Right
from kernel.contracts import DecisionStep, Level
from kernel.contracts.agreements import AgreementText, Term
from kernel.errors import Conflict, Invalid
from kernel.transitions import move

#: The columns that a signature writes.
SIGNATURE = ("state", "signed_at", "signed_by_id", "signed_by_name", "signed_by_role")


@transaction.atomic
def receive_agreement(*, actor: Actor, text: AgreementText) -> Agreement:
    """Lay a version of the agreement before the dealership for signature; a known version is returned as it stands."""
    agreement, created = Agreement.objects.get_or_create(
        version=text.version,
        defaults={
            "title": text.title,
            "text": text.text,
            "terms": [term.to_json() for term in text.terms],
            "text_hash": text.digest,
            "notice_days": text.notice_days,
            "manufacturer_name": profile().manufacturer_name,
            "published_on": text.published_on,
            "received_at": clock.now(),
        },
    )
    if created:
        audit.record(actor=actor, action="sharing.receive_agreement", obj=agreement, after={"hash": text.digest})
    return agreement


@transaction.atomic
def sign_agreement(
    *,
    actor: Actor,
    agreement: Agreement,
    ceilings: Mapping[str, str] | None = None,
    text_hash: str | None = None,
    tell: bool = True,
) -> Agreement:
    """Sign a version: its terms are in force from now on, and the version before is replaced.

    `ceilings` maps a contract to the level that the dealership allows; a contract it does not name keeps its present
    ceiling, or begins with nothing; a contract that serves several purposes is named with one, as
    ``Owner/customer_care``. A line at nothing is refused: so part of an agreement can be accepted. `text_hash`, when
    given, must be that of the text: what was shown is what is signed. The manufacturer is told, unless `tell` is False:
    then the scheduled task tells it. Raises Conflict when it is not waiting for a signature, Invalid for a level that
    cannot be.
    """
    actor.require(Right.SHARING_CHANGE)
    agreement = Agreement.objects.select_for_update().get(pk=agreement.pk)
    if text_hash is not None and text_hash != agreement.text_hash:
        raise Conflict("other_text", _("This is not the text that was shown. Read it again before you sign."))
    if not agreement.can_be_signed:
        raise Conflict("not_proposed", _("This agreement does not wait for a signature."))
    wanted = _wanted(agreement, ceilings or {})
    for earlier in Agreement.objects.select_for_update().filter(state=AgreementState.SIGNED):
        move(earlier, "state", AgreementState.REPLACED, AGREEMENT_TRANSITIONS)
        earlier.save(update_fields=["state"])
    move(agreement, "state", AgreementState.SIGNED, AGREEMENT_TRANSITIONS)
    agreement.signed_at = clock.now()
    name = "" if actor == SYSTEM else actor.name[:120]  # what a dealership agrees to on joining names nobody by itself
    agreement.signed_by_id, agreement.signed_by_name, agreement.signed_by_role = actor.id, name, actor.role
    agreement.ends_at = agreement.end_reason = agreement.told_at = None
    agreement.save(update_fields=[*SIGNATURE, "ends_at", "end_reason", "told_at"])
    for term in agreement.asked:
        _put_in_force(agreement, term, wanted.get(term.key), actor)
    _end_what_is_not_named(agreement, actor)
    audit.record(
        actor=actor,
        action="sharing.sign_agreement",
        obj=agreement,
        after={
            "hash": agreement.text_hash,
            "ceilings": {contract: str(level) for (contract, _purpose), level in wanted.items()},
        },
    )
    if tell:
        tell_decision(agreement, DecisionStep.SIGNED, actor)
    return agreement


def _wanted(agreement: Agreement, ceilings: Mapping[str, str]) -> dict[tuple[str, str], Level]:
    """The ceilings asked for by contract and purpose, checked against the terms."""
    wanted: dict[tuple[str, str], Level] = {}
    for name, level in ceilings.items():
        contract, _slash, purpose = name.partition("/")
        terms = [term for term in agreement.asked if term.contract == contract and purpose in ("", term.purpose)]
        if not terms:
            raise Invalid({name: _("The agreement does not name this kind of data.")}, code="unknown_contract")
        if level not in Level.values:
            raise Invalid({name: _("Choose one of the values offered.")}, code="choice")
        for term in terms:
            if Level(level) > term.level:
                raise Invalid({name: _("The agreement does not ask for more than this.")}, code="above_template")
            if term.required and Level(level) != term.level:
                raise Invalid({name: _("The agreement requires this; it cannot be lowered.")}, code="required")
            wanted[term.key] = Level(level)
    return wanted


def _put_in_force(agreement: Agreement, term: Term, wanted: Level | None, actor: Actor) -> None:
    grant = Grant.objects.select_for_update().filter(contract=term.contract, purpose=term.purpose).first()
    before = Level(grant.ceiling) if grant else None
    in_force = grant.level if grant else Level.NOTHING
    fewer = set(term.fields_denied) - set(grant.fields_denied) if grant else set()
    grant = grant or Grant(contract=term.contract, purpose=term.purpose)
    grant.agreement = agreement
    grant.template, grant.required = term.level, term.required
    grant.fields_denied = list(term.fields_denied)
    grant.retention_days, grant.recipients = term.retention_days, list(term.recipients)
    grant.ceiling = term.level if term.required else min(wanted or before or Level.NOTHING, term.level)
    grant.changed_at, grant.changed_by_name = clock.now(), actor.name[:120]
    grant.save()
    # What waits was cut for the terms before: with fields that are not asked any more it does not leave either.
    stopped = stop_waiting(grant) if grant.level < in_force or fewer else 0
    if before is None or before != grant.ceiling:
        note_change(grant, agreement.version, before, actor, stopped=stopped)


def _end_what_is_not_named(agreement: Agreement, actor: Actor) -> None:
    """Grants of an earlier version that this one, whose terms are in force, does not name: nothing leaves any more."""
    for grant in Grant.objects.select_for_update().exclude(agreement=agreement):
        end_grant(grant, agreement, actor)


def end_grant(grant: Grant, agreement: Agreement, actor: Actor, *, asks: bool = True) -> int:
    """Let nothing leave under a grant any more; how many messages were stopped. `asks`: the general manager, about what
    went earlier."""
    before = Level(grant.ceiling)
    grant.agreement, grant.required = agreement, False
    grant.template = grant.ceiling = Level.NOTHING
    grant.changed_at, grant.changed_by_name = clock.now(), actor.name[:120]
    grant.save()
    stopped = stop_waiting(grant, asks=asks)
    note_change(grant, agreement.version, before, actor, stopped=stopped)
    return stopped


@transaction.atomic
def end_sharing(*, actor: Actor, note: str, propose_anew: bool = False) -> int:
    """End every agreement in force: nothing leaves any more, and what waits undelivered is stopped; returns how many
    messages were. Again it changes nothing.

    For a dealership that leaves the network or came from another one. With `propose_anew` the agreement waits for its
    signature again, since it was given to somebody else.
    """
    actor.require(Right.SHARING_CHANGE)
    stopped = 0
    for agreement in Agreement.objects.select_for_update().filter(state=AgreementState.SIGNED):
        before = {"state": agreement.state, "signed_by": agreement.signed_by_name}
        move(agreement, "state", AgreementState.REPLACED, AGREEMENT_TRANSITIONS)
        if propose_anew:
            agreement.state, agreement.signed_at, agreement.signed_by_id = AgreementState.PROPOSED, None, None
            agreement.signed_by_name = agreement.signed_by_role = ""
        agreement.save(update_fields=SIGNATURE)
        for grant in Grant.objects.select_for_update().filter(agreement=agreement):
            # What went earlier to somebody else cannot be taken back from this manufacturer.
            stopped += end_grant(grant, agreement, actor, asks=not propose_anew)
        audit.record(
            actor=actor,
            action="sharing.end",
            obj=agreement,
            before=before,
            after={"state": agreement.state, "stopped": stopped},
            note=note,
        )
    return stopped
