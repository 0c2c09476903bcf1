"""The dealerships as the manufacturer knows them: master data, sites, what each may sell and service, and where."""

from __future__ import annotations

from datetime import date

from django.core.validators import RegexValidator
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import get_language, gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from kernel.accounts.models import User
from kernel.ids import new_id
from kernel.tenancy.grants import DELETABLE

#: A DNS label, because it becomes the dealership's host name.
slug_shape = RegexValidator(
    r"\A[a-z](?:[a-z0-9-]{0,38}[a-z0-9])?\Z", _("Use small letters, digits and hyphens, beginning with a letter.")
)


class DealershipState(models.TextChoices):
    JOINING = "joining", _("Joining")
    ACTIVE = "active", _("Active")
    FAILED = "failed", _("Set-up failed")
    RETIRING = "retiring", _("Being retired")
    RETIRED = "retired", _("Retired")


#: Those that work in the network today; the others have not begun, or have left it.
AT_WORK = (DealershipState.ACTIVE, DealershipState.RETIRING)
#: Who moves it: adding makes `joining`; the steward's answer makes the rest (`actions.note_request`).
TRANSITIONS: dict[str, set[str]] = {
    DealershipState.JOINING: {DealershipState.ACTIVE, DealershipState.FAILED},
    DealershipState.FAILED: {DealershipState.JOINING},
    DealershipState.ACTIVE: {DealershipState.RETIRING},
    DealershipState.RETIRING: {DealershipState.RETIRED, DealershipState.ACTIVE},
    DealershipState.RETIRED: set(),
}


class Dealership(models.Model):
    """A legal entity with its own CRM. `id` is its id in the directory (`kernel.tenancy`) and so fixes its schema.

    `province`, `city` and `district` are codes of GB/T 2260 with 2, 4 and 6 digits. `sales_target` is in cars a year.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    slug = models.CharField(_("Address name"), max_length=40, unique=True, validators=[slug_shape])
    name = models.CharField(_("Company name"), max_length=120)
    short_name_zh_hans = models.CharField(_("Short name in simplified Chinese"), max_length=40, blank=True)
    short_name_zh_hant = models.CharField(_("Short name in traditional Chinese"), max_length=40, blank=True)
    short_name_en = models.CharField(_("Short name in English"), max_length=40, blank=True)
    province = models.CharField(_("Province"), max_length=2, blank=True)
    city = models.CharField(_("City"), max_length=4, blank=True)
    district = models.CharField(_("District"), max_length=6, blank=True)
    address = models.CharField(_("Street address"), max_length=200, blank=True)
    phone = models.CharField(_("Phone"), max_length=32, blank=True)
    opened_on = models.DateField(_("Opened on"), null=True, blank=True)
    sales_target = models.PositiveIntegerField(_("Sales target a year"), null=True, blank=True)
    state = models.CharField(_("State"), max_length=20, choices=DealershipState, default=DealershipState.JOINING)
    network_manager = models.ForeignKey(
        User, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("Network manager")
    )
    field_representative = models.ForeignKey(
        User, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("Field representative")
    )
    #: The steward's request under way, or the last one (`kernel.tenancy.StewardRequest`).
    request_id = models.UUIDField(null=True, blank=True)
    created_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())
    retired_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("slug",)
        indexes = [
            models.Index(fields=["state", "province"], name="network_dealership_place"),
            models.Index(fields=["state", "slug"], name="network_dealership_state"),
        ]

    def __str__(self) -> str:
        return self.short_name

    @property
    def short_name(self) -> str:
        """The short name in the active language; the company's name when there is none."""
        own = {
            "zh-hans": (self.short_name_zh_hans, self.short_name_zh_hant),
            "zh-hant": (self.short_name_zh_hant, self.short_name_zh_hans),
        }.get((get_language() or "en").lower(), (self.short_name_en,))
        return next(filter(None, own), self.name)

    @property
    def shown_name(self) -> str:
        """The short name where others read it: of a dealership that has left the network it says so."""
        if self.state != DealershipState.RETIRED:
            return self.short_name
        return gettext("%(name)s (retired)") % {"name": self.short_name}


class Site(models.Model):
    """A building of a dealership (门店) and what runs in it."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    dealership = models.ForeignKey(Dealership, models.CASCADE, related_name="sites")
    name = models.CharField(pgettext_lazy("thing", "Name"), max_length=120)
    sells = models.BooleanField(_("Sells cars"), default=True)
    services = models.BooleanField(_("Services cars"), default=True)
    city = models.CharField(_("City"), max_length=4, blank=True)
    district = models.CharField(_("District"), max_length=6, blank=True)
    address = models.CharField(_("Street address"), max_length=200, blank=True)
    phone = models.CharField(_("Phone"), max_length=32, blank=True)
    #: Lifts and bays of the workshop; 0 without workshop.
    workshop_bays = models.PositiveSmallIntegerField(_("Workshop bays"), default=0)
    opened_on = models.DateField(_("Opened on"), null=True, blank=True)
    closed_on = models.DateField(_("Closed on"), null=True, blank=True)

    class Meta:
        ordering = ("name", "id")

    def __str__(self) -> str:
        return self.name


class Capability(models.Model):
    """What a dealership may do for a brand, or for one series of it (`series` empty means the whole brand).

    Valid from `valid_from` to `valid_until`, both days included; open-ended without the latter. `brand` and `series`
    are codes of the catalogue.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    dealership = models.ForeignKey(Dealership, models.CASCADE, related_name="capabilities")
    brand = models.CharField(_("Brand"), max_length=40)
    series = models.CharField(_("Series"), max_length=40, blank=True)
    sells = models.BooleanField(_("May sell"), default=True)
    services = models.BooleanField(_("May service"), default=True)
    valid_from = models.DateField(_("From"))
    valid_until = models.DateField(_("Until"), null=True, blank=True)

    class Meta:
        ordering = ("brand", "series", "valid_from", "id")
        indexes = [models.Index(fields=["brand", "sells", "dealership"], name="network_capability_brand")]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(sells=True) | models.Q(services=True), name="network_capability_something"
            ),
            models.CheckConstraint(
                condition=models.Q(valid_until=None) | models.Q(valid_until__gte=models.F("valid_from")),
                name="network_capability_dates",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.brand} {self.series}".strip()

    def in_force(self, on: date) -> bool:
        """Whether it holds on a day."""
        return self.valid_from <= on and (self.valid_until is None or on <= self.valid_until)


class Territory(models.Model):
    """A province or city that a dealership looks after: where routing looks first.

    `region` is a code of GB/T 2260 with 2 digits (a whole province) or 4 (a city). Several dealerships may share one;
    the lower `rank` comes first.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    dealership = models.ForeignKey(Dealership, models.CASCADE, related_name="territories")
    region = models.CharField(_("Region"), max_length=4)
    rank = models.PositiveSmallIntegerField(_("Rank"), default=1)

    grants = DELETABLE

    class Meta:
        ordering = ("region", "rank", "id")
        constraints = [models.UniqueConstraint(fields=["dealership", "region"], name="network_territory_once")]
        indexes = [models.Index(fields=["region", "rank"], name="network_territory_region")]

    def __str__(self) -> str:
        return self.region
