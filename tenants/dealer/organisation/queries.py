"""Reads of the dealership itself."""

from __future__ import annotations

from django.core.cache import cache
from django.db.models import QuerySet

from dealer.organisation.models import Employee, Export, ExportState, Profile, Site
from kernel import clock
from kernel.accounts.access import find
from kernel.accounts.models import User
from kernel.accounts.roles import Right
from kernel.errors import Missing
from kernel.tenancy import hosts
from kernel.tenancy.hosts import OwnHost

PROFILE_KEY = "organisation.profile"
#: Seconds. Actions forget the copy; this only bounds how long another process without a shared cache is behind.
REMEMBER_FOR = 10


def profile() -> Profile:
    """The dealership that is speaking. Kept in the cache (its keys carry the login); raises Missing before joining."""
    found = cache.get(PROFILE_KEY)
    if found is None:
        found = Profile.objects.first()
        if found is None:
            raise Missing()
        cache.set(PROFILE_KEY, found, REMEMBER_FOR)
    return found


def forget_profile() -> None:
    """Read the profile anew next time."""
    cache.delete(PROFILE_KEY)


def sites() -> QuerySet[Site]:
    return Site.objects.prefetch_related("departments")


def people() -> QuerySet[User]:
    """Everyone with an account, with what the dealership knows of them."""
    return User.objects.select_related("employee", "employee__department", "employee__site")


def access_person_for_editing(id: str, user: User) -> User:
    """One of the dealership's people, for those who manage people. Raises Missing."""
    if not user.has(Right.PEOPLE_MANAGE):
        raise Missing()
    return find(people(), id)


def employee_of(user: User) -> Employee | None:
    return Employee.objects.filter(user=user).select_related("department", "site").first()


def exports() -> QuerySet[Export]:
    """Exports of everything, the latest first."""
    return Export.objects.all()


def access_export_for_download(id: str, user: User) -> Export:
    """A finished export whose time is not over, for those who may take everything along. Raises Missing."""
    if not user.has(Right.EVERYTHING_EXPORT):
        raise Missing()
    return find(exports().filter(state=ExportState.DONE, expires_at__gt=clock.now()), id)


def access_address_for_change(id: str, user: User) -> OwnHost:
    """A host name that the dealership has asked for or uses, for those who manage its settings. Raises Missing."""
    found = next((one for one in hosts.mine() if one.is_open and str(one.id) == id), None)
    if found is None or not user.has(Right.SETTINGS_MANAGE):
        raise Missing()
    return found
