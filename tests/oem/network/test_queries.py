"""Dealerships as other apps name them."""

from __future__ import annotations

import pytest
from django.utils import translation

from oem.network import queries
from oem.network.models import Dealership, DealershipState


@pytest.fixture
def states(wall, portal, north, south):
    """Sets the states of north and south. Inside the portal's binding, in English."""

    def give(*given):
        for side, state in zip((north, south), given, strict=True):
            Dealership.objects.filter(id=side.id).update(state=state)

    with portal.bound(), translation.override("en"):
        yield give


def test_a_retired_dealership_says_so_wherever_it_is_named(states, north, south):
    states(DealershipState.RETIRED, DealershipState.RETIRING)
    assert queries.dealership_names() == {north.id: "Northstar (retired)", south.id: "Southgate Motors"}
    assert queries.dealership_names([south.id]) == {south.id: "Southgate Motors"}


@pytest.mark.parametrize(
    ("given", "offered"),
    [
        (("active", "active"), ["Northstar", "Southgate Motors"]),
        (("retired", "active"), ["Southgate Motors", "Northstar (retired)"]),
        (("joining", "failed"), []),
    ],
)
def test_filters_offer_those_at_work_first_and_never_who_has_not_begun(states, given, offered):
    states(*given)
    assert [name for _id, name in queries.dealership_choices()] == offered
