"""Tables of `kernel.accounts`: in the manufacturer's schema and in every dealership's."""

from datetime import date
from typing import Any, ClassVar, NoReturn

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models.functions import Lower, Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from kernel import clock
from kernel.accounts.roles import RIGHTS, SUPPORT_ROLES, Right, Role
from kernel.ids import new_id
from kernel.moving.rules import Moves
from kernel.tenancy.grants import DELETABLE

LANGUAGES = [("zh-hans", "简体中文"), ("zh-hant", "繁體中文"), ("en", "English")]
RETIRED_NOT_DELETED = "People are retired, not deleted: others' records name them (accounts.actions.retire_person)."


class People(models.QuerySet["User"]):
    """People, who cannot be deleted."""

    def delete(self) -> NoReturn:
        raise TypeError(RETIRED_NOT_DELETED)


class UserManager(BaseUserManager["User"]):
    """Finds people by their login, whatever its case."""

    def get_queryset(self) -> People:
        return People(self.model, using=self._db)

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(login__iexact=username or "")


class Standing(models.TextChoices):
    """Whether somebody can sign in."""

    ACTIVE = "active", _("Active")
    INVITED = "invited", _("Invited")
    RETIRED = "retired", _("Retired")


class User(AbstractBaseUser):
    """A person with an account at this tenant. Working at two dealerships means two accounts.

    `login` is unique whatever its case. A retired person stays (others' records name them) with `is_active` false.
    `ends_at` is set for guests only, who are let in from outside for a time: from then on they are nobody.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    login = models.CharField(_("Sign-in name"), max_length=64)
    name = models.CharField(_("Name"), max_length=120)
    email = models.EmailField(_("E-mail"), max_length=254, blank=True)
    phone = models.CharField(_("Phone"), max_length=32, blank=True)
    role = models.CharField(_("Role"), max_length=32, choices=Role.choices)
    language = models.CharField(_("Language"), max_length=8, choices=LANGUAGES, default="zh-hans")
    is_active = models.BooleanField(_("Active"), default=True)
    password_changed_at = models.DateTimeField(null=True)
    invited_at = models.DateTimeField(null=True)
    retired_at = models.DateTimeField(null=True)
    last_seen = models.DateTimeField(null=True)
    ends_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(db_default=Now())

    USERNAME_FIELD = "login"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name", "role"]

    objects = UserManager()
    #: Whoever takes the export sees no password, not even hashed; at a new place everybody chooses one.
    moves = Moves(blank={"password": ("'!'", "passwords stay; people are invited anew")})

    factor_due_from: date | None = None
    """The day from which this person may do nothing before adding a second factor; read with the session."""

    class Meta:
        ordering = ("name", "id")
        constraints = [models.UniqueConstraint(Lower("login"), name="accounts_user_login_any_case")]
        indexes = [
            models.Index(fields=["role", "name"], name="accounts_user_role"),
            models.Index(Lower("email"), name="accounts_user_email"),
        ]

    def __str__(self) -> str:
        return self.name or self.login

    @property
    def standing(self) -> Standing:
        """Retired, invited (no password chosen yet) or active."""
        if not self.is_active:
            return Standing.RETIRED
        return Standing.ACTIVE if self.has_usable_password() else Standing.INVITED

    def delete(self, using: Any = None, keep_parents: bool = False) -> NoReturn:
        raise TypeError(RETIRED_NOT_DELETED)

    @property
    def must_add_factor(self) -> bool:
        """Whether the person's role needs a second factor by now, by the tenant's clock, and they have none. Known of
        the person signed in only."""
        return self.factor_due_from is not None and self.factor_due_from <= timezone.localdate(clock.now())

    @property
    def is_guest(self) -> bool:
        """Whether this is somebody from outside, let in for a time (`accounts.actions.let_in`)."""
        return self.role in SUPPORT_ROLES

    def has(self, right: Right | str) -> bool:
        """Say whether the person's role, as it stands now, includes a right: none before a second factor it needs."""
        return Right(right) in self.rights

    @property
    def rights(self) -> frozenset[Right]:
        """All rights of the person's role; for templates: `{% if "leads_read" in request.user.rights %}`."""
        if not self.is_active or self.role not in RIGHTS or self.must_add_factor:
            return frozenset()
        return RIGHTS[Role(self.role)]


class Anonymous:
    """Stands in `request.user` when nobody is signed in. Has no right."""

    id = None
    pk = None
    login = ""
    name = ""
    role = ""
    language = ""
    is_active = False
    is_authenticated = False
    is_anonymous = True
    must_add_factor = False
    is_guest = False
    rights: frozenset[Right] = frozenset()

    def __str__(self) -> str:
        return ""

    def __bool__(self) -> bool:
        return False

    def has(self, right: Right | str) -> bool:
        return False


class Session(models.Model):
    """One sign-in on one device. The cookie's key is stored as its SHA-256 only.

    `realm` names the tenant it was made for ("portal" or the dealership's id) and is compared at every request, so a
    row that ends up in another schema (a restore, a copy) signs nobody in.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    key_hash = models.CharField(max_length=64, unique=True)
    realm = models.CharField(max_length=36)
    user = models.ForeignKey(User, models.CASCADE, null=True, related_name="sessions")
    data = models.JSONField(default=dict)
    address = models.GenericIPAddressField(null=True)
    user_agent = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    last_seen = models.DateTimeField()
    expires_at = models.DateTimeField()

    grants = DELETABLE
    moves = Moves(stays="sign-ins are good at one place only")

    class Meta:
        ordering = ("-last_seen", "id")
        indexes = [models.Index(fields=["expires_at"], name="accounts_session_expires")]


class Token(models.Model):
    """An API token: `dn_<prefix>_<secret>`. Only the SHA-256 of the whole is kept; the token is shown once."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="tokens")
    name = models.CharField(_("Name"), max_length=80)
    prefix = models.CharField(max_length=12, unique=True)
    sha256 = models.CharField(max_length=64)
    scopes = models.JSONField(_("Scopes"), default=list)
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField(_("Valid until"), null=True)
    last_used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    moves = Moves(stays="tokens, hashed or not, are good at one place only")

    class Meta:
        ordering = ("-created_at", "id")

    def __str__(self) -> str:
        return self.name


class OutboxMail(models.Model):
    """A mail that this tenant sends. The demo keeps it to be read at /outbox/; elsewhere a worker sends it and then
    blanks the body, which holds a link. `reason`: what the mail server said last, in its own words."""

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        SENT = "sent", _("Sent")
        FAILED = "failed", _("Failed")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    to = models.EmailField(max_length=254)
    subject = models.CharField(max_length=200)
    body = models.TextField()
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    reason = models.CharField(max_length=300, blank=True)
    at = models.DateTimeField()
    next_try_at = models.DateTimeField(default=clock.now)
    sent_at = models.DateTimeField(null=True)
    recorded_at = models.DateTimeField(db_default=Now())

    moves = Moves(
        blank={"body": ("''", "mails hold links that sign in")},
        only="t.state <> 'waiting'",
        why="a mail that waits to be sent stays and is sent from here",
    )

    class Meta:
        ordering = ("-at", "id")
        indexes = [
            models.Index(fields=["state", "next_try_at"], name="accounts_mail_due"),
            models.Index(fields=["-at", "id"], name="accounts_mail_at"),
        ]

    def __str__(self) -> str:
        return self.subject


class FactorKind(models.TextChoices):
    """What a person shows beside the password."""

    TOTP = "totp", _("Authenticator app")
    PASSKEY = "passkey", _("Passkey")


class Factor(models.Model):
    """A second factor of a person.

    An authenticator app (RFC 6238): `secret`, sealed for this person at this tenant (`totp.seal`), and `last_step`, the
    last 30 seconds whose code was used. A passkey (WebAuthn level 2): `credential_id` (base64url), `public_key` (COSE
    key as CBOR, base64url), `sign_count` as the authenticator said last.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="factors")
    kind = models.CharField(max_length=8, choices=FactorKind.choices)
    name = models.CharField(_("Name"), max_length=80)
    secret = models.CharField(max_length=200, blank=True)
    last_step = models.BigIntegerField(default=0)
    credential_id = models.CharField(max_length=1400, null=True)
    public_key = models.TextField(blank=True)
    sign_count = models.BigIntegerField(default=0)
    created_at = models.DateTimeField(db_default=Now())
    last_used_at = models.DateTimeField(null=True)

    grants = DELETABLE
    moves = Moves(stays="second factors are good at one place only; people add them anew")

    class Meta:
        ordering = ("created_at", "id")
        # A constraint and no `unique=True`, which would bring a second index for LIKE.
        constraints = [models.UniqueConstraint(fields=["credential_id"], name="accounts_factor_credential")]

    def __str__(self) -> str:
        return self.name


class RecoveryCode(models.Model):
    """A code that stands in once for a lost second factor. Only its SHA-256 is kept (`recovery.hash_of`)."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="recovery_codes")
    sha256 = models.CharField(max_length=64)
    used_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(db_default=Now())

    grants = DELETABLE
    moves = Moves(stays="recovery codes are good at one place only")

    class Meta:
        ordering = ("created_at", "id")
        constraints = [models.UniqueConstraint(fields=["sha256"], name="accounts_recovery_code")]


class SignInRule(models.Model):
    """What a tenant demands of a role at sign-in: from which day on a second factor; null: never."""

    role = models.CharField(primary_key=True, max_length=32, choices=Role.choices)
    second_factor_from = models.DateField(_("Second factor needed from"), null=True)

    class Meta:
        ordering = ("role",)

    def __str__(self) -> str:
        return str(self.get_role_display())
