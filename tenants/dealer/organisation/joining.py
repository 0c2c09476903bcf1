"""What a dealership begins with: its profile, its first site and its departments; and what the steward tells it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext

from dealer.organisation.actions import EDITABLE
from dealer.organisation.models import Department, DepartmentKind, Profile, Site
from kernel import clock
from kernel.accounts.mail import put_in_outbox
from kernel.accounts.models import User
from kernel.accounts.roles import Role
from kernel.tenancy import hosts
from kernel.tenancy.bindings import MANUFACTURER_ID
from kernel.tenancy.steward import joining_step, tells_of_lost_hosts

#: Arguments of the request that are columns of the profile; the name is its own argument.
PROFILE_ARGUMENTS = tuple(name for name in EDITABLE if name != "name")


@joining_step("10-organisation")
def organisation(arguments: dict[str, Any]) -> None:
    """Reads `id`, `slug`, `name`, the profile's columns, and `sites`: a list of {"name", "departments": [kind, …]}."""
    given = {key: arguments[key] for key in PROFILE_ARGUMENTS if arguments.get(key)}
    mine, created = Profile.objects.get_or_create(
        id=UUID(str(arguments["id"])),
        defaults={
            "manufacturer_id": MANUFACTURER_ID,
            "manufacturer_name": settings.MANUFACTURER_NAME,
            "slug": arguments["slug"],
            "name": arguments["name"],
            "joined_at": clock.now(),
            **given,
        },
    )
    if not created:
        return  # a step is one transaction: the profile stands with its sites, and people may have renamed them
    wanted = arguments.get("sites") or [{"name": mine.name}]
    for position, entry in enumerate(wanted):
        site = Site.objects.create(
            name=entry["name"],
            is_main=position == 0,
            province=mine.province,
            city=mine.city,
            phone=mine.phone,
            address=entry.get("address", mine.address if position == 0 else ""),
        )
        for kind in entry.get("departments") or DepartmentKind.values:
            Department.objects.create(site=site, kind=DepartmentKind(kind))


@tells_of_lost_hosts
def tell_managers(host: str, given_up: bool) -> None:
    """A mail to every general manager with an address: the record of a name in use is gone, or was for too long."""
    name = hosts.shown(host)
    for person in User.objects.filter(role=Role.GENERAL_MANAGER, is_active=True).exclude(email=""):
        with translation.override(person.language):
            if given_up:
                subject = gettext("The address %(host)s is no longer yours")
                body = gettext(
                    "Hello %(name)s,\n\nthe record that shows that %(host)s is yours was missing for too long. The"
                    " address leads here no more. You can ask for it again under Settings.\n"
                )
            else:
                subject = gettext("The record of %(host)s is gone")
                body = gettext(
                    "Hello %(name)s,\n\nthe record that shows that %(host)s is yours was not found. Enter it again, as"
                    " shown under Settings; otherwise the address is given up after %(days)s days.\n"
                )
            filled = {"host": name, "name": person.name, "days": settings.OWN_HOST_GONE_DAYS}
            put_in_outbox(to=person.email, subject=subject % filled, body=body % filled)
