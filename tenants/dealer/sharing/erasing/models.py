"""Erasures of persons: who asked, what was done, what everybody else did with it."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from kernel.ids import new_id
from kernel.tenancy.grants import Grants


class ErasureState(models.TextChoices):
    ASKED = "asked", pgettext_lazy("erasure", "The manufacturer asks: decide")
    SENT = "sent", pgettext_lazy("erasure", "Erased here; the manufacturer's receipt is awaited")
    DONE = "done", pgettext_lazy("erasure", "Erased everywhere")
    DECLINED = "declined", pgettext_lazy("erasure", "Declined, with a reason")


#: A manufacturer's receipt may come again when a law's time is over.
ERASURE_TRANSITIONS: dict[str, set[str]] = {
    ErasureState.ASKED: {ErasureState.SENT, ErasureState.DECLINED},
    ErasureState.SENT: {ErasureState.DONE},
    ErasureState.DONE: {ErasureState.DONE},
    ErasureState.DECLINED: {ErasureState.SENT},
}


class ErasureOrigin(models.TextChoices):
    CUSTOMER = "customer", _("The customer asked here")
    MANUFACTURER = "manufacturer", _("The customer asked the manufacturer")


class Erasure(models.Model):
    """One customer's erasure; the row names nobody. `request` is the manufacturer's own id when it asked.

    `figures` is how many rows were touched by table, `kept` what a law keeps without the name (as in receipts),
    `receipts` what the manufacturer answered. `swept_at` is when it was done a second time, after everything that had
    been under way had come to its end. It outlives a restore, and erases again what an older backup brings back.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    request = models.UUIDField(null=True)
    origin = models.CharField(max_length=12, choices=ErasureOrigin, default=ErasureOrigin.CUSTOMER)
    state = models.CharField(_("State"), max_length=10, choices=ErasureState)
    customer_id = models.UUIDField()
    customer_number = models.BigIntegerField()
    place = models.CharField(max_length=6)
    asked_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True)
    decided_by_id = models.UUIDField(null=True)
    decided_by_name = models.CharField(max_length=120, blank=True, default="")
    reason = models.CharField(max_length=300, blank=True, default="")
    figures = models.JSONField(default=dict)
    kept = models.JSONField(default=list)
    receipts = models.JSONField(default=list)
    swept_at = models.DateTimeField(null=True)
    recorded_at = models.DateTimeField(db_default=Now())

    grants = Grants(
        own="ra",
        own_update=(
            "state",
            "decided_at",
            "decided_by_id",
            "decided_by_name",
            "reason",
            "figures",
            "kept",
            "receipts",
            "swept_at",
        ),
    )

    class Meta:
        ordering = ("-asked_at", "id")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["request", "customer_id"], name="sharing_erasure_asked_once"),
            models.UniqueConstraint(
                fields=["customer_id"],
                condition=models.Q(state__in=["sent", "done"]),
                name="sharing_erasure_once",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["-asked_at", "id"], name="sharing_erasure_newest"),
            models.Index(fields=["asked_at"], name="sharing_erasure_unswept", condition=models.Q(swept_at=None)),
        ]

    def __str__(self) -> str:
        return f"#{self.customer_number}"
