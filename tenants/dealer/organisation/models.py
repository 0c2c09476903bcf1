"""Tables of `dealer.organisation`: the dealership itself, its buildings, departments and people."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from kernel.accounts.models import LANGUAGES, User
from kernel.ids import new_id
from kernel.moving.rules import Moves


class Profile(models.Model):
    """The dealership: one row, whose id is the dealership's id in the directory.

    `manufacturer_id` is the address of everything that goes up. `theme_version` grows with every change of name,
    logo or colours; it makes their addresses new.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    manufacturer_id = models.UUIDField(editable=False)
    manufacturer_name = models.CharField(max_length=120)
    slug = models.CharField(max_length=63, editable=False)
    name = models.CharField(pgettext_lazy("thing", "Name"), max_length=120)
    short_name = models.CharField(_("Short name"), max_length=40, blank=True)
    phone = models.CharField(_("Phone"), max_length=32, blank=True)
    email = models.EmailField(_("E-mail"), max_length=254, blank=True)
    province = models.CharField(_("Province"), max_length=40, blank=True)
    city = models.CharField(_("City"), max_length=40, blank=True)
    address = models.CharField(_("Address"), max_length=200, blank=True)
    language = models.CharField(_("Language"), max_length=8, choices=LANGUAGES, default="zh-hans")
    time_zone = models.CharField(_("Time zone"), max_length=40, default="Asia/Shanghai")
    currency = models.CharField(_("Currency"), max_length=3, default="CNY")
    #: Whose law applies to sharing: a place of `kernel.contracts.laws`, like CN or US-MD.
    country = models.CharField(_("Country"), max_length=6, default="CN", db_default="CN")
    primary_colour = models.CharField(_("Main colour"), max_length=7, blank=True)
    accent_colour = models.CharField(_("Second colour"), max_length=7, blank=True)
    logo = models.CharField(max_length=120, blank=True, editable=False)
    theme_version = models.PositiveIntegerField(default=1, editable=False)
    joined_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.short_name or self.name


class Site(models.Model):
    """A building of the dealership."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(pgettext_lazy("thing", "Name"), max_length=120)
    phone = models.CharField(_("Phone"), max_length=32, blank=True)
    province = models.CharField(_("Province"), max_length=40, blank=True)
    city = models.CharField(_("City"), max_length=40, blank=True)
    address = models.CharField(_("Address"), max_length=200, blank=True)
    is_main = models.BooleanField(_("Main site"), default=False)
    active = models.BooleanField(_("Active"), default=True)

    class Meta:
        ordering = ("-is_main", "name", "id")

    def __str__(self) -> str:
        return self.name


class DepartmentKind(models.TextChoices):
    """What runs in a department."""

    SALES = "sales", _("Sales department")
    SERVICE = "service", _("Service department")
    CUSTOMER_RELATIONS = "customer_relations", _("Customer relations department")
    PARTS = "parts", _("Parts department")
    FINANCE = "finance", _("Finance department")
    ADMINISTRATION = "administration", pgettext_lazy("department", "Administration")


class Department(models.Model):
    """A department at a site. Without a name of its own it is called by its kind."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    site = models.ForeignKey(Site, models.PROTECT, related_name="departments", verbose_name=_("Site"))
    kind = models.CharField(_("Kind"), max_length=24, choices=DepartmentKind.choices)
    name = models.CharField(pgettext_lazy("thing", "Name"), max_length=120, blank=True)
    active = models.BooleanField(_("Active"), default=True)

    class Meta:
        ordering = ("site", "kind", "id")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["site", "kind", "name"], name="organisation_department_once")
        ]

    def __str__(self) -> str:
        return self.name or str(DepartmentKind(self.kind).label)


class Duty(models.TextChoices):
    """Duties beside a role: those that manufacturers name in the staffing standard of customer relations."""

    ACQUISITION = "acquisition", _("Acquisition specialist")
    LOYALTY = "loyalty", _("Loyalty specialist")
    DATA = "data", _("Data specialist")
    ROADSIDE = "roadside", _("Roadside rescue")
    TEST_DRIVE = "test_drive", _("Test drive cars")
    DELIVERY = "delivery", _("Deliveries")


class Employee(models.Model):
    """What the dealership knows of one of its people beyond the account. `duties` is a list of `Duty` values."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.OneToOneField(User, models.CASCADE, related_name="employee", verbose_name=_("Person"))
    site = models.ForeignKey(Site, models.SET_NULL, null=True, blank=True, verbose_name=_("Site"))
    department = models.ForeignKey(
        Department, models.SET_NULL, null=True, blank=True, related_name="employees", verbose_name=_("Department")
    )
    job_title = models.CharField(_("Job title"), max_length=80, blank=True)
    duties = models.JSONField(_("Duties"), default=list, blank=True)
    active = models.BooleanField(_("Active"), default=True)
    joined_on = models.DateField(_("Joined on"), null=True, blank=True)
    left_on = models.DateField(_("Left on"), null=True, blank=True)

    class Meta:
        ordering = ("user__name", "id")
        indexes: ClassVar = [models.Index(fields=["department", "active"], name="organisation_employee_dept")]

    def __str__(self) -> str:
        return str(self.user)


class ExportState(models.TextChoices):
    """How far an export is."""

    WAITING = "waiting", pgettext_lazy("export", "Waiting")
    RUNNING = "running", pgettext_lazy("export", "Being written")
    DONE = "done", pgettext_lazy("export", "Ready")
    FAILED = "failed", pgettext_lazy("export", "Failed")
    EXPIRED = "expired", pgettext_lazy("export", "Deleted")


#: Which state may follow which. One whose worker died is written from the start: running may follow running.
EXPORT_TRANSITIONS: dict[str, set[str]] = {
    ExportState.WAITING: {ExportState.RUNNING},
    ExportState.RUNNING: {ExportState.RUNNING, ExportState.DONE, ExportState.FAILED},
    ExportState.DONE: {ExportState.EXPIRED},
    ExportState.FAILED: set(),
    ExportState.EXPIRED: set(),
}


class Export(models.Model):
    """Everything of this dealership as one file, made on demand and deleted when its time is over.

    `file` is its name among the dealership's files, `bytes` its size; `tables_done` of `tables` says how far it is, and
    `worked_at` when the worker that writes it was last heard of.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    state = models.CharField(_("State"), max_length=8, choices=ExportState.choices, default=ExportState.WAITING)
    asked_by_id = models.UUIDField(null=True)
    asked_by_name = models.CharField(max_length=120)
    asked_at = models.DateTimeField()
    tables = models.PositiveSmallIntegerField(default=0)
    tables_done = models.PositiveSmallIntegerField(default=0)
    rows = models.PositiveBigIntegerField(default=0)
    file = models.CharField(max_length=80, blank=True)
    sha256 = models.CharField(max_length=64, blank=True)
    bytes = models.PositiveBigIntegerField(default=0)
    problem = models.CharField(max_length=300, blank=True)
    worked_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)

    moves = Moves(stays="exports are not part of exports")

    class Meta:
        ordering = ("-asked_at", "id")
        indexes: ClassVar = [models.Index(fields=["state", "-asked_at"], name="organisation_export_state")]

    def __str__(self) -> str:
        return self.file or str(self.id)
