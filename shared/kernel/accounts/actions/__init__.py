"""Writes of accounts. Each runs in one transaction with its audit row; no password, token or link stands in one."""

import re
import time
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.http import HttpRequest
from django.utils import translation
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from kernel import audit, clock
from kernel.accounts import links, throttle, tokens
from kernel.accounts import scopes as scope_table
from kernel.accounts.actions.factors import (
    add_app,
    add_passkey,
    forget_factors,
    make_recovery_codes,
    name_factor,
    remove_factor,
    require_factor,
    reset_factors,
)
from kernel.accounts.actions.signing_in import (
    is_fresh,
    open_session,
    person_half_way,
    prove,
    second_step_by_code,
    second_step_by_passkey,
    sign_in,
    sign_in_by_passkey,
    sign_out,
)
from kernel.accounts.actors import SYSTEM, Actor, may_give, require_no_guest
from kernel.accounts.address import client_address, main_host
from kernel.accounts.mail import put_in_outbox
from kernel.accounts.models import LANGUAGES, Session, Token, User
from kernel.accounts.queries import tier_roles
from kernel.accounts.roles import RIGHTS, SUPPORT_ROLES, Right, Role
from kernel.accounts.sessions import hash_of, living
from kernel.automotive import phone as phones
from kernel.errors import Conflict, FieldError, Forbidden, Invalid, Text

__all__ = [
    "add_and_invite",
    "add_app",
    "add_passkey",
    "add_person",
    "ask_for_reset",
    "change_password",
    "change_person",
    "check_password",
    "choose_language",
    "create_token",
    "end_session",
    "end_sessions",
    "hand_out_link",
    "invite",
    "is_fresh",
    "make_recovery_codes",
    "may_give",
    "name_factor",
    "open_session",
    "person_half_way",
    "prove",
    "reinstate_person",
    "remove_factor",
    "require_factor",
    "reset_factors",
    "retire_person",
    "revoke_token",
    "second_step_by_code",
    "second_step_by_passkey",
    "set_password_by_link",
    "sign_in",
    "sign_in_by_passkey",
    "sign_out",
]

LOGIN = re.compile(r"[a-z0-9][a-z0-9._-]{1,62}[a-z0-9]\Z", re.IGNORECASE)
RESET_FLOOR = 0.25
"""Seconds; an answer to a reset request takes these or a multiple, so that its time does not tell who exists, on a busy
machine either."""


# -- ending sign-ins


@transaction.atomic
def end_session(*, actor: Actor, session: Session) -> None:
    """End one sign-in; the device's next request is anonymous."""
    assert session.user is not None
    if session.user.pk != actor.id:
        actor.require(Right.PEOPLE_MANAGE)
    Session.objects.filter(pk=session.pk).delete()
    audit.record(actor=actor, action="accounts.end_session", obj=session.user, before={"device": session.user_agent})


@transaction.atomic
def end_sessions(*, actor: Actor, person: User, keep_key: str | None = None) -> int:
    """End all sign-ins of a person, but the one with the session key `keep_key`. Returns how many ended."""
    if person.pk != actor.id:
        actor.require(Right.PEOPLE_MANAGE)
    rows = Session.objects.filter(user=person)
    if keep_key:
        rows = rows.exclude(key_hash=hash_of(keep_key))
    number = rows.filter(living(clock.now())).count()
    rows.delete()
    audit.record(actor=actor, action="accounts.end_sessions", obj=person, after={"ended": number})
    return number


# -- passwords


def check_password(password: str, user: User) -> None:
    """Raise Invalid for field `password` when the rules refuse it; every broken rule is named."""
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise Invalid(
            [
                FieldError("password", one.code or "invalid", message)
                for one in error.error_list
                for message in one.messages
            ]
        ) from None


@transaction.atomic
def change_password(*, actor: Actor, person: User, old: str, new: str, keep_key: str | None = None) -> None:
    """Change one's own password; ends all other sign-ins. Raises Invalid for a wrong old or a weak new one, and
    TooMany."""
    if person.pk != actor.id:
        raise Forbidden()
    person = User.objects.select_for_update().get(pk=person.pk)
    # Whoever sits down at somebody's open page must not be able to try passwords.
    throttle.take_with_waits(throttle.PROOF, str(person.pk))
    if not person.check_password(old):
        raise Invalid({"old": _("The present password is not right.")}, code="password_wrong")
    throttle.forget_waits(throttle.PROOF, str(person.pk))
    if old == new:
        raise Invalid({"password": _("The new password must differ from the present one.")}, code="password_same")
    _set_password(actor, person, new, keep_key, "accounts.change_password")


@transaction.atomic
def set_password_by_link(*, link: str, password: str) -> User:
    """Set the password of the person a one-time link is for; ends all their sign-ins and uses the link up.

    Raises Invalid for a link that is no longer valid and for a weak password.
    """
    user, purpose = links.person_of_link(link)
    user = User.objects.select_for_update().get(pk=user.pk)
    links.person_of_link(link)  # again under the lock: of two at once only the first counts
    action = "accounts.accept_invitation" if purpose == "invite" else "accounts.reset_password"
    _set_password(Actor.of(user), user, password, None, action)
    return user


def _set_password(actor: Actor, person: User, new: str, keep_key: str | None, action: str) -> None:
    check_password(new, person)
    person.set_password(new)
    person.password_changed_at = clock.now()
    person.save(update_fields=["password", "password_changed_at"])
    rows = Session.objects.filter(user=person)
    (rows.exclude(key_hash=hash_of(keep_key)) if keep_key else rows).delete()
    audit.record(actor=actor, action=action, obj=person)


def ask_for_reset(*, request: HttpRequest, who: str) -> None:
    """Send a reset link to the person with this sign-in name or mail address, if there is one. Tells nobody which.

    Takes RESET_FLOOR seconds or a multiple. Raises TooMany when this address asked too often.
    """
    began = time.monotonic()
    who = who.strip()
    address = client_address(request) or "-"
    throttle.check(throttle.RESET_ADDRESS, address)
    throttle.count(throttle.RESET_ADDRESS, address)
    if who and "\x00" not in who and throttle.count(throttle.RESET_LOGIN, who.casefold()) <= throttle.RESET_LOGIN.times:
        found = User.objects.filter(Q(login__iexact=who) | Q(email__iexact=who), is_active=True).exclude(email="")
        for user in found[:3]:
            _send_reset(user, main_host(request), secure=request.is_secure())
    time.sleep(RESET_FLOOR - (time.monotonic() - began) % RESET_FLOOR)


@transaction.atomic
def _send_reset(user: User, host: str, *, secure: bool) -> None:
    url = links.address_of(links.make_link(user, "reset"), host, secure=secure)
    with translation.override(user.language):
        put_in_outbox(
            to=user.email,
            subject=gettext("Set a new password"),
            body=gettext(
                "Hello %(name)s,\n\nsomeone asked to set a new password for the sign-in name %(login)s at %(host)s."
                " If it was you, open this address within one hour:\n\n%(url)s\n\n"
                "If it was not you, do nothing: your password stays as it is.\n"
            )
            % {"name": user.name, "login": user.login, "host": host, "url": url},
        )
    audit.record(actor=SYSTEM, action="accounts.send_reset", obj=user)


# -- people


def _check_person(*, login: str, name: str, role: str, email: str, language: str) -> None:
    errors: dict[str, Text] = {}
    if not LOGIN.match(login):
        errors["login"] = _("Use 3 to 64 letters, digits, dots, hyphens or underscores.")
    if not name.strip():
        errors["name"] = _("Please enter a name.")
    if role not in {r.value for r in tier_roles()}:
        errors["role"] = _("This role does not exist here.")
    if language not in dict(LANGUAGES):
        errors["language"] = _("This language is not offered.")
    if email:
        try:
            validate_email(email)
        except ValidationError:
            errors["email"] = _("This is not a mail address.")
    if errors:
        raise Invalid(errors)


def _require_may_give(actor: Actor, *roles: str) -> None:
    if not all(may_give(actor, role) for role in roles):
        raise Invalid(
            {"role": _("Only a general manager can give or take the role of a general manager.")},
            code="role_reserved",
        )


def _phone(text: str) -> str:
    """A telephone number in E.164, or "". Raises Invalid."""
    if not text.strip():
        return ""
    report = phones.normalise(text)
    if report.e164 is None:
        raise Invalid([FieldError("phone", problem.code, problem.message) for problem in report.problems])
    return report.e164


@transaction.atomic
def add_person(
    *,
    actor: Actor,
    login: str,
    name: str,
    role: str,
    email: str = "",
    phone: str = "",
    language: str = "zh-hans",
    password: str | None = None,
) -> User:
    """Add a person. Without a password nobody can sign in as them until they used an invitation link.

    Raises Invalid for a taken or malformed login, an unknown role, a wrong mail address or telephone number, a weak
    password.
    """
    actor.require(Right.PEOPLE_MANAGE)
    login, name, email = login.strip(), name.strip(), email.strip()
    _check_person(login=login, name=name, role=role, email=email, language=language)
    _require_may_give(actor, role)
    user = User(login=login, name=name, role=role, email=email, phone=_phone(phone), language=language)
    if password is None:
        user.password = make_password(None)
    else:
        check_password(password, user)
        user.set_password(password)
        user.password_changed_at = clock.now()
    try:
        with transaction.atomic():
            user.save(force_insert=True)
    except IntegrityError:
        raise Invalid({"login": _("This sign-in name is taken.")}, code="login_taken") from None
    audit.record(actor=actor, action="accounts.add_person", obj=user, after={"login": login, "role": role})
    return user


@transaction.atomic
def invite(*, actor: Actor, person: User, host: str, secure: bool = False) -> str:
    """Make a one-time invitation link (valid seven days) for a person without a password and mail it to them.

    It leads to `host` (with its port) over https, but on *.localhost only where `secure` says so.

    Returns the full address of the link: show it to the inviter only when no mail carries it. An earlier
    invitation stops working. Raises Conflict when the person has a password already or is retired, Invalid when the
    inviter could not give the person's role.
    """
    actor.require(Right.PEOPLE_MANAGE)
    person = User.objects.select_for_update().get(pk=person.pk)
    require_no_guest(person)
    _require_may_give(actor, person.role)  # the link may be shown to the inviter
    if not person.is_active or person.has_usable_password():
        raise Conflict("already_joined", _("This person has joined already or has left."))
    person.invited_at = clock.now()
    person.save(update_fields=["invited_at"])
    url = links.address_of(links.make_link(person, "invite"), host, secure=secure)
    if person.email:
        with translation.override(person.language):
            put_in_outbox(
                to=person.email,
                subject=gettext("You are invited to Dealernet"),
                body=gettext(
                    "Hello %(name)s,\n\nthere is an account for you at %(host)s. Your sign-in name is %(login)s."
                    " Open this address within seven days and choose a password:\n\n%(url)s\n"
                )
                % {"name": person.name, "login": person.login, "host": host, "url": url},
            )
    audit.record(actor=actor, action="accounts.invite", obj=person)
    return url


@transaction.atomic
def hand_out_link(*, actor: Actor, person: User, host: str) -> str:
    """The full address where a person chooses a new password, for an operator to hand over where no mail goes out:
    an invitation (seven days) for somebody without a password, else a reset link (one hour).

    Raises Forbidden for people, Conflict for somebody retired.
    """
    if actor.kind == "user":
        raise Forbidden()
    require_no_guest(person)
    if not person.is_active:
        raise Conflict("retired", _("This account is retired."))
    if not person.has_usable_password():
        return invite(actor=actor, person=person, host=host)
    audit.record(actor=actor, action="accounts.hand_out_link", obj=person)
    return links.address_of(links.make_link(person, "reset"), host)


@transaction.atomic
def add_and_invite(*, actor: Actor, host: str, secure: bool = False, login: str, **data: str) -> tuple[User, str]:
    """Add a person and invite them in one go: `add_person`, then `invite`. Returns both results."""
    person = add_person(actor=actor, login=login, **data)
    return person, invite(actor=actor, person=person, host=host, secure=secure)


@transaction.atomic
def change_person(*, actor: Actor, person: User, name: str, email: str, phone: str, role: str, language: str) -> User:
    """Change a person's data and role; a new role counts from their next request.

    Raises Invalid for wrong values, Conflict when it would take the last manager of people away, or one's own role.
    """
    actor.require(Right.PEOPLE_MANAGE)
    person = User.objects.select_for_update().get(pk=person.pk)
    require_no_guest(person)
    name, email = name.strip(), email.strip()
    _check_person(login=person.login, name=name, role=role, email=email, language=language)
    if role != person.role:
        if person.pk == actor.id:
            raise Invalid({"role": _("Nobody can change their own role.")}, code="own_role")
        _require_may_give(actor, role, person.role)
        if Right.PEOPLE_MANAGE not in RIGHTS[Role(role)]:
            _keep_one_manager(person)
    elif email.lower() != person.email.lower():
        # Whoever sets the mail address receives the reset link.
        _require_may_give(actor, person.role)
    before, after = audit.changes(person, name=name, email=email, phone=_phone(phone), role=role, language=language)
    if after:
        person.save(update_fields=list(after))
        if "role" in after:
            _cut_tokens(person)
        audit.record(actor=actor, action="accounts.change_person", obj=person, before=before, after=after)
    return person


def _cut_tokens(person: User) -> None:
    """Take from living tokens the scopes that the person's new role may not give."""
    allowed = set(scope_table.scopes_for(person.role))
    for token in Token.objects.filter(user=person, revoked_at=None):
        kept = [scope for scope in token.scopes if scope in allowed]
        if kept != token.scopes:
            token.scopes = kept
            token.save(update_fields=["scopes"])


def _keep_one_manager(person: User) -> None:
    """Raise Conflict when nobody but this person could manage people."""
    managing = [role for role in tier_roles() if Right.PEOPLE_MANAGE in RIGHTS[role]]
    others = User.objects.select_for_update().filter(role__in=managing, is_active=True).exclude(pk=person.pk)
    if person.role in managing and not others.exists():
        raise Conflict("last_manager", _("Somebody must remain who can manage people."))


@transaction.atomic
def retire_person(*, actor: Actor, person: User) -> User:
    """Retire a person: all sign-ins and tokens end at once, links stop working, second factors are forgotten, the
    account stays for the records.

    Raises Conflict for oneself and for the last one who can manage people.
    """
    actor.require(Right.PEOPLE_MANAGE)
    person = User.objects.select_for_update().get(pk=person.pk)
    if person.pk == actor.id:
        raise Conflict("own_account", _("Nobody can retire their own account."))
    _require_may_give(actor, person.role)
    if not person.is_active:
        return person
    _keep_one_manager(person)
    now = clock.now()
    person.is_active, person.retired_at = False, now
    person.password = make_password(None)
    person.save(update_fields=["is_active", "retired_at", "password"])
    ended = Session.objects.filter(user=person).delete()[0]
    forget_factors(person)
    revoked = Token.objects.filter(user=person, revoked_at=None).update(revoked_at=now)
    audit.record(
        actor=actor,
        action="accounts.retire_person",
        obj=person,
        after={"sign_ins_ended": ended, "tokens_revoked": revoked},
    )
    return person


@transaction.atomic
def reinstate_person(*, actor: Actor, person: User) -> User:
    """Let a retired person come back. They need a new invitation: password and tokens are gone."""
    actor.require(Right.PEOPLE_MANAGE)
    person = User.objects.select_for_update().get(pk=person.pk)
    require_no_guest(person)
    _require_may_give(actor, person.role)
    if person.is_active:
        return person
    person.is_active, person.retired_at = True, None
    person.save(update_fields=["is_active", "retired_at"])
    audit.record(actor=actor, action="accounts.reinstate_person", obj=person)
    return person


# -- guests


@transaction.atomic
def let_in(*, actor: Actor, login: str, name: str, role: Role, ends_at: datetime, language: str = "en") -> User:
    """Add the account of somebody from outside, which ends at `ends_at` (aware). There is no password, and nobody can
    make a link or a token for it; who may sign in with it, and how often, is the caller's to decide (dealer.support).

    Raises ValueError for a role that is none of SUPPORT_ROLES.
    """
    if role not in SUPPORT_ROLES:
        raise ValueError(f"{role} is no role of a guest")
    guest = User(login=login, name=name[:120], role=role, ends_at=ends_at, language=language)
    guest.password = make_password(None)
    guest.save(force_insert=True)
    audit.record(actor=actor, action="accounts.let_in", obj=guest, after={"role": str(role), "ends_at": ends_at})
    return guest


@transaction.atomic
def see_out(*, actor: Actor, guest: User) -> None:
    """End a guest's account and sign-ins at once, for good. Raises ValueError for somebody of one's own."""
    if not guest.is_guest:
        raise ValueError(f"{guest.login} is no guest")
    User.objects.filter(pk=guest.pk).update(is_active=False, retired_at=clock.now())
    ended = Session.objects.filter(user=guest).delete()[0]
    audit.record(actor=actor, action="accounts.see_out", obj=guest, after={"sign_ins_ended": ended})


def choose_language(*, person: User, language: str) -> None:
    """Remember the language a person wants. Raises Invalid for one that is not offered. (A taste, not audited.)"""
    if language not in dict(LANGUAGES):
        raise Invalid({"language": _("This language is not offered.")})
    User.objects.filter(pk=person.pk).update(language=language)
    person.language = language


# -- tokens

LONGEST = timedelta(days=366)


@transaction.atomic
def create_token(
    *, actor: Actor, user: User, name: str, scopes: Iterable[str], expires_at: datetime | None = None
) -> tuple[Token, str]:
    """Make an API token for a person; returns its record and the token itself, which is not kept.

    People make tokens for themselves; those who manage people make none for others (the command line does). Raises
    Invalid for no or unknown scopes, scopes beyond the person's role, a time that has passed or lies over a year ahead.
    """
    if actor.kind == "user" and actor.id != user.pk:
        raise Forbidden()
    wanted = sorted(set(scopes))
    errors: dict[str, Text] = {}
    if not user.is_active:
        errors[""] = _("This account is retired.")
    if not name.strip() or len(name.strip()) > 80:
        errors["name"] = _("Please enter a name of at most 80 characters.")
    if not wanted:
        errors["scopes"] = _("Choose at least one scope.")
    elif over := scope_table.beyond(user.role, wanted):
        errors["scopes"] = _("This role cannot give these scopes: %(scopes)s.") % {"scopes": ", ".join(over)}
    if expires_at is not None and not clock.now() < expires_at <= clock.now() + LONGEST:
        errors["expires_at"] = _("Choose a day within the next year.")
    if errors:
        raise Invalid(errors)
    text, prefix = tokens.make()
    token = Token.objects.create(
        user=user,
        name=name.strip(),
        prefix=prefix,
        sha256=tokens.hash_of(text),
        scopes=wanted,
        expires_at=expires_at,
    )
    audit.record(
        actor=actor,
        action="accounts.create_token",
        obj=token,
        after={"scopes": wanted, "expires_at": expires_at},
    )
    return token, text


@transaction.atomic
def revoke_token(*, actor: Actor, token: Token) -> None:
    """Revoke a token; its next request is refused."""
    if token.user_id != actor.id:
        actor.require(Right.PEOPLE_MANAGE)
    if Token.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=clock.now()):
        audit.record(actor=actor, action="accounts.revoke_token", obj=token)
