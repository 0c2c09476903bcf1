"""What arrives from dealerships: service visits and warranty claims."""

from collections.abc import Collection, Iterable
from datetime import date
from uuid import UUID

from django.utils import timezone

from exchange.handlers import Received, Refuse, receives
from exchange.takingback import takes_back
from kernel.contracts import ServiceVisit, WarrantyClaim
from oem.aftersales import actions, models


@receives(ServiceVisit)
def visits_arrive(messages: list[Received]) -> None:
    """Keep each visit as far as it was shared."""
    for message in messages:
        actions.keep_visit(message)


@receives(WarrantyClaim)
def claims_arrive(messages: list[Received]) -> None:
    """Keep each revision; one under another dealership's id, or of a claim whose answer is final, is refused."""
    for message in messages:
        try:
            actions.keep_claim(message)
        except actions.ForeignClaimError as problem:
            raise Refuse("not_your_claim", str(problem)) from None
        except actions.DecidedClaimError as problem:
            raise Refuse("already_decided", str(problem)) from None


@takes_back("ServiceVisit")
class Visits:
    """Service visits; a law counts from the day of the visit."""

    def rows(self, dealership: UUID, messages: Collection[UUID]) -> Iterable[tuple[UUID, date]]:
        found = models.ServiceVisit.objects.filter(dealership=dealership, message_id__in=list(messages))
        return [(id_, timezone.localdate(at)) for id_, at in found.values_list("id", "event_at")]

    def delete(self, dealership: UUID, ids: Collection[UUID]) -> int:
        return models.ServiceVisit.objects.filter(dealership=dealership, id__in=list(ids)).delete()[0]


@takes_back("WarrantyClaim")
class Claims:
    """Claims with their revisions and decisions, if any revision came in these messages."""

    def rows(self, dealership: UUID, messages: Collection[UUID]) -> Iterable[tuple[UUID, date]]:
        found = models.Claim.objects.filter(dealership=dealership, submissions__id__in=list(messages)).distinct()
        return [(id_, timezone.localdate(at)) for id_, at in found.values_list("id", "submitted_at")]

    def delete(self, dealership: UUID, ids: Collection[UUID]) -> int:
        claims = models.Claim.objects.filter(dealership=dealership, id__in=list(ids))
        models.DecisionLine.objects.filter(decision__claim__in=claims).delete()
        models.Decision.objects.filter(claim__in=claims).delete()
        models.Submission.objects.filter(claim__in=claims).delete()
        models.ClaimLine.objects.filter(claim__in=claims).delete()
        return claims.delete()[0]
