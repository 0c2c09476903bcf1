"""Django's session engine (`SESSION_ENGINE`) on `accounts.Session`: the rows belong to one tenant and one sign-in each.

A sign-in counts at the host it was made at: a dealership may have two, and a host name can be lost to somebody else,
to whom browsers then send the cookies of before.

The cookie's key is 256 random bits; the table holds its SHA-256. A row is honoured only in the realm (tenant) it was
made for, while its person is active, before it expires and within `IDLE` of its last use.
"""

import hashlib
import hmac
import secrets
from datetime import datetime, timedelta
from typing import Any, cast

from django.conf import settings
from django.contrib.sessions.backends.base import CreateError, SessionBase, UpdateError
from django.contrib.sessions.middleware import SessionMiddleware as DjangoSessionMiddleware
from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, Q, Subquery
from django.http import HttpRequest

from kernel import clock
from kernel.accounts.models import Factor, Session, SignInRule, User
from kernel.tenancy import directory
from kernel.tenancy.bindings import Dealer, Portal, current

ABSOLUTE = timedelta(days=14)
"""A sign-in ends this long after it began, however busy."""
IDLE = timedelta(hours=12)
"""A sign-in ends when nothing was asked for this long."""
ANONYMOUS = timedelta(hours=1)
"""A session nobody has signed in to (a message shown once) is kept this long."""
TOUCH = timedelta(minutes=5)
"""`last_seen` is written at most this often, so that reading pages writes next to nothing."""

USER_KEY = "_auth_user_id"
ADDRESS_KEY = "_address"
AGENT_KEY = "_user_agent"
FIRST_STEP_KEY = "_first_step"
PROVED_KEY = "_proved"
HOST_KEY = "_host"


def realm() -> str:
    """The tenant of the running work: "portal", a dealership's id, or "" when there is none."""
    binding = current()
    if isinstance(binding, Portal):
        return "portal"
    return str(binding.id) if isinstance(binding, Dealer) else ""


def hash_of(key: str) -> str:
    """What the table keeps of a session key."""
    return hashlib.sha256(b"dealernet session " + key.encode()).hexdigest()


def living(at: datetime, *, of: str = "") -> Q:
    """Sessions that still sign somebody in; `of` is the way to them from another model (`sessions__`)."""
    return Q(**{f"{of}realm": realm(), f"{of}expires_at__gt": at, f"{of}last_seen__gt": at - IDLE})


def _end_of(user_id: str, at: datetime) -> datetime:
    """When a sign-in that begins now ends at the latest: a guest's with the time the guest was let in for."""
    ends_at = User.objects.filter(pk=user_id).values_list("ends_at", flat=True).first()
    return min(filter(None, (at + ABSOLUTE, ends_at)))


class SessionMiddleware(DjangoSessionMiddleware):
    """Django's own, on this engine; it stands inside the binding."""

    def process_request(self, request: HttpRequest) -> None:
        super().process_request(request)
        cast(SessionStore, request.session).host = directory.host_name(request.META.get("HTTP_HOST", "")) or ""


class SessionStore(SessionBase):
    """One session. `row` is the stored record with its person, once loaded."""

    row: Session | None = None
    #: The host that is asked; empty outside requests, where every session counts.
    host = ""

    def _get_new_session_key(self) -> str:
        return secrets.token_urlsafe(32)

    def _find(self, key: str) -> Session | None:
        wanted = hash_of(key)
        # What is demanded of the person's role is read with the session: no query more, and it counts at once.
        row = (
            Session.objects.select_related("user")
            .annotate(
                has_factor=Exists(Factor.objects.filter(user=OuterRef("user_id"))),
                factor_from=Subquery(
                    SignInRule.objects.filter(role=OuterRef("user__role")).values("second_factor_from")[:1]
                ),
            )
            .filter(living(clock.now()), key_hash=wanted)
            .first()
        )
        if row is None or not hmac.compare_digest(row.key_hash, wanted) or not self._is_of_this_host(row):
            return None
        return row

    def _is_of_this_host(self, row: Session) -> bool:
        if not self.host:
            return True
        if HOST_KEY in row.data:
            return bool(row.data[HOST_KEY] == self.host)
        # Made before a member could have two hosts: on its first one, below the network's own name.
        return self.host.endswith(f".{settings.BASE_DOMAIN}")

    def exists(self, session_key: str) -> bool:
        return self._find(session_key) is not None

    def load(self) -> dict[str, Any]:
        row = self._find(self.session_key) if self.session_key else None
        if row is None:
            self._session_key = None
            return {}
        self.row = row
        return dict(row.data)

    def create(self) -> None:
        while True:
            self._session_key = self._get_new_session_key()
            try:
                self.save(must_create=True)
            except CreateError:
                continue
            self.modified = True
            return

    def save(self, must_create: bool = False) -> None:
        if self.session_key is None:
            return self.create()
        data: dict[str, Any] = dict(self._get_session(no_load=must_create))  # type: ignore[attr-defined]  # Django's, not in the stubs
        user_id = data.get(USER_KEY)
        at = clock.now()
        if self.host:
            data[HOST_KEY] = self.host
        values: dict[str, Any] = {
            "data": {k: v for k, v in data.items() if k not in (ADDRESS_KEY, AGENT_KEY)},
            "user_id": user_id,
            "last_seen": at,
        }
        if ADDRESS_KEY in data:
            values["address"] = data[ADDRESS_KEY]
            values["user_agent"] = str(data.get(AGENT_KEY, ""))[:300]
        rows = Session.objects.filter(key_hash=hash_of(self.session_key))
        if not must_create:
            if user_id and (self.row is None or self.row.user_id is None):
                values["expires_at"] = _end_of(user_id, at)
            # The row may have been ended meanwhile ("end this one"); saving must not bring it back.
            if not rows.filter(realm=realm()).update(**values):
                raise UpdateError
            return None
        try:
            with transaction.atomic():
                Session.objects.create(
                    key_hash=hash_of(self.session_key),
                    realm=realm(),
                    expires_at=_end_of(user_id, at) if user_id else at + ANONYMOUS,
                    **values,
                )
        except IntegrityError as error:
            raise CreateError from error
        return None

    def delete(self, session_key: str | None = None) -> None:
        key = session_key or self.session_key
        if key:
            Session.objects.filter(key_hash=hash_of(key), realm=realm()).delete()

    def person(self) -> User | None:
        """The active person signed in here, or None. One query the first time, together with the session."""
        data = self._get_session()  # type: ignore[attr-defined]  # Django's, not in the stubs
        row = self.row
        if row is None or row.user is None or str(row.user_id) != data.get(USER_KEY):
            return None
        has_factor, factor_from = vars(row)["has_factor"], vars(row)["factor_from"]
        row.user.factor_due_from = None if has_factor else factor_from
        ended = row.user.ends_at is not None and row.user.ends_at <= clock.now()
        return row.user if row.user.is_active and not ended else None

    def touch(self) -> None:
        """Note that the session is in use."""
        at = clock.now()
        if self.row is not None and at - self.row.last_seen > TOUCH:
            Session.objects.filter(pk=self.row.pk).update(last_seen=at)
            if self.row.user_id:
                User.objects.filter(pk=self.row.user_id).update(last_seen=at)

    @classmethod
    def clear_expired(cls) -> None:
        at = clock.now()
        Session.objects.filter(Q(expires_at__lte=at) | Q(last_seen__lte=at - IDLE)).delete()
