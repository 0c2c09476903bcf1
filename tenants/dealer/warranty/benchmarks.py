"""What warranty gives to the comparison with the network: how many claims are accepted."""

from __future__ import annotations

from datetime import datetime

from dealer.sharing.benchmarks import Share, measures
from dealer.warranty.models import Claim, ClaimState
from kernel.contracts import Figure

ACCEPTED = (ClaimState.APPROVED, ClaimState.PARTLY_APPROVED)


@measures(Figure.ACCEPTANCE)
def acceptance(since: datetime, until: datetime) -> Share:
    """Claims approved wholly or partly, of those decided in the month with an end; those sent back have none yet."""
    decided = Claim.objects.filter(decided_at__gte=since, decided_at__lt=until)
    accepted = decided.filter(state__in=ACCEPTED).count()
    return Share(accepted, accepted + decided.filter(state=ClaimState.REFUSED).count())
