"""Tables of `dealer.support`: who asked to be let in, what the dealership answered, and everything done by a guest."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

from django.db import models
from django.db.models import ExpressionWrapper, F, Q, Value
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from kernel.accounts.models import User
from kernel.accounts.roles import Role
from kernel.contracts.support import AREA_WORDS, MAY_WORDS, STEP_WORDS, SupportArea, SupportMay, SupportStep
from kernel.fields import IdentityField
from kernel.ids import new_id
from kernel.moving.rules import Moves
from kernel.tenancy.grants import Grants


class Origin(models.TextChoices):
    """Who wants to be let in."""

    OPERATOR = "operator", _("Operator of the servers")
    MANUFACTURER = "manufacturer", _("Manufacturer")


#: Which step may follow which. A manager of the dealership approves, refuses and ends; whoever asked withdraws; the
#: end comes by itself too.
TRANSITIONS: dict[str, set[str]] = {
    SupportStep.ASKED: {
        SupportStep.APPROVED,
        SupportStep.REFUSED,
        SupportStep.WITHDRAWN,
        SupportStep.LAPSED,
    },
    SupportStep.APPROVED: {SupportStep.ENDED},
    SupportStep.REFUSED: set(),
    SupportStep.WITHDRAWN: set(),
    SupportStep.LAPSED: set(),
    SupportStep.ENDED: set(),
}

#: The role that a guest gets, by what was approved.
ROLES: dict[tuple[str, str], Role] = {
    (SupportArea.EVERYTHING, SupportMay.READ): Role.SUPPORT_READER,
    (SupportArea.EVERYTHING, SupportMay.WORK): Role.SUPPORT_WORKER,
    (SupportArea.TECHNICAL, SupportMay.READ): Role.TECHNICAL_READER,
    (SupportArea.TECHNICAL, SupportMay.WORK): Role.TECHNICAL_WORKER,
}


_ASKED = ExpressionWrapper(F("hours") * Value(timedelta(hours=1)), output_field=models.DurationField())


class Access(models.Model):
    """One support access, from the question to the end. What was asked can never be changed.

    `asked_by` is a name the operator gives, or the manufacturer's role; `asked_by_id` the manufacturer's own id of the
    person. `may` and `area` are what was asked for, then what was approved, which is never more. `code_hash` is the
    SHA-256 of a one-time code (`codes.hash_of`), good until `code_until` and unless `code_used_at`.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    number = IdentityField()
    origin = models.CharField(pgettext_lazy("support", "Who"), max_length=12, choices=Origin.choices)
    asked_by = models.CharField(max_length=120)
    asked_by_id = models.UUIDField(null=True)
    purpose = models.CharField(max_length=24, blank=True)
    reason = models.TextField(_("Reason"))
    #: For how many hours was asked.
    hours = models.PositiveSmallIntegerField()
    asked_may = models.CharField(max_length=8, choices=list(MAY_WORDS.items()))
    asked_area = models.CharField(max_length=12, choices=list(AREA_WORDS.items()))
    asked_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())

    state = models.CharField(_("State"), max_length=10, choices=list(STEP_WORDS.items()), default=SupportStep.ASKED)
    may = models.CharField(pgettext_lazy("support", "May"), max_length=8, choices=list(MAY_WORDS.items()))
    area = models.CharField(pgettext_lazy("support", "Where"), max_length=12, choices=list(AREA_WORDS.items()))
    answered_at = models.DateTimeField(null=True)
    answered_by_id = models.UUIDField(null=True)
    answered_by_name = models.CharField(max_length=120, blank=True)
    until = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    ended_by_name = models.CharField(max_length=120, blank=True)
    guest = models.OneToOneField(User, models.PROTECT, null=True, related_name="support_access")
    code_hash = models.CharField(max_length=64, null=True, unique=True)
    code_until = models.DateTimeField(null=True)
    code_used_at = models.DateTimeField(null=True)

    grants = Grants(
        own="ra",
        own_update=(
            "state",
            "may",
            "area",
            "answered_at",
            "answered_by_id",
            "answered_by_name",
            "until",
            "ended_at",
            "ended_by_name",
            "guest_id",
            "code_hash",
            "code_until",
            "code_used_at",
        ),
    )
    moves = Moves(blank={"code_hash": ("NULL", "it opens a door of this installation")})

    class Meta:
        ordering = ("-number",)
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(until=None) | Q(until__lte=F("answered_at") + _ASKED),
                name="support_access_no_longer_than_asked",
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["state", "-number"], name="support_access_state")]

    def __str__(self) -> str:
        return f"{self.get_origin_display()}: {self.asked_by}"

    @property
    def is_open(self) -> bool:
        """Whether somebody was let in and nobody has ended it; the clock may have (`queries.open_access_of`)."""
        return self.state == SupportStep.APPROVED


class Act(models.Model):
    """One request of a guest: written down before it is answered. `status` is the answer's, once there is one.

    `path` is with what was asked after it, `page` the page's name in the program, `record` the ids that it was about.
    What a request changed stands in the audit trail under the same `request_id`.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    number = IdentityField()
    access = models.ForeignKey(Access, models.PROTECT, related_name="acts")
    at = models.DateTimeField(_("When"))
    recorded_at = models.DateTimeField(db_default=Now())
    method = models.CharField(pgettext_lazy("request", "Method"), max_length=8)
    path = models.CharField(pgettext_lazy("request", "Address"), max_length=500)
    page = models.CharField(max_length=120, blank=True)
    record = models.CharField(_("Record"), max_length=200, blank=True)
    address = models.GenericIPAddressField(null=True)
    request_id = models.CharField(max_length=64, blank=True)
    status = models.PositiveSmallIntegerField(null=True)

    grants = Grants(own="ra", own_update=("status",))

    class Meta:
        ordering = ("-number",)
        indexes: ClassVar = [models.Index(fields=["access", "-number"], name="support_act_newest")]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"
