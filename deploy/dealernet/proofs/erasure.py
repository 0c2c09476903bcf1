"""Erasure: people with a canary in every personal field are erased, and nothing of them is found anywhere.

The people live through leads, customers, cars, consents, visits, claims and messages both ways. Then the registry
(`kernel.personal`) says what is personal, and every such field of every row of theirs gets the person's own canary, by
the owner's login. Some are erased by the product's own action; every table of every schema, the files, the cache and
the log are read for canaries. The others' must all still be there, and one person is erased with a column left out: if
the search does not find that, it finds nothing.
"""

from __future__ import annotations

import io
import logging
import re
import zipfile
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.core.cache import cache
from django.db import connection, models
from psycopg2.extras import Json

from dealernet.proofs import Result
from exchange.testing import drain_exchange
from kernel import clock
from kernel.automotive.vin import make_vin
from kernel.personal import erasing
from kernel.personal.erasing import Person
from kernel.personal.registry import Table, Treatment, holding, registry
from kernel.tenancy.bindings import Owner, bound
from kernel.testing.network import Side

#: A canary of person 7 in the column phone: ZQ0007Xphone, as much of it as fits.
CANARY = re.compile(rb"ZQ(\d{4})X")
#: The same in the hexadecimal form in which PostgreSQL writes bytes.
CANARY_BYTES = re.compile(rb"5a51((?:3\d){4})58")
#: Birthdays of canaries: a day of the eighteenth century for each person.
FIRST_DAY = date(1700, 1, 1)
CANARY_DAY = re.compile(rb"\b17\d\d-\d\d-\d\d\b")
#: Shorter columns cannot hold a canary.
SHORTEST = 7
#: The column that is left out for one person, so that the search is seen to find something.
LEFT_OUT = "customers.Customer.email"
OWNED = (Treatment.ROW, Treatment.BLANK, Treatment.REPLACE, Treatment.KEYS)


@dataclass
class Someone:
    """One person of the proof."""

    number: int
    lead: UUID
    customer: UUID = field(default_factory=uuid4)

    @property
    def mark(self) -> str:
        return f"ZQ{self.number:04d}X"


def prove(
    portal: Side, dealer: Side, *, people: int = 100, others: int | None = None, left_out: str = LEFT_OUT
) -> Result:
    """Erase `people` of a dealership and keep `others` (half as many) on a network that is set up. Called unbound.

    What it makes is committed. `figures`: erased, canaries_planted, fields_planted, fields_unreached, left (must be 0),
    others_lost (must be 0), control_found (must not be 0), tables_read, files_read, cache_entries, log_lines.
    """
    result = Result("erasure")
    others = max(1, people // 2) if others is None else others
    with _listening() as lines:
        everybody = _live(portal, dealer, people + others + 1)
        erased, control, kept = everybody[:people], everybody[people], everybody[people + 1 :]
        planted = Counter[str]()
        for someone in everybody:
            planted += _plant(portal, dealer, someone)
        _plant_everywhere(portal, dealer, everybody[-3:] + erased[:3])
        _export(dealer)
        before = _search(portal, dealer)
        for someone in erased:
            _erase(dealer, someone)
        drain_exchange()
        _finish(dealer)
        with without(left_out):
            _erase(dealer, control)
            drain_exchange()
        after = _search(portal, dealer)
    gone, stays = {someone.number for someone in erased}, {someone.number for someone in kept}
    left = {place: n for place, n in after.counts.items() if place[1] in gone}
    lost = {
        place: (n, after.counts.get(place, 0))
        for place, n in before.counts.items()
        if place[1] in stays and after.counts.get(place, 0) < n and not place[0].startswith("file ")
    }
    control_found = sum(n for place, n in after.counts.items() if place[1] == control.number)
    logged = sum(len(CANARY.findall(line.encode())) for line in lines)
    wanted = _fields()
    result.figures = {
        "erased": len(erased),
        "others": len(kept),
        "canaries_planted": sum(before.counts.values()),
        "fields_planted": len(planted),
        "fields_unreached": sorted(wanted - set(planted)),
        "left": sum(left.values()),
        "others_lost": len(lost),
        "control_found": control_found,
        "logged": logged,
        "tables_read": after.tables,
        "files_read": before.files,
        "cache_entries": before.cache_entries,
        "log_lines": len(lines),
    }
    result.violations += [f"{where} holds {n} canaries of erased person {who}" for (where, who), n in left.items()]
    result.violations += [f"{where} lost canaries of person {who}, who was not erased" for where, who in lost]
    if not control_found:
        result.violations.append(f"with {left_out} left out nothing was found: the search is blind")
    if logged:
        result.violations.append(f"the log holds {logged} canaries")
    return result


# -- living ----------------------------------------------------------------------------------------------------------


def _live(portal: Side, dealer: Side, number: int) -> list[Someone]:
    """People who came as leads, became customers and owners, and had visits: all by the product's actions."""
    from dealer.customers.models import Customer
    from dealer.sales.actions import accept_lead
    from dealer.sharing.actions import change_level
    from oem.leads.actions import route_by_hand, take_in_lead

    people = []
    manager, desk = dealer.actor("general_manager"), portal.actor("lead_desk")
    with dealer.bound():
        for contract, purpose in (("Owner", "customer_care"), ("ServiceVisit", "analytics")):
            change_level(actor=manager, contract=contract, purpose=purpose, level="full")
    for n in range(number):
        with portal.bound():
            given = {
                "name": f"ZQ{n:04d}Xname",
                "phone": f"+86139{n:08d}",
                "email": f"zq{n:04d}@example.com",
                "wish_text": f"ZQ{n:04d}Xwish",
                "brand": "XH",
                "series": "XH-HF",
            }
            _intake, (lead,) = take_in_lead(given=given, door="json", source="proof", actor=desk)
            route_by_hand(lead_id=lead.pk, dealership=dealer.id, actor=desk)
            people.append(Someone(n, lead.pk))
    drain_exchange()
    with dealer.bound():
        for someone in people:
            prospect = accept_lead(actor=dealer.actor("sales_manager"), lead_id=someone.lead).prospect
            someone.customer = prospect.customer_id
            _own_a_car(dealer, Customer.objects.get(pk=someone.customer), someone)
    drain_exchange()
    return people


def _own_a_car(dealer: Side, customer: Any, someone: Someone) -> None:
    from dealer.customers import actions as customers
    from dealer.organisation.models import Site
    from dealer.sales.actions import record_follow_up
    from dealer.sharing.actions import share
    from dealer.workshop import actions as workshop
    from kernel.contracts import ServiceVisit, VisitKind

    seller, adviser = dealer.actor("sales_manager"), dealer.actor("service_adviser")
    customers.record_consent(
        actor=seller, customer=customer, purpose="customer_care", recipient="manufacturer", evidence=someone.mark
    )
    vin = make_vin("LXH", "AB12C", 2024, "N", 500_000 + someone.number)
    car = customers.register_vehicle(actor=seller, vin=vin, brand="XH", series="XH-HF", plate="")
    customers.set_party(actor=seller, vehicle=car, customer=customer)
    customers.log_interaction(actor=seller, customer=customer, channel="phone", content=someone.mark)
    from dealer.sales.models import Prospect

    prospect = Prospect.objects.get(customer=customer)
    record_follow_up(actor=seller, prospect_id=prospect.pk, channel="phone", result="interested", note=someone.mark)
    workshop.book_appointment(
        actor=adviser,
        customer=customer,
        vehicle=car,
        site=Site.objects.order_by("pk")[0],
        starts_at=clock.now() + timedelta(days=2),
        kind="maintenance",
        wish=someone.mark,
    )
    now = clock.now()
    share(
        ServiceVisit(
            visit_id=uuid4(),
            vin=vin,
            opened_at=now,
            closed_at=now,
            odometer_km=10,
            kind=VisitKind.REPAIR,
            jobs=[
                {
                    "complaint": someone.mark, "cause": someone.mark, "correction": someone.mark,
                    "operation_codes": None, "pay_types": None, "labour_hours": None, "part_numbers": None,
                }
            ],
            labour_total=Decimal(1),
            parts_total=Decimal(2),
            currency="CNY",
        ),
        subject=car.pk,
        customer=customer,
        actor=adviser,
        event_at=now,
    )  # fmt: skip


def _export(dealer: Side) -> None:
    """A file of everything, made while everybody was there."""
    from dealer.organisation import exporting
    from dealer.organisation.actions import request_export

    with dealer.bound():
        exporting.make(request_export(actor=dealer.actor("general_manager")).pk)


# -- planting --------------------------------------------------------------------------------------------------------


def _fields() -> set[str]:
    """Every personal field of a customer that erasure treats, in tables of the tiers."""
    return {
        f"{table.label}.{column.name}"
        for table in registry().values()
        for column in table.treated(*OWNED)
        if getattr(table.model._meta.app_config, "tier", "") != "public"
    }


def _plant(portal: Side, dealer: Side, someone: Someone) -> Counter[str]:
    """The person's canary in every personal field of every row of theirs, on both sides."""
    with dealer.bound():
        here = _found(customer=[someone.customer])
        keys = [str(someone.customer)]
        messages = set(here.ids["message"])
    with portal.bound():
        there = _found(lead=[someone.lead], key=keys, message=messages)
    planted = Counter[str]()
    for side, person in ((dealer, here), (portal, there)):
        for label, rows in person.rows.items():
            table = registry()[label]
            for column in table.treated(*OWNED):
                if _write(side, table, column.name, column.detail, rows, someone):
                    planted[f"{label}.{column.name}"] += 1
    return planted


def _found(**ids: Iterable[Any]) -> Person:
    person = Person()
    for kind, some in ids.items():
        person.ids[kind] |= set(some)
    return erasing.find(person)


def _write(side: Side, table: Table, name: str, detail: Any, rows: Collection[Any], someone: Someone) -> bool:
    found = next(f for f in holding(table.model) if f.name == name)
    value = _canary(found, detail, someone)
    if value is None or not rows:
        return False
    meta = table.model._meta
    keys = [str(row) for row in rows]
    place, pk = f'"{side.schema}"."{meta.db_table}"', meta.pk.column
    with bound(Owner()), connection.cursor() as cursor:
        cursor.execute(f'UPDATE {place} SET "{found.column}" = %s WHERE "{pk}"::text = ANY(%s)', [value, keys])
        return bool(cursor.rowcount)


def _canary(found: models.Field[Any, Any], detail: Any, someone: Someone) -> Any:
    mark = someone.mark
    if isinstance(found, models.JSONField):
        return Json([dict.fromkeys(detail, mark)] if isinstance(detail, list | tuple) else {"canary": mark})
    if isinstance(found, models.DateTimeField):
        return None
    if isinstance(found, models.DateField):
        return FIRST_DAY + timedelta(days=someone.number)
    if isinstance(found, models.BinaryField):
        return mark.encode()
    longest = found.max_length or 4000
    return f"{mark}{found.name}"[:longest] if longest >= SHORTEST else None


def _plant_everywhere(portal: Side, dealer: Side, people: Iterable[Someone]) -> None:
    """Words of some people where nothing but the words leads to them: an answer that is kept for a program that asks
    again, and a session's message."""
    from kernel.accounts.models import Session, User
    from kernel.idempotency.models import StoredAnswer

    now = clock.now()
    for side in (portal, dealer):
        with side.bound():
            for someone in people:
                StoredAnswer.objects.create(
                    key=uuid4().hex,
                    owner=uuid4(),
                    method="POST",
                    path="/api/v1/customers",
                    fingerprint="0",
                    status=201,
                    body=f'{{"name": "{someone.mark}name"}}'.encode(),
                    expires_at=now + timedelta(days=1),
                )
                Session.objects.create(
                    key_hash=uuid4().hex,
                    realm="proof",
                    user=User.objects.order_by("pk")[0],
                    data={"message": f"{someone.mark}name"},
                    created_at=now,
                    last_seen=now,
                    expires_at=now + timedelta(days=1),
                )


# -- erasing ---------------------------------------------------------------------------------------------------------


@contextmanager
def without(entry: str) -> Iterator[None]:
    """Erasure that does not know of one column ("customers.Customer.email")."""
    label, _dot, name = entry.rpartition(".")
    tables, table = registry(), registry()[label]
    tables[label] = replace(table, columns={k: v for k, v in table.columns.items() if k != name})
    try:
        yield
    finally:
        tables[label] = table


def _erase(dealer: Side, someone: Someone) -> None:
    from dealer.customers.models import Customer
    from dealer.sharing.erasing.actions import erase_customer

    with dealer.bound():
        customer = Customer.objects.get(pk=someone.customer)
        erase_customer(actor=dealer.actor("general_manager"), customer=customer, typed=str(customer.number))


def _finish(dealer: Side) -> None:
    from dealer.organisation import exporting
    from dealer.sharing.erasing.actions import SETTLED_AFTER, finish

    with dealer.bound():
        finish(at=clock.now() + SETTLED_AFTER)
        exporting.tidy()


# -- searching -------------------------------------------------------------------------------------------------------


@dataclass
class Found:
    """Canaries by place and person."""

    counts: Counter[tuple[str, int]] = field(default_factory=Counter)
    tables: int = 0
    files: int = 0
    cache_entries: int = 0

    def read(self, where: str, data: bytes) -> None:
        for mark in CANARY.findall(data):
            self.counts[where, int(mark)] += 1
        for digits in CANARY_BYTES.findall(data):
            self.counts[where, int(bytes.fromhex(digits.decode()))] += 1
        for day in CANARY_DAY.findall(data):
            self.counts[where, (date.fromisoformat(day.decode()) - FIRST_DAY).days] += 1


def _search(portal: Side, dealer: Side) -> Found:
    """Every row of every table of every schema, as COPY writes it, every file and every entry of the cache."""
    found = Found()
    with bound(Owner()), connection.cursor() as cursor:
        cursor.execute(
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        )
        for schema, table in cursor.fetchall():
            out = io.BytesIO()
            cursor.copy_expert(f'COPY "{schema}"."{table}" TO STDOUT', out)
            found.read(f"{schema}.{table}", out.getvalue())
            found.tables += 1
    for path in sorted(Path(settings.MEDIA_ROOT).rglob("*")):
        if path.is_file():
            found.files += 1
            for part in _parts(path):
                found.read(f"file {path.name}", part)
    for key, value in _cached():
        found.cache_entries += 1
        found.read(f"cache {key[:60]}", value)
    return found


def _parts(path: Path) -> Iterator[bytes]:
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            yield from (archive.read(name) for name in archive.namelist())
    else:
        yield path.read_bytes()


def _cached() -> Iterator[tuple[str, bytes]]:
    """What the cache holds: of Valkey every key, else what the process keeps."""
    client = getattr(getattr(cache, "_cache", None), "get_client", None)
    if client is not None:
        server = client()
        for key in server.scan_iter():
            yield key.decode("utf-8", "replace"), server.dump(key) or b""
        return
    for key, value in dict(getattr(cache, "_cache", {})).items():
        yield str(key), value if isinstance(value, bytes) else str(value).encode()


class _Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@contextmanager
def _listening() -> Iterator[list[str]]:
    """What the product writes into its log meanwhile."""
    handler, root = _Lines(), logging.getLogger()
    root.addHandler(handler)
    try:
        yield handler.lines
    finally:
        root.removeHandler(handler)
