"""Reads of accounts: people, sign-ins and tokens, each limited to what the asking person may see."""

from django.db.models import Count, Q, QuerySet

from kernel import clock
from kernel.accounts.access import find
from kernel.accounts.models import Session, Token, User
from kernel.accounts.roles import Right, Role, Tier, roles_of
from kernel.accounts.sessions import living, realm
from kernel.errors import Missing


def tier_roles() -> list[Role]:
    """The roles that people of the bound tenant can have."""
    return roles_of(Tier.PORTAL if realm() == "portal" else Tier.DEALERSHIP)


def people() -> QuerySet[User]:
    """Everyone, with the number of living sign-ins as `sign_ins`."""
    living_now = Q(sessions__isnull=False) & living(clock.now(), of="sessions__")
    return User.objects.annotate(sign_ins=Count("sessions", filter=living_now))


def access_person_for_managing(id: str, user: User) -> User:
    """One person, for those who manage people. Raises Missing otherwise."""
    if not user.has(Right.PEOPLE_MANAGE):
        raise Missing()
    return find(User.objects.all(), id)


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
