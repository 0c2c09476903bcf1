"""Reading the network: who may see which dealership, what each may do, and who looks after a place."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Prefetch, Q, QuerySet
from django.utils.translation import get_language

from kernel import clock
from kernel.accounts.access import find
from kernel.accounts.roles import Right
from kernel.automotive import regions
from kernel.errors import Missing
from kernel.reference.queries import CALENDAR
from kernel.release import RELEASE
from kernel.tenancy import hosts, rendering
from kernel.tenancy.limits import NAMES, Allowance, Use, merged
from kernel.tenancy.models import (
    FleetUpgrade,
    Limits,
    RequestState,
    SchemaState,
    StewardRequest,
    Tenant,
    Usage,
)
from oem.network.models import AT_WORK, Capability, Dealership, DealershipState, Site, Territory


def dealerships_for(user: Any) -> QuerySet[Dealership]:
    """The dealerships a person of the portal may see: all with the right to read the network, else none."""
    return Dealership.objects.all() if user.has(Right.NETWORK_READ) else Dealership.objects.none()


def access_dealership_for_reading(slug: str, user: Any) -> Dealership:
    """The dealership at an address name, with sites, capabilities and territories loaded. Raises Missing."""
    found = (
        dealerships_for(user)
        .filter(slug=slug)
        .select_related("network_manager", "field_representative")
        .prefetch_related("sites", "capabilities", "territories")
        .first()
    )
    if found is None:
        raise Missing()
    return found


def access_dealership_for_change(slug: str, user: Any) -> Dealership:
    """The same for whoever may change master data. Raises Missing."""
    if not user.has(Right.NETWORK_WRITE):
        raise Missing()
    return access_dealership_for_reading(slug, user)


def access_site_for_change(dealership: Dealership, site_id: UUID) -> Site:
    """A site of a dealership that was accessed for change. Raises Missing."""
    return find(dealership.sites.all(), site_id)


def access_capability_for_change(dealership: Dealership, capability_id: UUID) -> Capability:
    """A capability of a dealership that was accessed for change. Raises Missing."""
    return find(dealership.capabilities.all(), capability_id)


def access_territory_for_change(dealership: Dealership, territory_id: UUID) -> Territory:
    """A territory of a dealership that was accessed for change. Raises Missing."""
    return find(dealership.territories.all(), territory_id)


def dealership_names(ids: Iterable[UUID] | None = None) -> dict[UUID, str]:
    """Names of dealerships by id, of all or of some; the retired say so. One query."""
    rows = Dealership.objects.all() if ids is None else Dealership.objects.filter(id__in=set(ids))
    return {row.id: row.shown_name for row in rows}


def dealership_choices() -> list[tuple[str, str]]:
    """Dealerships to filter by: those at work by name, then the retired, whose records stay. One query."""
    known = Dealership.objects.filter(state__in=(*AT_WORK, DealershipState.RETIRED))
    ordered = sorted(known, key=lambda one: (one.state == DealershipState.RETIRED, one.shown_name))
    return [(str(one.id), one.shown_name) for one in ordered]


def steward_request(dealership: Dealership) -> StewardRequest | None:
    """The steward's request that this dealership's state waits for, or its last one."""
    return StewardRequest.objects.filter(id=dealership.request_id).first() if dealership.request_id else None


def directory_entry(dealership: Dealership) -> Tenant | None:
    """The dealership's row of the directory, with its last move loaded; None before the steward has begun."""
    return Tenant.objects.filter(id=dealership.id).prefetch_related("moves").first()


def own_hosts(entry: Tenant | None) -> list[str]:
    """The host names of its own that lead to a dealership, as people write them; its main address first."""
    if entry is None:
        return []
    leads = entry.domains.exclude(domain__endswith=f".{settings.BASE_DOMAIN}").order_by("-is_primary", "domain")
    return [hosts.shown(host) for host in leads.values_list("domain", flat=True)]


def leaving_dates(entry: Tenant | None) -> dict[str, datetime]:
    """When a dealership left, until when its data is kept at least, when it was deleted; only what is so."""
    names = ("retired_at", "drop_after", "dropped_at")
    return {name: getattr(entry, name) for name in names if entry is not None and getattr(entry, name)}


def limits_of(dealership: Dealership) -> tuple[Allowance, Use | None]:
    """What a dealership may use, and what it used when the steward last measured."""
    own = Limits.objects.filter(tenant_id=dealership.id).values(*NAMES).first()
    use = Usage.objects.filter(tenant_id=dealership.id).first()
    return merged(own or {}), Use(use.table_bytes, use.file_bytes, use.measured_at) if use else None


def host_of(slug: str, *, port: str = "") -> str:
    """A dealership's host; `port` is the one that the portal itself was reached at."""
    return f"{slug}.{settings.BASE_DOMAIN}{f':{port}' if port else ''}"


def address_of(slug: str, *, port: str = "", secure: bool = False) -> str:
    """Where a dealership's people sign in: https, but on *.localhost only where `secure` says so."""
    base = settings.BASE_DOMAIN
    plain = not secure and (base == "localhost" or base.endswith(".localhost"))
    return f"{'http' if plain else 'https'}://{host_of(slug, port=port)}/"


# -- for routing and figures -----------------------------------------------------------------------------------


def in_force(on: date) -> Q:
    """Condition on Capability: it holds on a day."""
    return Q(valid_from__lte=on) & (Q(valid_until=None) | Q(valid_until__gte=on))


def has_brand(brand: str, on: date | None = None) -> Q:
    """Condition on Dealership: it may sell or service the brand, or a series of it, on a day (today without one)."""
    holding = Capability.objects.filter(in_force(on or clock.today(CALENDAR)), brand=brand)
    return Q(id__in=holding.values("dealership_id"))


def capable_dealerships(
    *, brand: str, series: str = "", services: bool = False, on: date | None = None
) -> QuerySet[Dealership]:
    """Active dealerships that may sell (or service) a brand, or a series of it, on a day (today without one).

    A capability for one series does not reach to the whole brand: without `series` only brand-wide ones count.
    """
    day = on or clock.today(CALENDAR)
    wanted = Capability.objects.filter(in_force(day), brand=brand, series__in={"", series})
    wanted = wanted.filter(services=True) if services else wanted.filter(sells=True)
    return Dealership.objects.filter(state=DealershipState.ACTIVE, id__in=wanted.values("dealership_id"))


def covering(dealerships: Iterable[Dealership], *, province: str = "", city: str = "") -> dict[UUID, tuple[int, int]]:
    """How near each dealership's territory is to a place: id → (distance, rank); what covers it not at all is left out.

    Distance 0: the city is its territory; 1: the province is; 2: its own seat is in the city; 3: in the province.
    """
    by_id = {dealership.id: dealership for dealership in dealerships}
    province = province or city[:2]
    found: dict[UUID, tuple[int, int]] = {}
    for dealership in by_id.values():
        if city and dealership.city == city:
            found[dealership.id] = (2, 1)
        elif province and dealership.province == province:
            found[dealership.id] = (3, 1)
    regions_asked = [code for code in (city, province) if code]
    for territory in Territory.objects.filter(dealership_id__in=by_id, region__in=regions_asked):
        distance = 0 if city and territory.region == city else 1
        mine = (distance, territory.rank)
        found[territory.dealership_id] = min(found.get(territory.dealership_id, mine), mine)
    return found


def with_capabilities(dealerships: QuerySet[Dealership], *, on: date | None = None) -> QuerySet[Dealership]:
    """The same dealerships with `current_capabilities`: those that hold on a day, loaded in one query."""
    holding = Capability.objects.filter(in_force(on or clock.today(CALENDAR)))
    return dealerships.prefetch_related(Prefetch("capabilities", queryset=holding, to_attr="current_capabilities"))


# -- names of places -------------------------------------------------------------------------------------------


def region_name(code: str) -> str:
    """The name of a region of GB/T 2260 in the active language ("" for none)."""
    region = regions.find_region(code) if code else None
    if region is None:
        return code
    if not (get_language() or "en").startswith("zh"):
        return region.english or region.name
    return region.name


def place_name(dealership: Dealership | Site) -> str:
    """Province and city as people say them ("广东省深圳市", "Shenzhen, Guangdong"); a municipality once."""
    city = getattr(dealership, "city", "")
    codes = [getattr(dealership, "province", "") or city[:2], city]
    names = list(dict.fromkeys(region_name(code) for code in codes if code))
    if not (get_language() or "en").startswith("zh"):
        return ", ".join(reversed(names))
    return "".join(names)


def province_choices() -> list[tuple[str, str]]:
    """All provinces: code and name in the active language."""
    return [(region.code, region_name(region.code)) for region in regions.provinces()]


def city_choices(province: str) -> list[tuple[str, str]]:
    """The cities of a province."""
    above = regions.find_region(province, level="province") if province else None
    return [(region.code, region_name(region.code)) for region in regions.children(above)] if above else []


# -- the fleet -------------------------------------------------------------------------------------------------

#: Dealerships that a page names at most; the command names all.
NAMED_AT_MOST = 100


def fleet() -> dict[str, Any]:
    """Where the schemas of the network stand, by the ledger alone.

    `release` (this one), `current`, `behind` and `fenced` (numbers), `members` (not current ones, with `name`,
    `slug`, `state` and `reason`, at most NAMED_AT_MOST), `run` (the last upgrade, or None), `runs` (the
    last ten), `asked` (whether an upgrade waits for the steward). Times in UTC.
    """
    current = Q()
    for kind in rendering.KINDS:
        current |= Q(kind=kind, checksum=rendering.wanted(kind))
    behind = SchemaState.objects.exclude(current)
    names = {one.schema_name: one for one in Tenant.objects.filter(schema_name__in=behind.values("schema_name"))}
    members = [
        {
            "name": names[state.schema_name].name if state.schema_name in names else state.schema_name,
            "slug": names[state.schema_name].slug if state.schema_name in names else "",
            "state": "fenced" if state.error else "behind",
            "reason": state.error.partition("\n")[0],
        }
        for state in behind.order_by("-error", "schema_name")[:NAMED_AT_MOST]
    ]
    runs = list(FleetUpgrade.objects.all()[:10])
    fenced = behind.exclude(error="").count()
    return {
        "release": RELEASE,
        "current": SchemaState.objects.filter(current).count(),
        "behind": behind.count() - fenced,
        "fenced": fenced,
        "members": members,
        "run": runs[0] if runs else None,
        "runs": runs,
        "asked": StewardRequest.objects.filter(
            verb="upgrade", state__in=[RequestState.WAITING, RequestState.RUNNING]
        ).exists(),
    }
