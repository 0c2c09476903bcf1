"""What the manufacturer's people asked dealerships: to be let in for a time. The answer comes by the exchange."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from kernel.contracts import Purpose
from kernel.contracts.support import AREA_WORDS, MAY_WORDS, STEP_WORDS, SupportStep
from kernel.ids import new_id
from kernel.tenancy.grants import Grants

#: What a difficulty can be about: the purposes that people at the portal know pages for.
PURPOSES = (
    Purpose.LEAD_HANDLING,
    Purpose.SALE_AND_DELIVERY,
    Purpose.WARRANTY,
    Purpose.CUSTOMER_CARE,
    Purpose.ANALYTICS,
)

#: Which answer may follow which: what the dealership says stands, and it may say an end after a withdrawal.
TRANSITIONS: dict[str, set[str]] = {
    SupportStep.ASKED: {
        SupportStep.APPROVED,
        SupportStep.REFUSED,
        SupportStep.LAPSED,
        SupportStep.WITHDRAWN,
        SupportStep.ENDED,
    },
    SupportStep.APPROVED: {SupportStep.ENDED, SupportStep.WITHDRAWN},
    SupportStep.WITHDRAWN: set(),
    SupportStep.REFUSED: set(),
    SupportStep.LAPSED: set(),
    SupportStep.ENDED: set(),
}


class Ask(models.Model):
    """One question to one dealership (`oem.network` knows it by `dealership`). The one-time code stands nowhere here:
    the asker saw it once, the dealership has its hash."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    dealership = models.UUIDField()
    asked_by_id = models.UUIDField()
    asked_by_name = models.CharField(max_length=120)
    asked_by_role = models.CharField(max_length=32)
    purpose = models.CharField(_("Purpose"), max_length=24, choices=Purpose)
    reason = models.TextField(_("Reason"))
    hours = models.PositiveSmallIntegerField()
    asked_may = models.CharField(max_length=8, choices=list(MAY_WORDS.items()))
    asked_area = models.CharField(max_length=12, choices=list(AREA_WORDS.items()))
    asked_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())
    state = models.CharField(_("State"), max_length=10, choices=list(STEP_WORDS.items()), default=SupportStep.ASKED)
    may = models.CharField(max_length=8, choices=list(MAY_WORDS.items()), blank=True)
    area = models.CharField(max_length=12, choices=list(AREA_WORDS.items()), blank=True)
    until = models.DateTimeField(null=True)
    answered_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    grants = Grants(own="ra", own_update=("state", "may", "area", "until", "answered_at", "ended_at"))

    class Meta:
        ordering = ("-asked_at", "id")
        indexes: ClassVar = [models.Index(fields=["dealership", "-asked_at"], name="oem_support_ask_newest")]

    def __str__(self) -> str:
        return f"{self.asked_by_name}: {self.reason[:60]}"

    @property
    def can_be_withdrawn(self) -> bool:
        return self.state in (SupportStep.ASKED, SupportStep.APPROVED)
