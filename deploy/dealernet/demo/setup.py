"""The demo's beginning: catalogue, dealerships with sites, departments and people, sharing levels. Repeatable."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar
from uuid import NAMESPACE_DNS, UUID, uuid5

from django.conf import settings
from django.contrib.auth.hashers import Argon2PasswordHasher

from dealer.organisation.actions import set_employee
from dealer.organisation.models import Department, Employee
from dealer.sharing.actions import change_level
from dealer.sharing.models import Grant
from dealernet.demo import catalogue, network
from dealernet.demo.people import name_of
from dealernet.demo.times import chance
from kernel import clock
from kernel.accounts.actions import add_person
from kernel.accounts.actors import SYSTEM, Actor
from kernel.accounts.models import User
from kernel.accounts.roles import DEALERSHIP_ROLES, PORTAL_ROLES, Role
from kernel.audit import coming_from
from kernel.audit.models import Origin
from kernel.automotive import regions
from kernel.automotive.names import pinyin
from kernel.tenancy import directory
from kernel.tenancy.bindings import Dealer, Portal, bound
from kernel.tenancy.models import Kind, RequestState, State, StewardRequest, Tenant

#: The password of every demo sign-in: it is printed at the start and guards invented data only.
PASSWORD = "xinghe-demo-2026"  # noqa: S105 - everybody may know it
SIGN_INS = "sign-ins.json"
#: How long to wait for the steward to set a dealership up, in seconds.
PATIENCE = 90.0

#: What each dealership shares where the agreement leaves it the choice.
LEVELS = {
    "north": {"Owner": "full", "ServiceVisit": "full", "KnownCustomer": "full", "BenchmarkFigures": "counts"},
    "east": {"Owner": "counts", "ServiceVisit": "pseudonymous", "BenchmarkFigures": "counts"},
    "south": {"Owner": "nothing", "ServiceVisit": "counts"},
}
COLOURS = {
    "north": {"primary_colour": "#0b5fa5", "accent_colour": "#0f766e"},
    "east": {"primary_colour": "#166534", "accent_colour": "#b45309"},
    "south": {"primary_colour": "#9f1239", "accent_colour": "#1d4ed8"},
}
#: People beside the one of each role who has a demo sign-in.
MORE = {
    Role.SALES_CONSULTANT: 4,
    Role.SERVICE_ADVISER: 2,
    Role.TECHNICIAN: 2,
    Role.RECEPTIONIST: 1,
    Role.WARRANTY_ANALYST: 1,
    Role.LEAD_DESK: 1,
}
TITLES = {
    Role.GENERAL_MANAGER: ("总经理", "administration"),
    Role.SALES_MANAGER: ("销售经理", "sales"),
    Role.SALES_CONSULTANT: ("销售顾问", "sales"),
    Role.RECEPTIONIST: ("前台接待", "sales"),
    Role.CRM_MANAGER: ("客户关系经理", "customer_relations"),
    Role.CRM_SPECIALIST: ("客户关系专员", "customer_relations"),
    Role.SERVICE_MANAGER: ("服务经理", "service"),
    Role.SERVICE_ADVISER: ("服务顾问", "service"),
    Role.TECHNICIAN: ("维修技师", "service"),
    Role.PARTS_CLERK: ("配件专员", "parts"),
    Role.STOCK_CLERK: ("库存专员", "sales"),
    Role.FINANCE_CLERK: ("财务专员", "finance"),
    Role.IT_ADMIN: ("信息管理员", "administration"),
}
_PERMIT = clock.allow_history()


class OneHash(Argon2PasswordHasher):
    """Hashes a password once: fifty people with one printed password need no salts of their own, and a hash costs a
    quarter of a second. For the demo's command only; what it writes is checked like every other hash."""

    _made: ClassVar[dict[str, str]] = {}

    def encode(self, password: str, salt: str) -> str:
        if password not in self._made:
            self._made[password] = super().encode(password, salt)
        return self._made[password]


def dealership_id(slug: str) -> UUID:
    """The id of a demo dealership: the same in every demo."""
    return uuid5(NAMESPACE_DNS, f"{slug}.demo.dealernet")


def prepare(
    *, seed: int, since: datetime, say: Callable[[str], None], steward_works: Callable[[], Any] | None = None
) -> None:
    """Bring the network to its beginning; people are there `since` then. Called unbound; again it changes nothing.

    `steward_works` is called while the steward is waited for (where no steward process runs).
    """
    say("Making the catalogue of the invented manufacturer …")
    with bound(Portal()), coming_from(Origin.DEMO):
        catalogue.load(actor=SYSTEM)
        with clock.history(since, _PERMIT):
            _people(seed, "portal", sorted(PORTAL_ROLES))
    say("Setting up the dealerships north, east and south …")
    _provision(seed, steward_works)
    with bound(Portal()), coming_from(Origin.DEMO):
        network.load(actor=SYSTEM)
    for slug in network.SLUGS:
        with bound(Dealer(Tenant.objects.get(slug=slug).id)), coming_from(Origin.DEMO):
            with clock.history(since, _PERMIT):
                _people(seed, slug, sorted(DEALERSHIP_ROLES))
                _house(seed, slug)
            _levels(slug)


def _provision(seed: int, steward_works: Callable[[], Any] | None) -> None:
    there = set(Tenant.objects.filter(kind=Kind.DEALERSHIP, state=State.ACTIVE).values_list("slug", flat=True))
    waiting: list[UUID] = []
    with bound(Portal()):
        for slug in network.SLUGS:
            if slug not in there:
                waiting.append(_ask(seed, slug))
    deadline = time.monotonic() + PATIENCE
    while waiting:
        if steward_works is not None:
            steward_works()
        with bound(Portal()):
            rows = list(StewardRequest.objects.filter(id__in=waiting))
        failed = next((row for row in rows if row.state == RequestState.FAILED), None)
        if failed is not None:
            raise RuntimeError(f"{failed.arguments['slug']} could not be set up: {failed.error}")
        if all(row.state == RequestState.DONE for row in rows):
            break
        if time.monotonic() > deadline:
            raise RuntimeError("The steward does not set the dealerships up. Is it running?")
        time.sleep(0.1)
    directory.forget()


def _ask(seed: int, slug: str) -> UUID:
    """The request to the steward; one that waits already is not made twice."""
    known = StewardRequest.objects.filter(
        verb="provision", arguments__slug=slug, state__in=[RequestState.WAITING, RequestState.RUNNING]
    ).first()
    if known is not None:
        return known.id
    master = network.master_data(slug)
    sites = [
        {
            "name": row["name"],
            "address": row["address"],
            "departments": [kind for kind, may in (("sales", "sells"), ("service", "services")) if row[may] == "yes"],
        }
        for row in catalogue.rows("sites")
        if row["slug"] == slug
    ]
    sites[0]["departments"] = ["sales", "service", "customer_relations", "parts", "finance", "administration"]
    province, city = (regions.find_region(str(master[level])) for level in ("province", "city"))
    signer = next(one for one in _staff(seed, slug, sorted(DEALERSHIP_ROLES)) if one.role == Role.GENERAL_MANAGER)
    arguments = {
        "id": str(dealership_id(slug)),
        "slug": slug,
        "name": master["name"],
        "short_name": master["short_name_zh_hans"],
        "phone": master["phone"],
        "province": province.name if province else "",
        "city": city.name if city else "",
        "address": master["address"],
        "sites": sites,
        "signed_by": signer.name,
        **COLOURS[slug],
    }
    return StewardRequest.objects.create(verb="provision", arguments=arguments, requested_by="dealernet demo").id


# -- people ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Colleague:
    """Somebody of the staff; `place` 0 is the one of a role who may sign in."""

    role: Role
    place: int
    login: str
    name: str
    reading: str


def _staff(seed: int, slug: str, roles: list[Role]) -> Iterator[Colleague]:
    """One person a role, whose sign-in name is the role's, and colleagues; the same for the same seed."""
    rng = chance(seed, "people", slug)
    for role in roles:
        for place in range(1 + MORE.get(role, 0)):
            surname, given, _sex = name_of(rng)
            reading = pinyin(surname + given).replace(" ", "")
            login = str(role) if place == 0 else f"{reading}.{role}.{place}"[:60]
            yield Colleague(role, place, login, surname + given, reading)


def _people(seed: int, slug: str, roles: list[Role]) -> None:
    """The staff's accounts; only one person a role has a password."""
    known = set(User.objects.values_list("login", flat=True))
    for one in _staff(seed, slug, roles):
        if one.login not in known:
            add_person(
                actor=SYSTEM,
                login=one.login,
                name=one.name,
                role=one.role,
                email=f"{one.reading}@{slug}.example.com",
                password=PASSWORD if one.place == 0 else None,
            )


def _house(seed: int, slug: str) -> None:
    """Who works where, since when."""
    rng = chance(seed, "house", slug)
    departments = {one.kind: one.pk for one in Department.objects.filter(site__is_main=True)}
    known = set(Employee.objects.values_list("user_id", flat=True))
    for user in User.objects.order_by("created_at", "login"):
        title, kind = TITLES[Role(user.role)]
        joined = date(2024, 9, 1) - timedelta(days=rng.randint(30, 2200))
        if user.pk not in known:
            set_employee(
                actor=SYSTEM, user=user, department_id=departments.get(kind), job_title=title, joined_on=joined
            )


def _levels(slug: str) -> None:
    """The dealership's own choice on its switchboard, made by its general manager."""
    manager = Actor.of(User.objects.filter(role=Role.GENERAL_MANAGER).order_by("created_at")[0])
    for contract, level in LEVELS[slug].items():
        for grant in Grant.objects.filter(contract=contract).exclude(ceiling=level):
            change_level(actor=manager, contract=contract, purpose=grant.purpose, level=level)


# -- sign-ins --------------------------------------------------------------------------------------------------


def write_sign_ins(data: Path) -> list[dict[str, str]]:
    """Write `sign-ins.json` (0600): host, login, password and role of each demo person. Called unbound."""
    entries = [
        {"host": f"{slug}.{settings.BASE_DOMAIN}", "login": str(role), "password": PASSWORD, "role": str(role)}
        for slug, roles in [("portal", PORTAL_ROLES), *((slug, DEALERSHIP_ROLES) for slug in network.SLUGS)]
        for role in Role
        if role in roles
    ]
    path = data / SIGN_INS
    draft = path.with_suffix(".part")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        json.dump(entries, file, ensure_ascii=False, indent=1)
    draft.replace(path)
    return entries
