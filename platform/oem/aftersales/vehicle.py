"""What after-sales knows about one car: its parts of the car's page (`oem.owners.sections`)."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from kernel.accounts.roles import Right
from kernel.contracts import Purpose
from kernel.ui.numbers import grouped
from oem.aftersales.models import Claim, ServiceVisit
from oem.owners.sections import Milestone, Section


def _visit(row: ServiceVisit) -> Milestone:
    odometer = f"{grouped(row.odometer_km)} km" if row.odometer_km is not None else ""
    return Milestone(
        at=row.closed_at or row.event_at,
        title=row.get_kind_display() or _("Service visit"),
        dealership=row.dealership,
        icon="wrench",
        tone="info",
        text=odometer,
        url=reverse("aftersales:visit", args=[row.id]),
    )


def _visit_json(row: ServiceVisit) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "opened_at": row.opened_at,
        "closed_at": row.closed_at,
        "kind": row.kind,
        "odometer_km": row.odometer_km,
        "level": row.level,
        "withheld": row.withheld,
    }


def _claim(row: Claim) -> Milestone:
    return Milestone(
        at=row.submitted_at,
        title=row.number or _("Warranty claim"),
        dealership=row.dealership,
        icon="shield-check",
        tone="warning",
        text=str(row.get_state_display()),
        url=reverse("aftersales:claim", args=[row.id]),
    )


def _claim_json(row: Claim) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "number": row.number,
        "state": row.state,
        "submitted_at": row.submitted_at,
        "decided_at": row.decided_at,
        "level": row.level,
        "withheld": row.withheld,
    }


#: What after-sales shows of a car.
SECTIONS = (
    Section(
        key="service_visits",
        contract="ServiceVisit",
        title=_("Service visits"),
        icon="wrench",
        purpose=Purpose.ANALYTICS,
        right=Right.SERVICE_READ,
        rows=lambda vin: ServiceVisit.objects.filter(vin=vin).defer("jobs")[:100],
        milestone=_visit,
        to_json=_visit_json,
        order=10,
    ),
    Section(
        key="warranty_claims",
        contract="WarrantyClaim",
        title=_("Warranty claims"),
        icon="shield-check",
        purpose=Purpose.WARRANTY,
        right=Right.CLAIMS_READ,
        rows=lambda vin: Claim.objects.filter(vin=vin).order_by("-submitted_at", "id")[:100],
        milestone=_claim,
        to_json=_claim_json,
        order=20,
    ),
)
