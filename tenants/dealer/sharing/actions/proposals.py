"""What the manufacturer proposes, takes back and ends. Each message may come again, and changes nothing then."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction

from dealer.organisation.queries import profile
from dealer.sharing.actions.ending import end_by
from dealer.sharing.actions.telling import tell_decision
from dealer.sharing.models import AGREEMENT_TRANSITIONS, Agreement, AgreementState, EndReason
from exchange.handlers import Refuse
from kernel import audit, clock
from kernel.accounts.actors import EXCHANGE
from kernel.contracts import DecisionStep, SharingProposal
from kernel.contracts.agreements import AgreementText, Term, problems_of
from kernel.transitions import move


@transaction.atomic
def receive_proposal(record: SharingProposal) -> Agreement:
    """Lay a proposed version before the dealership; its agreement of today ends when the notice is over.

    A version that waited unsigned gives place to the later one. Refuses with `other_text` when text and hash do not fit
    together or the version is known with another text, and with `unknown_terms` what cannot be asked for.
    """
    text = _text_of(record)
    if text.digest != record.text_hash:
        raise Refuse("other_text", record.version)
    known = Agreement.objects.filter(version=text.version).first()
    if known is not None:
        if known.text_hash != text.digest:
            raise Refuse("other_text", record.version)
        return known
    now = clock.now()
    for earlier in Agreement.objects.select_for_update().filter(state=AgreementState.PROPOSED):
        move(earlier, "state", AgreementState.REPLACED, AGREEMENT_TRANSITIONS)
        earlier.save(update_fields=["state"])
    made = Agreement.objects.create(
        version=text.version,
        title=text.title,
        text=text.text,
        terms=[term.to_json() for term in text.terms],
        text_hash=text.digest,
        notice_days=text.notice_days,
        manufacturer_name=profile().manufacturer_name,
        published_on=text.published_on,
        received_at=now,
        proposal_id=record.proposal_id,
        valid_from=text.valid_from,
    )
    audit.record(actor=EXCHANGE, action="sharing.receive_proposal", obj=made, after={"hash": text.digest})
    signed = _in_force()
    if signed is not None and signed.end_reason in (None, EndReason.LATER_VERSION):
        signed.ends_at, signed.end_reason = end_by(signed, made), EndReason.LATER_VERSION
        signed.save(update_fields=["ends_at", "end_reason"])
        tell_decision(signed, DecisionStep.ENDING, EXCHANGE)
    return made


def _text_of(record: SharingProposal) -> AgreementText:
    """The text of a proposal. Refuses with `unknown_terms` what this release does not know or nobody can ask for."""
    assert record.words is not None
    assert record.terms is not None
    assert record.published_on is not None
    assert record.notice_days is not None
    try:
        terms = tuple(Term.from_json(term) for term in record.terms)
    except ValueError as error:
        raise Refuse("unknown_terms", str(error)) from error
    problems = problems_of(terms)
    if problems:
        raise Refuse("unknown_terms", "; ".join(f"{key}: {', '.join(codes)}" for key, codes in problems.items()))
    return AgreementText(
        version=record.version,
        published_on=record.published_on,
        notice_days=record.notice_days,
        title={words["language"]: words["title"] for words in record.words},
        text={words["language"]: words["text"] for words in record.words},
        terms=terms,
        valid_from=record.valid_from,
    )


@transaction.atomic
def take_back_proposal(record: SharingProposal) -> None:
    """Take a version back that nobody signed; the agreement in force goes on as if it had never come."""
    waiting = Agreement.objects.select_for_update().filter(
        proposal_id=record.proposal_id, version=record.version, state=AgreementState.PROPOSED
    )
    for agreement in waiting:
        move(agreement, "state", AgreementState.WITHDRAWN, AGREEMENT_TRANSITIONS)
        agreement.save(update_fields=["state"])
        audit.record(actor=EXCHANGE, action="sharing.proposal_withdrawn", obj=agreement)
        signed = _in_force()
        if signed is not None and signed.end_reason == EndReason.LATER_VERSION:
            signed.ends_at = signed.end_reason = None
            signed.save(update_fields=["ends_at", "end_reason"])
            tell_decision(signed, DecisionStep.KEPT, EXCHANGE)


@transaction.atomic
def end_by_manufacturer(record: SharingProposal) -> None:
    """The manufacturer gives notice for the agreement in force. An end that comes sooner stands."""
    signed = _in_force()
    if signed is None or signed.version != record.version or signed.end_reason == EndReason.MANUFACTURER:
        return
    ends_at = clock.now() + timedelta(days=signed.notice_days)
    if signed.ends_at is not None and signed.ends_at <= ends_at:
        return
    signed.ends_at, signed.end_reason = ends_at, EndReason.MANUFACTURER
    signed.save(update_fields=["ends_at", "end_reason"])
    audit.record(actor=EXCHANGE, action="sharing.manufacturer_ends", obj=signed, after={"ends_at": ends_at.isoformat()})
    tell_decision(signed, DecisionStep.ENDING, EXCHANGE)


def _in_force() -> Agreement | None:
    return Agreement.objects.select_for_update().filter(state=AgreementState.SIGNED).first()
