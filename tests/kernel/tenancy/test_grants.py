"""Rights are declared on the model; a public table must say who may read it."""

from __future__ import annotations

import pytest

from kernel.accounts.models import User
from kernel.tenancy.grants import TIER_DEFAULT, Grants, grants_of
from kernel.tenancy.models import Tenant


def test_a_tiers_table_belongs_to_its_own_login_unless_it_says_otherwise():
    assert grants_of(User, public=False) is TIER_DEFAULT
    assert TIER_DEFAULT.statements(table="t", own_login="oem") == ["GRANT SELECT, INSERT, UPDATE, DELETE ON t TO oem"]


def test_a_public_table_without_declared_rights_is_refused():
    with pytest.raises(LookupError, match=r"accounts\.User stands in the public schema and must declare its grants"):
        grants_of(User, public=True)
    assert grants_of(Tenant, public=True) is Tenant.grants


def test_columns_are_granted_one_by_one_and_nobody_gets_what_is_not_named():
    rights = Grants(own="ra", own_update=("state", "reason"), courier="r", courier_update=("state",))
    assert rights.statements(table="t", own_login='"d_x"') == [
        'GRANT SELECT, INSERT ON t TO "d_x"',
        "GRANT SELECT ON t TO courier",
        'GRANT UPDATE ("state", "reason") ON t TO "d_x"',
        'GRANT UPDATE ("state") ON t TO courier',
    ]
    assert rights.statements(table="t", own_login=None) == [
        "GRANT SELECT ON t TO courier",
        'GRANT UPDATE ("state") ON t TO courier',
    ]
