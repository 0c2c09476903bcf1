"""From the workshop to the manufacturer and back, through the exchange."""

from __future__ import annotations

from decimal import Decimal

import pytest
from tests.service import add_warranty_lines, car_of, close, diagnose, order_of, set_level, warranty_repair

from dealer.warranty import actions as warranty
from dealer.warranty.models import Claim as DealerClaim
from exchange.models import Inbox, Ledger
from exchange.testing import exchange_drained
from kernel.accounts.actors import EXCHANGE
from kernel.contracts import Level
from kernel.contracts.base import is_pseudonym
from oem.aftersales import actions, queries
from oem.aftersales.models import Claim, ServiceVisit


def decide(portal, claim_id, answer):
    with portal.bound():
        claim = Claim.objects.get(pk=claim_id)
        actions.decide_claim(
            actor=portal.actor("warranty_analyst"),
            claim_id=claim.pk,
            lines=[{"line_id": line.line_id, **answer} for line in queries.lines_of(claim)],
            revision=claim.revision,
        )


def test_a_claim_is_sent_back_comes_again_and_is_approved(committed, portal, north):
    with exchange_drained(), north.bound():
        order, claim = warranty_repair(north)
        adviser = north.actor("service_adviser")
        warranty.submit_claim(actor=adviser, claim=claim)
    with portal.bound():
        seen = Claim.objects.get()
        assert (seen.pk, seen.revision, seen.dealership) == (claim.pk, 1, north.id)
        assert (seen.vin, seen.total, seen.repair_order_number) == (order.vehicle.vin, Decimal("870.00"), str(order))
        assert {one.outcome for one in queries.suggestions_for(seen, queries.lines_of(seen))} == {"approved"}
    with exchange_drained():
        decide(portal, claim.pk, {"outcome": "sent_back", "reason_code": "cause_unclear", "reason_text": "原因不明"})
    with north.bound():
        claim.refresh_from_db()
        assert (claim.state, claim.approved_total) == ("sent_back", Decimal(0))
        assert claim.decisions.get().lines[0]["reason_text"] == "原因不明"
    with exchange_drained(), north.bound():
        warranty.update_claim(actor=adviser, claim=claim, cause="水泵轴承磨损, 冷却液由泄水孔渗出")
        warranty.submit_claim(actor=adviser, claim=claim)
    with portal.bound():
        seen.refresh_from_db()
        assert (seen.state, seen.revision) == ("submitted", 2)
        assert seen.cause.endswith("泄水孔渗出")
    with exchange_drained():
        decide(portal, claim.pk, {"outcome": "approved"})
    with north.bound():
        claim.refresh_from_db()
        assert (claim.state, claim.approved_total, claim.revision) == ("approved", Decimal("870.00"), 2)
        assert [one.revision for one in claim.decisions.all()] == [2, 1]
        assert set(Ledger.objects.filter(contract="WarrantyClaim").values_list("state", flat=True)) == {"applied"}
        assert set(Inbox.objects.filter(contract="ClaimDecision").values_list("state", flat=True)) == {"applied"}
    with portal.bound():
        assert set(Ledger.objects.filter(contract="ClaimDecision").values_list("state", flat=True)) == {"applied"}


@pytest.mark.parametrize(
    ("level", "arrived"), [(Level.NOTHING, 0), (Level.COUNTS, 0), (Level.PSEUDONYMOUS, 1), (Level.FULL, 1)]
)
def test_a_visit_arrives_as_the_level_allows(committed, portal, north, level, arrived):
    with exchange_drained(), north.bound():
        if level != Level.NOTHING:
            set_level(north, "ServiceVisit", "analytics", level)
        order = order_of(north, *car_of(north))
        job = order.jobs.get()
        diagnose(north, job)
        add_warranty_lines(north, job)
        order = close(north, order)
    with portal.bound():
        visits = list(ServiceVisit.objects.filter(visit_id=order.pk))
    assert len(visits) == arrived
    for visit in visits:
        full = level == Level.FULL
        assert visit.level == level
        assert (visit.vin == order.vehicle.vin) is full
        assert is_pseudonym(visit.vin) is not full
        assert (visit.jobs[0]["cause"] == "水泵轴承磨损") is full
        assert visit.jobs[0]["part_numbers"] == ["XH-1001-01"]
        assert visit.labour_total == Decimal("450.00")


def test_a_revision_that_nobody_may_send_is_refused_and_waits_for_a_person(committed, portal, north):
    with exchange_drained(), north.bound():
        _order, claim = warranty_repair(north)
        warranty.submit_claim(actor=north.actor("service_adviser"), claim=claim)
    with exchange_drained():
        decide(portal, claim.pk, {"outcome": "approved"})
    with exchange_drained(), north.bound():
        DealerClaim.objects.update(state="sent_back")
        warranty.submit_claim(actor=EXCHANGE, claim=DealerClaim.objects.get())
    with portal.bound():
        row = Inbox.objects.get(contract="WarrantyClaim", state="refused")
        assert row.reason == "already_decided"
    with north.bound():
        assert Ledger.objects.get(id=row.id).state == "refused"
