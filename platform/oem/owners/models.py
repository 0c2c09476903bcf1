"""What dealerships shared about sold cars and their owners, and the counts where no record may leave.

Every row keeps the purpose it was received for, the level and the agreement: what came for one purpose is not shown
for another.
"""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from kernel.contracts import Level, Purpose, ReadingFor, ReadingHow, ReadingOf
from kernel.fields import IdentityField
from kernel.ids import new_id
from kernel.tenancy.grants import DELETABLE, Grants


class Shared(models.Model):
    """What every received row says about itself. `dealership` is oem.network.Dealership.id."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    dealership = models.UUIDField()
    purpose = models.CharField(max_length=24, choices=Purpose)
    level = models.CharField(max_length=16, choices=Level)
    agreement_version = models.CharField(max_length=40, blank=True)
    message = models.UUIDField()
    #: Names of the fields that the dealership's gate kept back.
    withheld = models.JSONField(default=list)
    event_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        abstract = True


class Sale(Shared):
    """A car sold and delivered (contract VehicleSale). Names no buyer."""

    sale_id = models.UUIDField()
    vin = models.CharField(_("VIN"), max_length=28)
    brand = models.CharField(_("Brand"), max_length=40)
    series = models.CharField(_("Series"), max_length=40, blank=True)
    model = models.CharField(_("Model"), max_length=40, blank=True)
    variant = models.CharField(_("Variant"), max_length=40, blank=True)
    contract_signed_on = models.DateField(null=True)
    delivered_on = models.DateField(_("Delivered on"))
    invoice_total = models.DecimalField(max_digits=14, decimal_places=2, null=True)
    currency = models.CharField(max_length=3, blank=True)
    channel = models.CharField(_("Channel"), max_length=40, blank=True)
    lead_id = models.UUIDField(null=True)
    buyer_kind = models.CharField(max_length=12, blank=True)
    province = models.CharField(_("Province"), max_length=40, blank=True)

    grants = DELETABLE

    class Meta:
        ordering = ["-delivered_on", "id"]
        constraints = [models.UniqueConstraint(fields=["dealership", "sale_id"], name="owners_sale_once")]
        indexes = [
            models.Index(fields=["vin"], name="owners_sale_vin"),
            models.Index(fields=["-delivered_on"], name="owners_sale_delivered"),
            models.Index(fields=["dealership", "-delivered_on"], name="owners_sale_dealership"),
        ]

    def __str__(self) -> str:
        return self.vin


class Owner(Shared):
    """The latest state of one party's role on one car (contract Owner); a later `version` superseded the others."""

    owner_key = models.CharField(max_length=64)
    vin = models.CharField(_("VIN"), max_length=28)
    role = models.CharField(max_length=12)
    version = models.PositiveIntegerField()
    since = models.DateField(null=True)
    until = models.DateField(null=True)
    kind = models.CharField(max_length=12, blank=True)
    name = models.CharField(_("Name"), max_length=200, blank=True)
    sex = models.CharField(max_length=8, blank=True)
    birthday = models.DateField(null=True)
    phone = models.CharField(_("Phone"), max_length=40, blank=True)
    email = models.CharField(_("E-mail"), max_length=254, blank=True)
    province = models.CharField(_("Province"), max_length=40, blank=True)
    city = models.CharField(max_length=40, blank=True)
    district = models.CharField(max_length=40, blank=True)
    address = models.CharField(max_length=500, blank=True)
    company_name = models.CharField(max_length=200, blank=True)
    consent_version = models.CharField(max_length=40, blank=True)

    grants = DELETABLE

    class Meta:
        ordering = ["-event_at", "id"]
        constraints = [
            models.UniqueConstraint(fields=["dealership", "owner_key", "vin", "role"], name="owners_owner_once"),
        ]
        indexes = [
            models.Index(fields=["vin"], name="owners_owner_vin"),
            models.Index(fields=["-event_at"], name="owners_owner_event"),
            models.Index(fields=["dealership", "-event_at"], name="owners_owner_dealership"),
            models.Index(fields=["phone"], name="owners_owner_phone"),
        ]

    def __str__(self) -> str:
        return self.name or self.company_name or self.owner_key

    @property
    def names_somebody(self) -> bool:
        """Whether anything in it names or reaches a party; a code does not."""
        return any((self.name, self.company_name, self.phone, self.email, self.address))


class DailyCount(Shared):
    """How many records of a contract a dealership had on one day, by one dimension (contract DailyCounts)."""

    of = models.CharField(max_length=40)
    day = models.DateField()
    dimension = models.CharField(max_length=40)
    #: Value → number, or null where it is hidden.
    cells = models.JSONField(default=dict)
    #: Null below the floor of 5.
    total = models.PositiveIntegerField(null=True)

    grants = DELETABLE

    class Meta:
        ordering = ["-day", "of"]
        constraints = [
            models.UniqueConstraint(
                fields=["dealership", "of", "purpose", "day", "dimension"], name="owners_count_once"
            )
        ]
        indexes = [models.Index(fields=["of", "day"], name="owners_count_day")]


class Reading(models.Model):
    """Somebody here looked at what one dealership shared for one purpose; the dealership is told (`ReadingReport`).

    `owner_keys` are the owners seen, as the dealership names them, at most `actions.KEYS` a row; `vin` the car opened.
    `rows` is how many of the dealership's records were seen. `asked` are the reader's own words, which never leave;
    what a list was narrowed by (`searched_by`) does. `message` is the report, once there is one.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    number = IdentityField()
    dealership = models.UUIDField()
    purpose = models.CharField(max_length=24)
    reader_id = models.UUIDField()
    reader_name = models.CharField(max_length=120)
    reader_role = models.CharField(max_length=32)
    reading_for = models.CharField(max_length=20, choices=[(str(one), str(one)) for one in ReadingFor])
    how = models.CharField(max_length=10, choices=[(str(one), str(one)) for one in ReadingHow])
    of = models.CharField(max_length=10, choices=[(str(one), str(one)) for one in ReadingOf])
    rows = models.PositiveIntegerField()
    searched_by = models.JSONField(default=list)
    asked = models.CharField(max_length=500, blank=True)
    vin = models.CharField(max_length=28, blank=True)
    owner_keys = models.JSONField(default=list)
    at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())
    message = models.UUIDField(null=True)

    grants = Grants(own="ra", own_update=("message", "asked"))

    class Meta:
        ordering = ["-number"]
        indexes = [
            models.Index(
                fields=["dealership", "number"], name="owners_reading_untold", condition=models.Q(message=None)
            ),
            models.Index(fields=["reader_id", "-number"], name="owners_reading_reader"),
        ]

    def __str__(self) -> str:
        return f"{self.reader_name}: {self.how} {self.of}"
