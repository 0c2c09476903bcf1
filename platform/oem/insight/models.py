"""Tables of `oem.insight`: figures that dealerships gave for the comparison, and what the network's are."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from kernel.contracts import FLOOR, Figure, FigureState
from kernel.ids import new_id


class Names(models.TextChoices):
    """The contract's `Figure` in words."""

    LEADS = Figure.LEADS.value, _("Leads received")
    RESPONSE = Figure.RESPONSE.value, _("Time to the first contact")
    CONVERSION = Figure.CONVERSION.value, _("Conversion")
    RETENTION = Figure.RETENTION.value, _("Cars that come again")
    ACCEPTANCE = Figure.ACCEPTANCE.value, _("Claims accepted")


class States(models.TextChoices):
    """The contract's `FigureState` in words."""

    TOLD = FigureState.TOLD.value, _("Told")
    TOO_FEW = FigureState.TOO_FEW.value, _("Too few dealerships")
    HELD_BACK = FigureState.HELD_BACK.value, _("Held back: too few came or went")


class BenchmarkRule(models.Model):
    """How the comparison is made: one row, absent until somebody changes the default. `floor` is never below five."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    floor = models.PositiveSmallIntegerField(_("Told from so many dealerships on"), default=FLOOR)
    updated_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(id=1), name="insight_rule_one_row"),
            models.CheckConstraint(condition=models.Q(floor__gte=FLOOR), name="insight_rule_floor"),
        ]

    def __str__(self) -> str:
        return str(self.floor)


class Contribution(models.Model):
    """That a dealership gave its figures of a month. `figures` are kept until the month is counted, then blanked."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    dealership = models.UUIDField()
    month = models.DateField()
    figures = models.JSONField(default=dict)
    message = models.UUIDField()
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ("-month", "dealership")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["month", "dealership"], name="insight_contribution_once")
        ]

    def __str__(self) -> str:
        return f"{self.dealership} {self.month:%Y-%m}"


class Benchmark(models.Model):
    """One figure of the network in one closed month, counted once for ever.

    `dealerships` are the ids of those it was counted over (empty unless told): what the next month is held against.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    month = models.DateField(_("Month"))
    figure = models.CharField(_("Figure"), max_length=20, choices=Names)
    state = models.CharField(_("State"), max_length=12, choices=States)
    floor = models.PositiveSmallIntegerField()
    lower = models.IntegerField(null=True)
    median = models.IntegerField(null=True)
    upper = models.IntegerField(null=True)
    dealerships = models.JSONField(default=list)
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ("-month", "figure")
        constraints: ClassVar = [models.UniqueConstraint(fields=["month", "figure"], name="insight_benchmark_once")]

    def __str__(self) -> str:
        return f"{self.figure} {self.month:%Y-%m}"
