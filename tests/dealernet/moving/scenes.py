"""What tests of moving begin with and look at."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg2
from django.db import connection

from dealer.customers.actions import create_customer
from dealer.customers.models import Customer
from dealer.organisation import logos
from dealer.organisation.models import Profile
from exchange import operations
from exchange.testing import drain_exchange
from kernel import clock
from kernel.accounts.actors import SYSTEM
from kernel.accounts.models import OutboxMail, Session, Token, User
from kernel.tenancy import keys, steward
from kernel.tenancy.bindings import Owner, bound
from kernel.tenancy.models import StewardRequest
from oem.leads import actions as hub
from oem.leads.models import Door

#: What spreadsheets, COPY and JSON could stumble over.
ODD = "=1+1\"'\\.\\N\n\t,；中文 \x7f"


def new_lead(name: str = "王小明", phone: str = "13800138000", **given: Any) -> UUID:
    """A lead that the portal has taken in, not routed yet."""
    values = {"name": name, "phone": phone, "brand": "XH", "series": "XH-HF", "interest": "buy", **given}
    _intake, leads = hub.take_in_lead(given=values, door=Door.DESK, source="desk", actor=SYSTEM)
    return leads[0].id


def offer(portal: Any, side: Any, **given: Any) -> UUID:
    """A lead that stands as an offer at a dealership."""
    with portal.bound():
        lead = new_lead(**given)
        hub.route_by_hand(lead_id=lead, dealership=side.id, actor=SYSTEM)
    drain_exchange()
    return lead


def give_logo(side: Any, body: bytes = b"\x89PNG picture") -> str:
    with side.bound():
        name = logos.store(side.id, body)
        Profile.objects.update(logo=name)
    return name


def customers(side: Any) -> list[str]:
    with side.bound():
        return sorted(Customer.objects.values_list("surname", flat=True))


def rows_of(schema: str) -> dict[str, tuple[int, str]]:
    """Number and hash of the rows of every table of a schema, as the superuser sees them."""
    admin = steward.superuser(connection.settings_dict["NAME"])
    found = {}
    with admin.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s ORDER BY 1", [schema])
        for (table,) in cursor.fetchall():
            cursor.execute(
                "SELECT count(*), coalesce(md5(string_agg(t::text, chr(10) ORDER BY t::text)), '') "
                f'FROM "{schema}"."{table}" t'
            )
            found[table] = cursor.fetchone()
    admin.close()
    return found


def schemas() -> set[str]:
    admin = steward.superuser(connection.settings_dict["NAME"])
    with admin.cursor() as cursor:
        cursor.execute("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'd\\_%'")
        found = {row[0] for row in cursor.fetchall()}
    admin.close()
    return found


def logins() -> set[str]:
    admin = steward.superuser("postgres")
    with admin.cursor() as cursor:
        cursor.execute("SELECT rolname FROM pg_roles WHERE rolname LIKE 'd\\_%' AND rolcanlogin")
        found = {row[0] for row in cursor.fetchall()}
    admin.close()
    return found


def can_sign_in(login: str) -> bool:
    try:
        psycopg2.connect(
            host=connection.settings_dict["HOST"],
            dbname=connection.settings_dict["NAME"],
            user=login,
            password=keys.password(login),
        ).close()
    except psycopg2.OperationalError:
        return False
    return True


def differences() -> list[dict[str, Any]]:
    """What reconciliation finds."""
    return operations.reconcile()["differences"]


def live_a_little(side: Any) -> None:
    """Customers with odd words, a picture, somebody signed in, a token, a mail that waits."""
    with side.bound():
        create_customer(actor=SYSTEM, name="=李四", department="sales", phone="13900139001", note=ODD)
        create_customer(actor=SYSTEM, name="张三", department="service", phone="13900139002", note="plain")
        owner = side_user(side)
        Session.objects.create(
            key_hash="5e551011" * 8, realm=str(side.id), user=owner, last_seen=clock.now(),
            expires_at=clock.now() + timedelta(days=1),
        )  # fmt: skip
        Token.objects.create(user=owner, name="erp", prefix="abcdefgh", sha256="70ce4" + "0" * 59)
        OutboxMail.objects.create(to="a@example.com", subject="Hi", body="https://link/secret", at=clock.now())
    give_logo(side)


def side_user(side: Any) -> Any:
    return User.objects.get(role="general_manager")


def ask(verb: str, **arguments: Any) -> StewardRequest:
    """A request that the steward may carry out: written and signed by the owner."""
    with bound(Owner()):
        request = StewardRequest.objects.create(verb=verb, arguments=arguments, requested_by="tests")
        steward.sign(request.id, by="tests")
    return request


def work_off() -> None:
    while steward.work_off_one():
        pass
