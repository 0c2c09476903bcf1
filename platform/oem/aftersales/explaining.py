"""Who can see a visit or a claim that a dealership shared, and why."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from exchange import explaining
from exchange.explaining import Explanation
from kernel.accounts.models import User
from kernel.accounts.roles import Right
from kernel.contracts import Purpose
from oem.aftersales import queries
from oem.network.queries import dealership_names
from oem.owners.explaining import PORTAL, received


def _told(contract: str, row: Any, *, purpose: str, message: UUID, at: Any, right: Right) -> Explanation:
    statement = received(
        contract,
        purpose=purpose,
        level=row.level,
        agreement_version=row.agreement_version,
        withheld=list(row.withheld),
        told=explaining.reasons_received([message]).get(message),
        at=at,
        dealership=dealership_names([row.dealership]).get(row.dealership, "–"),
    )
    return Explanation(explaining.roles_with(PORTAL, right), (statement,))


def _visit(id: str, user: User) -> Explanation:
    row = queries.access_visit_for_reading(id, user)
    return _told(
        "ServiceVisit", row, purpose=row.purpose, message=row.message_id, at=row.event_at, right=Right.SERVICE_READ
    )


def _claim(id: str, user: User) -> Explanation:
    row = queries.access_claim_for_reading(id, user)
    message = row.submissions.filter(revision=row.revision).values_list("pk", flat=True).first() or row.pk
    return _told(
        "WarrantyClaim", row, purpose=Purpose.WARRANTY, message=message, at=row.submitted_at, right=Right.CLAIMS_READ
    )


explaining.register(PORTAL, "visit", [Right.SERVICE_READ], _visit)
explaining.register(PORTAL, "claim", [Right.CLAIMS_READ], _claim)
