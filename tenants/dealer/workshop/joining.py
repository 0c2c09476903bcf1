"""What a workshop begins with: a price of an hour for each who may pay."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from dealer.workshop.models import LabourRate, PayType
from kernel.tenancy.steward import joining_step

#: In the dealership's currency. A beginning that its general manager changes; 2026, typical of Chinese 4S workshops.
FIRST_RATES = {
    PayType.CUSTOMER: Decimal(260),
    PayType.WARRANTY: Decimal(180),
    PayType.INTERNAL: Decimal(160),
    PayType.INSURANCE: Decimal(260),
    PayType.GOODWILL: Decimal(180),
}


@joining_step("50-workshop")
def labour_rates(arguments: dict[str, Any]) -> None:
    """Reads `labour_rates`: {pay type: price of an hour}. Rates that stand already are left alone."""
    given = arguments.get("labour_rates") or {}
    LabourRate.objects.bulk_create(
        [LabourRate(pay_type=pay, hourly=Decimal(str(given.get(pay, rate)))) for pay, rate in FIRST_RATES.items()],
        ignore_conflicts=True,
    )
