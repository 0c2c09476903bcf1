"""What belongs to nobody is found."""

from __future__ import annotations

import pytest
from django.db import connection

from kernel.tenancy import steward
from kernel.tenancy.bindings import Owner, bound
from kernel.tenancy.models import Domain, SchemaState, State, Tenant

NOBODYS = "d_nobodynobody"[:14]


def say(statement: str) -> None:
    with bound(Owner()), connection.cursor() as cursor:
        cursor.execute(statement)


def test_in_a_whole_network_nothing_belongs_to_nobody(committed):
    assert steward.orphans() == []


@pytest.mark.parametrize(
    ("planted", "undone", "sentence"),
    [
        (f"CREATE SCHEMA {NOBODYS}", f"DROP SCHEMA {NOBODYS}", f"schema {NOBODYS} has no dealership"),
        (f"CREATE ROLE {NOBODYS}", f"DROP ROLE {NOBODYS}", f"login {NOBODYS} has no dealership"),
    ],
)
def test_a_schema_or_a_login_of_nobody_is_found(committed, planted, undone, sentence):
    say(planted)
    try:
        assert steward.orphans() == [sentence]
    finally:
        say(undone)


def test_what_a_dealership_lacks_is_said(committed, north, south):
    with bound(Owner()):
        SchemaState.objects.filter(schema_name=north.schema).update(schema_name=NOBODYS)
        Domain.objects.filter(tenant__slug="north").delete()
    assert steward.orphans() == [
        f"the ledger knows {NOBODYS}, which has no dealership",
        "north has no ledger row",
        "north has no host",
    ]


def test_a_host_may_not_lead_to_one_that_is_not_active(committed, north):
    with bound(Owner()):
        Tenant.objects.filter(slug="north").update(state=State.RETIRED)
    assert steward.orphans() == ["north.localhost leads to north, which is retired"]
