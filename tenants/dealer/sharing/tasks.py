"""Celery's part of sharing: daily counts, agreements whose time is over, what was before, erasures to the end."""

from uuid import UUID

from dealer.sharing import actions
from dealer.sharing.erasing import actions as erasing
from dealer.sharing.models import Backfill, BackfillState
from kernel.accounts.actors import Actor
from kernel.tenancy import turns
from kernel.tenancy.tasks import dealer_task

SEND_COUNTS = "sharing.send_daily_counts"
TEND_AGREEMENTS = "sharing.tend_agreements"
BACKFILL = "sharing.backfill"
#: Seconds between two batches of a dealership's backfills.
PAUSE = 1.0


@dealer_task(name=SEND_COUNTS)
def send_daily_counts(dealer_id: str) -> None:
    """Send the counts of every closed day that still lacks them. To be hinted once an hour for each dealership."""
    actions.send_due_counts()
    actions.give_figures()


@dealer_task(name=TEND_AGREEMENTS)
def tend_agreements(dealer_id: str) -> None:
    """End what is due, and tell the manufacturer what it does not know yet. To be hinted every minute."""
    actions.end_due()
    actions.tell_what_changed()


@dealer_task(name=BACKFILL)
def backfill(dealer_id: str) -> None:
    """One batch of each backfill that is under way, in the name of who started it; asks for the next by itself."""
    more = False
    for one in Backfill.objects.filter(state=BackfillState.RUNNING):
        starter = Actor(kind="system", name=one.started_by_name)
        more |= actions.go_on_backfilling(actor=starter, backfill_id=one.pk)
    if more:
        ask_for_backfill(UUID(dealer_id), after=PAUSE)


def ask_for_backfill(dealer_id: UUID, *, after: float = 0.0) -> None:
    """A hint: without it the next round, within a minute, finds what is under way."""
    turns.ask(BACKFILL, dealer_id, after=after)


FINISH_ERASURES = "sharing.finish_erasures"


@dealer_task(name=FINISH_ERASURES)
def finish_erasures(dealer_id: str) -> None:
    """Erase a second time what was written while a person was being erased."""
    erasing.finish()
