"""Tables of `dealer.sharing`: what was signed, what is in force, how it changed, and what each message was about."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import get_language, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from kernel.contracts import Level, Purpose, ReadingFor, ReadingHow, ReadingOf
from kernel.contracts.agreements import Term
from kernel.fields import IdentityField
from kernel.ids import new_id
from kernel.tenancy import manufacturer
from kernel.tenancy.grants import Grants


class AgreementState(models.TextChoices):
    PROPOSED = "proposed", _("Waiting for your signature")
    SIGNED = "signed", _("In force")
    REPLACED = "replaced", _("Replaced by a later version")
    ENDED = "ended", _("Ended")
    WITHDRAWN = "withdrawn", _("Taken back by the manufacturer")


AGREEMENT_TRANSITIONS = {
    AgreementState.PROPOSED: {AgreementState.SIGNED, AgreementState.REPLACED, AgreementState.WITHDRAWN},
    AgreementState.SIGNED: {AgreementState.REPLACED, AgreementState.ENDED},
    AgreementState.ENDED: {AgreementState.SIGNED, AgreementState.REPLACED},
    AgreementState.REPLACED: set(),
    AgreementState.WITHDRAWN: set(),
}


class EndReason(models.TextChoices):
    """Why an agreement in force ends."""

    LATER_VERSION = "later_version", _("A later version waits for your signature.")
    DEALERSHIP = "dealership", _("You have ended it.")
    MANUFACTURER = "manufacturer", _("The manufacturer has ended it.")


class Agreement(models.Model):
    """One version of the sharing agreement at this dealership.

    `title` and `text` are by language, `terms` as `kernel.contracts.agreements.Term.to_json` wrote them; `text_hash`
    is the digest of all of it, the same on both sides. `proposal_id` is the manufacturer's proposal (None: the built-in
    text of joining). An agreement in force may have an end, `ends_at`, from which on nothing leaves under it, whether
    anybody has written that down or not. `told_at` is when the manufacturer was last told what is in force.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    version = models.CharField(_("Version"), max_length=40, unique=True)
    title = models.JSONField()
    text = models.JSONField()
    terms = models.JSONField()
    text_hash = models.CharField(max_length=64)
    notice_days = models.PositiveSmallIntegerField(default=90)
    state = models.CharField(_("State"), max_length=10, choices=AgreementState.choices, default=AgreementState.PROPOSED)
    manufacturer_name = models.CharField(max_length=120)
    published_on = models.DateField()
    received_at = models.DateTimeField()
    signed_at = models.DateTimeField(null=True)
    signed_by_id = models.UUIDField(null=True)
    signed_by_name = models.CharField(max_length=120, blank=True)
    signed_by_role = models.CharField(max_length=32, blank=True)
    recorded_at = models.DateTimeField(db_default=Now())
    proposal_id = models.UUIDField(null=True)
    valid_from = models.DateField(null=True)
    ends_at = models.DateTimeField(null=True)
    end_reason = models.CharField(max_length=16, null=True, choices=EndReason.choices)
    told_at = models.DateTimeField(null=True)

    grants = Grants(
        own="ra",
        own_update=(
            "state",
            "signed_at",
            "signed_by_id",
            "signed_by_name",
            "signed_by_role",
            "ends_at",
            "end_reason",
            "told_at",
        ),
    )

    class Meta:
        ordering = ("-received_at", "id")

    def __str__(self) -> str:
        return f"{self.in_words(self.title)} {self.version}"

    @staticmethod
    def in_words(by_language: dict[str, Any]) -> str:
        """The words in the language in force."""
        return str(by_language.get(get_language() or "en") or by_language["en"])

    def is_over(self, now: datetime) -> bool:
        """Whether nothing may leave under it any more."""
        return self.ends_at is not None and self.ends_at <= now

    def days_left(self, now: datetime) -> int | None:
        """Days until it ends, begun ones counted whole; None when it has no end."""
        if self.ends_at is None:
            return None
        return max(0, -((now - self.ends_at) // timedelta(days=1)))

    @property
    def can_be_signed(self) -> bool:
        """It waits for a signature, or the dealership itself ended it and may sign it again."""
        return self.state == AgreementState.PROPOSED or (
            self.state == AgreementState.ENDED and self.end_reason == EndReason.DEALERSHIP
        )

    @property
    def asked(self) -> list[Term]:
        """The terms as both tiers know them."""
        return [Term.from_json(term) for term in self.terms]

    @property
    def words(self) -> str:
        return self.in_words(self.text)

    @property
    def manufacturer(self) -> str:
        """The other side's name as the reader knows it."""
        return manufacturer.in_words(self.manufacturer_name)


class Grant(models.Model):
    """What is in force for one contract and purpose: the manufacturer's template and this dealership's ceiling.

    The row is locked while a level changes; whatever shares reads it with a weaker lock, so that nothing decided
    under the level before can be written after the change.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    agreement = models.ForeignKey(Agreement, models.PROTECT, related_name="agreement_grants")
    contract = models.CharField(max_length=40)
    purpose = models.CharField(max_length=20, choices=Purpose.choices)
    template = models.CharField(max_length=12, choices=Level.choices)
    ceiling = models.CharField(max_length=12, choices=Level.choices)
    required = models.BooleanField(default=False)
    fields_denied = models.JSONField(default=list)
    retention_days = models.PositiveIntegerField(null=True)
    recipients = models.JSONField(default=list, db_default=models.Value([], models.JSONField()))
    changed_at = models.DateTimeField()
    changed_by_name = models.CharField(max_length=120, blank=True)

    class Meta:
        ordering = ("contract", "purpose")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["contract", "purpose"], name="sharing_grant_one"),
        ]

    def __str__(self) -> str:
        return f"{self.contract} / {self.purpose}"

    @property
    def term(self) -> Term:
        """What the manufacturer may have now, as a term: for comparing with what it proposes."""
        return Term(
            contract=self.contract,
            purpose=Purpose(self.purpose),
            level=Level(self.template),
            required=self.required,
            joining_ceiling=Level(self.ceiling),
            fields_denied=tuple(self.fields_denied),
            retention_days=self.retention_days,
            recipients=tuple(self.recipients),
        )

    @property
    def level(self) -> Level:
        """The level in force, before any customer's consent and the law."""
        if self.required:
            return Level(self.template)
        return min(Level(self.template), Level(self.ceiling))


class LevelChange(models.Model):
    """One change of a level. Rows are added, never changed."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    number = IdentityField()
    grant = models.ForeignKey(Grant, models.PROTECT, related_name="changes")
    agreement_version = models.CharField(max_length=40)
    before = models.CharField(max_length=12, choices=Level.choices, blank=True)
    after = models.CharField(max_length=12, choices=Level.choices)
    stopped = models.PositiveIntegerField(default=0)
    at = models.DateTimeField()
    by_id = models.UUIDField(null=True)
    by_name = models.CharField(max_length=120, blank=True)
    note = models.CharField(max_length=300, blank=True)
    recorded_at = models.DateTimeField(db_default=Now())

    grants = Grants(own="ra", own_update=("note",))

    class Meta:
        ordering = ("-number",)
        indexes: ClassVar = [models.Index(fields=["grant", "-number"], name="sharing_change_newest")]

    def __str__(self) -> str:
        return f"{self.before} → {self.after}"


class Disclosure(models.Model):
    """What a row of the exchange's ledger was about, in this dealership's own terms. Its id is the ledger row's.

    The ledger names a subject that only the exchange understands; here stand the record's and the customer's ids.
    `day` is the local day on which it was decided, `dimension` the value that daily counts are cut by, `counted`
    whether it waits for (or was in) the daily counts.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    contract = models.CharField(max_length=40)
    purpose = models.CharField(max_length=20, choices=Purpose.choices)
    record_id = models.UUIDField()
    customer_id = models.UUIDField(null=True)
    day = models.DateField()
    dimension = models.CharField(max_length=60, blank=True)
    counted = models.BooleanField(default=False)

    grants = Grants(own="ra")

    class Meta:
        ordering = ("-day", "id")
        indexes: ClassVar = [
            models.Index(fields=["record_id"], name="sharing_disclosure_record"),
            models.Index(
                fields=["customer_id"],
                name="sharing_disclosure_customer",
                condition=models.Q(customer_id__isnull=False),
            ),
            models.Index(
                fields=["day", "contract"], name="sharing_disclosure_counted", condition=models.Q(counted=True)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.contract} {self.record_id}"


class CountReport(models.Model):
    """That the daily counts of one contract, purpose and day were sent: once, and never cut anew."""

    contract = models.CharField(max_length=40)
    purpose = models.CharField(max_length=20, choices=Purpose.choices)
    day = models.DateField()
    ledger_id = models.UUIDField()
    recorded_at = models.DateTimeField(db_default=Now())

    grants = Grants(own="ra")

    class Meta:
        ordering = ("-day", "contract", "purpose")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["contract", "purpose", "day"], name="sharing_count_report_once")
        ]

    def __str__(self) -> str:
        return f"{self.contract} {self.day}"


class BackfillState(models.TextChoices):
    RUNNING = "running", pgettext_lazy("backfill", "Under way")
    FINISHED = "finished", pgettext_lazy("backfill", "Done")
    STOPPED = "stopped", pgettext_lazy("backfill", "Stopped")


BACKFILL_TRANSITIONS = {
    BackfillState.RUNNING: {BackfillState.FINISHED, BackfillState.STOPPED},
    BackfillState.FINISHED: set(),
    BackfillState.STOPPED: set(),
}


class Backfill(models.Model):
    """That this dealership's records from before are shared as well: those from the local day `since` on that existed
    when it was started. `place_at` and `place_id` are the last record it came to, in the order of the records.

    Of `total` records as counted at the start, `looked_at` were come to: `sent` left, `known` had left before at this
    level or a higher one, and of `kept` nothing may leave.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    grant = models.ForeignKey(Grant, models.PROTECT, related_name="backfills")
    since = models.DateField(_("From"))
    state = models.CharField(_("State"), max_length=10, choices=BackfillState, default=BackfillState.RUNNING)
    place_at = models.DateTimeField(null=True)
    place_id = models.UUIDField(null=True)
    total = models.PositiveIntegerField()
    looked_at = models.PositiveIntegerField(default=0)
    sent = models.PositiveIntegerField(default=0)
    known = models.PositiveIntegerField(default=0)
    kept = models.PositiveIntegerField(default=0)
    #: The newest row of the ledger when it began: what left since is its own doing, or live.
    ledger_number = models.BigIntegerField(default=0)
    started_at = models.DateTimeField()
    started_by_id = models.UUIDField(null=True)
    started_by_name = models.CharField(max_length=120, blank=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-started_at", "id")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["grant"], condition=models.Q(state="running"), name="sharing_backfill_one_running"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.grant} {self.since}"

    @property
    def percent(self) -> int:
        """How far it is, 0 to 100."""
        return min(100, self.looked_at * 100 // self.total) if self.total else 100


class Comparison(models.Model):
    """One closed month beside the network's: `own` and what of it was `given` (null: too few cases), by code of the
    figure, and the lines of `BenchmarkReport` as they came (null until then). `month` is its first day.
    """

    month = models.DateField(primary_key=True)
    own = models.JSONField(default=dict)
    given = models.JSONField(default=dict)
    given_at = models.DateTimeField(null=True)
    network = models.JSONField(null=True)
    floor = models.PositiveSmallIntegerField(null=True)
    message = models.UUIDField(null=True)
    received_at = models.DateTimeField(null=True)
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ("-month",)

    def __str__(self) -> str:
        return f"{self.month:%Y-%m}"


class How(models.TextChoices):
    """The contract's `ReadingHow` in words."""

    OPENED = ReadingHow.OPENED.value, pgettext_lazy("reading", "Opened")
    LISTED = ReadingHow.LISTED.value, pgettext_lazy("reading", "Seen in a list")
    EXPORTED = ReadingHow.EXPORTED.value, pgettext_lazy("reading", "Taken away as a file")


class Of(models.TextChoices):
    """The contract's `ReadingOf` in words."""

    OWNERS = ReadingOf.OWNERS.value, pgettext_lazy("reading", "Owners")
    VEHICLE = ReadingOf.VEHICLE.value, pgettext_lazy("reading", "A car")


class For(models.TextChoices):
    """The contract's `ReadingFor` in words."""

    CUSTOMER_CARE = ReadingFor.CUSTOMER_CARE.value, pgettext_lazy("reading", "Customer care")
    WARRANTY = ReadingFor.WARRANTY.value, pgettext_lazy("reading", "Warranty")
    DATA_PROTECTION = ReadingFor.DATA_PROTECTION.value, pgettext_lazy("reading", "Data protection")


class Reading(models.Model):
    """One time that somebody at the manufacturer looked at what this dealership shared, as the manufacturer says.

    Its id is the manufacturer's, so that the same never counts twice. `reader` is the manufacturer's own id of the
    person; `owner_keys` are ids of customers here, or codes that left in their place. Rows are added, never changed.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    number = IdentityField()
    at = models.DateTimeField()
    reader = models.UUIDField()
    reader_role = models.CharField(max_length=40)
    reading_for = models.CharField(max_length=20, choices=For)
    how = models.CharField(max_length=10, choices=How)
    of = models.CharField(max_length=10, choices=Of)
    purpose = models.CharField(max_length=20, choices=Purpose.choices)
    rows = models.PositiveIntegerField()
    searched_by = models.JSONField(default=list)
    vin = models.CharField(max_length=28, blank=True)
    owner_keys = models.JSONField(default=list)
    message = models.UUIDField()
    recorded_at = models.DateTimeField(db_default=Now())

    grants = Grants(own="ra")

    class Meta:
        ordering = ("-at", "-number")
        indexes: ClassVar = [
            models.Index(fields=["-at", "-number"], name="sharing_reading_newest"),
            GinIndex(fields=["owner_keys"], name="sharing_reading_owners", opclasses=["jsonb_path_ops"]),
            models.Index(fields=["vin"], name="sharing_reading_vin", condition=~models.Q(vin="")),
        ]

    def __str__(self) -> str:
        return f"{self.reader_role} {self.reader}"


# Tables of nouns that have a package of their own; Django finds models through this module.
from dealer.sharing.erasing.models import Erasure  # noqa: E402 - they build on what stands above
from dealer.sharing.takingback.models import Withdrawal, WithdrawalChoice  # noqa: E402 - they build on what stands above

__all__ = ["Erasure", "Withdrawal", "WithdrawalChoice"]
