"""Who can see a visit or a claim that a dealership shared, and why."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from tests.dealer.speaking import speaking

from kernel.contracts import Level
from oem.aftersales.models import Claim, ServiceVisit

AT = datetime(2026, 5, 4, 9, tzinfo=UTC)


def plain(answer):
    assert answer.status_code == 200, answer.content.decode()[-2000:]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


@pytest.fixture
def visit(wall, portal, north):
    with portal.bound():
        return ServiceVisit.objects.create(
            dealership=north.id,
            visit_id=uuid4(),
            vin="p_" + "a" * 26,
            opened_at=AT,
            level=Level.PSEUDONYMOUS,
            withheld=["odometer_km"],
            purpose="analytics",
            agreement_version="2026-1",
            message_id=uuid4(),
            event_at=AT,
        )


@pytest.fixture
def claim(wall, portal, north):
    with portal.bound():
        return Claim.objects.create(
            id=uuid4(),
            dealership=north.id,
            number="C-1",
            vin="LSVAA4182E2184847",
            revision=1,
            level=Level.FULL,
            withheld=[],
            agreement_version="2026-1",
            submitted_at=AT,
        )


def test_a_visit_says_at_which_level_and_for_what_it_came(visit, portal):
    client = speaking(portal, "crm_analyst", "en")
    page = plain(client.get(f"/explain/visit/{visit.pk}/"))
    assert "Service visits · Analytics" in page
    assert "shares at the level “Pseudonymous”, by the agreement 2026-1" in page
    assert re.search(r"Mileage in km\s+The message is no longer kept here", page)
    assert f"/explain/visit/{visit.pk}/" in client.get(f"/service-visits/{visit.pk}/").content.decode()


def test_a_claim_says_so_too(claim, portal):
    page = plain(speaking(portal, "warranty_analyst", "en").get(f"/explain/claim/{claim.pk}/"))
    assert "Warranty claims · Warranty" in page
    assert "Warranty analyst" in page


def test_who_may_not_read_claims_may_not_ask_about_them(claim, portal):
    assert portal.client("lead_desk").get(f"/explain/claim/{claim.pk}/").status_code in (403, 404)
    assert portal.client("warranty_analyst").get(f"/explain/claim/{uuid4()}/").status_code == 404
