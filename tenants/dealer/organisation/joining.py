"""What a dealership begins with: its profile, its first site and its departments."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.conf import settings

from dealer.organisation.actions import EDITABLE
from dealer.organisation.models import Department, DepartmentKind, Profile, Site
from kernel import clock
from kernel.tenancy.bindings import MANUFACTURER_ID
from kernel.tenancy.steward import joining_step

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
