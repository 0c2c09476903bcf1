"""Reads of accounts: people, sign-ins and tokens, each limited to what the asking person may see."""

from datetime import date

from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from kernel import clock
from kernel.accounts.access import find
from kernel.accounts.models import Factor, RecoveryCode, Session, SignInRule, Token, User
from kernel.accounts.roles import SUPPORT_ROLES, Right, Role, Tier, roles_of
from kernel.accounts.sessions import living, realm
from kernel.errors import Missing


def tier_roles() -> list[Role]:
    """The roles that people of the bound tenant can have."""
    return roles_of(Tier.PORTAL if realm() == "portal" else Tier.DEALERSHIP)


def people() -> QuerySet[User]:
    """Everyone of this tenant's own (guests have a page of their own), with the number of living sign-ins as
    `sign_ins`, and `has_factor`."""
    living_now = Q(sessions__isnull=False) & living(clock.now(), of="sessions__")
    return User.objects.exclude(role__in=SUPPORT_ROLES).annotate(
        sign_ins=Count("sessions", filter=living_now),
        has_factor=Exists(Factor.objects.filter(user=OuterRef("pk"))),
    )


def access_person_for_managing(id: str, user: User) -> User:
    """One person, for those who manage people. Raises Missing otherwise."""
    if not user.has(Right.PEOPLE_MANAGE):
        raise Missing()
    return find(User.objects.exclude(role__in=SUPPORT_ROLES), id)


def sign_ins_of(person: User) -> QuerySet[Session]:
    """The living sign-ins of a person, last used first."""
    return Session.objects.filter(living(clock.now()), user=person)


def access_sign_in_for_ending(id: str, user: User) -> Session:
    """One of one's own sign-ins, or anyone's for those who manage people. Raises Missing otherwise."""
    visible = Session.objects.filter(realm=realm(), user__isnull=False).select_related("user")
    return find(visible if user.has(Right.PEOPLE_MANAGE) else visible.filter(user=user), id)


def tokens_of(person: User) -> QuerySet[Token]:
    """All tokens of a person, revoked and expired ones too, newest first."""
    return Token.objects.filter(user=person)


def access_token_for_revoking(id: str, user: User) -> Token:
    """One of one's own tokens, or anyone's for those who manage people. Raises Missing otherwise."""
    visible = Token.objects.select_related("user")
    return find(visible if user.has(Right.PEOPLE_MANAGE) else visible.filter(user=user), id)


def factors_of(person: User) -> QuerySet[Factor]:
    """The second factors of a person, oldest first."""
    return Factor.objects.filter(user=person).select_related("user")


def access_factor_of_own(id: str, user: User) -> Factor:
    """One of one's own second factors. Raises Missing otherwise, for everybody."""
    return find(factors_of(user), id)


def codes_left(person: User) -> int:
    """How many recovery codes a person has not used yet."""
    return RecoveryCode.objects.filter(user=person, used_at=None).count()


def factor_days() -> dict[str, date]:
    """By role, the day from which it needs a second factor; roles that need none are absent."""
    rules = SignInRule.objects.exclude(second_factor_from=None)
    return {rule.role: rule.second_factor_from for rule in rules if rule.second_factor_from}


def factor_counts() -> dict[str, tuple[int, int]]:
    """By role, how many active people have a second factor, and how many there are."""
    rows = (
        User.objects.filter(is_active=True)
        .order_by()
        .values("role")
        .annotate(all=Count("pk"), have=Count("pk", filter=Exists(Factor.objects.filter(user=OuterRef("pk")))))
    )
    return {row["role"]: (row["have"], row["all"]) for row in rows}
