"""What dealerships took back, who was erased, and what a law makes the manufacturer keep until when.

Rows here outlive what they speak of: they hold ids and numbers and name nobody.
"""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from kernel.contracts import Purpose
from kernel.ids import new_id
from kernel.tenancy.grants import Grants


class Kind(models.TextChoices):
    WITHDRAWAL = "withdrawal", _("Taken back")
    ERASURE = "erasure", pgettext_lazy("request", "Erasure of a person")


class Request(models.Model):
    """One request, done on arrival. Its id is the asker's; `dealership` is None when the person asked here.

    `owner_keys` and `lead_ids` are whom it was about: what arrives of them later is not kept. `answers` are those of
    other dealerships that were asked in turn (`asked`): id → outcome, records, kept, at. `settled_at` is when nothing
    is kept any more and nobody's answer is awaited.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    kind = models.CharField(_("Kind"), max_length=12, choices=Kind)
    dealership = models.UUIDField(null=True)
    contract = models.CharField(max_length=40, blank=True)
    purpose = models.CharField(max_length=24, choices=Purpose, blank=True)
    levels = models.JSONField(default=list)
    place = models.CharField(max_length=6, blank=True)
    owner_keys = models.JSONField(default=list)
    lead_ids = models.JSONField(default=list)
    messages = models.PositiveIntegerField(default=0)
    records = models.PositiveIntegerField(default=0)
    asked = models.JSONField(default=list)
    answers = models.JSONField(default=dict)
    by_id = models.UUIDField(null=True)
    by_name = models.CharField(max_length=120, blank=True)
    at = models.DateTimeField(_("When"))
    settled_at = models.DateTimeField(null=True)
    recorded_at = models.DateTimeField(db_default=Now())

    grants = Grants(own="ra", own_update=("records", "answers", "settled_at"))

    class Meta:
        ordering = ("-at", "id")
        indexes: ClassVar = [
            models.Index(fields=["-at", "id"], name="privacy_request_newest"),
            GinIndex(fields=["owner_keys"], name="privacy_request_owners", opclasses=["jsonb_path_ops"]),
            GinIndex(fields=["lead_ids"], name="privacy_request_leads", opclasses=["jsonb_path_ops"]),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"


class Kept(models.Model):
    """One record that a law makes the manufacturer keep although it was taken back: by which rule, until which day."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    request = models.ForeignKey(Request, models.PROTECT, related_name="kept")
    dealership = models.UUIDField()
    contract = models.CharField(max_length=40)
    record = models.UUIDField()
    law = models.CharField(max_length=60)
    article = models.CharField(max_length=120)
    until = models.DateField()
    deleted_at = models.DateTimeField(null=True)

    grants = Grants(own="ra", own_update=("deleted_at",))

    class Meta:
        ordering = ("until", "id")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["request", "contract", "record"], name="privacy_kept_once")
        ]
        indexes: ClassVar = [
            models.Index(fields=["until"], name="privacy_kept_due", condition=models.Q(deleted_at=None)),
            models.Index(fields=["record"], name="privacy_kept_record", condition=models.Q(deleted_at=None)),
        ]

    def __str__(self) -> str:
        return f"{self.contract} {self.record}"
