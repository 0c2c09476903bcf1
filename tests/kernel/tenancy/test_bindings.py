"""Who is speaking is said once, and only members of the network have an address."""

from __future__ import annotations

import pytest

from kernel.tenancy.bindings import MANUFACTURER_ID, Courier, Owner, WallError, bound, own_id


def test_only_members_have_an_address_in_the_exchange(wall, portal, north):
    with north.bound():
        assert own_id() == north.id
    with portal.bound():
        assert own_id() == MANUFACTURER_ID


@pytest.mark.parametrize("servant", [Courier(), Owner(), Owner("oem")])
def test_servants_of_the_network_have_none(wall, servant):
    with bound(servant), pytest.raises(WallError, match="not a member"):
        own_id()


def test_nobody_has_none():
    with pytest.raises(WallError, match="not a member"):
        own_id()
