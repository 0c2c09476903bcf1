"""Writes of second factors: a person's own, and those of whoever manages people or sign-in rules."""

from datetime import date

from django.db import IntegrityError, transaction
from django.utils import translation
from django.utils.translation import gettext, gettext_noop
from django.utils.translation import gettext_lazy as _

from kernel import audit, clock
from kernel.accounts import recovery, totp
from kernel.accounts.actors import Actor, may_give
from kernel.accounts.mail import put_in_outbox
from kernel.accounts.models import Factor, FactorKind, RecoveryCode, Session, SignInRule, User
from kernel.accounts.passkeys import NewKey
from kernel.accounts.queries import tier_roles
from kernel.accounts.roles import Right, Role
from kernel.accounts.sessions import hash_of
from kernel.errors import Conflict, Forbidden, Invalid

MOST = 10
"""Factors of one person."""


def _own(actor: Actor, person: User) -> User:
    """The person with their row locked. Factors are one's own, and stand beside a password: Forbidden for everybody
    else, and for an account that nobody opens by a password, which must not get another door."""
    person = User.objects.select_for_update().get(pk=person.pk)
    if person.pk != actor.id or not person.has_usable_password():
        raise Forbidden()
    return person


def _check_name(name: str) -> str:
    name = name.strip()
    if not name or len(name) > 80:
        raise Invalid({"name": _("Please enter a name of at most 80 characters.")})
    return name


def _tell(person: User, what: str) -> None:
    """Mail a person that something about their second factors changed; `what` is a message id."""
    if not person.email:
        return
    with translation.override(person.language):
        put_in_outbox(
            to=person.email,
            subject=gettext("Your second factors have changed"),
            body=gettext(
                "Hello %(name)s,\n\n%(what)s Your sign-in name is %(login)s.\n\n"
                "If you know nothing of it, tell whoever manages people in your house at once.\n"
            )
            % {"name": person.name, "login": person.login, "what": gettext(what)},
        )


def _add(actor: Actor, factor: Factor, keep_key: str | None) -> list[str]:
    """Save a factor. With the first one come recovery codes, and all other sign-ins end: none of them showed it."""
    person = factor.user
    number = Factor.objects.filter(user=person).count()
    if number >= MOST:
        raise Invalid({"": _("Ten second factors are enough. Remove one first.")}, code="too_many_factors")
    try:
        with transaction.atomic():
            factor.save(force_insert=True)
    except IntegrityError:
        raise Invalid({"": _("This passkey is here already.")}, code="passkey_known") from None
    codes: list[str] = []
    if not number:
        codes = _new_codes(person)
        rows = Session.objects.filter(user=person)
        (rows.exclude(key_hash=hash_of(keep_key)) if keep_key else rows).delete()
    audit.record(
        actor=actor, action="accounts.add_factor", obj=person, after={"kind": factor.kind, "name": factor.name}
    )
    _tell(person, gettext_noop("A second factor was added to your account."))
    return codes


@transaction.atomic
def add_app(
    *, actor: Actor, person: User, name: str, secret: str, code: str, keep_key: str | None = None
) -> tuple[Factor, list[str]]:
    """Add an authenticator app that shows the right code for `secret` now.

    Returns the factor and, with a person's first one, ten recovery codes, which are not kept. Raises Invalid.
    """
    person, name = _own(actor, person), _check_name(name)
    step = totp.step_of(secret, code, clock.now())
    if step is None:
        raise Invalid({"code": _("This is not the code that the app shows now.")}, code="code_wrong")
    factor = Factor(user=person, kind=FactorKind.TOTP, name=name, secret=totp.seal(secret, person.pk), last_step=step)
    return factor, _add(actor, factor, keep_key)


@transaction.atomic
def add_passkey(
    *, actor: Actor, person: User, name: str, key: NewKey, keep_key: str | None = None
) -> tuple[Factor, list[str]]:
    """Add a passkey that was just made (`passkeys.made`). Returns as `add_app` does. Raises Invalid."""
    person, name = _own(actor, person), _check_name(name)
    factor = Factor(
        user=person,
        kind=FactorKind.PASSKEY,
        name=name,
        credential_id=key.credential_id,
        public_key=key.public_key,
        sign_count=key.sign_count,
    )
    return factor, _add(actor, factor, keep_key)


@transaction.atomic
def name_factor(*, actor: Actor, factor: Factor, name: str) -> None:
    """Give one of one's own factors another name. Raises Invalid."""
    person, name = _own(actor, factor.user), _check_name(name)
    before, after = audit.changes(factor, name=name)
    if after:
        factor.save(update_fields=["name"])
        audit.record(actor=actor, action="accounts.name_factor", obj=person, before=before, after=after)


@transaction.atomic
def remove_factor(*, actor: Actor, factor: Factor) -> None:
    """Remove one of one's own factors, after the person was asked for a proof (`signing_in.prove`). With the last one
    the recovery codes go, too."""
    person = _own(actor, factor.user)
    Factor.objects.filter(pk=factor.pk).delete()
    if not Factor.objects.filter(user=person).exists():
        RecoveryCode.objects.filter(user=person).delete()
    audit.record(
        actor=actor, action="accounts.remove_factor", obj=person, before={"kind": factor.kind, "name": factor.name}
    )
    _tell(person, gettext_noop("A second factor was removed from your account."))


def _new_codes(person: User) -> list[str]:
    RecoveryCode.objects.filter(user=person).delete()
    codes = [recovery.new_code() for _number in range(recovery.NUMBER)]
    RecoveryCode.objects.bulk_create(
        RecoveryCode(user=person, sha256=recovery.hash_of(code, person.pk)) for code in codes
    )
    return codes


@transaction.atomic
def make_recovery_codes(*, actor: Actor, person: User) -> list[str]:
    """Ten new recovery codes in place of those that are left, after a proof. They are returned once and not kept.

    Raises Conflict for somebody without a second factor.
    """
    person = _own(actor, person)
    if not Factor.objects.filter(user=person).exists():
        raise Conflict("no_factor", _("Recovery codes belong to a second factor. Add one first."))
    codes = _new_codes(person)
    audit.record(actor=actor, action="accounts.make_recovery_codes", obj=person)
    _tell(person, gettext_noop("New recovery codes were made for your account."))
    return codes


@transaction.atomic
def use_code(*, person: User, code: str) -> str:
    """Use up a code of one of a person's apps, or a recovery code. Returns "app" or "recovery"; "" when it is neither,
    or was used before (RFC 6238, 5.2: a code counts once)."""
    now = clock.now()
    for factor in Factor.objects.filter(user=person, kind=FactorKind.TOTP):
        secret = totp.unseal(factor.secret, person.pk)
        step = totp.step_of(secret, code, now, after=factor.last_step) if secret else None
        unused = Factor.objects.filter(pk=factor.pk, last_step__lt=step or 0)
        if step and unused.update(last_step=step, last_used_at=now):
            return "app"
    if not recovery.plain(code):
        return ""
    kept = RecoveryCode.objects.filter(user=person, sha256=recovery.hash_of(code, person.pk), used_at=None)
    if not kept.update(used_at=now):
        return ""
    left = RecoveryCode.objects.filter(user=person, used_at=None).count()
    audit.record(actor=Actor.of(person), action="accounts.use_recovery_code", obj=person, after={"left": left})
    _tell(person, gettext_noop("A recovery code of your account was used."))
    return "recovery"


@transaction.atomic
def use_passkey(*, factor: Factor, sign_count: int) -> bool:
    """Note that a passkey was shown with this counter. False, with a trace, when its counter did not grow: then two
    devices hold the same key, and one of them is a copy (WebAuthn level 2, 6.1.1)."""
    kept = Factor.objects.select_for_update().get(pk=factor.pk)
    if (sign_count or kept.sign_count) and sign_count <= kept.sign_count:
        audit.record(
            actor=Actor.of(factor.user),
            action="accounts.refuse_passkey",
            obj=factor.user,
            before={"sign_count": kept.sign_count},
            after={"sign_count": sign_count},
        )
        return False
    kept.sign_count, kept.last_used_at = sign_count, clock.now()
    kept.save(update_fields=["sign_count", "last_used_at"])
    return True


@transaction.atomic
def warn_of_guessing(*, person: User) -> None:
    """Leave a trace, and mail the person, that somebody who knows their password tries one code after another."""
    audit.record(actor=Actor.of(person), action="accounts.refuse_second_step", obj=person)
    _tell(
        person,
        gettext_noop("Somebody knows your password and tried several wrong codes. If it was not you, change it."),
    )


@transaction.atomic
def reset_factors(*, actor: Actor, person: User) -> int:
    """Take all second factors and recovery codes from somebody who lost them; ends their sign-ins and mails them.

    Returns how many factors there were. Raises Conflict for oneself: one's own are removed with a proof.
    """
    actor.require(Right.PEOPLE_MANAGE)
    person = User.objects.select_for_update().get(pk=person.pk)
    if person.pk == actor.id:
        raise Conflict("own_account", _("Remove your own second factors under “My account”."))
    if not may_give(actor, person.role):
        raise Forbidden(Right.PEOPLE_MANAGE, _("Only a general manager can do this for a general manager."))
    number = forget_factors(person)
    ended = Session.objects.filter(user=person).delete()[0]
    audit.record(
        actor=actor,
        action="accounts.reset_factors",
        obj=person,
        after={"factors_removed": number, "sign_ins_ended": ended},
    )
    _tell(person, gettext_noop("Your second factors were taken from your account, because you asked for it."))
    return number


def forget_factors(person: User) -> int:
    """Delete all second factors and recovery codes of a person; returns how many factors there were."""
    RecoveryCode.objects.filter(user=person).delete()
    return Factor.objects.filter(user=person).delete()[0]


@transaction.atomic
def require_factor(*, actor: Actor, role: str, since: date | None) -> SignInRule:
    """Demand a second factor of a role from a day on (that of the tenant's clock), or no longer: `since` None.

    People of the role without one can then do nothing but add one. Raises Invalid for a role of the other tier,
    Forbidden for the general manager's, unless by one.
    """
    actor.require(Right.SETTINGS_MANAGE, Right.PEOPLE_MANAGE)
    if role not in tier_roles():
        raise Invalid({"role": _("Choose one of the roles.")})
    if not may_give(actor, role):
        raise Forbidden(Right.PEOPLE_MANAGE, _("Only a general manager can do this for a general manager."))
    rule, _new = SignInRule.objects.select_for_update().get_or_create(role=Role(role))
    before, after = audit.changes(rule, second_factor_from=since)
    if after:
        rule.save(update_fields=["second_factor_from"])
        audit.record(actor=actor, action="accounts.require_factor", obj=rule, before=before, after=after)
    return rule
