"""Telling the manufacturer what is in force: which version was signed, and the ceiling of every line."""

from __future__ import annotations

from django.db import transaction

from dealer.organisation.queries import profile
from dealer.sharing.models import Agreement, AgreementState, Grant
from exchange.models import Ledger
from exchange.outbound import send_down
from kernel import clock
from kernel.accounts.actors import SYSTEM, Actor
from kernel.contracts import DecisionStep, Level, SharingDecision
from kernel.contracts.agreements import subject_of
from kernel.contracts.sharing import AGREEMENT_PURPOSE


def tell_decision(agreement: Agreement, step: DecisionStep, actor: Actor) -> Ledger:
    """Tell what is in force under an agreement, whole. Belongs inside the transaction that changed it, whose locks keep
    the messages in the order of the changes."""
    mine, now = profile(), clock.now()
    grants = Grant.objects.filter(agreement=agreement).order_by("contract", "purpose")
    record = SharingDecision(
        step=step,
        at=now,
        version=agreement.version,
        text_hash=agreement.text_hash,
        signed_at=agreement.signed_at,
        ends_at=agreement.ends_at,
        end_reason=agreement.end_reason,
        ceilings=[
            {
                "contract": grant.contract,
                "purpose": grant.purpose,
                "ceiling": grant.ceiling,
                "level": str(grant.level),
                "refused": grant.level is Level.NOTHING and Level(grant.template) is not Level.NOTHING,
            }
            for grant in grants
        ],
    )
    row = send_down(
        record,
        to=mine.manufacturer_id,
        subject=subject_of(mine.id),
        purpose=AGREEMENT_PURPOSE,
        actor=actor,
        event_at=now,
        label=agreement.version,
    )
    agreement.told_at = now
    agreement.save(update_fields=["told_at"])
    return row


@transaction.atomic
def tell_what_changed() -> int:
    """Tell of an agreement in force what the manufacturer does not know yet: levels that were changed since, or all of
    it (an agreement of joining, or of an earlier release). Returns how many messages went."""
    rows = list(Agreement.objects.select_for_update().filter(state=AgreementState.SIGNED, told_at=None))
    for agreement in rows:
        tell_decision(agreement, DecisionStep.CHANGED if _was_told(agreement) else DecisionStep.SIGNED, SYSTEM)
    return len(rows)


def _was_told(agreement: Agreement) -> bool:
    return Ledger.objects.filter(subject=subject_of(profile().id), subject_label=agreement.version).exists()
