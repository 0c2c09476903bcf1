"""What arrives from dealerships: service visits and warranty claims."""

from exchange.handlers import Received, Refuse, receives
from kernel.contracts import ServiceVisit, WarrantyClaim
from oem.aftersales import actions


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
