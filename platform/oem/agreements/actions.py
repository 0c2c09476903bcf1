"""Writes of agreements at the portal: drawing a version up, proposing it, taking it back, giving notice."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from datetime import date
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from exchange.outbound import send_down
from kernel import audit, clock
from kernel.accounts.actors import EXCHANGE, Actor
from kernel.accounts.roles import Right
from kernel.contracts import Level, ProposalStep, SharingDecision, SharingProposal
from kernel.contracts.agreements import LANGUAGES, Term, agreement, problems_of, subject_of
from kernel.contracts.sharing import AGREEMENT_PURPOSE
from kernel.errors import Conflict, FieldError, Invalid, Text
from kernel.transitions import move
from oem.agreements.models import PROPOSAL_TRANSITIONS, Asked, Decision, Proposal, ProposalState
from oem.agreements.queries import text_of
from oem.network.models import AT_WORK, Dealership

#: Notice periods that can be proposed, in days.
LEAST_NOTICE, MOST_NOTICE = 30, 365
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,39}")
#: What is wrong with a line, in words, by the codes of `kernel.contracts.agreements.problems_of`.
WRONG: dict[str, Text] = {
    "no_contract": _("There is no such kind of data."),
    "no_purpose": _("This kind of data does not serve this purpose."),
    "not_requirable": _(
        "Only warranty, sale and delivery, safety recall and incentives may be required; the rest is the dealership's."
    ),
    "no_field": _("There is no such field."),
    "order_field": _("This field keeps the records in order and always goes along."),
    "retention": _("Enter 1 to 7300 days, or nothing."),
    "recipients": _("Name five recipients at most, each with 80 characters at most."),
    "twice": _("This line stands twice."),
}


def _today() -> date:
    return clock.today(settings.TIME_ZONE)


@transaction.atomic
def draft_proposal(*, actor: Actor, base: str) -> Proposal:
    """Begin a new version from one that exists: the same text and terms, to be changed. Raises Invalid."""
    actor.require(Right.SHARING_PROPOSE)
    text = text_of(base)
    if text is None:
        raise Invalid({"base": _("There is no such version.")}, code="unknown")
    made = Proposal.objects.create(
        version=_next_version(),
        base=text.version,
        title=text.title,
        text=text.text,
        terms=[term.to_json() for term in text.terms],
        notice_days=text.notice_days,
        valid_from=_today(),
        created_by_name=actor.name[:120],
        created_at=clock.now(),
    )
    audit.record(actor=actor, action="agreements.draft", obj=made, after={"base": text.version})
    return made


def _next_version() -> str:
    """The year and the next number that nobody has: 2027-1."""
    year = _today().year
    taken = set(Proposal.objects.filter(version__startswith=f"{year}-").values_list("version", flat=True))
    number = 1
    while f"{year}-{number}" in taken or agreement(f"{year}-{number}") is not None:
        number += 1
    return f"{year}-{number}"


@transaction.atomic
def edit_proposal(
    *,
    actor: Actor,
    proposal: Proposal,
    title: Mapping[str, str],
    text: Mapping[str, str],
    terms: Iterable[Term],
    notice_days: int,
    valid_from: date,
    version: str | None = None,
) -> Proposal:
    """Change a draft. What is not right yet is kept; `check_proposal` says what. Raises Conflict for what is proposed
    already, Invalid for a version that exists or cannot stand in an address."""
    actor.require(Right.SHARING_PROPOSE)
    proposal = _draft(proposal)
    version = version or proposal.version
    if not _VERSION.fullmatch(version) or version == "new":
        raise Invalid({"version": _("Use letters, digits, dots and hyphens.")}, code="pattern")
    if version != proposal.version and (
        agreement(version) is not None or Proposal.objects.filter(version=version).exists()
    ):
        raise Invalid({"version": _("There is such a version already.")}, code="taken")
    before, after = audit.changes(
        proposal,
        version=version,
        title={language: title.get(language, "").strip() for language in LANGUAGES},
        text={language: text.get(language, "").strip() for language in LANGUAGES},
        terms=[term.to_json() for term in terms if term.level is not Level.NOTHING],
        notice_days=notice_days,
        valid_from=valid_from,
    )
    if after:
        proposal.save()
        audit.record(actor=actor, action="agreements.edit", obj=proposal, before=before, after=after)
    return proposal


def check_proposal(proposal: Proposal) -> list[FieldError]:
    """What keeps a draft from being proposed, each by its field; a line is named ``Owner/customer_care``. Empty: it can
    be proposed."""
    errors: list[FieldError] = []
    for language in LANGUAGES:
        for field, words in (("title", proposal.title), ("text", proposal.text)):
            if not words.get(language):
                said = _("Write it in all three languages.")
                errors += Invalid({f"{field}_{language}": said}, code="required").errors
    if not LEAST_NOTICE <= proposal.notice_days <= MOST_NOTICE:
        errors += Invalid({"notice_days": _("Enter 30 to 365 days.")}, code="range").errors
    if not proposal.terms:
        errors += Invalid({"terms": _("Ask for something.")}, code="required").errors
    for (contract, purpose), codes in problems_of(proposal.asked).items():
        for code in codes:
            errors += Invalid({f"{contract}/{purpose}": WRONG[code]}, code=code).errors
    return errors


@transaction.atomic
def propose(*, actor: Actor, proposal: Proposal, dealerships: Collection[Dealership]) -> Proposal:
    """Ask dealerships to sign a draft. From now on nobody can change it; a version that waits unsigned at one of them
    gives place to it. Raises Invalid for what `check_proposal` finds, Conflict when it is proposed already.
    """
    actor.require(Right.SHARING_PROPOSE)
    proposal = _draft(proposal)
    errors = check_proposal(proposal)
    if not dealerships:
        errors += Invalid({"dealerships": _("Choose a dealership.")}, code="required").errors
    if any(dealership.state not in AT_WORK for dealership in dealerships):
        errors += Invalid({"dealerships": _("This dealership is not at work in the network.")}, code="state").errors
    if errors:
        raise Invalid(errors)
    now = clock.now()
    move(proposal, "state", ProposalState.PROPOSED, PROPOSAL_TRANSITIONS)
    proposal.published_on, proposal.proposed_at, proposal.proposed_by_name = _today(), now, actor.name[:120]
    text = proposal.as_text()
    proposal.text_hash = text.digest
    proposal.save()
    ids = [dealership.id for dealership in dealerships]
    _replace_open(ids)
    Asked.objects.bulk_create(Asked(proposal=proposal, dealership=id_, at=now) for id_ in ids)
    record = SharingProposal(
        proposal_id=proposal.id,
        step=ProposalStep.PROPOSED,
        at=now,
        version=text.version,
        text_hash=text.digest,
        published_on=text.published_on,
        valid_from=text.valid_from,
        notice_days=text.notice_days,
        words=[{"language": key, "title": text.title[key], "text": text.text[key]} for key in LANGUAGES],
        terms=[
            {
                "contract": term.contract,
                "purpose": str(term.purpose),
                "level": str(term.level),
                "required": term.required,
                "fields_denied": list(term.fields_denied),
                "retention_days": term.retention_days,
                "recipients": list(term.recipients),
            }
            for term in text.terms
        ],
    )
    for id_ in ids:
        _send(record, id_, actor)
    audit.record(
        actor=actor,
        action="agreements.propose",
        obj=proposal,
        after={"hash": text.digest, "dealerships": sorted(dealership.slug for dealership in dealerships)},
    )
    return proposal


def _replace_open(dealerships: Collection[UUID]) -> None:
    """What still waits at these dealerships gives place; a version that waits nowhere any more is replaced."""
    still = Asked.objects.select_for_update().filter(dealership__in=dealerships, over_at=None)
    touched = {asked.proposal_id for asked in still}
    still.update(over_at=clock.now())
    for earlier in Proposal.objects.select_for_update().filter(pk__in=touched, state=ProposalState.PROPOSED):
        if not earlier.asked_of.filter(over_at=None).exists():
            move(earlier, "state", ProposalState.REPLACED, PROPOSAL_TRANSITIONS)
            earlier.save(update_fields=["state"])


@transaction.atomic
def withdraw_proposal(*, actor: Actor, proposal: Proposal) -> Proposal:
    """Drop a draft, or take a proposed version back where it was not signed: there the version before goes on."""
    actor.require(Right.SHARING_PROPOSE)
    proposal = Proposal.objects.select_for_update().get(pk=proposal.pk)
    before = proposal.state
    if before not in (ProposalState.DRAFT, ProposalState.PROPOSED):
        raise Conflict("not_open", _("This version is neither a draft nor proposed."))
    move(proposal, "state", ProposalState.WITHDRAWN, PROPOSAL_TRANSITIONS)
    proposal.save(update_fields=["state"])
    now = clock.now()
    record = SharingProposal(proposal_id=proposal.id, step=ProposalStep.WITHDRAWN, at=now, version=proposal.version)
    for asked in Asked.objects.select_for_update().filter(proposal=proposal, over_at=None):
        asked.over_at = now
        asked.save(update_fields=["over_at"])
        _send(record, asked.dealership, actor)
    audit.record(actor=actor, action="agreements.withdraw", obj=proposal, before={"state": before})
    return proposal


@transaction.atomic
def end_agreement(*, actor: Actor, dealership: Dealership, note: str) -> Decision:
    """Give a dealership notice for the agreement that it signed; it ends there after its notice period.

    Raises Conflict when it has told of none in force, or of an end already.
    """
    actor.require(Right.SHARING_PROPOSE)
    latest = Decision.objects.filter(dealership=dealership.id).first()
    if latest is None or latest.step == "ended":
        raise Conflict("not_in_force", _("This dealership has told of no agreement in force."))
    if latest.end_reason in ("manufacturer", "dealership"):
        raise Conflict("ended_already", _("This agreement is ending already."))
    now = clock.now()
    record = SharingProposal(proposal_id=latest.id, step=ProposalStep.ENDED, at=now, version=latest.version)
    _send(record, dealership.id, actor)
    after = {"version": latest.version}
    audit.record(actor=actor, action="agreements.end", obj=dealership, after=after, note=note)
    return latest


@transaction.atomic
def note_decision(*, dealership: UUID, message: UUID, record: SharingDecision) -> Decision:
    """Write down what a dealership tells; the same message again changes nothing. What it signed is asked no more."""
    made, created = Decision.objects.get_or_create(
        id=message,
        defaults={
            "dealership": dealership,
            "step": record.step,
            "at": record.at,
            "version": record.version,
            "text_hash": record.text_hash,
            "signed_at": record.signed_at,
            "ends_at": record.ends_at,
            "end_reason": record.end_reason or "",
            "ceilings": record.to_json()["ceilings"],
        },
    )
    if created:
        signed: dict[str, Any] = {"proposal__version": record.version, "dealership": dealership, "over_at": None}
        if Asked.objects.filter(**signed).update(over_at=record.at):
            audit.record(actor=EXCHANGE, action="agreements.signed", obj=made, after={"version": record.version})
    return made


def _draft(proposal: Proposal) -> Proposal:
    proposal = Proposal.objects.select_for_update().get(pk=proposal.pk)
    if proposal.state != ProposalState.DRAFT:
        raise Conflict("not_draft", _("This version is proposed already. Begin a new one from it."))
    return proposal


def _send(record: SharingProposal, dealership: UUID, actor: Actor) -> None:
    send_down(
        record,
        to=dealership,
        subject=subject_of(dealership),
        purpose=AGREEMENT_PURPOSE,
        actor=actor,
        event_at=record.at,
        label=record.version,
    )
