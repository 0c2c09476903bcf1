"""The pages of owners and cars: who opens them, what they show and what they say instead."""

from __future__ import annotations

import re
from datetime import date, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from tests.oem.sharedrows import CODE, CODED_VIN, NOW, VIN, counts, owner, sale

from kernel.accounts.roles import PORTAL_ROLES, RIGHTS, Right
from kernel.audit.models import Entry
from kernel.contracts import Level, Purpose
from kernel.testing.clocks import at
from oem.aftersales.models import Claim, ServiceVisit
from oem.network.models import Dealership, DealershipState
from oem.owners import queries

TODAY = date(2026, 5, 20)


@pytest.fixture
def present(wall):
    with at(NOW):
        yield


@pytest.fixture
def shared(present, portal, north, south):
    """North shares an owner by name, south another by code; both sold a car."""
    with portal.bound():
        sale(north.id)
        return {"named": owner(north.id), "coded": owner(south.id, level=Level.PSEUDONYMOUS)}


@pytest.fixture
def analyst(wall, portal):
    """Somebody who reads owners, in English."""
    with portal.bound():
        user = portal.user("crm_analyst")
        user.language = "en"
        user.save(update_fields=["language"])
    return portal.client("crm_analyst")


def text(client, path):
    answer = client.get(path)
    assert answer.status_code == 200, answer.content.decode()[-2000:]
    return answer.content.decode()


@pytest.mark.parametrize("role", sorted(PORTAL_ROLES))
def test_rights_decide_who_opens_owners(shared, portal, role):
    client = portal.client(role)
    may = Right.OWNERS_READ in RIGHTS[role]
    assert client.get("/owners/").status_code == (200 if may else 403)
    assert client.get(f"/owners/{shared['named'].id}/").status_code == (200 if may else 403)
    export = client.get("/owners/?export=csv")
    export.getvalue()  # read to the end, so that the file behind it is closed
    assert export.status_code == (200 if may else 403)
    assert client.get("/api/v1/owners").status_code == (200 if may else 403)
    sees_cars = bool(RIGHTS[role] & set(queries.VEHICLE_RIGHTS))
    assert client.get(f"/vehicles/{VIN}/").status_code == (200 if sees_cars else 403)
    assert client.get(f"/api/v1/vehicles/{VIN}").status_code == (200 if sees_cars else 403)


@pytest.mark.parametrize("path", ["/owners/", f"/vehicles/{VIN}/"])
def test_nobody_signed_in_is_sent_to_the_sign_in_and_a_dealership_has_no_owners(shared, portal, north, path):
    assert portal.client().get(path).status_code == 302
    assert north.client("general_manager").get(path).status_code == 404


@pytest.mark.parametrize("path", ["/vehicles/LSVAA4182E2184848/", "/vehicles/%2e%2e%27/", "/owners/0/"])
def test_what_was_not_shared_is_404(shared, analyst, path):
    assert analyst.get(path).status_code == 404


def test_a_coded_owner_shows_the_code_and_why_and_leaves_no_cell_empty(shared, analyst):
    page = text(analyst, "/owners/?level=pseudonymous")
    assert CODE[:10] in page
    assert "Name not shared. Only a code was released." in page
    assert "Only a code was released: the dealership or the customer allows no more." in page
    assert "VIN not shared" in page
    row = page.split("<tbody")[1].split("</tbody>")[0]
    assert "<td" in row
    assert re.search(r"<td[^>]*>\s*</td>", row) is None
    assert "王小明" not in page
    detail = text(analyst, f"/owners/{shared['coded'].id}/")
    assert "Not shared by Southgate Motors" in detail
    assert detail.count("Not shared<") >= 5


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", {"named", "coded"}),
        ("q=王小", {"named"}),
        ("q=138 0013 8000", {"named"}),
        ("q=184847", {"named"}),
        (f"q={CODE[:8]}", {"coded"}),
        ("q=nobody", set()),
        ("level=full", {"named"}),
        ("province=广东省", {"named", "coded"}),
        ("province=北京市", set()),
        ("role=driver", set()),
    ],
)
def test_the_list_is_narrowed(shared, analyst, query, found):
    page = text(analyst, f"/owners/?{query}")
    assert {key for key, row in shared.items() if str(row.id) in page} == found


def test_the_list_is_narrowed_by_dealership(shared, analyst, south):
    page = text(analyst, f"/owners/?dealership={south.id}")
    assert str(shared["coded"].id) in page
    assert str(shared["named"].id) not in page


def test_the_export_says_what_was_not_shared_and_is_audited(shared, analyst, portal):
    table = analyst.get("/owners/?export=csv").getvalue().decode("utf-8-sig")
    assert "王小明" in table
    assert CODE in table
    assert "Not shared" in table
    assert analyst.get("/owners/?export=xlsx").getvalue().startswith(b"PK")
    with portal.bound():
        assert list(Entry.objects.filter(action="owners.export").values_list("after__rows", flat=True)) == [2, 2]


def test_reading_a_named_owner_is_audited_once_a_person_owner_and_day(shared, analyst, portal):
    for _twice in range(2):
        text(analyst, f"/owners/{shared['named'].id}/")
        text(analyst, f"/owners/{shared['coded'].id}/")
    text(analyst, f"/vehicles/{VIN}/")
    text(portal.client("privacy_officer"), f"/owners/{shared['named'].id}/")
    with at(NOW + timedelta(days=1)):
        text(portal.client("crm_analyst"), f"/vehicles/{VIN}/")
    with portal.bound():
        read = Entry.objects.filter(action="owners.read").order_by("number")
        assert [(e.actor_role, e.object_id) for e in read] == [
            (role, str(shared["named"].id)) for role in ("crm_analyst", "privacy_officer", "crm_analyst")
        ]
        assert read[0].object_label == "王小明"


def test_seeing_a_list_of_names_is_audited_once_a_question_and_day(shared, analyst, portal):
    for path in ("/owners/", "/owners/", "/owners/?q=王", "/owners/?level=pseudonymous"):
        text(analyst, path)
    with portal.bound():
        listed = Entry.objects.filter(action="owners.list").order_by("number")
        assert [(e.after["named"], bool(e.note)) for e in listed] == [(1, False), (1, True)]


def test_a_dealership_with_counts_stands_as_a_card_with_small_days_hidden(present, portal, north, south, analyst):
    with portal.bound():
        owner(north.id, event_at=NOW - timedelta(days=20))
        for days, total in ((4, 7), (3, None), (2, None), (1, 6)):
            counts(north.id, TODAY - timedelta(days=days), total)
        counts(north.id, date(2026, 3, 3), None)
    page = text(analyst, "/owners/")
    assert "On 19 May 2026: 6 owners new or changed." in page
    assert "13–21" in page  # two days told, two hidden ones of 0 to 4
    assert "&lt; 5" in page
    assert "1 owner stands in the list from before. It stays until it is withdrawn" in page
    silent = page.split("These dealerships have shared nothing about their owners: neither names nor numbers.")[1]
    assert "Southgate" in silent.split("</ul>")[0]
    assert "Northstar" not in silent.split("</ul>")[0]
    assert "it may have stopped sharing" not in page
    with at(NOW + timedelta(days=9)):
        assert "Nothing has come since" in text(portal.client("crm_analyst"), "/owners/")


def test_a_dealership_that_shares_owners_has_no_card(shared, analyst):
    assert "neither names nor numbers" not in text(analyst, "/owners/")


def test_a_dealership_that_has_just_changed_to_counts_is_not_missing(present, portal, north, analyst):
    with portal.bound():
        owner(north.id, event_at=NOW - timedelta(hours=20))
        # What a change to counts sends at once: the report of yesterday, when names still came.
        counts(north.id, TODAY - timedelta(days=1), None, event_at=NOW)
    page = text(analyst, "/owners/")
    assert (
        "Counts only since 20 May 2026. A day is counted when it is over: the first figures arrive on 21 May 2026."
        in page
    )
    assert "1 owner stands in the list from before. It stays until it is withdrawn" in page
    assert "On 19 May 2026" not in page
    with portal.bound():
        counts(north.id, TODAY, 9)
    with at(NOW + timedelta(days=1)):
        page = text(portal.client("crm_analyst"), "/owners/")
    assert "On 20 May 2026: 9 owners new or changed." in page
    assert "first figures" not in page
    assert "<td>&lt; 5</td>" not in page


@pytest.mark.parametrize(
    ("now", "says"),
    [
        (Level.FULL, ""),
        (Level.PSEUDONYMOUS, "Northstar sends codes in place of names by now."),
        (Level.COUNTS, "Northstar shares counts only by now."),
    ],
)
def test_what_came_before_says_why_it_still_stands_there(present, portal, north, analyst, now, says):
    with portal.bound():
        named = owner(north.id, event_at=NOW - timedelta(days=60))
        if now is Level.COUNTS:
            counts(north.id, TODAY - timedelta(days=1), None, event_at=NOW)
        else:
            owner(north.id, level=now, vin=CODED_VIN, event_at=NOW)
    for path in (f"/owners/{named.id}/", f"/vehicles/{VIN}/"):
        page = text(analyst, path)
        assert ("What it sent before stays here until it is withdrawn" in page) == bool(says)
        assert says in page
    everywhere = "What was received stays here until it is withdrawn, also when a dealership shares less from then on."
    assert everywhere in text(analyst, f"/owners/{named.id}/")


def test_a_retired_dealership_is_named_as_such_and_asked_for_nothing(shared, portal, north, south, analyst):
    with portal.bound():
        Dealership.objects.filter(id=north.id).update(state=DealershipState.RETIRED)
    page = text(analyst, "/owners/")
    assert re.search(r"<td[^>]*>\s*Northstar \(retired\)", page)
    choices = re.findall(r'<option value="[0-9a-f-]{36}"[^>]*>([^<]+)</option>', page)
    assert choices == ["Southgate Motors", "Northstar (retired)"]
    owner_page = text(analyst, f"/owners/{shared['named'].id}/")
    assert "Northstar has left the network. What it sent before stays here until it is withdrawn" in owner_page
    assert re.search(r'<span class="chip tone-neutral">Retired</span>', owner_page)
    assert "Northstar has left the network." in text(analyst, f"/vehicles/{VIN}/")
    assert "Southgate has left" not in text(analyst, f"/owners/{shared['coded'].id}/")


def test_a_retired_dealership_has_no_card(present, portal, north, south, analyst):
    with portal.bound():
        counts(north.id, TODAY - timedelta(days=1), 9)
        Dealership.objects.filter(id__in=[north.id, south.id]).update(state=DealershipState.RETIRED)
    page = text(analyst, "/owners/")
    assert "owners new or changed" not in page
    assert "neither names nor numbers" not in page


def test_sums_of_counts_say_how_much_is_hidden():
    told = queries.Tally().plus(7)
    assert [str(t) for t in (told, told.plus(None), queries.Tally().plus(None), queries.Tally())] == [
        "7",
        "7–11",
        "< 5",
        "0",
    ]


def visit(dealership, **given):
    return ServiceVisit.objects.create(
        **{
            "dealership": dealership,
            "visit_id": dealership,
            "vin": VIN,
            "kind": "maintenance",
            "odometer_km": 5012,
            "closed_at": NOW,
            "level": "full",
            "purpose": Purpose.ANALYTICS,
            "message_id": dealership,
            "event_at": NOW,
            **given,
        }
    )


def claim(dealership, **given):
    return Claim.objects.create(
        **{
            "id": dealership,
            "dealership": dealership,
            "revision": 1,
            "number": "C-77",
            "vin": VIN,
            "level": "full",
            "submitted_at": NOW,
            **given,
        }
    )


def test_a_car_shows_every_part_that_was_shared(shared, portal, north, analyst):
    with portal.bound():
        visit(north.id)
        claim(north.id)
    page = text(analyst, f"/vehicles/{VIN}/")
    for words in ("Hefeng 2026", "王小明", "Maintenance", "5,012 km", "Contract signed", "Owner: begins", "Delivered"):
        assert words in page
    # The analyst of owners does not work on warranty: claims came for another purpose.
    assert "C-77" not in page
    assert "These records were received for a purpose that is not your work." in page


def test_what_came_for_one_purpose_is_not_shown_for_another(shared, portal, north):
    with portal.bound():
        claim(north.id)
    page = text(portal.client("warranty_analyst"), f"/vehicles/{VIN}/")
    assert "C-77" in page
    assert "王小明" not in page
    assert portal.client("warranty_analyst").get(f"/api/v1/vehicles/{VIN}").json()["owners"] is None


def test_a_car_known_only_for_another_purpose_does_not_exist(present, portal, north, analyst):
    with portal.bound():
        claim(north.id, vin="LSVAA4182E2180000")
    assert portal.client("warranty_analyst").get("/vehicles/LSVAA4182E2180000/").status_code == 200
    assert analyst.get("/vehicles/LSVAA4182E2180000/").status_code == 404


def test_each_missing_part_says_who_does_not_share_it(present, portal, north, analyst):
    with portal.bound():
        sale(north.id)
        counts(north.id, TODAY, None, of="ServiceVisit", purpose=Purpose.ANALYTICS)
    page = text(analyst, f"/vehicles/{VIN}/")
    assert "Not shared by Northstar: nothing of the kind “Owners” has come from there." in page
    assert "Not shared by Northstar: of the kind “Service visits” only daily numbers come from there." in page


def test_a_car_without_vin_shows_only_what_has_its_code(shared, analyst):
    page = text(analyst, f"/vehicles/{CODED_VIN}/")
    assert "The VIN is not shared." in page
    assert CODE[:10] in page
    assert "王小明" not in page


def test_the_list_costs_the_same_for_two_and_for_forty(shared, portal, north, analyst):
    text(analyst, "/owners/")

    def cost(query):
        with CaptureQueriesContext(connection) as captured:
            text(analyst, f"/owners/?size=50{query}")
        return len(captured)

    few = cost("")
    with portal.bound():
        for n in range(38):
            owner(north.id, vin=f"LSVAA4182E21900{n:02d}")
    assert cost("&page=1") == few  # another question, so that its reading is written down again
    assert few <= 14


def test_a_car_costs_few_queries(shared, portal, north, analyst):
    text(analyst, f"/vehicles/{VIN}/")
    with CaptureQueriesContext(connection) as captured:
        text(analyst, f"/vehicles/{VIN}/")
    assert len(captured) <= 15


@pytest.mark.parametrize(("language", "word"), [("zh-hans", "2026年5月1日"), ("en", "1 May 2026")])
def test_pages_speak_the_readers_language(shared, portal, language, word):
    with portal.bound():
        user = portal.user("crm_analyst")
        user.language = language
        user.save(update_fields=["language"])
    client = portal.client("crm_analyst")
    assert word in text(client, f"/owners/{shared['named'].id}/")
    assert f'lang="{language}"' in text(client, "/owners/").lower()


def test_the_api_gives_owners_with_what_was_withheld(shared, analyst, portal):
    found = analyst.get("/api/v1/owners?level=pseudonymous").json()
    assert found["next"] is None
    (row,) = found["results"]
    assert (row["owner_key"], row["name"], row["dealership"]) == (CODE, "", "south")
    assert {"name", "phone"} <= set(row["withheld"])
    assert [r["name"] for r in analyst.get("/api/v1/owners?q=王&dealership=north").json()["results"]] == ["王小明"]
    assert analyst.get("/api/v1/owners?vin=nothing").json()["results"] == []
    assert analyst.get("/api/v1/owners?level=all").status_code == 422
    with portal.bound():
        assert Entry.objects.get(action="owners.list").note.startswith("api q=")


def test_the_api_gives_a_car_with_its_parts(shared, portal, north, analyst):
    with portal.bound():
        visit(north.id)
    car = analyst.get(f"/api/v1/vehicles/{VIN}").json()
    assert car["sales"][0]["brand"] == "XH"
    assert car["owners"][0]["name"] == "王小明"
    assert car["service_visits"][0]["odometer_km"] == 5012
    assert car["warranty_claims"] is None
    assert analyst.get("/api/v1/vehicles/none").status_code == 404
    with portal.bound():
        assert Entry.objects.filter(action="owners.read").count() == 1
