"""Tables of `dealer.warranty`: claims on the manufacturer, and the decisions as they came."""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from dealer.workshop.models import Job, LineKind, RepairOrder
from kernel.contracts import ClaimOutcome
from kernel.fields import IdentityField
from kernel.ids import new_id
from kernel.tenancy.grants import DELETABLE, Grants


class ClaimType(models.TextChoices):
    """Why the manufacturer should pay. Only the first needs the car to be within its warranty."""

    VEHICLE = "vehicle", _("Vehicle warranty")
    CAMPAIGN = "campaign", _("Recall or service action")
    GOODWILL = "goodwill", _("Goodwill")


class ClaimState(models.TextChoices):
    DRAFT = "draft", _("Draft")
    SUBMITTED = "submitted", _("Submitted")
    APPROVED = "approved", _("Approved")
    PARTLY_APPROVED = "partly_approved", _("Partly approved")
    SENT_BACK = "sent_back", _("Sent back")
    REFUSED = "refused", _("Refused")
    CANCELLED = "cancelled", _("Cancelled")


S = ClaimState
#: The manufacturer decides what is submitted; what it sends back goes up again as the next revision.
TRANSITIONS: dict[str, set[str]] = {
    S.DRAFT: {S.SUBMITTED, S.CANCELLED},
    S.SUBMITTED: {S.APPROVED, S.PARTLY_APPROVED, S.SENT_BACK, S.REFUSED},
    S.SENT_BACK: {S.SUBMITTED, S.CANCELLED},
    S.APPROVED: set(),
    S.PARTLY_APPROVED: set(),
    S.REFUSED: set(),
    S.CANCELLED: set(),
}
#: What the dealership may still change.
EDITABLE = (S.DRAFT, S.SENT_BACK)
STATE_OF_OUTCOME = {
    ClaimOutcome.APPROVED: S.APPROVED,
    ClaimOutcome.PARTLY_APPROVED: S.PARTLY_APPROVED,
    ClaimOutcome.SENT_BACK: S.SENT_BACK,
    ClaimOutcome.REFUSED: S.REFUSED,
}


class Claim(models.Model):
    """Money asked from the manufacturer for one job. Its id is the same on both sides.

    The three Cs are the claim's own: they may be corrected after the repair order is closed. `revision` is the one
    that was submitted last (0 before the first). Totals are in `currency`.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    number = IdentityField()
    repair_order = models.ForeignKey(RepairOrder, models.PROTECT, related_name="claims")
    job = models.OneToOneField(Job, models.PROTECT, related_name="claim")
    revision = models.PositiveSmallIntegerField(default=0)
    claim_type = models.CharField(_("Type"), max_length=10, choices=ClaimType.choices, default=ClaimType.VEHICLE)
    state = models.CharField(_("State"), max_length=16, choices=ClaimState.choices, default=ClaimState.DRAFT)
    complaint = models.TextField(_("Complaint"), max_length=2000, blank=True)
    cause = models.TextField(_("Cause"), max_length=2000, blank=True)
    correction = models.TextField(_("Correction"), max_length=2000, blank=True)
    fault_code = models.CharField(_("Fault code"), max_length=40, blank=True)
    currency = models.CharField(max_length=3, default="CNY")
    total = models.DecimalField(_("Asked"), max_digits=14, decimal_places=2, default=Decimal(0))
    approved_total = models.DecimalField(_("Approved"), max_digits=14, decimal_places=2, null=True, blank=True)
    created_at = models.DateTimeField()
    submitted_at = models.DateTimeField(_("Submitted"), null=True, blank=True)
    decided_at = models.DateTimeField(_("Decided"), null=True, blank=True)
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ("-created_at", "id")
        indexes: ClassVar = [
            models.Index(fields=["-created_at", "id"], name="warranty_claim_newest"),
            models.Index(fields=["state", "-created_at"], name="warranty_claim_state"),
        ]

    def __str__(self) -> str:
        return f"WC{self.number:06d}"


class ClaimLine(models.Model):
    """One amount that is asked; its id is the line's id on both sides. `quantity` is hours for labour."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    claim = models.ForeignKey(Claim, models.CASCADE, related_name="lines")
    position = models.PositiveSmallIntegerField()
    kind = models.CharField(_("Kind"), max_length=8, choices=LineKind.choices)
    code = models.CharField(_("Code"), max_length=40, blank=True)
    description = models.CharField(_("Description"), max_length=200)
    quantity = models.DecimalField(_("Quantity or hours"), max_digits=8, decimal_places=2)
    unit_price = models.DecimalField(_("Price of one"), max_digits=12, decimal_places=2)
    amount = models.DecimalField(_("Amount"), max_digits=14, decimal_places=2)
    causal = models.BooleanField(_("This part failed"), default=False)

    grants = DELETABLE

    class Meta:
        ordering = ("claim", "position")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["claim", "position"], name="warranty_line_position"),
            models.UniqueConstraint(fields=["claim"], condition=models.Q(causal=True), name="warranty_line_one_causal"),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.description}".strip()


class Decision(models.Model):
    """The manufacturer's answer to one revision, as it came; its id is the message's.

    `lines` is the contract's list (amounts as text). `counts` is false for an answer to a revision that was
    replaced before the answer came.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    claim = models.ForeignKey(Claim, models.PROTECT, related_name="decisions")
    revision = models.PositiveSmallIntegerField()
    outcome = models.CharField(_("Decision"), max_length=16, choices=ClaimState.choices)
    lines = models.JSONField()
    approved_total = models.DecimalField(_("Approved"), max_digits=14, decimal_places=2)
    currency = models.CharField(max_length=3)
    rule_version = models.CharField(max_length=200)
    decided_by_role = models.CharField(max_length=40)
    decided_at = models.DateTimeField()
    received_at = models.DateTimeField()
    counts = models.BooleanField(default=True)
    recorded_at = models.DateTimeField(db_default=Now())

    grants = Grants(own="ra", own_update=("lines",))

    class Meta:
        ordering = ("-revision", "-decided_at")
        indexes: ClassVar = [models.Index(fields=["claim", "-revision"], name="warranty_decision_claim")]

    def __str__(self) -> str:
        return f"{self.claim_id} {self.revision} {self.outcome}"
