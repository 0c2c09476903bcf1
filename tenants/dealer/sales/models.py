"""From the lead to the delivered car. Tier: dealership.

A *lead* mirrors the manufacturer's lead of the same id; accepting it makes a *prospect*, who may also come by himself.
Everything that follows (follow-ups, test drives, quotations, the sales contract, the delivery) hangs on the prospect.
"""

from collections.abc import Iterable
from datetime import date, datetime
from typing import ClassVar

from django.db import models
from django.db.models.functions import Now
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from dealer.customers.models import Customer
from dealer.stock.models import StockVehicle
from kernel.accounts.models import User
from kernel.automotive import regions
from kernel.automotive.channel import Channel, channel_name
from kernel.automotive.temperature import Temperature
from kernel.contracts import KnownBy
from kernel.fields import IdentityField
from kernel.ids import new_id
from kernel.money import DEFAULT_CURRENCY
from kernel.moving.rules import Moves
from kernel.reference.queries import car_name
from kernel.tenancy.grants import Grants


class SalesPolicy(models.Model):
    """How this dealership sells: one row, absent until somebody changes the defaults. Tier: dealership.

    Up to `approval_limit` (contract total with tax, in the dealership's currency) a sales manager approves, above it
    the general manager. Months as in `kernel.automotive.temperature`; an offer is valid for `quotation_days`.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    approval_limit = models.DecimalField(
        _("A sales manager approves contracts up to"), max_digits=14, decimal_places=2, default=500_000
    )
    hot_months = models.PositiveSmallIntegerField(_("Hot: buys within months"), default=3)
    warm_months = models.PositiveSmallIntegerField(_("Warm: buys within months"), default=12)
    quotation_days = models.PositiveSmallIntegerField(_("Days a quotation is valid"), default=14)
    updated_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("id",)
        constraints = [
            models.CheckConstraint(condition=models.Q(id=1), name="sales_policy_one_row"),
            models.CheckConstraint(
                condition=models.Q(hot_months__lt=models.F("warm_months")), name="sales_policy_hot_before_warm"
            ),
        ]

    def __str__(self) -> str:
        return str(self.approval_limit)

    @property
    def thresholds(self) -> tuple[int, int]:
        return self.hot_months, self.warm_months


# -- leads ------------------------------------------------------------------------------------------


class LeadState(models.TextChoices):
    """The lead at this dealership: offered, ended without us, or worked through its milestones."""

    OFFERED = "offered", _("Offered")
    ACCEPTED = "accepted", _("Accepted")
    CONTACTED = "contacted", _("Contacted")
    APPOINTMENT = "appointment", _("Appointment made")
    TEST_DRIVE = "test_drive", _("Test drive done")
    QUOTED = "quoted", _("Quoted")
    CONTRACTED = "contracted", _("Contract signed")
    WON = "won", _("Won")
    LOST = "lost", _("Lost")
    RETURNED = "returned", _("Returned to the manufacturer")
    DECLINED = "declined", _("Declined")
    EXPIRED = "expired", _("Expired")
    RECALLED = "recalled", _("Recalled")


_STEPS = (
    LeadState.ACCEPTED,
    LeadState.CONTACTED,
    LeadState.APPOINTMENT,
    LeadState.TEST_DRIVE,
    LeadState.QUOTED,
    LeadState.CONTRACTED,
    LeadState.WON,
)
#: States in which the lead is ours and being worked.
WORKED_STATES = frozenset(_STEPS[:-1])
#: States in which only a stub without personal data is left.
STUB_STATES = frozenset({LeadState.DECLINED, LeadState.EXPIRED, LeadState.RECALLED})

#: Which state may follow which. Milestones go forward and may be skipped. Who lost an offer may be offered the lead
#: again, under a higher fence; what is accepted stays accepted (architecture, section 4).
LEAD_TRANSITIONS: dict[str, frozenset[str]] = {
    LeadState.OFFERED: frozenset({LeadState.ACCEPTED, *STUB_STATES}),
    **{
        step: frozenset({*_STEPS[place + 1 :], LeadState.LOST, LeadState.RETURNED})
        for place, step in enumerate(_STEPS[:-1])
    },
    # A contract is only broken, not returned: the customer is ours by then.
    LeadState.CONTRACTED: frozenset({LeadState.WON, LeadState.LOST}),
    LeadState.WON: frozenset(),
    LeadState.LOST: frozenset(),
    LeadState.RETURNED: frozenset({LeadState.OFFERED}),
    **{state: frozenset({LeadState.OFFERED}) for state in STUB_STATES},
}


class DeclineReason(models.TextChoices):
    """Why we do not take a lead."""

    NO_CAPACITY = "no_capacity", _("No consultant is free")
    OUT_OF_AREA = "out_of_area", _("Too far away")
    NOT_SOLD_HERE = "not_sold_here", _("We do not sell this car")
    ALREADY_CUSTOMER = "already_customer", _("Already in contact elsewhere")
    NOT_SERIOUS = "not_serious", _("Not a serious enquiry")
    OTHER = "other", _("Another reason")


KNOWN_BY: dict[str, str | Promise] = {
    KnownBy.PHONE: pgettext_lazy("known by", "same phone number"),
    KnownBy.EMAIL: pgettext_lazy("known by", "same e-mail address"),
    KnownBy.VIN: pgettext_lazy("known by", "the car offered in trade is our customer's"),
}


def known_in_words(codes: Iterable[str]) -> str:
    """Codes of `KnownBy` in words, in their fixed order."""
    given = set(codes)
    return " · ".join(str(words) for code, words in KNOWN_BY.items() if code in given)


class Lead(models.Model):
    """A lead of the manufacturer at this dealership; `id` is the same on the portal. Times in UTC.

    While it is offered, name and telephone stand sealed in `envelope` (see `envelope.py`); acceptance opens it, every
    other end blanks it together with the masked name, the district and the wish. `fence` is the number of the offer:
    messages with a lower one are history. `known_by` says by what somebody was a customer already when the offer came
    (codes of `KnownBy`; empty: by nothing, null: not looked up). `assignment` keeps why this consultant was chosen: the
    rule and every candidate's figures.
    """

    id = models.UUIDField(primary_key=True)
    fence = models.PositiveIntegerField()
    state = models.CharField(_("State"), max_length=12, choices=LeadState.choices, default=LeadState.OFFERED)
    offered_at = models.DateTimeField(pgettext_lazy("time", "Offered"))
    respond_before = models.DateTimeField(_("Answer before"))
    channel = models.CharField(_("Channel"), max_length=40, blank=True)
    source = models.CharField(_("Source"), max_length=200, blank=True)
    brand = models.CharField(_("Brand"), max_length=200, blank=True)
    series = models.CharField(_("Series"), max_length=200, blank=True)
    model = models.CharField(_("Model"), max_length=200, blank=True)
    interest = models.CharField(_("Interest"), max_length=40, blank=True)
    wish = models.TextField(_("Wish"), blank=True)
    province = models.CharField(_("Province"), max_length=80, blank=True)
    city = models.CharField(_("City"), max_length=80, blank=True)
    district = models.CharField(_("District"), max_length=80, blank=True)
    budget = models.DecimalField(_("Budget"), max_digits=14, decimal_places=2, null=True)
    budget_currency = models.CharField(max_length=3, default=DEFAULT_CURRENCY)
    window_from = models.DateField(null=True)
    window_to = models.DateField(null=True)
    preferred_time = models.CharField(_("Best time to call"), max_length=200, blank=True)
    lines = models.JSONField(default=list)
    consent_basis = models.CharField(max_length=200, blank=True)
    consent_text_version = models.CharField(max_length=200, blank=True)
    collected_at = models.DateTimeField(null=True)
    masked_name = models.CharField(_("Name"), max_length=200, blank=True)
    envelope = models.TextField(blank=True)
    consultant = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    assignment = models.JSONField(default=dict)
    answered_at = models.DateTimeField(null=True)
    answered_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    customer_known = models.BooleanField(default=False)
    known_by = models.JSONField(null=True)
    decline_reason = models.CharField(max_length=20, choices=DeclineReason.choices, blank=True)
    decline_text = models.CharField(max_length=300, blank=True)
    first_contact_at = models.DateTimeField(null=True)
    recorded_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField()

    moves = Moves(blank={"envelope": ("''", "sealed under a key of the place where the lead was offered")})

    class Meta:
        ordering = ("-offered_at", "id")
        indexes = [
            models.Index(fields=["-offered_at", "id"], name="sales_lead_newest"),
            models.Index(fields=["state", "-offered_at"], name="sales_lead_state"),
            models.Index(fields=["consultant", "state"], name="sales_lead_consultant"),
            models.Index(
                fields=["respond_before"], name="sales_lead_open", condition=models.Q(state=LeadState.OFFERED)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.masked_name} {self.car}".strip() or str(self.id)

    @property
    def car(self) -> str:
        """The car wanted, as a person says it; words that are no codes of the catalogue stand as they came."""
        return car_name(brand=self.brand, series=self.series, model=self.model)

    @property
    def place(self) -> str:
        """Where the customer lives, in words; what is no code of a region stands as it came."""
        return " ".join(regions.names_of(self.province, self.city, self.district))

    @property
    def channel_label(self) -> str:
        """The channel in words; one that is not of the catalogue stands as it came."""
        return channel_name(self.channel)

    @property
    def is_offered(self) -> bool:
        return self.state == LeadState.OFFERED

    @property
    def known_in_words(self) -> str:
        """By what the customer is known already, "" for a new one: one of seven fixed phrases, never the value."""
        return known_in_words(self.known_by or ())

    @property
    def deadline(self) -> datetime | None:
        """When the time to answer ends, while it runs."""
        return self.respond_before if self.is_offered else None

    @property
    def is_worked(self) -> bool:
        return self.state in WORKED_STATES


class LeadMilestone(models.Model):
    """What was reported to the manufacturer about a lead, once each. Tier: dealership."""

    grants: ClassVar[Grants] = Grants(own="ra")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    lead = models.ForeignKey(Lead, models.PROTECT, related_name="milestones")
    fence = models.PositiveIntegerField()
    event = models.CharField(max_length=12)
    at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())
    by_name = models.CharField(max_length=120, blank=True)

    class Meta:
        ordering = ("at", "recorded_at", "id")
        constraints = [models.UniqueConstraint(fields=["lead", "fence", "event"], name="sales_milestone_once")]

    def __str__(self) -> str:
        return self.event


# -- prospects --------------------------------------------------------------------------------------


class ProspectState(models.TextChoices):
    """Whether somebody may still buy."""

    OPEN = "open", _("Open")
    WON = "won", _("Won")
    LOST = "lost", _("Lost")


PROSPECT_TRANSITIONS: dict[str, frozenset[str]] = {
    ProspectState.OPEN: frozenset({ProspectState.WON, ProspectState.LOST}),
    ProspectState.WON: frozenset(),
    ProspectState.LOST: frozenset({ProspectState.OPEN}),
}


class Stage(models.TextChoices):
    """How far a prospect has come: the funnel contact → quotation → deal (R-LEAD-02)."""

    NEW = "new", _("New")
    CONTACTED = "contacted", _("Contacted")
    TEST_DRIVE = "test_drive", _("Test drive done")
    QUOTED = "quoted", _("Quoted")
    CONTRACTED = "contracted", _("Contract signed")
    DELIVERED = "delivered", _("Delivered")


class CustomerType(models.TextChoices):
    """What kind of buyer somebody is (R-LEAD-10, item 2)."""

    FIRST_PURCHASE = "first_purchase", _("First purchase")
    ADDITIONAL = "additional", _("Additional purchase")
    REPLACEMENT = "replacement", _("Replacement")
    KEY_ACCOUNT = "key_account", _("Key account")
    TRADE = "trade", _("Trade")


class LostReason(models.TextChoices):
    """Why somebody does not buy from us."""

    OTHER_BRAND = "other_brand", _("Bought another brand")
    OTHER_DEALER = "other_dealer", _("Bought from another dealer")
    PRICE = "price", _("The price")
    NOT_BUYING = "not_buying", _("Does not buy any more")
    NOT_REACHED = "not_reached", _("Could not be reached")
    WRONG_NUMBER = "wrong_number", _("The number is wrong")
    NO_CAR = "no_car", _("No suitable car")
    OTHER = "other", _("Another reason")


class Prospect(models.Model):
    """Somebody who may buy, with the eleven items of R-LEAD-10; apart from owners (R-LEAD-01). Tier: dealership.

    `brand` … `variant` name the car of interest by catalogue code, or in the words a lead came with. `temperature`
    (and `heat`) is derived from `likes_brand` and `intended_on` whenever the row is written and every night
    (R-LEAD-05 … 09); `missing` holds the items that are not there yet. `next_contact_on` and what belongs to it repeat
    the plan of the latest follow-up: that is the open task of the consultant (R-LEAD-35).
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="prospects")
    lead = models.OneToOneField(Lead, models.PROTECT, null=True, related_name="prospect")
    consultant = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    state = models.CharField(_("State"), max_length=8, choices=ProspectState.choices, default=ProspectState.OPEN)
    stage = models.CharField(_("Stage"), max_length=12, choices=Stage.choices, default=Stage.NEW)
    channel = models.CharField(_("Channel"), max_length=24, choices=Channel.choices, blank=True)
    customer_type = models.CharField(_("Customer type"), max_length=16, choices=CustomerType.choices, blank=True)
    likes_brand = models.BooleanField(_("Likes the brand"), null=True)
    intended_on = models.DateField(_("Intended purchase date"), null=True, blank=True)
    temperature = models.CharField(
        _("Temperature"), max_length=12, choices=Temperature.choices, default=Temperature.UNCLASSIFIED
    )
    brand = models.CharField(_("Brand"), max_length=200, blank=True)
    series = models.CharField(_("Series"), max_length=200, blank=True)
    model = models.CharField(_("Model"), max_length=200, blank=True)
    variant = models.CharField(_("Variant"), max_length=200, blank=True)
    wish = models.TextField(_("Wish"), blank=True)
    budget = models.DecimalField(_("Budget"), max_digits=14, decimal_places=2, null=True, blank=True)
    currency = models.CharField(max_length=3, default=DEFAULT_CURRENCY)
    present_brand = models.CharField(_("Brand of the present car"), max_length=80, blank=True)
    present_model = models.CharField(_("Model of the present car"), max_length=80, blank=True)
    no_present_vehicle = models.BooleanField(_("Has no car"), default=False)
    contact_result = models.CharField(max_length=20, blank=True)
    last_contact_at = models.DateTimeField(null=True)
    next_contact_on = models.DateField(_("Next contact"), null=True)
    next_contact_plan = models.CharField(_("Plan"), max_length=200, blank=True)
    #: Place of the temperature in work lists: hot 0, warm 1, cold 2, unclassified 3.
    heat = models.PositiveSmallIntegerField(default=3)
    missing = models.JSONField(default=list)
    qualified = models.BooleanField(_("Qualified"), default=False)
    lost_reason = models.CharField(_("Reason"), max_length=16, choices=LostReason.choices, blank=True)
    lost_text = models.CharField(max_length=300, blank=True)
    closed_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(_("Since"))
    updated_at = models.DateTimeField()

    class Meta:
        ordering = ("-updated_at", "id")
        indexes = [
            models.Index(fields=["heat", "next_contact_on", "id"], name="sales_prospect_heat"),
            models.Index(fields=["state", "heat", "next_contact_on"], name="sales_prospect_state"),
            models.Index(fields=["consultant", "state", "next_contact_on"], name="sales_prospect_tasks"),
            models.Index(fields=["customer", "-created_at"], name="sales_prospect_customer"),
            models.Index(fields=["created_at"], name="sales_prospect_created"),
        ]

    def __str__(self) -> str:
        return str(self.customer)

    @property
    def car(self) -> str:
        """The car of interest, as a person says it."""
        return car_name(brand=self.brand, series=self.series, model=self.model, variant=self.variant)

    @property
    def is_open(self) -> bool:
        return self.state == ProspectState.OPEN

    def is_overdue(self, today: date) -> bool:
        """Whether the planned contact should have happened before `today`."""
        return self.is_open and self.next_contact_on is not None and self.next_contact_on < today


class ContactChannel(models.TextChoices):
    """By what we spoke."""

    PHONE = "phone", _("Telephone")
    WECHAT = "wechat", _("WeChat")
    SHOWROOM = "showroom", _("In the showroom")
    VISIT = "visit", _("At the customer's")
    SMS = "sms", _("Text message")
    EMAIL = "email", _("E-mail")


class ContactResult(models.TextChoices):
    """What came of it."""

    INTERESTED = "interested", _("Interested")
    APPOINTMENT = "appointment", _("Comes to the showroom")
    THINKING = "thinking", _("Wants to think")
    LATER = "later", _("Buys later")
    NOT_REACHED = "not_reached", _("Not reached")
    WRONG_NUMBER = "wrong_number", _("Wrong number")
    BOUGHT_ELSEWHERE = "bought_elsewhere", _("Bought elsewhere")


#: Results in which nobody was spoken to.
NOT_SPOKEN = frozenset({ContactResult.NOT_REACHED, ContactResult.WRONG_NUMBER})


class FollowUp(models.Model):
    """One dated contact with its result and the plan for the next one (R-LEAD-10, item 11). Tier: dealership."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    prospect = models.ForeignKey(Prospect, models.PROTECT, related_name="follow_ups")
    by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    at = models.DateTimeField(_("Time"))
    recorded_at = models.DateTimeField(db_default=Now())
    channel = models.CharField(_("By"), max_length=12, choices=ContactChannel.choices)
    result = models.CharField(_("Result"), max_length=20, choices=ContactResult.choices)
    note = models.TextField(_("Note"), blank=True)
    next_on = models.DateField(_("Next contact"), null=True)
    next_plan = models.CharField(_("Plan"), max_length=200, blank=True)

    class Meta:
        ordering = ("-at", "id")
        indexes = [
            models.Index(fields=["prospect", "-at"], name="sales_followup_prospect"),
            models.Index(fields=["-at"], name="sales_followup_at"),
        ]

    def __str__(self) -> str:
        return f"{self.prospect_id} {self.result}"


class TestDriveState(models.TextChoices):
    BOOKED = "booked", _("Booked")
    DONE = "done", _("Done")
    CANCELLED = "cancelled", _("Cancelled")
    NO_SHOW = "no_show", _("Did not come")


TEST_DRIVE_TRANSITIONS: dict[str, frozenset[str]] = {
    TestDriveState.BOOKED: frozenset({TestDriveState.DONE, TestDriveState.CANCELLED, TestDriveState.NO_SHOW}),
    TestDriveState.DONE: frozenset(),
    TestDriveState.CANCELLED: frozenset(),
    TestDriveState.NO_SHOW: frozenset(),
}


class TestDriveResult(models.TextChoices):
    LIKED = "liked", _("Liked it")
    UNDECIDED = "undecided", _("Undecided")
    DISLIKED = "disliked", _("Did not like it")


class TestDrive(models.Model):
    """A drive in a car the customer may buy; only with a driving licence seen. Tier: dealership."""

    __test__ = False

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    prospect = models.ForeignKey(Prospect, models.PROTECT, related_name="test_drives")
    vehicle = models.ForeignKey(StockVehicle, models.PROTECT, null=True, related_name="+", verbose_name=_("Car"))
    by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    state = models.CharField(_("State"), max_length=10, choices=TestDriveState.choices, default=TestDriveState.BOOKED)
    scheduled_at = models.DateTimeField(_("Time"))
    minutes = models.PositiveSmallIntegerField(_("Minutes"), default=45)
    car = models.CharField(_("Car"), max_length=200, blank=True)
    licence_seen = models.BooleanField(_("Driving licence seen"), default=False)
    driven_at = models.DateTimeField(null=True)
    route = models.CharField(_("Route"), max_length=120, blank=True)
    result = models.CharField(_("Impression"), max_length=12, choices=TestDriveResult.choices, blank=True)
    note = models.TextField(_("Note"), blank=True)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ("-scheduled_at", "id")
        indexes = [
            models.Index(fields=["-scheduled_at", "id"], name="sales_testdrive_newest"),
            models.Index(fields=["state", "scheduled_at"], name="sales_testdrive_state"),
            models.Index(fields=["prospect", "-scheduled_at"], name="sales_testdrive_prospect"),
            models.Index(fields=["vehicle", "scheduled_at"], name="sales_testdrive_vehicle"),
        ]

    def __str__(self) -> str:
        return f"{self.car} {self.scheduled_at:%Y-%m-%d %H:%M}"

    @property
    def title(self) -> str:
        """The car in the reader's language; one that is not of the stock as it was written down."""
        return self.vehicle.car if self.vehicle is not None else self.car


# -- quotation and contract -------------------------------------------------------------------------


class QuotationState(models.TextChoices):
    OPEN = "open", _("Open")
    REPLACED = "replaced", _("Replaced")
    ACCEPTED = "accepted", _("Accepted")
    REFUSED = "refused", _("Refused")


QUOTATION_TRANSITIONS: dict[str, frozenset[str]] = {
    QuotationState.OPEN: frozenset({QuotationState.REPLACED, QuotationState.ACCEPTED, QuotationState.REFUSED}),
    QuotationState.REPLACED: frozenset(),
    # The contract made from it was rejected or cancelled: the offer stands again.
    QuotationState.ACCEPTED: frozenset({QuotationState.OPEN}),
    QuotationState.REFUSED: frozenset(),
}


class Quotation(models.Model):
    """An offer in writing; a new version replaces the one before (R-ORD-01). Amounts with tax, in `currency`.

    `total` = the lines' amounts summed; a discount is a line below zero. It binds until `valid_until`, that day
    included. Tier: dealership.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    serial = IdentityField()
    prospect = models.ForeignKey(Prospect, models.PROTECT, related_name="quotations")
    version = models.PositiveSmallIntegerField(_("Version"))
    state = models.CharField(_("State"), max_length=10, choices=QuotationState.choices, default=QuotationState.OPEN)
    by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    vehicle = models.ForeignKey(
        StockVehicle, models.PROTECT, null=True, related_name="+", verbose_name=_("Car in stock")
    )
    brand = models.CharField(_("Brand"), max_length=200)
    series = models.CharField(_("Series"), max_length=200, blank=True)
    model = models.CharField(_("Model"), max_length=200, blank=True)
    variant = models.CharField(_("Variant"), max_length=200, blank=True)
    colour = models.CharField(_("Colour"), max_length=40, blank=True)
    currency = models.CharField(max_length=3, default=DEFAULT_CURRENCY)
    list_price = models.DecimalField(_("List price"), max_digits=14, decimal_places=2)
    discount = models.DecimalField(_("Discount"), max_digits=14, decimal_places=2)
    total = models.DecimalField(_("Total"), max_digits=14, decimal_places=2)
    valid_until = models.DateField(_("Valid until"))
    note = models.TextField(_("Note"), blank=True)
    created_at = models.DateTimeField(_("Made"))
    updated_at = models.DateTimeField()

    class Meta:
        ordering = ("-created_at", "id")
        constraints = [models.UniqueConstraint(fields=["prospect", "version"], name="sales_quotation_version")]
        indexes = [
            models.Index(fields=["-created_at", "id"], name="sales_quotation_newest"),
            models.Index(fields=["state", "-created_at"], name="sales_quotation_state"),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def number(self) -> str:
        """What stands on the paper: Q and the running number."""
        return f"Q{self.serial:06d}"

    @property
    def car(self) -> str:
        return car_name(brand=self.brand, series=self.series, model=self.model, variant=self.variant)

    def has_run_out(self, today: date) -> bool:
        return self.state == QuotationState.OPEN and self.valid_until < today


class LineKind(models.TextChoices):
    VEHICLE = "vehicle", _("Car")
    OPTION = "option", _("Option")
    DISCOUNT = "discount", _("Discount")
    INSURANCE = "insurance", _("Insurance")
    SERVICE = "service", _("Service")
    GIFT = "gift", _("Gift")


class QuotationLine(models.Model):
    """One line of a quotation; `amount` is below zero for a discount. Tier: dealership."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    quotation = models.ForeignKey(Quotation, models.CASCADE, related_name="lines")
    place = models.PositiveSmallIntegerField()
    kind = models.CharField(max_length=10, choices=LineKind.choices)
    text = models.CharField(max_length=200)
    amount = models.DecimalField(max_digits=14, decimal_places=2)

    class Meta:
        ordering = ("quotation", "place")
        constraints = [models.UniqueConstraint(fields=["quotation", "place"], name="sales_line_place")]

    def __str__(self) -> str:
        return self.text


class ContractState(models.TextChoices):
    """Sign 签订, approve 审批, execute 执行 (R-ORD-04 … 06)."""

    SIGNED = "signed", _("Waits for approval")
    APPROVED = "approved", _("Approved")
    REJECTED = "rejected", _("Rejected")
    EXECUTED = "executed", _("Executed")
    CANCELLED = "cancelled", _("Cancelled")


CONTRACT_TRANSITIONS: dict[str, frozenset[str]] = {
    ContractState.SIGNED: frozenset({ContractState.APPROVED, ContractState.REJECTED, ContractState.CANCELLED}),
    ContractState.APPROVED: frozenset({ContractState.EXECUTED, ContractState.CANCELLED}),
    ContractState.REJECTED: frozenset(),
    ContractState.EXECUTED: frozenset(),
    ContractState.CANCELLED: frozenset(),
}
#: A prospect has at most one contract in these states.
LIVE_CONTRACT_STATES = frozenset({ContractState.SIGNED, ContractState.APPROVED, ContractState.EXECUTED})


class SalesContract(models.Model):
    """The contract made from a quotation. `signed_by` signed for the dealership; whoever approves is somebody else.

    Amounts with tax, in `currency`. Tier: dealership.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    serial = IdentityField()
    prospect = models.ForeignKey(Prospect, models.PROTECT, related_name="contracts")
    quotation = models.ForeignKey(Quotation, models.PROTECT, related_name="contracts")
    vehicle = models.ForeignKey(StockVehicle, models.PROTECT, null=True, related_name="+", verbose_name=_("Car"))
    state = models.CharField(_("State"), max_length=10, choices=ContractState.choices, default=ContractState.SIGNED)
    total = models.DecimalField(_("Total"), max_digits=14, decimal_places=2)
    discount = models.DecimalField(_("Discount"), max_digits=14, decimal_places=2)
    currency = models.CharField(max_length=3, default=DEFAULT_CURRENCY)
    signed_on = models.DateField(_("Signed on"))
    signed_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    delivery_planned_on = models.DateField(_("Delivery planned on"), null=True)
    decided_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    decided_at = models.DateTimeField(null=True)
    decision_note = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        ordering = ("-created_at", "id")
        constraints = [
            models.UniqueConstraint(
                fields=["prospect"],
                condition=models.Q(state__in=["signed", "approved", "executed"]),
                name="sales_contract_one_live",
            )
        ]
        indexes = [
            models.Index(fields=["-created_at", "id"], name="sales_contract_newest"),
            models.Index(fields=["state", "-created_at"], name="sales_contract_state"),
            models.Index(fields=["signed_on"], name="sales_contract_signed"),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def number(self) -> str:
        """What stands on the paper: SC and the running number."""
        return f"SC{self.serial:06d}"


class InstalmentKind(models.TextChoices):
    DEPOSIT = "deposit", _("Deposit")
    LOAN = "loan", _("Loan")
    BALANCE = "balance", _("Balance")


class Instalment(models.Model):
    """One payment of a contract's collection plan (R-ORD-08); in the contract's currency. Tier: dealership."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    contract = models.ForeignKey(SalesContract, models.PROTECT, related_name="instalments")
    kind = models.CharField(max_length=8, choices=InstalmentKind.choices)
    due_on = models.DateField(_("Due on"))
    amount = models.DecimalField(_("Amount"), max_digits=14, decimal_places=2)
    paid_on = models.DateField(_("Paid on"), null=True)

    class Meta:
        ordering = ("contract", "due_on", "id")
        indexes = [
            models.Index(fields=["due_on"], name="sales_instalment_due", condition=models.Q(paid_on__isnull=True))
        ]

    def __str__(self) -> str:
        return f"{self.due_on} {self.amount}"


class Delivery(models.Model):
    """The hand-over of a car to its buyer; the warranty begins on `delivered_on`. Odometer in km. Tier: dealership."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    contract = models.OneToOneField(SalesContract, models.PROTECT, related_name="delivery")
    prospect = models.ForeignKey(Prospect, models.PROTECT, related_name="deliveries")
    vehicle = models.OneToOneField(StockVehicle, models.PROTECT, related_name="delivery")
    vin = models.CharField(_("VIN"), max_length=17)
    delivered_on = models.DateField(_("Delivered on"))
    odometer_km = models.PositiveIntegerField(_("Odometer, km"))
    plate = models.CharField(_("Plate"), max_length=16, blank=True)
    checklist = models.JSONField(default=list)
    note = models.TextField(_("Note"), blank=True)
    by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField()

    class Meta:
        ordering = ("-delivered_on", "-created_at", "id")
        indexes = [models.Index(fields=["-delivered_on"], name="sales_delivery_day")]

    def __str__(self) -> str:
        return self.vin


class ChecklistItem(models.TextChoices):
    """What is handed over or explained at a delivery (R-SALES-06)."""

    KEYS = "keys", _("Both keys handed over")
    PAPERS = "papers", _("Invoice, certificate and manuals handed over")
    WARRANTY = "warranty", _("Warranty and Three Guarantees explained")
    OPERATION = "operation", _("Operation shown")
    MAINTENANCE = "maintenance", _("First service explained")
    INSPECTION = "inspection", _("Car inspected together")
