"""The audit trail of one tenant: what was done, by whom, to what. Rows are added and read, never changed."""

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from kernel.fields import IdentityField
from kernel.ids import new_id
from kernel.tenancy.grants import Grants


class Origin(models.TextChoices):
    """The door through which the action came."""

    USER = "user", _("Page")
    API = "api", _("API")
    EXCHANGE = "exchange", _("Exchange")
    SYSTEM = "system", _("System")
    DEMO = "demo", _("Demo")


class Entry(models.Model):
    """One action. `at` is the event's time, `recorded_at` the database's own. `before` and `after`: what changed."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    number = IdentityField()
    at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())
    actor_kind = models.CharField(max_length=8)
    actor_id = models.UUIDField(null=True)
    actor_name = models.CharField(max_length=120, blank=True)
    actor_role = models.CharField(max_length=32, blank=True)
    action = models.CharField(max_length=80)
    object_type = models.CharField(max_length=80)
    object_id = models.CharField(max_length=64)
    object_label = models.CharField(max_length=200, blank=True)
    before = models.JSONField(null=True, encoder=DjangoJSONEncoder)
    after = models.JSONField(null=True, encoder=DjangoJSONEncoder)
    note = models.TextField(blank=True)
    origin = models.CharField(max_length=8, choices=Origin.choices)
    request_id = models.CharField(max_length=64, blank=True)

    #: Erasing a person empties what a row quotes; who did what to which record, and when, nobody changes.
    grants = Grants(own="ra", own_update=("object_label", "before", "after", "note"))

    class Meta:
        ordering = ("-at", "-number")
        indexes = [
            models.Index(fields=["-at", "-number"], name="audit_entry_at"),
            models.Index(fields=["object_type", "object_id", "-at"], name="audit_entry_object"),
            models.Index(fields=["actor_id", "-at"], name="audit_entry_actor"),
            models.Index(fields=["action", "-at"], name="audit_entry_action"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.object_label or self.object_id}"
