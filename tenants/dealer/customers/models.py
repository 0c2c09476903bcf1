"""Tables of `dealer.customers`: people and companies, their cars, what they allowed, what was said."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models.functions import Now, Reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from kernel.accounts.models import LANGUAGES
from kernel.contracts import Purpose
from kernel.fields import IdentityField
from kernel.ids import new_id
from kernel.moving.rules import Moves
from kernel.reference.queries import car_name
from kernel.tenancy.grants import Grants

_OWN_KEY = "made with the key of this dealership; made anew where it goes"


class Kind(models.TextChoices):
    INDIVIDUAL = "individual", _("Person")
    COMPANY = "company", _("Company")


class Sex(models.TextChoices):
    MALE = "male", _("Male")
    FEMALE = "female", _("Female")
    UNKNOWN = "unknown", _("Not known")


class Customer(models.Model):
    """A person or company the dealership deals with.

    `number` runs by itself in each dealership. `name` is what people read: the full name of a person, the company's
    of a company. `pinyin` (surname first, one word) and `initials` are its readings for search and order; all three
    are written by the actions. `phone` is E.164, `phone_reversed` serves the search by last digits. `for_sales` and
    `for_service` say which department meets this customer. `created_by_id` is the user's id. `marks` are the blind
    marks of telephone numbers and e-mail address (`dealer.customers.marks`) as they were at `marked_at`.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    number = IdentityField()
    kind = models.CharField(_("Kind"), max_length=10, choices=Kind.choices, default=Kind.INDIVIDUAL)
    name = models.CharField(_("Name"), max_length=200, editable=False)
    surname = models.CharField(_("Surname"), max_length=60, blank=True)
    given_name = models.CharField(_("Given name"), max_length=60, blank=True)
    company_name = models.CharField(_("Company"), max_length=200, blank=True)
    contact_person = models.CharField(_("Contact person"), max_length=120, blank=True)
    sex = models.CharField(_("Sex"), max_length=7, choices=Sex.choices, default=Sex.UNKNOWN)
    birthday = models.DateField(_("Birthday"), null=True, blank=True)
    phone = models.CharField(_("Phone"), max_length=20, blank=True)
    phone_reversed = models.GeneratedField(
        expression=Reverse("phone"), output_field=models.CharField(max_length=20), db_persist=True
    )
    other_phone = models.CharField(_("Other phone"), max_length=20, blank=True)
    email = models.CharField(_("E-mail"), max_length=254, blank=True)
    province = models.CharField(_("Province"), max_length=40, blank=True)
    city = models.CharField(_("City"), max_length=40, blank=True)
    district = models.CharField(_("District"), max_length=40, blank=True)
    address = models.CharField(_("Address"), max_length=300, blank=True)
    occupation = models.CharField(_("Occupation"), max_length=80, blank=True)
    hobbies = models.CharField(_("Hobbies"), max_length=200, blank=True)
    language = models.CharField(_("Language"), max_length=8, choices=LANGUAGES, default="zh-hans")
    note = models.TextField(_("Note"), max_length=2000, blank=True)
    pinyin = models.CharField(max_length=240, blank=True, editable=False)
    initials = models.CharField(max_length=60, blank=True, editable=False)
    for_sales = models.BooleanField(default=False)
    for_service = models.BooleanField(default=False)
    marks = models.JSONField(null=True, editable=False)
    marked_at = models.DateTimeField(null=True, editable=False)
    created_by_id = models.UUIDField(null=True, editable=False)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())
    #: Since then nothing here says who it was; the row stays because others lean on it.
    erased_at = models.DateTimeField(null=True, editable=False)

    moves = Moves(blank={"marks": ("NULL", _OWN_KEY), "marked_at": ("NULL", _OWN_KEY)})

    class Meta:
        ordering = ("-created_at", "id")
        indexes: ClassVar = [
            models.Index(fields=["-created_at", "id"], name="customers_customer_newest"),
            GinIndex(fields=["marks"], name="customers_customer_marks", opclasses=["jsonb_path_ops"]),
            # What the backfill looks for, every few minutes: nearly always nobody.
            models.Index(
                fields=["id"],
                name="customers_customer_unmarked",
                condition=models.Q(marked_at=None) | models.Q(marked_at__lt=models.F("updated_at")),
            ),
            # Prefix searches need the pattern operator class whatever the database's collation is.
            models.Index(fields=["name"], name="customers_customer_name", opclasses=["varchar_pattern_ops"]),
            models.Index(fields=["pinyin"], name="customers_customer_pinyin", opclasses=["varchar_pattern_ops"]),
            models.Index(fields=["initials"], name="customers_customer_initials", opclasses=["varchar_pattern_ops"]),
            models.Index(fields=["phone"], name="customers_customer_phone", opclasses=["varchar_pattern_ops"]),
            models.Index(fields=["phone_reversed"], name="customers_customer_tail", opclasses=["varchar_pattern_ops"]),
            models.Index(fields=["email"], name="customers_customer_email", opclasses=["varchar_pattern_ops"]),
        ]

    def __str__(self) -> str:
        return self.name


class Vehicle(models.Model):
    """A car that a customer has or had, whoever sold it. Mileage is the latest known reading, in km.

    `brand`, `series`, `model`, `variant` and `colour` are codes of the published catalogue, or words for other cars.

    `party_version` grows with every change of any party of the car; the `Owner` contract carries it. `mark` is the
    blind mark of the VIN, null until it is made.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    vin = models.CharField(_("VIN"), max_length=17, unique=True)
    vin_reversed = models.GeneratedField(
        expression=Reverse("vin"), output_field=models.CharField(max_length=17), db_persist=True
    )
    plate = models.CharField(_("Plate"), max_length=16, blank=True)
    brand = models.CharField(_("Brand"), max_length=60)
    series = models.CharField(_("Series"), max_length=60, blank=True)
    model = models.CharField(_("Model"), max_length=80, blank=True)
    variant = models.CharField(_("Variant"), max_length=120, blank=True)
    colour = models.CharField(_("Colour"), max_length=40, blank=True)
    delivered_on = models.DateField(_("Delivered on"), null=True, blank=True)
    sold_by_us = models.BooleanField(_("Sold by us"), default=False)
    odometer_km = models.PositiveIntegerField(_("Mileage"), null=True, blank=True)
    odometer_on = models.DateField(null=True, blank=True)
    party_version = models.PositiveIntegerField(default=0, editable=False)
    mark = models.CharField(max_length=26, null=True, editable=False)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())

    moves = Moves(blank={"mark": ("NULL", _OWN_KEY)})

    class Meta:
        ordering = ("-created_at", "id")
        indexes: ClassVar = [
            models.Index(fields=["mark"], name="customers_vehicle_mark"),
            models.Index(fields=["vin_reversed"], name="customers_vehicle_vin_tail", opclasses=["varchar_pattern_ops"]),
            models.Index(fields=["plate"], name="customers_vehicle_plate", opclasses=["varchar_pattern_ops"]),
            models.Index(fields=["-created_at", "id"], name="customers_vehicle_newest"),
        ]

    def __str__(self) -> str:
        return self.vin

    @property
    def title(self) -> str:
        """Brand, model and variant as people say them, in the language in force."""
        return car_name(brand=self.brand, series=self.series, model=self.model, variant=self.variant)


class PartyRole(models.TextChoices):
    OWNER = "owner", _("Owner")
    DRIVER = "driver", _("Driver")
    LESSEE = "lessee", _("Lessee")


class Ownership(models.Model):
    """Who was what on a car, from day to day. A row is ended, never overwritten; `until` is the last day."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    vehicle = models.ForeignKey(Vehicle, models.PROTECT, related_name="ownerships")
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="ownerships")
    role = models.CharField(_("Role"), max_length=8, choices=PartyRole.choices, default=PartyRole.OWNER)
    since = models.DateField(_("Since"))
    until = models.DateField(_("Until"), null=True, blank=True)
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ("-since", "id")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["vehicle"],
                condition=models.Q(role="owner", until=None),
                name="customers_ownership_one_owner",
            ),
            models.UniqueConstraint(
                fields=["vehicle", "customer", "role"],
                condition=models.Q(until=None),
                name="customers_ownership_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.role} {self.vehicle_id}"


class OdometerReading(models.Model):
    """One reading in km, from which document. Readings are added, never changed."""

    class Source(models.TextChoices):
        DELIVERY = "delivery", _("Delivery")
        REPAIR_ORDER = "repair_order", _("Repair order")
        APPOINTMENT = "appointment", _("Service appointment")
        TRADE_IN = "trade_in", _("Trade-in")
        CUSTOMER = "customer", _("Said by the customer")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    vehicle = models.ForeignKey(Vehicle, models.CASCADE, related_name="readings")
    km = models.PositiveIntegerField(_("Mileage"))
    on = models.DateField(_("Day"))
    source = models.CharField(_("Source"), max_length=12, choices=Source.choices)
    document_id = models.UUIDField(null=True)
    by_name = models.CharField(max_length=120, blank=True)
    recorded_at = models.DateTimeField(db_default=Now())

    grants = Grants(own="ra")

    class Meta:
        ordering = ("-on", "-km", "id")

    def __str__(self) -> str:
        return f"{self.km} km"


class Recipient(models.TextChoices):
    """To whom a consent lets data go."""

    DEALER = "dealer", _("This dealership")
    MANUFACTURER = "manufacturer", _("The manufacturer")


class Means(models.TextChoices):
    """How a consent was given or withdrawn."""

    SIGNATURE = "signature", _("Signature on the tablet")
    FORM = "form", _("Signed form")
    CALL = "call", _("Telephone call")
    MESSAGE = "message", _("Written message")
    ONLINE = "online", _("Website or app")
    IN_PERSON = "in_person", _("In person")


class ContactWay(models.TextChoices):
    """A way the customer may be reached by; the codes are those of `Channel`, and post."""

    PHONE = "phone", _("Telephone")
    MESSAGE = "message", _("Text message")
    WECHAT = "wechat", _("WeChat")
    EMAIL = "email", _("E-mail")
    POST = "post", _("Post")


class Consent(models.Model):
    """What one customer allowed or refused; source: PIPL arts. 14, 15, 17, 23 and GDPR arts. 6, 7.

    `kinds` is a list of classes of data, `channels` a list of ways the customer may be reached (empty: any).
    The text is kept as it was read (`wording`), by version, language and SHA-256, so that it can be shown what exactly
    was agreed to. `signature` is as `dealer.customers.signatures` reads it. Both are empty in rows of release 0.1.0.
    A row is never changed but for its withdrawal; the latest row for a purpose and recipient counts.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    customer = models.ForeignKey(Customer, models.CASCADE, related_name="consents")
    granted = models.BooleanField()
    controller = models.CharField(max_length=120)
    recipient = models.CharField(_("Recipient"), max_length=12, choices=Recipient.choices)
    purpose = models.CharField(_("Purpose"), max_length=20, choices=Purpose.choices)
    kinds = models.JSONField(_("Kinds of data"), default=list)
    channels = models.JSONField(_("Ways of contact"), default=list)
    text_version = models.CharField(_("Version of the text"), max_length=40)
    text_hash = models.CharField(max_length=64)
    text_language = models.CharField(_("Language"), max_length=8, choices=LANGUAGES)
    wording = models.TextField(_("Text"), null=True)
    signature = models.JSONField(_("Signature"), null=True)
    given_at = models.DateTimeField(_("Given at"))
    means = models.CharField(_("Means"), max_length=10, choices=Means.choices)
    evidence = models.CharField(_("Evidence"), max_length=300, blank=True)
    expires_at = models.DateTimeField(_("Valid until"), null=True, blank=True)
    taken_by_id = models.UUIDField(null=True)
    taken_by_name = models.CharField(max_length=120, blank=True)
    withdrawn_at = models.DateTimeField(null=True)
    withdrawn_means = models.CharField(max_length=10, choices=Means.choices, blank=True)
    withdrawn_note = models.CharField(max_length=300, blank=True)
    withdrawn_by_name = models.CharField(max_length=120, blank=True)
    recorded_at = models.DateTimeField(db_default=Now())

    grants = Grants(
        own="ra",
        own_update=(
            "withdrawn_at",
            "withdrawn_means",
            "withdrawn_note",
            "withdrawn_by_name",
            "evidence",
            "signature",
        ),
    )

    class Meta:
        ordering = ("-given_at", "-recorded_at", "id")
        indexes: ClassVar = [
            models.Index(fields=["customer", "purpose", "recipient", "-given_at"], name="customers_consent_latest")
        ]

    def __str__(self) -> str:
        return f"{self.purpose} → {self.recipient}"


class Channel(models.TextChoices):
    """Through what a customer was met."""

    VISIT = "visit", pgettext_lazy("channel", "Visit")
    PHONE = "phone", _("Telephone")
    MESSAGE = "message", _("Text message")
    WECHAT = "wechat", _("WeChat")
    EMAIL = "email", _("E-mail")
    HOME_VISIT = "home_visit", _("Visit at home")
    EVENT = "event", _("Event")
    WEBSITE = "website", _("Website")
    WORKSHOP = "workshop", _("Workshop")


class Interaction(models.Model):
    """A touch point: when, through what, who, what was said, what came of it. Every department adds its own.

    `document` ("sales.followup") and `document_id` name the record that it comes from; such a row leads there.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    customer = models.ForeignKey(Customer, models.CASCADE, related_name="interactions")
    at = models.DateTimeField(_("When"))
    channel = models.CharField(_("Channel"), max_length=12, choices=Channel.choices)
    from_customer = models.BooleanField(_("The customer came to us"), default=False)
    department = models.CharField(max_length=24, blank=True)
    person_id = models.UUIDField(null=True)
    person_name = models.CharField(max_length=120, blank=True)
    content = models.TextField(_("What was said"), max_length=2000)
    result = models.CharField(_("Result"), max_length=200, blank=True)
    document = models.CharField(max_length=40, blank=True)
    document_id = models.UUIDField(null=True)
    url = models.CharField(max_length=200, blank=True)
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ("-at", "id")
        indexes: ClassVar = [models.Index(fields=["customer", "-at"], name="customers_interaction_line")]

    def __str__(self) -> str:
        return f"{self.channel} {self.at:%Y-%m-%d}"
