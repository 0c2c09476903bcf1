"""Tables of `dealer.workshop`: appointments, and repair orders with their jobs and lines."""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from dealer.customers.models import Customer, Vehicle
from dealer.organisation.models import Site
from kernel.accounts.models import User
from kernel.contracts import ClaimLineKind, VisitKind
from kernel.contracts import PayType as PayTypes
from kernel.fields import IdentityField
from kernel.ids import new_id
from kernel.tenancy.grants import DELETABLE


class Kind(models.TextChoices):
    """The main reason of a visit; the values are those of the `ServiceVisit` contract."""

    MAINTENANCE = VisitKind.MAINTENANCE, _("Maintenance")
    REPAIR = VisitKind.REPAIR, _("Repair")
    WARRANTY = VisitKind.WARRANTY, _("Warranty repair")
    RECALL = VisitKind.RECALL, _("Recall or service action")
    ACCIDENT = VisitKind.ACCIDENT, _("Accident repair")


class PayType(models.TextChoices):
    """Who pays for a line; the values are those of the `ServiceVisit` contract."""

    CUSTOMER = PayTypes.CUSTOMER, pgettext_lazy("pay type", "Customer")
    WARRANTY = PayTypes.WARRANTY, pgettext_lazy("pay type", "Warranty")
    INTERNAL = PayTypes.INTERNAL, _("Internal")
    INSURANCE = PayTypes.INSURANCE, _("Insurance")
    GOODWILL = PayTypes.GOODWILL, _("Goodwill")


class LineKind(models.TextChoices):
    """What a line is; the values are those of the `WarrantyClaim` contract."""

    LABOUR = ClaimLineKind.LABOUR, _("Labour")
    PART = ClaimLineKind.PART, _("Part")
    SUBLET = ClaimLineKind.SUBLET, _("Sublet work")


class AppointmentState(models.TextChoices):
    BOOKED = "booked", _("Booked")
    ARRIVED = "arrived", _("Arrived")
    NO_SHOW = "no_show", _("Did not come")
    CANCELLED = "cancelled", _("Cancelled")


#: A customer who did not come and comes later the same day has arrived after all.
APPOINTMENT_TRANSITIONS: dict[str, set[str]] = {
    AppointmentState.BOOKED: {AppointmentState.ARRIVED, AppointmentState.NO_SHOW, AppointmentState.CANCELLED},
    AppointmentState.NO_SHOW: {AppointmentState.ARRIVED},
    AppointmentState.ARRIVED: set(),
    AppointmentState.CANCELLED: set(),
}


class Appointment(models.Model):
    """A time at which a customer brings a car. `minutes` is the expected duration."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    number = IdentityField()
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="appointments", verbose_name=_("Customer"))
    vehicle = models.ForeignKey(Vehicle, models.PROTECT, related_name="appointments", verbose_name=_("Vehicle"))
    site = models.ForeignKey(Site, models.PROTECT, related_name="+", verbose_name=_("Site"))
    starts_at = models.DateTimeField(_("When"))
    minutes = models.PositiveSmallIntegerField(_("Expected duration in minutes"), default=60)
    kind = models.CharField(
        pgettext_lazy("visit", "Reason"), max_length=12, choices=Kind.choices, default=Kind.MAINTENANCE
    )
    wish = models.TextField(_("Wish"), max_length=2000, blank=True)
    promised_at = models.DateTimeField(_("Promised for"), null=True, blank=True)
    adviser = models.ForeignKey(
        User, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("Service adviser")
    )
    state = models.CharField(
        _("State"), max_length=10, choices=AppointmentState.choices, default=AppointmentState.BOOKED
    )
    reason = models.CharField(_("Reason of the cancellation"), max_length=200, blank=True)
    created_at = models.DateTimeField()
    created_by_name = models.CharField(max_length=120, blank=True)
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ("starts_at", "id")
        indexes: ClassVar = [
            models.Index(fields=["starts_at", "id"], name="workshop_appointment_day"),
            models.Index(fields=["customer", "-starts_at"], name="workshop_appointment_customer"),
        ]

    def __str__(self) -> str:
        return f"AP{self.number:06d}"


class OrderState(models.TextChoices):
    OPEN = "open", pgettext_lazy("work", "Open")
    IN_WORK = "in_work", _("In work")
    READY = "ready", _("Ready")
    CLOSED = "closed", pgettext_lazy("work", "Closed")
    CANCELLED = "cancelled", _("Cancelled")


#: Work may begin again on a car that was ready; what is closed stays closed.
ORDER_TRANSITIONS: dict[str, set[str]] = {
    OrderState.OPEN: {OrderState.IN_WORK, OrderState.CANCELLED},
    OrderState.IN_WORK: {OrderState.READY, OrderState.CANCELLED},
    OrderState.READY: {OrderState.CLOSED, OrderState.IN_WORK},
    OrderState.CLOSED: set(),
    OrderState.CANCELLED: set(),
}
#: The car is here.
RUNNING = (OrderState.OPEN, OrderState.IN_WORK, OrderState.READY)


class RepairOrder(models.Model):
    """What is to be done and was done on one car in one visit. Mileage is in km.

    `totals` maps pay types to amounts (text of a decimal) in `currency`; it and the sums beside it are written when
    the order is closed. Closed orders are kept at least six years (SAMR order 43, art. 17).
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    number = IdentityField()
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="repair_orders", verbose_name=_("Customer"))
    vehicle = models.ForeignKey(Vehicle, models.PROTECT, related_name="repair_orders", verbose_name=_("Vehicle"))
    site = models.ForeignKey(Site, models.PROTECT, related_name="+", verbose_name=_("Site"))
    appointment = models.OneToOneField(Appointment, models.PROTECT, null=True, blank=True, related_name="repair_order")
    kind = models.CharField(pgettext_lazy("visit", "Reason"), max_length=12, choices=Kind.choices, default=Kind.REPAIR)
    odometer_km = models.PositiveIntegerField(_("Mileage (km)"))
    opened_at = models.DateTimeField(_("Opened"))
    promised_at = models.DateTimeField(_("Promised for"), null=True, blank=True)
    adviser = models.ForeignKey(
        User, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("Service adviser")
    )
    state = models.CharField(_("State"), max_length=10, choices=OrderState.choices, default=OrderState.OPEN)
    reason = models.CharField(_("Reason of the cancellation"), max_length=200, blank=True)
    ready_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(pgettext_lazy("time", "Closed"), null=True, blank=True)
    currency = models.CharField(max_length=3, default="CNY")
    totals = models.JSONField(default=dict)
    labour_total = models.DecimalField(_("Labour"), max_digits=14, decimal_places=2, default=Decimal(0))
    parts_total = models.DecimalField(_("Parts"), max_digits=14, decimal_places=2, default=Decimal(0))
    total = models.DecimalField(_("Total"), max_digits=14, decimal_places=2, default=Decimal(0))
    created_by_name = models.CharField(max_length=120, blank=True)
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ("-opened_at", "id")
        indexes: ClassVar = [
            models.Index(fields=["-opened_at", "id"], name="workshop_order_newest"),
            models.Index(fields=["state", "-opened_at"], name="workshop_order_state"),
            models.Index(fields=["customer", "-opened_at"], name="workshop_order_customer"),
            models.Index(fields=["vehicle", "-opened_at"], name="workshop_order_vehicle"),
        ]

    def __str__(self) -> str:
        return f"RO{self.number:06d}"


class JobState(models.TextChoices):
    OPEN = "open", pgettext_lazy("work", "Open")
    IN_WORK = "in_work", _("In work")
    DONE = "done", _("Done")


JOB_TRANSITIONS: dict[str, set[str]] = {
    JobState.OPEN: {JobState.IN_WORK, JobState.DONE},
    JobState.IN_WORK: {JobState.DONE},
    JobState.DONE: {JobState.IN_WORK},
}


class Job(models.Model):
    """One complaint of a repair order and what came of it: complaint, cause and correction (the three Cs)."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    repair_order = models.ForeignKey(RepairOrder, models.CASCADE, related_name="jobs")
    position = models.PositiveSmallIntegerField()
    complaint = models.TextField(_("Complaint"), max_length=2000)
    cause = models.TextField(_("Cause"), max_length=2000, blank=True)
    correction = models.TextField(_("Correction"), max_length=2000, blank=True)
    fault_code = models.CharField(_("Fault code"), max_length=40, blank=True)
    technician = models.ForeignKey(
        User, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("Technician")
    )
    state = models.CharField(_("State"), max_length=10, choices=JobState.choices, default=JobState.OPEN)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    recorded_at = models.DateTimeField(db_default=Now())

    grants = DELETABLE

    class Meta:
        ordering = ("repair_order", "position")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["repair_order", "position"], name="workshop_job_position")
        ]
        indexes: ClassVar = [models.Index(fields=["technician", "state"], name="workshop_job_technician")]

    def __str__(self) -> str:
        return self.complaint[:80]


class JobLine(models.Model):
    """Work, a part or sublet work of a job. `quantity` is hours for labour, pieces else; `amount` is rounded.

    `code` is the labour operation or part number of the published catalogue, empty for what it does not hold;
    `standard_hours` is the manufacturer's time for the operation, as it was when the line was written.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    job = models.ForeignKey(Job, models.CASCADE, related_name="lines")
    position = models.PositiveSmallIntegerField()
    kind = models.CharField(_("Kind"), max_length=8, choices=LineKind.choices)
    code = models.CharField(_("Code"), max_length=40, blank=True)
    description = models.CharField(_("Description"), max_length=200)
    quantity = models.DecimalField(_("Quantity or hours"), max_digits=8, decimal_places=2)
    standard_hours = models.DecimalField(max_digits=5, decimal_places=2, null=True, blank=True)
    unit_price = models.DecimalField(_("Price of one"), max_digits=12, decimal_places=2)
    amount = models.DecimalField(_("Amount"), max_digits=14, decimal_places=2)
    pay_type = models.CharField(_("Who pays"), max_length=10, choices=PayType.choices, default=PayType.CUSTOMER)
    causal = models.BooleanField(_("This part failed"), default=False)
    recorded_at = models.DateTimeField(db_default=Now())

    grants = DELETABLE

    class Meta:
        ordering = ("job", "position")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["job", "position"], name="workshop_line_position"),
            models.UniqueConstraint(fields=["job"], condition=models.Q(causal=True), name="workshop_line_one_causal"),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.description}".strip()


class LabourRate(models.Model):
    """The dealership's price of an hour by who pays, in its own currency; what a new labour line begins with."""

    pay_type = models.CharField(_("Who pays"), max_length=10, choices=PayType.choices, primary_key=True)
    hourly = models.DecimalField(_("Price of an hour"), max_digits=10, decimal_places=2)

    class Meta:
        ordering = ("pay_type",)

    def __str__(self) -> str:
        return f"{self.pay_type} {self.hourly}"
