"""Signing in, in one step or two, by a passkey alone, and out again."""

import logging
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth import authenticate
from django.contrib.auth import login as start_session
from django.db import transaction
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext_lazy as _

from kernel import audit, clock
from kernel.accounts import known, passkeys, throttle
from kernel.accounts.actions.factors import use_code, use_passkey, warn_of_guessing
from kernel.accounts.actors import Actor
from kernel.accounts.address import client_address
from kernel.accounts.models import Factor, User
from kernel.accounts.sessions import ADDRESS_KEY, AGENT_KEY, FIRST_STEP_KEY, PROVED_KEY, realm
from kernel.errors import Invalid

log = logging.getLogger("dealernet.accounts")

SECOND_STEP_WITHIN = timedelta(minutes=5)
"""After that a right password must be entered again."""
FRESH = timedelta(minutes=15)
"""After a proof of who one is, things that change how one signs in need no other for this long."""


def sign_in(*, request: HttpRequest, login: str, password: str) -> User | None:
    """Check a login and a password. Opens a session on the request and returns the person; None when a second step is
    still to come: then nobody is signed in, and the session only knows for five minutes whose password was right.

    Raises TooMany when login or address tried too often, Invalid (one message for every cause) when they do not fit.
    """
    login, address = login.strip(), client_address(request) or "-"
    name, device = login.casefold(), known.device_of(request, login)
    if device:
        subjects = [(throttle.SIGN_IN_DEVICE, f"{name}|{device}")]
    else:
        subjects = [
            (throttle.SIGN_IN_PAIR, f"{name}|{address}"),
            (throttle.SIGN_IN_LOGIN, name),
            (throttle.SIGN_IN_ADDRESS, address),
        ]
    for limit, subject in subjects:
        throttle.take(limit, subject)
    user = authenticate(request, login=login, password=password)
    if not isinstance(user, User):
        log.info("sign-in refused", extra={"realm": realm(), "address": address})
        raise Invalid({"": _("Sign-in name or password is not right.")}, code="sign_in_refused")
    # The first is of this login alone; a good sign-in does not make the others stricter either.
    throttle.forget(*subjects[0])
    for limit, subject in subjects[1:]:
        throttle.count(limit, subject, -1)
    if Factor.objects.filter(user=user).exists():
        _half_way(request, user)
        return None
    open_session(request=request, user=user, by="password")
    return user


def _half_way(request: HttpRequest, user: User) -> None:
    request.session.flush()  # whoever was signed in here before is not any more
    request.session[FIRST_STEP_KEY] = {
        "user": str(user.pk),
        "at": clock.now().isoformat(),
        "hash": user.get_session_auth_hash(),
    }


def person_half_way(request: HttpRequest) -> User | None:
    """Whose password was right here within the last five minutes, and is still theirs; None when nobody's was."""
    kept: Any = request.session.get(FIRST_STEP_KEY)
    if not kept or clock.now() - datetime.fromisoformat(kept["at"]) > SECOND_STEP_WITHIN:
        return None
    user = User.objects.filter(pk=kept["user"], is_active=True, factors__isnull=False).first()
    # A password that was changed or taken meanwhile was not the one that was right.
    if user is None or not constant_time_compare(kept["hash"], user.get_session_auth_hash()):
        return None
    return user


def second_step_by_code(*, request: HttpRequest, user: User, code: str) -> User:
    """Finish signing in with a code of an app or a recovery code. Raises TooMany, and Invalid for a wrong one."""
    subject = f"{user.pk}|{known.device_of(request, user.login)}"
    number = throttle.take_with_waits(throttle.SECOND_STEP, subject)
    kind = use_code(person=user, code=code)
    if not kind:
        log.info("second step refused", extra={"realm": realm(), "address": client_address(request) or "-"})
        if number == throttle.SECOND_STEP.free:
            warn_of_guessing(person=user)
        raise Invalid({"code": _("This code is not right, or it was used before.")}, code="code_wrong")
    throttle.forget_waits(throttle.SECOND_STEP, subject)
    open_session(request=request, user=user, by=f"password, {kind}")
    return user


def second_step_by_passkey(*, request: HttpRequest, user: User, credential: str) -> User:
    """Finish signing in with one of the person's passkeys. Raises Invalid."""
    _show(request, "second", credential, user)
    open_session(request=request, user=user, by="password, passkey")
    return user


def sign_in_by_passkey(*, request: HttpRequest, credential: str) -> User:
    """Sign in with a passkey that knows whose it is and has checked the person. Raises Invalid, whatever the cause."""
    user = _show(request, "sign-in", credential, None)
    open_session(request=request, user=user, by="passkey")
    return user


def _show(request: HttpRequest, purpose: passkeys.Purpose, credential: str, person: User | None) -> User:
    try:
        shown = passkeys.shown(request, purpose, credential, person)
    except Invalid:
        log.info("passkey refused", extra={"realm": realm(), "address": client_address(request) or "-"})
        raise
    user = shown.factor.user
    # Whoever may not sign in with a password may not without one either.
    may = user.is_active and user.has_usable_password()
    if not may or not use_passkey(factor=shown.factor, sign_count=shown.sign_count):
        raise passkeys.refused()
    return user


@transaction.atomic
def open_session(*, request: HttpRequest, user: User, by: str) -> None:
    """Open a new session (with a new key) for a person whose identity has been checked; `by` what, for the trail."""
    request.session.pop(FIRST_STEP_KEY, None)
    start_session(request, user, backend="kernel.accounts.backends.LoginBackend")
    request.session[ADDRESS_KEY] = client_address(request)
    request.session[AGENT_KEY] = request.headers.get("User-Agent", "")[:300]
    request.session[PROVED_KEY] = clock.now().isoformat()
    User.objects.filter(pk=user.pk).update(last_seen=clock.now())
    audit.record(actor=Actor.of(user), action="accounts.sign_in", obj=user, after={"by": by})


def sign_out(*, request: HttpRequest) -> None:
    """End the session of this request."""
    if request.user.is_authenticated:
        audit.record(actor=Actor.of(request.user), action="accounts.sign_out", obj=request.user)
    request.session.flush()


# -- proving again who one is


def is_fresh(request: HttpRequest) -> bool:
    """Whether the person signed in, or proved again who they are, within the last 15 minutes."""
    at: str = request.session.get(PROVED_KEY, "")
    return bool(at) and clock.now() - datetime.fromisoformat(at) <= FRESH


def prove(*, request: HttpRequest, proof: str) -> None:
    """Take the password, a code of an app or a recovery code of the person signed in. Raises Invalid and TooMany.

    A recovery code is used up by it.
    """
    person, subject = request.user, str(request.user.pk)
    assert isinstance(person, User)
    throttle.take_with_waits(throttle.PROOF, subject)
    if not person.check_password(proof) and not use_code(person=person, code=proof):
        raise Invalid({"proof": _("Neither your password nor a valid code.")}, code="proof_wrong")
    throttle.forget_waits(throttle.PROOF, subject)
    request.session[PROVED_KEY] = clock.now().isoformat()
