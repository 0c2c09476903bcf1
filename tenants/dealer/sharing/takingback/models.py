"""What became of records that left before a level was lowered or a consent ended."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from kernel.contracts import Purpose
from kernel.ids import new_id
from kernel.tenancy.grants import Grants


class WithdrawalState(models.TextChoices):
    ASKED = "asked", _("Decide: leave it or take it back")
    LEFT = "left", _("Left with the manufacturer")
    SENT = "sent", _("Taken back; the receipt is awaited")
    DONE = "done", _("Taken back, with receipt")


#: What was left can be taken back later; a second receipt follows when a law's time is over.
WITHDRAWAL_TRANSITIONS: dict[str, set[str]] = {
    WithdrawalState.ASKED: {WithdrawalState.LEFT, WithdrawalState.SENT},
    WithdrawalState.LEFT: {WithdrawalState.SENT},
    WithdrawalState.SENT: {WithdrawalState.DONE},
    WithdrawalState.DONE: {WithdrawalState.DONE},
}


class WithdrawalWhy(models.TextChoices):
    LOWERED = "lowered", _("The level was lowered")
    CONSENT = "consent", _("The customer withdrew the consent")


class Withdrawal(models.Model):
    """One question about what went earlier for a contract and purpose, and its answer.

    `customer_id` is set when it is about one person; `messages` are the ledger's ids then, else null: everything sent
    at one of `levels` before `sent_at`. `ledger_id` is the request's row in the ledger. `receipts` are the
    manufacturer's, oldest first: {"at", "deleted", "kept": [{"law", "article", "until", "records"}]}.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    contract = models.CharField(max_length=40)
    purpose = models.CharField(max_length=20, choices=Purpose.choices)
    why = models.CharField(max_length=10, choices=WithdrawalWhy)
    state = models.CharField(_("State"), max_length=8, choices=WithdrawalState, default=WithdrawalState.ASKED)
    customer_id = models.UUIDField(null=True)
    messages = models.JSONField(null=True)
    levels = models.JSONField(default=list)
    records = models.PositiveIntegerField(default=0)
    asked_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True)
    decided_by_id = models.UUIDField(null=True)
    decided_by_name = models.CharField(max_length=120, blank=True, default="")
    sent_at = models.DateTimeField(null=True)
    ledger_id = models.UUIDField(null=True)
    receipts = models.JSONField(default=list)
    recorded_at = models.DateTimeField(db_default=Now())

    grants = Grants(
        own="ra",
        own_update=(
            "state",
            "levels",
            "records",
            "decided_at",
            "decided_by_id",
            "decided_by_name",
            "sent_at",
            "ledger_id",
            "receipts",
        ),
    )

    class Meta:
        ordering = ("-asked_at", "id")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["contract", "purpose"],
                condition=models.Q(state="asked", customer_id=None),
                name="sharing_withdrawal_asked_once",
            )
        ]
        indexes: ClassVar = [
            models.Index(fields=["-asked_at", "id"], name="sharing_withdrawal_newest"),
            models.Index(
                fields=["customer_id"],
                name="sharing_withdrawal_customer",
                condition=models.Q(customer_id__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.contract} / {self.purpose}"

    @property
    def receipt(self) -> dict[str, Any] | None:
        """The latest receipt."""
        return self.receipts[-1] if self.receipts else None


class WithdrawalChoice(models.Model):
    """The dealership's standing answer for one contract and purpose when a customer withdraws the consent: take back
    what went under it by itself, or leave it. Without a row it is taken back."""

    contract = models.CharField(max_length=40)
    purpose = models.CharField(max_length=20, choices=Purpose.choices)
    takes_back = models.BooleanField(default=True)
    changed_at = models.DateTimeField()
    changed_by_name = models.CharField(max_length=120, blank=True)

    class Meta:
        ordering = ("contract", "purpose")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["contract", "purpose"], name="sharing_withdrawalchoice_one")
        ]

    def __str__(self) -> str:
        return f"{self.contract} / {self.purpose}"
