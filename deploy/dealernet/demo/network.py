"""The demo's three dealerships as the manufacturer's master data, from `data/*.csv` through the network's actions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from dealernet.demo.catalogue import rows
from kernel.accounts.actors import Actor
from kernel.accounts.models import User
from kernel.accounts.roles import Role
from kernel.tenancy.models import Kind, Tenant
from oem.network import actions
from oem.network.models import Dealership

SLUGS = ("north", "east", "south")


def _typed(row: Mapping[str, str]) -> dict[str, Any]:
    """Values for the actions; empty cells are left out, so that what is there stays."""
    typed: dict[str, Any] = {}
    for name, text in row.items():
        if text == "" or name == "slug":
            continue
        if name in ("sells", "services"):
            typed[name] = text == "yes"
        elif name.endswith("_on") or name.startswith("valid_"):
            typed[name] = date.fromisoformat(text)
        elif name in ("sales_target", "workshop_bays", "rank"):
            typed[name] = int(text)
        else:
            typed[name] = text
    return typed


def master_data(slug: str) -> dict[str, Any]:
    """The master data of one of the demo's dealerships: `name`, `province`, `city`, … (for provisioning too)."""
    return _typed(next(row for row in rows("network") if row["slug"] == slug))


def load(*, actor: Actor) -> list[Dealership]:
    """Enter north, east and south with sites, capabilities and territories. Bound to the portal, after the catalogue
    is published and the steward has set the dealerships up. Again it changes nothing."""
    tenants = dict(Tenant.objects.filter(kind=Kind.DEALERSHIP, slug__in=SLUGS).values_list("slug", "id"))
    people: dict[str, Any] = {
        "network_manager": User.objects.filter(role=Role.NETWORK_MANAGER, is_active=True).first(),
        "field_representative": User.objects.filter(role=Role.FIELD_REPRESENTATIVE, is_active=True).first(),
    }
    found = []
    for slug in SLUGS:
        dealership = actions.enter_dealership(actor=actor, id=tenants[slug], slug=slug, **master_data(slug), **people)
        _sites(actor, dealership)
        _capabilities(actor, dealership)
        for row in _rows_of("territories", slug):
            if not dealership.territories.filter(region=row["region"], rank=row["rank"]).exists():
                actions.assign_territory(actor=actor, dealership=dealership, **row)
        found.append(dealership)
    return found


def _rows_of(name: str, slug: str) -> list[dict[str, Any]]:
    return [_typed(row) for row in rows(name) if row["slug"] == slug]


def _sites(actor: Actor, dealership: Dealership) -> None:
    there = {site.name: site for site in dealership.sites.all()}
    for row in _rows_of("sites", dealership.slug):
        if row["name"] in there:
            actions.change_site(actor=actor, site=there[row["name"]], **row)
        else:
            actions.add_site(actor=actor, dealership=dealership, **row)


def _capabilities(actor: Actor, dealership: Dealership) -> None:
    there = {(one.brand, one.series, one.valid_from): one for one in dealership.capabilities.all()}
    for row in _rows_of("capabilities", dealership.slug):
        one = there.get((row["brand"], row.get("series", ""), row["valid_from"]))
        if one is not None:
            actions.change_capability(actor=actor, capability=one, **row)
        else:
            actions.grant_capability(actor=actor, dealership=dealership, **row)
