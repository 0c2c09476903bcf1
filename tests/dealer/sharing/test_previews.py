"""The preview shows the dealership's own latest records, of every kind that may be shared."""

from __future__ import annotations

import pytest
from tests.service import REPLACE_PUMP, WATER_PUMP, add_customer_line, close, diagnose, order_of, warranty_repair

from dealer.sharing import flows, previews
from dealer.sharing.models import Grant
from exchange.models import Ledger
from kernel.contracts import Level

COMPLAINT = "怠速抖动"


@pytest.fixture
def repaired(wall, north):
    """A repair under warranty, whose claim is a draft, and a later visit of the same car."""
    with north.bound():
        order, claim = warranty_repair(north)
        later = order_of(north, order.customer, order.vehicle, odometer_km=13_000, complaints=[COMPLAINT])
        diagnose(north, later.jobs.get())
        add_customer_line(north, later.jobs.get())
        close(north, later)
    return order, claim


def test_every_flow_has_a_source_for_its_preview():
    assert set(flows._samplers) == set(flows.FLOWS)


def preview_of(north, contract, level):
    """The preview, which sends nothing."""
    with north.bound():
        before = Ledger.objects.count()
        found = previews.preview(Grant.objects.get(contract=contract), level)
        assert Ledger.objects.count() == before
    return found


@pytest.mark.parametrize(
    ("level", "sent", "whole"),
    [(Level.FULL, 2, True), (Level.PSEUDONYMOUS, 2, False), (Level.COUNTS, 0, False), (Level.NOTHING, 0, False)],
)
def test_visits_are_previewed_the_latest_first(repaired, north, level, sent, whole):
    order, _claim = repaired
    found = preview_of(north, "ServiceVisit", level)
    assert (found.records, found.sent) == (2, sent)
    released = str(found.examples[0].released)
    assert (order.vehicle.vin in released) == (COMPLAINT in released) == whole
    assert order.customer.name not in released


@pytest.mark.parametrize("level", [Level.FULL, Level.PSEUDONYMOUS])
def test_claims_are_previewed_whole_with_their_lines_for_they_are_required(repaired, north, level):
    order, _claim = repaired
    found = preview_of(north, "WarrantyClaim", level)
    assert (found.records, found.sent) == (1, 1)
    (example,) = found.examples
    assert example.released["vin"] == order.vehicle.vin
    assert [line["code"] for line in example.released["lines"]] == [REPLACE_PUMP, WATER_PUMP]
    assert order.customer.name not in str(example.released)


@pytest.mark.parametrize("contract", ["ServiceVisit", "WarrantyClaim"])
def test_the_switchboard_shows_them(repaired, north, contract):
    order, _claim = repaired
    with north.bound():
        grant = Grant.objects.get(contract=contract)
    page = north.client("general_manager").get(f"/sharing/{grant.pk}/?level=full").content.decode()
    assert order.vehicle.vin in page
    assert order.customer.name not in page.partition("<main")[2]
