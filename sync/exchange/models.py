"""The mailbox tables: the same in the manufacturer's schema and in every dealership's.

The ledger is the sender's memory of what left and what stayed, never deleted; the payload stands apart so that
erasure and retention can blank it. The inbox is the receiver's. Order is kept within a subject, by `seq`.
"""

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from exchange.chain.models import Anchor, Check, Seal
from kernel.contracts import Level, Purpose
from kernel.fields import IdentityField
from kernel.ids import new_id
from kernel.moving.rules import Moves
from kernel.tenancy.grants import Grants

__all__ = [
    "INBOX_TRANSITIONS",
    "LEDGER_TRANSITIONS",
    "Anchor",
    "Check",
    "Inbox",
    "InboxPayload",
    "InboxState",
    "Ledger",
    "LedgerState",
    "Payload",
    "Seal",
    "Subject",
    "Watermark",
]


class LedgerState(models.TextChoices):
    RECORDED = "recorded", _("Waiting to be delivered")
    DELIVERED = "delivered", pgettext_lazy("message", "Delivered")
    APPLIED = "applied", _("Arrived and applied")
    STOPPED = "stopped", _("Stopped before delivery")
    WITHHELD = "withheld", _("Nothing left")
    REFUSED = "refused", _("Refused by the receiver")
    SKIPPED = "skipped", _("Skipped by the receiver")


#: Which state may follow which in the ledger.
LEDGER_TRANSITIONS = {
    LedgerState.RECORDED: {LedgerState.DELIVERED, LedgerState.STOPPED},
    LedgerState.DELIVERED: {LedgerState.APPLIED, LedgerState.REFUSED, LedgerState.SKIPPED},
    LedgerState.REFUSED: {LedgerState.APPLIED, LedgerState.SKIPPED},
    LedgerState.APPLIED: set(),
    LedgerState.STOPPED: set(),
    LedgerState.WITHHELD: set(),
    LedgerState.SKIPPED: set(),
}


class Ledger(models.Model):
    """One message, or one decision that nothing leaves. `event_at` is when it happened; `recorded_at`, `delivered_at`
    and `applied_at` are when the database saw it written down, carried over and answered."""

    grants = Grants(
        own="ra",
        own_update=("state", "reason", "applied_at", "subject_label"),  # erasure blanks the label
        courier="r",
        courier_update=("state", "delivered_at", "seal"),
    )

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    number = IdentityField()
    contract = models.CharField(max_length=40)
    version = models.PositiveSmallIntegerField()
    receiver = models.UUIDField()
    subject = models.UUIDField()
    #: Place within (receiver, subject); empty for what was withheld, which takes no place.
    seq = models.BigIntegerField(null=True)
    subject_label = models.CharField(max_length=120, blank=True, default="")
    purpose = models.CharField(max_length=24, choices=Purpose)
    agreement_version = models.CharField(max_length=40, blank=True, default="")
    level = models.CharField(max_length=16, choices=Level)
    #: Names of the fields that left.
    released = models.JSONField(default=list)
    #: Field → code of the reason (exchange.gate.Reason) for every field that stayed.
    withheld = models.JSONField(default=dict)
    #: The rule path by which the gate decided, with its inputs: enough to decide again.
    path = models.JSONField(default=list)
    #: SHA-256 over a salt and the payload; proves what left without holding it.
    commitment = models.CharField(max_length=64, blank=True, default="")
    state = models.CharField(max_length=12, choices=LedgerState, default=LedgerState.RECORDED)
    reason = models.CharField(max_length=200, blank=True, default="")
    actor_name = models.CharField(max_length=120, blank=True, default="")
    event_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())
    delivered_at = models.DateTimeField(null=True)
    applied_at = models.DateTimeField(null=True)
    #: The batch of the chain in which the row has its place (exchange.chain); the courier writes it, once.
    seal = models.BigIntegerField(null=True, editable=False)

    class Meta:
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["receiver", "subject", "seq"], name="exchange_ledger_place"),
        ]
        indexes = [
            models.Index(fields=["number"], condition=models.Q(state="recorded"), name="exchange_ledger_waiting"),
            models.Index(fields=["contract", "-number"], name="exchange_ledger_contract"),
            models.Index(fields=["subject", "number"], name="exchange_ledger_subject"),
            models.Index(fields=["state", "-number"], name="exchange_ledger_state"),
            models.Index(fields=["number"], condition=models.Q(seal__isnull=True), name="exchange_ledger_unsealed"),
        ]

    def __str__(self) -> str:
        return f"{self.contract} {self.subject_label or self.subject}"


class Payload(models.Model):
    """What left, as it left; `id` is the message's. Erasure deletes the row and leaves the ledger whole."""

    grants = Grants(own="rad", courier="r")

    id = models.UUIDField(primary_key=True)
    salt = models.CharField(max_length=32)
    body = models.JSONField()


class InboxState(models.TextChoices):
    RECEIVED = "received", _("Received")
    APPLIED = "applied", _("Applied")
    REFUSED = "refused", _("Refused: a person must decide")
    SKIPPED = "skipped", _("Skipped by a person")
    PARKED = "parked", _("Parked: this release does not know it")


INBOX_TRANSITIONS = {
    # What its sender took back before it was applied is left aside by the exchange itself.
    InboxState.RECEIVED: {InboxState.APPLIED, InboxState.REFUSED, InboxState.PARKED, InboxState.SKIPPED},
    InboxState.REFUSED: {InboxState.RECEIVED, InboxState.SKIPPED},
    InboxState.PARKED: {InboxState.RECEIVED, InboxState.SKIPPED},
    InboxState.APPLIED: set(),
    InboxState.SKIPPED: set(),
}


class Inbox(models.Model):
    """One message as it arrived. Its id is the sender's: a second delivery of it has no effect, for ever."""

    grants = Grants(
        own="r",
        own_update=("state", "reason", "detail", "attempts", "applied_at"),
        courier="ra",
    )

    id = models.UUIDField(primary_key=True)
    number = IdentityField()
    contract = models.CharField(max_length=40)
    version = models.PositiveSmallIntegerField()
    sender = models.UUIDField()
    subject = models.UUIDField()
    seq = models.BigIntegerField()
    purpose = models.CharField(max_length=24, choices=Purpose)
    agreement_version = models.CharField(max_length=40, blank=True, default="")
    level = models.CharField(max_length=16, choices=Level)
    commitment = models.CharField(max_length=64, blank=True, default="")
    event_at = models.DateTimeField()
    received_at = models.DateTimeField(db_default=Now())
    state = models.CharField(max_length=12, choices=InboxState, default=InboxState.RECEIVED, db_default="received")
    reason = models.CharField(max_length=60, blank=True, default="", db_default="")
    detail = models.TextField(blank=True, default="", db_default="")
    attempts = models.PositiveSmallIntegerField(default=0, db_default=0)
    applied_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["sender", "subject", "seq"], name="exchange_inbox_place"),
        ]
        indexes = [
            models.Index(fields=["number"], condition=models.Q(state="received"), name="exchange_inbox_waiting"),
            models.Index(
                fields=["sender", "subject", "seq"],
                condition=models.Q(state__in=["refused", "parked"]),
                name="exchange_inbox_stuck",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.contract} {self.id}"


class InboxPayload(models.Model):
    """What arrived; `id` is the message's."""

    grants = Grants(own="rd", courier="ra")
    #: Before it is applied, an offer's payload names a person whom nobody here may read yet.
    moves = Moves(
        only="EXISTS (SELECT 1 FROM {schema}.exchange_inbox i WHERE i.id = t.id AND i.contract <> 'SalesLead')",
        why="offers of leads name people who are not this dealership's customers before it has accepted",
    )

    id = models.UUIDField(primary_key=True)
    body = models.JSONField()


class Subject(models.Model):
    """The counter of a subject. Its row lock makes senders of one subject take turns."""

    receiver = models.UUIDField()
    subject = models.UUIDField()
    last = models.BigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["receiver", "subject"], name="exchange_subject_one")]


class Watermark(models.Model):
    """Up to when a sender's mailbox was seen to be empty: everything it had committed before has arrived here."""

    grants = Grants(own="r", courier="raw")

    sender = models.UUIDField(primary_key=True)
    drained_at = models.DateTimeField()


class Holdup(models.Model):
    """That a receiver takes no more for now: its inbox holds more than it can work off soon (`exchange.pressure`)."""

    grants = Grants(own="r", courier="rawd")
    moves = Moves(stays="the courier finds it anew")

    receiver = models.UUIDField(primary_key=True)
    since = models.DateTimeField(db_default=Now())


class Reconciliation(models.Model):
    """The last comparison of what went to and came from one other member, which the courier makes every hour.

    `differences` are the first of `found` in all: `message`, `contract`, `difference` (exchange.failures) and `way`,
    `sent` or `received` as seen from here. `wanted_at`: since when somebody wants them delivered again.
    """

    grants = Grants(own="r", own_update=("wanted_at",), courier="raw")
    moves = Moves(stays="the courier compares anew")

    member = models.UUIDField(primary_key=True)
    at = models.DateTimeField()
    compared = models.PositiveIntegerField(default=0)
    found = models.PositiveIntegerField(default=0)
    differences = models.JSONField(default=list)
    wanted_at = models.DateTimeField(null=True)
    replayed_at = models.DateTimeField(null=True)
    replayed = models.PositiveIntegerField(default=0)
