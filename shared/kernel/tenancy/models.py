"""The directory of the network (schema `public`): who is there, under which host, and what the steward does."""

from datetime import timedelta

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from django_tenants.models import DomainMixin, TenantMixin

from kernel import clock
from kernel.ids import new_id
from kernel.tenancy.grants import Grants
from kernel.tenancy.limits import BOUNDS


class CurrentUser(models.Func):
    """The login that speaks."""

    template = "CURRENT_USER"
    output_field = models.CharField()


class Kind(models.TextChoices):
    MANUFACTURER = "manufacturer", _("Manufacturer")
    DEALERSHIP = "dealership", _("Dealership")


class State(models.TextChoices):
    JOINING = "joining", _("Joining")
    ACTIVE = "active", _("Active")
    RETIRED = "retired", _("Retired")
    DROPPED = "dropped", _("Data deleted")


class Tenant(TenantMixin):
    """A member of the network: the manufacturer, or one dealership. `schema_name` is also its login.

    The row outlives its schema: id, slug and name of schema and login are never used twice.
    """

    auto_create_schema = False
    auto_drop_schema = False
    grants = Grants(frontdesk="r", oem="r", courier="r")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    kind = models.CharField(max_length=20, choices=Kind)
    slug = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=120)
    state = models.CharField(max_length=20, choices=State, default=State.JOINING)
    #: The PostgreSQL cluster that holds the schema; one today, named so that there can be several.
    cluster = models.CharField(max_length=40, default="main")
    #: The checksum that an upgrade could not bring this schema to: processes of that release do not serve it.
    fenced_by = models.CharField(max_length=64, blank=True, default="", db_default="")
    created_at = models.DateTimeField(db_default=Now())
    retired_at = models.DateTimeField(null=True, blank=True)
    #: Before this time the steward does not drop the schema of a retired dealership.
    drop_after = models.DateTimeField(null=True, blank=True)
    dropped_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["slug"]

    def __str__(self) -> str:
        return self.name


class Domain(DomainMixin):
    """A host name that leads to a member. Names are lower case, without port."""

    grants = Grants(frontdesk="r", oem="r")

    class Meta:
        ordering = ["domain"]


def _limit(name: str) -> models.PositiveIntegerField:
    least, most = BOUNDS[name]
    return models.PositiveIntegerField(
        null=True, blank=True, validators=[MinValueValidator(least), MaxValueValidator(most)]
    )


class Limits(models.Model):
    """The limits of a dealership that has some of its own; empty ones are the standard (kernel.tenancy.limits)."""

    grants = Grants(frontdesk="r", oem="raw")

    tenant = models.OneToOneField(Tenant, models.PROTECT, primary_key=True, related_name="own_limits")
    requests = _limit("requests")
    statement_seconds = _limit("statement_seconds")
    jobs_at_once = _limit("jobs_at_once")
    jobs_per_minute = _limit("jobs_per_minute")
    storage_mb = _limit("storage_mb")
    exports_per_day = _limit("exports_per_day")
    changed_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["tenant"]
        # The portal's login writes here: whatever it writes, no dealership stands still.
        constraints = [
            models.CheckConstraint(
                condition=models.Q((f"{name}__isnull", True)) | models.Q((f"{name}__range", bounds)),
                name=f"limits_{name}",
            )
            for name, bounds in BOUNDS.items()
        ]


class Usage(models.Model):
    """What a dealership's tables and files take, as the steward measured it."""

    grants = Grants(frontdesk="r", oem="r")

    tenant = models.OneToOneField(Tenant, models.PROTECT, primary_key=True, related_name="usage")
    table_bytes = models.BigIntegerField()
    file_bytes = models.BigIntegerField()
    measured_at = models.DateTimeField()

    class Meta:
        ordering = ["tenant"]


class HostVerb(models.TextChoices):
    ASK = "ask", _("Ask for an address")
    CHECK = "check", _("Look for the record")
    PREFER = "prefer", _("Make it the main address")
    RELEASE = "release", _("Give an address up")


class HostWish(models.Model):
    """What a dealership wishes of the steward about its own host names: one wish at a time, gone once it is taken.

    The only row outside its schema that a dealership's login may write, and it cannot read it back: a policy of the
    table lets in what carries the login's own name (`schema_name`), nothing else.
    """

    grants = Grants(dealers="a")

    schema_name = models.CharField(max_length=63, primary_key=True, db_default=CurrentUser())
    verb = models.CharField(max_length=10, choices=HostVerb)
    host = models.CharField(max_length=253)
    asked_by = models.CharField(max_length=120)
    asked_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["asked_at"]


class HostState(models.TextChoices):
    ASKED = "asked", _("Waiting for the record")
    BOUND = "bound", _("In use")
    RELEASED = "released", _("Given up")
    WITHDRAWN = "withdrawn", _("Withdrawn")
    EXPIRED = "expired", _("Not proved in time")


#: From a state to those that may follow; the steward alone writes them (`steward.domains`).
HOST_TRANSITIONS: dict[str, frozenset[str]] = {
    HostState.ASKED: frozenset({HostState.BOUND, HostState.WITHDRAWN, HostState.EXPIRED}),
    HostState.BOUND: frozenset({HostState.RELEASED}),
    HostState.RELEASED: frozenset(),
    HostState.WITHDRAWN: frozenset(),
    HostState.EXPIRED: frozenset(),
}


class HostClaim(models.Model):
    """One attempt of a dealership to be reached under a host name of its own, and what became of it. Kept for ever.

    Read and written by the steward alone. A dealership reads its own rows through the database function
    `tenancy_own_hosts()` (`kernel.tenancy.hosts.mine`), which answers to the login that asks and gives away nothing of
    others, not even how many there are.
    """

    class Problem(models.TextChoices):
        NOT_PROVED = "not_proved", _("The record was not found.")
        NO_ANSWER = "no_answer", _("The name servers of this address did not answer.")

    class End(models.TextChoices):
        GIVEN_UP = "given_up", _("Given up by the dealership")
        RETIRED = "retired", _("The dealership left")
        RECORD_GONE = "record_gone", _("The record was gone for too long")

    grants = Grants()

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="claims")
    #: The login of the tenant: what `tenancy_own_hosts()` compares.
    schema_name = models.CharField(max_length=63)
    host = models.CharField(max_length=253)
    token = models.CharField(max_length=64)
    state = models.CharField(max_length=10, choices=HostState, default=HostState.ASKED)
    asked_by = models.CharField(max_length=120, blank=True)
    asked_at = models.DateTimeField()
    #: After this an attempt that is not proved counts no more.
    expires_at = models.DateTimeField()
    #: When the steward looks at the name servers next, and when it did last.
    check_at = models.DateTimeField()
    checked_at = models.DateTimeField(null=True)
    problem = models.CharField(max_length=12, choices=Problem, blank=True)
    seen_at = models.DateTimeField(null=True)
    bound_at = models.DateTimeField(null=True)
    #: Since when the record of a name in use has not been found.
    missing_since = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    end = models.CharField(max_length=12, choices=End, blank=True)
    #: Until then nobody else gets a name that was in use.
    kept_until = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-asked_at"]
        constraints = [
            models.UniqueConstraint(fields=["host"], condition=models.Q(state="bound"), name="tenancy_host_bound_once"),
            models.UniqueConstraint(
                fields=["tenant", "host"],
                condition=models.Q(state__in=["asked", "bound"]),
                name="tenancy_host_open_once",
            ),
        ]
        indexes = [
            models.Index(fields=["check_at"], condition=models.Q(state__in=["asked", "bound"]), name="tenancy_host_due")
        ]


class SchemaState(models.Model):
    """Where every schema stands: one row a schema, so that "nothing to do" is one query."""

    grants = Grants(oem="r")

    schema_name = models.CharField(max_length=63, primary_key=True)
    kind = models.CharField(max_length=20)
    #: SHA-256 over the names and SQL of the migrations applied and the rights given.
    checksum = models.CharField(max_length=64)
    applied_at = models.DateTimeField(db_default=Now())
    error = models.TextField(blank=True, default="")
    #: SHA-256 over the rights alone: when they stay, an upgrade does not give them again.
    rights = models.CharField(max_length=64, blank=True, default="", db_default="")
    release = models.CharField(max_length=20, blank=True, default="", db_default="")

    class Meta:
        ordering = ["schema_name"]


class UpgradeState(models.TextChoices):
    RUNNING = "running", _("Running")
    DONE = "done", _("Done")
    FAILED = "failed", _("Failed")
    #: Its canary failed: nobody else was touched.
    STOPPED = "stopped", _("Stopped")


#: An upgrade that says nothing any more for so long was killed.
SILENT_AFTER = timedelta(seconds=60)


class FleetUpgrade(models.Model):
    """One run that brought the schemas of the network to a release: what a page shows while it goes on."""

    grants = Grants(oem="r")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    release = models.CharField(max_length=20)
    canary = models.CharField(max_length=40, blank=True)
    schemas = models.PositiveIntegerField()
    done = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    state = models.CharField(max_length=20, choices=UpgradeState, default=UpgradeState.RUNNING)
    error = models.TextField(blank=True)
    started_at = models.DateTimeField(db_default=Now())
    #: When it was last seen at work: one that is running and silent was killed.
    seen_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-started_at"]

    @property
    def silent(self) -> bool:
        """Whether it says that it runs and was not heard of for SILENT_AFTER: it was killed."""
        return self.state == UpgradeState.RUNNING and clock.now() - self.seen_at > SILENT_AFTER

    @property
    def percent(self) -> int:
        """How far it is, of a hundred."""
        return 100 * (self.done + self.failed) // max(self.schemas, 1)


class Move(models.Model):
    """A dealership's data came from a file: imported from another installation, or restored from a backup.

    `ledger_number` and `inbox_number` are the last numbers of messages that were carried in another installation:
    reconciliation begins after them. `kept_schema` is where a restore put the tables that stood before, until they are
    dropped. A move without `settled_at` is under way.
    """

    class Kind(models.TextChoices):
        IMPORT = "import", _("Imported")
        RESTORE = "restore", _("Restored from a backup")

    grants = Grants(oem="r", courier="r")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="moves")
    kind = models.CharField(max_length=10, choices=Kind)
    source = models.CharField(max_length=300, blank=True, default="")
    sha256 = models.CharField(max_length=64, blank=True, default="")
    kept_schema = models.CharField(max_length=63, blank=True, default="")
    ledger_number = models.BigIntegerField(default=0)
    inbox_number = models.BigIntegerField(default=0)
    figures = models.JSONField(default=dict)
    at = models.DateTimeField(db_default=Now())
    settled_at = models.DateTimeField(null=True, blank=True)
    dropped_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-at"]


class RequestState(models.TextChoices):
    WAITING = "waiting", _("Waiting")
    RUNNING = "running", _("Running")
    DONE = "done", _("Done")
    FAILED = "failed", _("Failed")


#: What ends something: the steward does it only under a second signature.
SIGNED_VERBS = frozenset({"retire", "drop", "import", "restore", "drop_kept"})


class StewardRequest(models.Model):
    """Work for the steward, the one process that owns the tables. Rows stay as the record of what was done."""

    grants = Grants(oem="ra")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    verb = models.CharField(max_length=40)
    arguments = models.JSONField(default=dict)
    state = models.CharField(max_length=20, choices=RequestState, default=RequestState.WAITING)
    step = models.CharField(max_length=60, blank=True, default="")
    error = models.TextField(blank=True, default="")
    requested_by = models.CharField(max_length=120, blank=True, default="")
    requested_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["requested_at"]
        indexes = [models.Index(fields=["state", "requested_at"])]

    @property
    def awaits_signature(self) -> bool:
        """Whether the steward waits for the second signature."""
        unsigned = self.verb in SIGNED_VERBS and self.state == RequestState.WAITING
        return unsigned and not StewardSignature.objects.filter(request=self).exists()


class StewardSignature(models.Model):
    """The second signature under a request that ends something. Requests are written by the portal's login; signatures
    only by the owner's, which the portal's processes do not have: an operator gives them by a command."""

    grants = Grants(oem="r")

    request = models.OneToOneField(StewardRequest, models.PROTECT, primary_key=True, related_name="signature")
    signed_by = models.CharField(max_length=120)
    signed_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["signed_at"]
