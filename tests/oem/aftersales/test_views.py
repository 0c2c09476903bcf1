"""Pages and API of after-sales on the portal."""

from __future__ import annotations

from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from tests.oem.aftersales.test_actions import LABOUR, PUMP, approve_all, claim_record, received, visit_record
from tests.service import good_vin

from kernel.contracts import Level
from oem.aftersales import actions
from oem.aftersales.models import Claim, Decision

CLAIMS = "/api/v1/warranty-claims"


def text_of(answer) -> str:
    return answer.content.decode()


@pytest.fixture
def claim(wall, portal, north):
    with portal.bound():
        return actions.keep_claim(received(claim_record(uuid4()), north.id))


@pytest.fixture
def analyst(wall, portal):
    user = portal.user("warranty_analyst")
    with portal.bound():
        user.language = "en"
        user.save()
    return portal.client(user)


def entered(**changes: str) -> dict[str, str]:
    given = {
        "revision": "1",
        "way": "entered",
        f"outcome-{LABOUR}": "partly_approved",
        f"approved_amount-{LABOUR}": "450.00",
        f"reason_code-{LABOUR}": "hours_over_standard",
        f"reason_text-{LABOUR}": "按标准工时",
        f"outcome-{PUMP}": "approved",
        f"approved_amount-{PUMP}": "420.00",
        f"reason_code-{PUMP}": "",
        f"reason_text-{PUMP}": "",
    }
    return given | changes


def test_the_worklist_leads_to_the_claim_with_the_rules_opinion(analyst, claim):
    assert f"/claims/{claim.pk}/" in text_of(analyst.get("/claims/"))
    page = text_of(analyst.get(f"/claims/{claim.pk}/"))
    assert "More hours than the standard time" in page
    assert "Checked by the rules of 2026-1" in page
    assert "水泵轴承磨损" in page
    assert "Northstar" in page


def test_approve_all_is_two_clicks_and_leads_to_the_next(analyst, claim, portal, north):
    with portal.bound():
        other = actions.keep_claim(received(claim_record(uuid4(), number="WC000002"), north.id))
    answer = analyst.post(f"/claims/{claim.pk}/decide/", {"way": "approve_all", "revision": "1"})
    assert answer.headers["Location"] == f"/claims/{other.pk}/"
    with portal.bound():
        assert Decision.objects.get().approved_total == Decimal("1140.00")
    answer = analyst.post(f"/claims/{other.pk}/decide/", {"way": "suggested", "revision": "1"})
    assert answer.headers["Location"] == "/claims/"
    with portal.bound():
        assert Claim.objects.get(pk=other.pk).approved_total == Decimal("870.00")


def test_a_decision_as_entered_takes_each_line(analyst, claim, portal):
    assert analyst.post(f"/claims/{claim.pk}/decide/", entered()).status_code == 302
    with portal.bound():
        decision = Decision.objects.get()
        assert (decision.outcome, decision.approved_total) == ("partly_approved", Decimal("870.00"))
    page = text_of(analyst.get(f"/claims/{claim.pk}/"))
    assert "按标准工时" in page
    assert "/decide/" not in page


@pytest.mark.parametrize("language", ["en", "zh-hans", "zh-hant"])
def test_a_wrong_decision_keeps_what_was_entered(claim, portal, language):
    user = portal.user("warranty_analyst")
    with portal.bound():
        user.language = language
        user.save()
    sent = entered(**{f"approved_amount-{LABOUR}": "9999", f"outcome-{PUMP}": "refused"})
    answer = portal.client(user).post(f"/claims/{claim.pk}/decide/", sent)
    assert answer.status_code == 422
    page = text_of(answer)
    assert 'value="9999"' in page
    assert "按标准工时" in page
    assert page.count('role="alert"') >= 2
    with portal.bound():
        assert not Decision.objects.exists()


@pytest.mark.parametrize("revision", ["2", "", "x", "0"])
def test_another_revision_than_the_one_seen_is_said(analyst, claim, portal, revision):
    answer = analyst.post(f"/claims/{claim.pk}/decide/", entered(revision=revision), follow=True)
    assert "newer revision" in text_of(answer)
    with portal.bound():
        assert not Decision.objects.exists()


def test_deciding_twice_is_said(analyst, claim):
    analyst.post(f"/claims/{claim.pk}/decide/", entered())
    answer = analyst.post(f"/claims/{claim.pk}/decide/", entered(), follow=True)
    assert "decided already" in text_of(answer)


def test_visits_show_what_was_shared_and_say_what_was_not(analyst, portal, north):
    record = visit_record()
    with portal.bound():
        full = actions.keep_visit(received(record, north.id))
        keep = set(type(record).spec.fields) - {"vin", "odometer_km"}
        less = actions.keep_visit(received(visit_record(), north.id, level=Level.PSEUDONYMOUS, keep=keep))
    listed = text_of(analyst.get("/service-visits/"))
    assert good_vin(8)[-6:] in listed
    page = text_of(analyst.get(f"/service-visits/{full.pk}/"))
    assert "垫片松动" in page
    assert "Not shared" not in page
    page = text_of(analyst.get(f"/service-visits/{less.pk}/"))
    assert "Not shared: this dealership shares at the level “Pseudonymous”." in page
    assert good_vin(8) not in page


@pytest.mark.parametrize(
    ("role", "claims", "deciding", "visits"),
    [
        ("warranty_analyst", 200, 302, 200),
        ("crm_analyst", 403, 403, 200),
        ("lead_desk", 403, 403, 403),
        ("network_admin", 403, 403, 403),
        ("auditor", 403, 403, 403),
    ],
)
def test_pages_open_for_their_roles_only(claim, portal, role, claims, deciding, visits):
    client = portal.client(role)
    assert client.get("/claims/").status_code == claims
    assert client.get("/claims/all/").status_code == claims
    assert client.get(f"/claims/{claim.pk}/").status_code == claims
    assert client.get("/service-visits/").status_code == visits
    sent = {"way": "approve_all", "revision": "1"}
    assert client.post(f"/claims/{claim.pk}/decide/", sent).status_code == deciding


def test_a_dealership_has_no_such_pages(claim, north):
    client = north.client("service_manager")
    assert client.get(f"/claims/{claim.pk}/decide/").status_code == 404
    assert client.get("/service-visits/").status_code == 404


def test_lists_export_and_pages_cost_the_same(analyst, claim, portal, north):
    def cost(address):
        analyst.get(address)
        with CaptureQueriesContext(connection) as seen:
            assert analyst.get(address).status_code == 200
        return len(seen)

    with portal.bound():
        visit = actions.keep_visit(received(visit_record(), north.id))
    addresses = [
        "/claims/",
        "/claims/all/",
        f"/claims/{claim.pk}/",
        "/service-visits/",
        f"/service-visits/{visit.pk}/",
    ]
    before = [cost(address) for address in addresses]
    with portal.bound():
        for _turn in range(5):
            actions.keep_claim(received(claim_record(uuid4()), north.id))
            actions.keep_visit(received(visit_record(), north.id))
    assert [cost(address) for address in addresses] == before
    assert max(before) <= 15
    for address in ("/claims/all/?export=csv", "/service-visits/?export=csv"):
        assert good_vin(7) in (text := b"".join(analyst.get(address).streaming_content).decode()) or good_vin(8) in text


# -- API


def test_claims_are_read_and_decided_by_api(analyst, claim, portal):
    listed = analyst.get(f"{CLAIMS}?state=submitted&dealership=north&vin={good_vin(7)}").json()
    assert [one["id"] for one in listed["results"]] == [str(claim.pk)]
    body = analyst.get(f"{CLAIMS}/{claim.pk}").json()
    assert [one["outcome"] for one in body["suggestions"]] == ["partly_approved", "approved"]
    lines = [{"line_id": str(one["line_id"]), "outcome": "approved"} for one in body["lines"]]
    sent = {"revision": 1, "lines": lines}
    answer = analyst.post(f"{CLAIMS}/{claim.pk}/decide", sent, content_type="application/json")
    assert answer.status_code == 200
    assert answer.json()["state"] == "approved"
    assert answer.json()["decisions"][0]["approved_total"] == "1140.00"
    again = analyst.post(f"{CLAIMS}/{claim.pk}/decide", sent, content_type="application/json")
    assert (again.status_code, again.json()["code"]) == (409, "already_decided")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "lines"),
        ({"lines": []}, "lines"),
        ({"lines": [{"line_id": str(LABOUR), "outcome": "maybe"}]}, "lines.0.outcome"),
        ({"lines": [{"line_id": str(LABOUR), "outcome": "refused"}]}, "lines.0.reason_code"),
        ({"lines": [{"line_id": "x", "outcome": "approved"}]}, "lines.0.line_id"),
        ({"lines": "all"}, "lines"),
        ({"lines": [], "colour": "red"}, "colour"),
        ({"lines": [], "revision": "last"}, "revision"),
    ],
)
@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_a_wrong_decision_by_api_names_its_field(claim, portal, body, field, language):
    client = portal.client("warranty_analyst", headers={"accept-language": language})
    answer = client.post(f"{CLAIMS}/{claim.pk}/decide", body, content_type="application/json")
    assert answer.status_code == 422
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert any(error["field"].startswith(field) for error in answer.json()["errors"]), answer.json()["errors"]


def test_visits_by_api_name_what_was_withheld(analyst, portal, north):
    record = visit_record()
    with portal.bound():
        visit = actions.keep_visit(received(record, north.id, keep={"visit_id", "kind"}))
    body = analyst.get("/api/v1/service-visits?dealership=north").json()["results"][0]
    assert (body["id"], body["odometer_km"], body["jobs"]) == (str(visit.pk), None, None)
    assert "vin" in body["withheld"]
    assert analyst.get(f"/api/v1/service-visits/{visit.pk}").json() == body
    assert analyst.get("/api/v1/service-visits?dealership=nowhere").status_code == 422
    assert analyst.get(f"{CLAIMS}?state=lost").status_code == 422


def test_rights_by_api(claim, portal):
    assert portal.client("lead_desk").get(CLAIMS).status_code == 403
    assert portal.client("crm_analyst").get(f"{CLAIMS}/{claim.pk}").status_code == 403
    sent = {"lines": [{**one, "line_id": str(one["line_id"])} for one in approve_all()]}
    answer = portal.client("crm_analyst").post(f"{CLAIMS}/{claim.pk}/decide", sent, content_type="application/json")
    assert answer.status_code == 403
    assert portal.client().get(CLAIMS).status_code == 401
    assert portal.client("warranty_analyst").get(f"{CLAIMS}/{uuid4()}").status_code == 404
