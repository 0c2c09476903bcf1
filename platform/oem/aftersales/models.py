"""Tables of `oem.aftersales`: what dealerships shared of their service, and the answers to their claims.

Fields that a dealership's gate kept back are empty; `withheld` lists their names, `level` says how much was shared.
A VIN may be a pseudonym ("p_…").
"""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from kernel.contracts import ClaimLineKind, ClaimOutcome, Level, VisitKind
from kernel.ids import new_id
from kernel.tenancy.grants import DELETABLE, Grants


class Kind(models.TextChoices):
    """The main reason of a visit, as the `ServiceVisit` contract has it."""

    MAINTENANCE = VisitKind.MAINTENANCE, _("Maintenance")
    REPAIR = VisitKind.REPAIR, _("Repair")
    WARRANTY = VisitKind.WARRANTY, _("Warranty repair")
    RECALL = VisitKind.RECALL, _("Recall or service action")
    ACCIDENT = VisitKind.ACCIDENT, _("Accident repair")


class ServiceVisit(models.Model):
    """A closed repair order, as far as it was shared. `jobs` is the contract's list, decimals as text.

    `dealership` is `oem.network.Dealership.id`; `visit_id` its id of the repair order.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    dealership = models.UUIDField()
    visit_id = models.UUIDField()
    vin = models.CharField(_("VIN"), max_length=40, blank=True)
    opened_at = models.DateTimeField(_("Opened"), null=True)
    closed_at = models.DateTimeField(pgettext_lazy("time", "Closed"), null=True)
    odometer_km = models.PositiveIntegerField(_("Mileage (km)"), null=True)
    kind = models.CharField(pgettext_lazy("visit", "Reason"), max_length=12, choices=Kind.choices, blank=True)
    jobs = models.JSONField(null=True)
    labour_total = models.DecimalField(_("Labour"), max_digits=14, decimal_places=2, null=True)
    parts_total = models.DecimalField(_("Parts"), max_digits=14, decimal_places=2, null=True)
    currency = models.CharField(max_length=3, blank=True)
    promised_at = models.DateTimeField(_("Promised for"), null=True)
    satisfaction = models.PositiveSmallIntegerField(_("Satisfaction"), null=True)
    level = models.CharField(_("Shared"), max_length=16, choices=Level.choices)
    withheld = models.JSONField(default=list)
    purpose = models.CharField(max_length=24)
    agreement_version = models.CharField(max_length=40, blank=True)
    message_id = models.UUIDField()
    event_at = models.DateTimeField(_("When"))
    recorded_at = models.DateTimeField(db_default=Now())

    grants = DELETABLE

    class Meta:
        ordering = ("-event_at", "id")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["dealership", "visit_id"], name="aftersales_visit_once")
        ]
        indexes: ClassVar = [
            models.Index(fields=["-event_at", "id"], name="aftersales_visit_newest"),
            models.Index(fields=["dealership", "-event_at"], name="aftersales_visit_dealership"),
            models.Index(fields=["vin", "-event_at"], name="aftersales_visit_vin"),
        ]

    def __str__(self) -> str:
        return self.vin or str(self.visit_id)


class ClaimState(models.TextChoices):
    SUBMITTED = "submitted", _("To be decided")
    APPROVED = ClaimOutcome.APPROVED, _("Approved")
    PARTLY_APPROVED = ClaimOutcome.PARTLY_APPROVED, _("Partly approved")
    SENT_BACK = ClaimOutcome.SENT_BACK, _("Sent back")
    REFUSED = ClaimOutcome.REFUSED, _("Refused")


S = ClaimState
#: A claim that was sent back comes again as its next revision; every other answer is final.
TRANSITIONS: dict[str, set[str]] = {
    S.SUBMITTED: {S.APPROVED, S.PARTLY_APPROVED, S.SENT_BACK, S.REFUSED},
    S.SENT_BACK: {S.SUBMITTED},
    S.APPROVED: set(),
    S.PARTLY_APPROVED: set(),
    S.REFUSED: set(),
}


class LineKind(models.TextChoices):
    LABOUR = ClaimLineKind.LABOUR, _("Labour")
    PART = ClaimLineKind.PART, _("Part")
    SUBLET = ClaimLineKind.SUBLET, _("Sublet work")


class ClaimType(models.TextChoices):
    """Types that the rules know; a dealership may send others, which are shown by their code."""

    VEHICLE = "vehicle", _("Vehicle warranty")
    CAMPAIGN = "campaign", _("Recall or service action")
    GOODWILL = "goodwill", _("Goodwill")


class Outcome(models.TextChoices):
    """The answer to a line or a whole claim."""

    APPROVED = ClaimOutcome.APPROVED, _("Approve")
    PARTLY_APPROVED = ClaimOutcome.PARTLY_APPROVED, _("Approve in part")
    SENT_BACK = ClaimOutcome.SENT_BACK, _("Send back")
    REFUSED = ClaimOutcome.REFUSED, _("Refuse")


class Claim(models.Model):
    """A warranty claim of one dealership; the id is the same on both sides.

    Its fields are those of the newest revision, which alone can be decided. `submitted_at` is when that revision was
    sent. Amounts are in `currency`.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    dealership = models.UUIDField()
    revision = models.PositiveSmallIntegerField()
    number = models.CharField(_("Claim"), max_length=40, blank=True)
    state = models.CharField(_("State"), max_length=16, choices=ClaimState.choices, default=ClaimState.SUBMITTED)
    vin = models.CharField(_("VIN"), max_length=40, blank=True)
    claim_type = models.CharField(_("Type"), max_length=40, blank=True)
    delivery_date = models.DateField(_("Delivered on"), null=True)
    repair_opened_on = models.DateField(_("Repair began"), null=True)
    repair_closed_on = models.DateField(_("Repair ended"), null=True)
    odometer_km = models.PositiveIntegerField(_("Mileage (km)"), null=True)
    complaint = models.TextField(_("Complaint"), blank=True)
    cause = models.TextField(_("Cause"), blank=True)
    correction = models.TextField(_("Correction"), blank=True)
    fault_code = models.CharField(_("Fault code"), max_length=40, blank=True)
    causal_part = models.CharField(_("Part that failed"), max_length=40, blank=True)
    repair_order_number = models.CharField(_("Repair order"), max_length=40, blank=True)
    total = models.DecimalField(_("Asked"), max_digits=14, decimal_places=2, null=True)
    approved_total = models.DecimalField(_("Approved"), max_digits=14, decimal_places=2, null=True)
    currency = models.CharField(max_length=3, blank=True)
    level = models.CharField(_("Shared"), max_length=16, choices=Level.choices)
    withheld = models.JSONField(default=list)
    agreement_version = models.CharField(max_length=40, blank=True)
    submitted_at = models.DateTimeField(_("Submitted"))
    decided_at = models.DateTimeField(_("Decided"), null=True)
    recorded_at = models.DateTimeField(db_default=Now())

    grants = DELETABLE

    class Meta:
        ordering = ("submitted_at", "id")
        indexes: ClassVar = [
            models.Index(fields=["submitted_at", "id"], name="aftersales_claim_age"),
            models.Index(fields=["state", "submitted_at"], name="aftersales_claim_state"),
            models.Index(fields=["dealership", "submitted_at"], name="aftersales_claim_dealership"),
            models.Index(fields=["vin"], name="aftersales_claim_vin"),
        ]

    def __str__(self) -> str:
        return self.number or str(self.id)


class Submission(models.Model):
    """One revision as it came, so that an old decision can be explained from what it was decided on.

    `record` is what was shared of the contract, in its JSON form; erasure empties it. The id is the message's.
    """

    grants = Grants(own="rad", own_update=("record",))

    id = models.UUIDField(primary_key=True, editable=False)
    claim = models.ForeignKey(Claim, models.PROTECT, related_name="submissions")
    revision = models.PositiveSmallIntegerField()
    record = models.JSONField()
    event_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ("claim", "-revision")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["claim", "revision"], name="aftersales_submission_once")
        ]


class ClaimLine(models.Model):
    """One amount asked in one revision. `quantity` is hours for labour, pieces else."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    claim = models.ForeignKey(Claim, models.CASCADE, related_name="lines")
    revision = models.PositiveSmallIntegerField()
    line_id = models.UUIDField()
    position = models.PositiveSmallIntegerField()
    kind = models.CharField(_("Kind"), max_length=8, choices=LineKind.choices, blank=True)
    code = models.CharField(_("Code"), max_length=40, blank=True)
    description = models.TextField(_("Description"), blank=True)
    quantity = models.DecimalField(_("Quantity or hours"), max_digits=10, decimal_places=2, null=True)
    unit_price = models.DecimalField(_("Price of one"), max_digits=14, decimal_places=2, null=True)
    amount = models.DecimalField(_("Amount"), max_digits=14, decimal_places=2, default=Decimal(0))

    grants = DELETABLE

    class Meta:
        ordering = ("claim", "-revision", "position")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["claim", "revision", "line_id"], name="aftersales_line_once")
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.description}".strip()


class Decision(models.Model):
    """The answer to one revision of a claim: one, and never changed. `rule_version` is that of the suggestions."""

    grants = Grants(own="rad")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    claim = models.ForeignKey(Claim, models.PROTECT, related_name="decisions")
    revision = models.PositiveSmallIntegerField()
    outcome = models.CharField(_("Decision"), max_length=16, choices=Outcome.choices)
    approved_total = models.DecimalField(_("Approved"), max_digits=14, decimal_places=2)
    currency = models.CharField(max_length=3)
    rule_version = models.CharField(max_length=40)
    decided_at = models.DateTimeField()
    decided_by_id = models.UUIDField(null=True)
    decided_by_name = models.CharField(max_length=120, blank=True)
    decided_by_role = models.CharField(max_length=40, blank=True)
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ("claim", "-revision")
        constraints: ClassVar = [models.UniqueConstraint(fields=["claim", "revision"], name="aftersales_decision_once")]

    def __str__(self) -> str:
        return f"{self.claim_id} {self.revision} {self.outcome}"


class DecisionLine(models.Model):
    """The answer to one line. `reason_code` is a `kernel.automotive.warranty.ClaimReason`."""

    grants = Grants(own="rad", own_update=("reason_text",))

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    decision = models.ForeignKey(Decision, models.PROTECT, related_name="lines")
    line_id = models.UUIDField()
    outcome = models.CharField(_("Decision"), max_length=16, choices=Outcome.choices)
    approved_amount = models.DecimalField(_("Approved"), max_digits=14, decimal_places=2)
    reason_code = models.CharField(_("Reason"), max_length=40, blank=True)
    reason_text = models.TextField(_("Remark"), blank=True)

    class Meta:
        ordering = ("decision", "id")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["decision", "line_id"], name="aftersales_decision_line_once")
        ]
