"""The lead hub: what arrived, the leads made of it, to whom each was offered and why."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from kernel.contracts import LeadEvent
from kernel.fields import IdentityField
from kernel.ids import new_id
from kernel.tenancy.grants import Grants


class LeadState(models.TextChoices):
    RECEIVED = "received", _("Received")
    NEEDS_REVIEW = "needs_review", _("Needs review")
    ROUTED = "routed", _("Routed")
    OFFERED = "offered", _("Offered")
    ACCEPTED = "accepted", _("Accepted")
    DECLINED = "declined", _("Declined")
    EXPIRED = "expired", _("Not answered in time")
    CONTACTED = "contacted", _("Contacted")
    APPOINTMENT = "appointment", _("Appointment")
    TEST_DRIVE = "test_drive", _("Test drive")
    QUOTED = "quoted", _("Quoted")
    CONTRACTED = "contracted", _("Contract signed")
    WON = "won", _("Won")
    LOST = "lost", _("Lost")
    DUPLICATE = "duplicate", _("Duplicate")
    CLOSED = "closed", _("Closed")


S = LeadState
#: At a dealership and being worked; a later milestone may skip earlier ones.
WORKED = (S.ACCEPTED, S.CONTACTED, S.APPOINTMENT, S.TEST_DRIVE, S.QUOTED, S.CONTRACTED)
ENDED = (S.WON, S.LOST, S.DUPLICATE, S.CLOSED)

#: received → needs_review or routed → offered → accepted, declined or expired → … → won | lost. A lead that nobody took
#: goes back to routed and on to the next dealership; the desk may close whatever is not ended.
TRANSITIONS: dict[str, set[str]] = {
    S.RECEIVED: {S.NEEDS_REVIEW, S.ROUTED, S.DUPLICATE, S.CLOSED},
    S.NEEDS_REVIEW: {S.ROUTED, S.DUPLICATE, S.CLOSED},
    S.ROUTED: {S.OFFERED, S.NEEDS_REVIEW, S.CLOSED},
    S.OFFERED: {S.ACCEPTED, S.DECLINED, S.EXPIRED, S.ROUTED, S.CLOSED},
    S.DECLINED: {S.ROUTED, S.NEEDS_REVIEW, S.CLOSED},
    S.EXPIRED: {S.ROUTED, S.ACCEPTED, S.NEEDS_REVIEW, S.CLOSED},
    **{state: {*WORKED[position + 1 :], S.WON, S.LOST, S.ROUTED, S.CLOSED} for position, state in enumerate(WORKED)},
    S.WON: set(),
    S.LOST: {S.ROUTED},
    S.DUPLICATE: {S.ROUTED},
    S.CLOSED: {S.ROUTED},
}

STATE_OF_EVENT = {
    LeadEvent.ACCEPTED: S.ACCEPTED,
    LeadEvent.DECLINED: S.DECLINED,
    LeadEvent.CONTACTED: S.CONTACTED,
    LeadEvent.APPOINTMENT: S.APPOINTMENT,
    LeadEvent.TEST_DRIVE: S.TEST_DRIVE,
    LeadEvent.QUOTED: S.QUOTED,
    LeadEvent.CONTRACTED: S.CONTRACTED,
    LeadEvent.WON: S.WON,
    LeadEvent.LOST: S.LOST,
    LeadEvent.RETURNED: S.ROUTED,
}


class Door(models.TextChoices):
    ADF = "adf", _("ADF document")
    JSON = "json", _("JSON")
    DESK = "desk", _("Lead desk")


class RawIntake(models.Model):
    """One document as it came; `id` is the receipt. Its bytes stand in `RawBytes`, so that erasure can blank them."""

    grants = Grants(own="ra", own_update=("readable", "issues"))

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    door = models.CharField(max_length=8, choices=Door)
    content_type = models.CharField(max_length=120, blank=True)
    #: SHA-256 of the bytes: a repeated document answers with the same leads.
    sha256 = models.CharField(max_length=64, unique=True)
    size = models.PositiveIntegerField()
    source = models.CharField(max_length=120, blank=True)
    readable = models.BooleanField(default=False)
    issues = models.JSONField(default=list)
    received_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-received_at"]


class RawBytes(models.Model):
    """The bytes of an intake, kept until retention or erasure."""

    grants = Grants(own="rad")

    intake = models.OneToOneField(RawIntake, models.PROTECT, primary_key=True, related_name="raw")
    data = models.BinaryField()


class Lead(models.Model):
    """An expressed interest. The same `id` at the manufacturer and at the dealership that holds it."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    number = IdentityField()
    state = models.CharField(_("State"), max_length=16, choices=LeadState, default=LeadState.RECEIVED)
    intake = models.ForeignKey(RawIntake, models.PROTECT, related_name="leads")
    #: Place in its document, from 0.
    position = models.PositiveSmallIntegerField(default=0)
    issues = models.JSONField(default=list)
    channel = models.CharField(_("Channel"), max_length=40, blank=True)
    source = models.CharField(_("Source"), max_length=120, blank=True)
    #: SHA-256 over name, e-mail, phone, vendor and car: the same wish again.
    fingerprint = models.CharField(max_length=64, blank=True)
    duplicate_of = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="duplicates")
    resent = models.BooleanField(default=False)

    name = models.CharField(_("Name"), max_length=120, blank=True)
    phone = models.CharField(_("Phone"), max_length=40, blank=True)
    email = models.CharField(_("E-mail"), max_length=254, blank=True)
    preferred_time = models.CharField(_("Preferred time"), max_length=40, blank=True)
    province = models.CharField(_("Province"), max_length=2, blank=True)
    city = models.CharField(_("City"), max_length=4, blank=True)
    district = models.CharField(_("District"), max_length=6, blank=True)
    wish_text = models.TextField(_("Wish"), blank=True)
    brand = models.CharField(_("Brand"), max_length=40, blank=True)
    series = models.CharField(_("Series"), max_length=40, blank=True)
    model = models.CharField(_("Model"), max_length=40, blank=True)
    interest = models.CharField(_("Interest"), max_length=12, default="buy")
    budget = models.DecimalField(_("Budget"), max_digits=14, decimal_places=2, null=True, blank=True)
    budget_currency = models.CharField(max_length=3, blank=True, default="")
    window_from = models.DateField(_("Purchase from"), null=True, blank=True)
    window_to = models.DateField(_("Purchase until"), null=True, blank=True)
    vendor_name = models.CharField(_("Wished dealership"), max_length=120, blank=True)
    consent_basis = models.CharField(max_length=40, blank=True)
    consent_text_version = models.CharField(max_length=40, blank=True)

    #: The dealership that holds or last held it (oem.network.Dealership.id).
    dealership = models.UUIDField(null=True, blank=True)
    fence = models.PositiveIntegerField(default=0)
    collected_at = models.DateTimeField()
    received_at = models.DateTimeField()
    offered_at = models.DateTimeField(null=True, blank=True)
    respond_before = models.DateTimeField(null=True, blank=True)
    accepted_at = models.DateTimeField(null=True, blank=True)
    first_response_seconds = models.PositiveIntegerField(null=True, blank=True)
    temperature = models.CharField(max_length=16, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    close_reason = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["-received_at", "-number"]
        constraints = [models.UniqueConstraint(fields=["intake", "position"], name="leads_lead_place")]
        indexes = [
            models.Index(fields=["-received_at", "-number"], name="leads_lead_received"),
            models.Index(fields=["state", "-received_at"], name="leads_lead_state"),
            models.Index(fields=["dealership", "-received_at"], name="leads_lead_dealership"),
            models.Index(fields=["fingerprint", "-received_at"], name="leads_lead_fingerprint"),
            models.Index(fields=["phone"], name="leads_lead_phone"),
            models.Index(fields=["respond_before"], condition=models.Q(state="offered"), name="leads_lead_deadline"),
            models.Index(
                fields=["received_at"], condition=models.Q(state__in=["received", "routed"]), name="leads_lead_todo"
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.number}"


class LeadLine(models.Model):
    """A car spoken of in a lead: wanted, offered in trade, or to be test-driven (ADF `vehicle`)."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    lead = models.ForeignKey(Lead, models.CASCADE, related_name="lines")
    position = models.PositiveSmallIntegerField()
    interest = models.CharField(max_length=12)
    status = models.CharField(max_length=8, blank=True)
    brand = models.CharField(max_length=80, blank=True)
    series = models.CharField(max_length=80, blank=True)
    model = models.CharField(max_length=120, blank=True)
    variant = models.CharField(max_length=120, blank=True)
    year = models.PositiveSmallIntegerField(null=True, blank=True)
    vin = models.CharField(max_length=40, blank=True)
    stock_number = models.CharField(max_length=80, blank=True)
    colour = models.CharField(max_length=80, blank=True)
    odometer_km = models.PositiveIntegerField(null=True, blank=True)
    price = models.DecimalField(max_digits=14, decimal_places=2, null=True, blank=True)
    currency = models.CharField(max_length=3, blank=True)
    comment = models.TextField(blank=True)

    class Meta:
        ordering = ["position"]


class Routing(models.Model):
    """Why a lead went where it went: inputs, candidates with their marks, rules hit. Enough to decide again."""

    grants = Grants(own="ra")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    number = IdentityField()
    lead = models.ForeignKey(Lead, models.CASCADE, related_name="routings")
    rules_version = models.CharField(max_length=40)
    inputs = models.JSONField()
    #: [{"dealership", "slug", "score", "rules": [{"code", "points", …}], "excluded": code or null}], best first.
    candidates = models.JSONField()
    chosen = models.UUIDField(null=True)
    reason = models.CharField(max_length=40)
    decided_by = models.CharField(max_length=120, blank=True)
    at = models.DateTimeField()

    class Meta:
        ordering = ["-number"]


class OfferState(models.TextChoices):
    OPEN = "open", _("Open")
    ACCEPTED = "accepted", _("Accepted")
    DECLINED = "declined", _("Declined")
    EXPIRED = "expired", _("Not answered in time")
    RECALLED = "recalled", _("Recalled")


class Offer(models.Model):
    """A lead offered to one dealership. `fence` grows with every offer of the lead; only the highest counts."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    lead = models.ForeignKey(Lead, models.CASCADE, related_name="offers")
    fence = models.PositiveIntegerField()
    dealership = models.UUIDField()
    state = models.CharField(max_length=12, choices=OfferState, default=OfferState.OPEN)
    offered_at = models.DateTimeField()
    #: When it was really written down: whoever is offered something has its time from then on, too.
    recorded_at = models.DateTimeField(db_default=Now())
    respond_before = models.DateTimeField()
    answered_at = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=60, blank=True)
    reason_text = models.TextField(blank=True)
    #: Whether the dealership knew the person before, and by what, as far as it tells (contract `KnownCustomer`).
    known = models.BooleanField(null=True)
    known_by = models.JSONField(null=True)
    known_message = models.UUIDField(null=True)

    class Meta:
        ordering = ["-fence"]
        constraints = [models.UniqueConstraint(fields=["lead", "fence"], name="leads_offer_fence")]
        indexes = [
            models.Index(fields=["respond_before"], condition=models.Q(state="open"), name="leads_offer_open"),
            models.Index(fields=["dealership", "-offered_at"], name="leads_offer_dealership"),
        ]


class Event(models.Model):
    """The timeline of a lead: what happened here and, as it was told, at the dealership."""

    grants = Grants(own="rad", own_update=("text",))

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    number = IdentityField()
    lead = models.ForeignKey(Lead, models.CASCADE, related_name="events")
    code = models.CharField(max_length=40)
    at = models.DateTimeField()
    dealership = models.UUIDField(null=True)
    fence = models.PositiveIntegerField(null=True)
    by = models.CharField(max_length=120, blank=True)
    reason = models.CharField(max_length=60, blank=True)
    text = models.TextField(blank=True)
    #: The exchange's message, for what a dealership told: applied once.
    message = models.UUIDField(null=True, unique=True)

    class Meta:
        ordering = ["at", "number"]
        indexes = [models.Index(fields=["lead", "at"], name="leads_event_lead")]
