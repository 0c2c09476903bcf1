"""Rights are declared on the model, also when a release takes some away; a public table must say who may read it."""

from __future__ import annotations

import pytest
from django.db import ProgrammingError, connection, transaction

from dealer.sales.models import Delivery, SalesContract
from kernel.accounts.models import Session, Token, User
from kernel.audit.models import Entry
from kernel.tenancy import rendering, steward
from kernel.tenancy.bindings import Owner, bound
from kernel.tenancy.grants import DELETABLE, TIER_DEFAULT, Grants, grants_of
from kernel.tenancy.models import Tenant
from oem.leads.models import Lead


def refused(table: str, statement: str) -> None:
    with pytest.raises(ProgrammingError, match=f"permission denied for table {table}"), transaction.atomic():
        run(statement)


def run(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def test_a_tiers_table_is_kept_by_its_own_login_unless_it_says_otherwise() -> None:
    assert grants_of(User, public=False) is TIER_DEFAULT
    assert TIER_DEFAULT.statements(table="t", own_login="oem")[1:] == ["GRANT SELECT, INSERT, UPDATE ON t TO oem"]


def test_a_public_table_without_declared_rights_is_refused() -> None:
    with pytest.raises(LookupError, match=r"accounts\.User stands in the public schema and must declare its grants"):
        grants_of(User, public=True)
    assert grants_of(Tenant, public=True) is Tenant.grants


def test_everything_is_taken_away_and_columns_are_given_one_by_one() -> None:
    rights = Grants(own="ra", own_update=("state", "reason"), courier="r", courier_update=("state",))
    assert rights.statements(table="t", own_login='"d_x"') == [
        'REVOKE ALL ON t FROM PUBLIC, "d_x", frontdesk, oem, dealerships, courier',
        'GRANT SELECT, INSERT ON t TO "d_x"',
        "GRANT SELECT ON t TO courier",
        'GRANT UPDATE ("state", "reason") ON t TO "d_x"',
        'GRANT UPDATE ("state") ON t TO courier',
    ]
    assert rights.statements(table="t", own_login=None) == [
        "REVOKE ALL ON t FROM PUBLIC, frontdesk, oem, dealerships, courier",
        "GRANT SELECT ON t TO courier",
        'GRANT UPDATE ("state") ON t TO courier',
    ]


@pytest.mark.parametrize("model", [SalesContract, Delivery, Token])
def test_what_nobody_deletes_cannot_be_deleted_by_its_own_login(wall, north, model) -> None:
    table = model._meta.db_table
    with north.bound():
        refused(table, f"DELETE FROM {table}")
        run(f"UPDATE {table} SET id = id WHERE false")


def test_what_an_action_deletes_can_be_deleted(wall, portal, north) -> None:
    for side in (portal, north):
        with side.bound():
            run(f"DELETE FROM {Session._meta.db_table} WHERE false")
            refused(Entry._meta.db_table, f"DELETE FROM {Entry._meta.db_table}")
    with portal.bound():
        refused(Lead._meta.db_table, f"DELETE FROM {Lead._meta.db_table}")


def test_only_what_says_so_may_be_deleted() -> None:
    found = set()
    for kind in (rendering.MANUFACTURER, rendering.DEALERSHIP):
        for model in rendering.models_of(kind):
            if "d" in getattr(model, "grants", TIER_DEFAULT).own:
                found.add(model._meta.db_table)
    assert found == {
        "accounts_factor",
        "accounts_recoverycode",
        "accounts_session",
        # what a dealership may take back
        *("aftersales_claim", "aftersales_claimline", "aftersales_decision", "aftersales_decisionline"),
        *("aftersales_servicevisit", "aftersales_submission", "leads_event"),
        *("owners_dailycount", "owners_owner", "owners_sale"),
        "exchange_inboxpayload",
        "exchange_payload",
        "idempotency_storedanswer",
        "leads_rawbytes",
        "network_territory",
        "warranty_claimline",
        "workshop_job",
        "workshop_jobline",
    }


@pytest.fixture
def next_grants(monkeypatch):
    """`next_grants(grants)`: from here on the model says these rights of a workshop's jobs."""

    def give(grants: Grants) -> None:
        monkeypatch.setattr("dealer.workshop.models.Job.grants", grants)
        rendering.forget()

    yield give
    monkeypatch.undo()
    rendering.forget()


def test_an_upgrade_takes_rights_away_that_a_release_no_longer_gives(committed, north, south, next_grants) -> None:
    with north.bound():
        run("DELETE FROM workshop_job WHERE false")
    next_grants(TIER_DEFAULT)
    assert steward.upgrade({}) == {"schemas": 2, "upgraded": 2, "failed": 0}
    assert steward.upgrade({}) == {"schemas": 0, "upgraded": 0, "failed": 0}
    for side in (north, south):
        with side.bound():
            refused("workshop_job", "DELETE FROM workshop_job WHERE false")
            run("UPDATE workshop_job SET position = 1 WHERE false")
    next_grants(Grants(own="ra", own_update=("position",)))
    steward.upgrade({})
    with north.bound():
        run("UPDATE workshop_job SET position = 1 WHERE false")
        refused("workshop_job", "UPDATE workshop_job SET complaint = '' WHERE false")
    next_grants(DELETABLE)
    steward.upgrade({})
    with north.bound():
        run("DELETE FROM workshop_job WHERE false")


def test_a_right_that_somebody_gave_by_hand_is_taken_back(committed, north, south) -> None:
    with bound(Owner()):
        run(f'GRANT UPDATE (action) ON "{north.schema}".audit_entry TO "{north.schema}"')
        run(f'GRANT SELECT ON "{north.schema}".audit_entry TO PUBLIC, oem')
        run(f"UPDATE tenancy_schemastate SET checksum = '' WHERE schema_name = '{north.schema}'")
    assert steward.upgrade({})["upgraded"] == 1
    with north.bound():
        refused("audit_entry", "UPDATE audit_entry SET action = 'x' WHERE false")
    with bound(Owner()), connection.cursor() as cursor:
        cursor.execute(
            "SELECT has_table_privilege('oem', %(t)s, 'SELECT'), has_table_privilege('frontdesk', %(t)s, 'SELECT')",
            {"t": f'"{north.schema}".audit_entry'},
        )
        assert cursor.fetchone() == (False, False)
