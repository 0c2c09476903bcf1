"""Pages of sales: every job from the phone, what is refused keeps what was typed, and nobody sees another's work."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from tests.dealer.sales.makers import PHONE, accepted, approved, car, colleague, offered, prospect, quotation, signed
from tests.dealer.speaking import speaking

from dealer.sales import actions, derive
from dealer.sales.models import Delivery, FollowUp, Lead, Prospect, Quotation, SalesContract
from dealer.sales.models import TestDrive as Drive
from kernel import clock
from kernel.audit.models import Entry
from kernel.reference.queries import forget


def text(answer) -> str:
    return answer.content.decode()


def test_a_lead_is_accepted_in_one_tap_from_today_or_the_list(wall, north):
    with north.bound():
        lead = offered(source='Car & Go "Nanjing" <marquee>')
    client = north.client("sales_consultant")
    for path in ("/today/", "/leads/", f"/leads/{lead.pk}/"):
        page = client.get(path)
        assert page.status_code == 200
        body = text(page)
        assert "王**" in body
        assert "王小明" not in body
        assert PHONE[3:] not in body
        assert "<marquee>" not in body
        assert "&amp;amp;" not in body
    answer = client.post(f"/leads/{lead.pk}/accept/", follow=True)
    assert answer.status_code == 200
    assert "王小明" in text(answer)
    assert f"tel:{PHONE}" in text(answer)
    assert client.post(f"/leads/{lead.pk}/accept/", follow=True).status_code == 200
    with north.bound():
        assert Prospect.objects.count() == 1
    assert f"tel:{PHONE}" in text(client.get("/leads/"))


def test_who_comes_second_is_told_and_sees_nothing(wall, north):
    with north.bound():
        lead_id = accepted(north.actor("sales_consultant")).lead_id
        second = colleague("second")
    client = north.client(second)
    answer = client.post(f"/leads/{lead_id}/accept/", follow=True)
    assert answer.redirect_chain[-1][0] == "/leads/"
    assert "toast error" in text(answer)
    assert "王小明" not in text(answer)
    assert client.get(f"/leads/{lead_id}/").status_code == 404


def test_too_late_is_said_and_the_page_stays_usable(wall, north):
    with north.bound():
        lead = offered()
        Lead.objects.update(respond_before=clock.now() - timedelta(seconds=1))
    client = north.client("sales_consultant")
    assert f"/leads/{lead.pk}/accept/" not in text(client.get(f"/leads/{lead.pk}/"))
    assert "toast error" in text(client.post(f"/leads/{lead.pk}/accept/", follow=True))


def test_declining_asks_for_a_reason_and_leaves_a_stub(wall, north):
    with north.bound():
        lead = offered()
    client = north.client("sales_consultant")
    wrong = client.post(f"/leads/{lead.pk}/decline/", {"text": "zu weit"})
    assert wrong.status_code == 422
    assert 'value="zu weit"' in text(wrong)
    assert client.post(f"/leads/{lead.pk}/decline/", {"reason": "out_of_area"}).status_code == 302
    stub = text(north.client("sales_manager").get(f"/leads/{lead.pk}/"))
    assert "王**" not in stub
    assert "鼓楼区" not in stub


def test_a_manager_gives_a_lead_to_somebody_else_and_reads_why_it_was_given(wall, north):
    with north.bound():
        lead, second = offered(), colleague("second")
    client = north.client("sales_manager")
    assert "sales_consultant north" in text(client.get(f"/leads/{lead.pk}/"))
    client.post(f"/leads/{lead.pk}/assign/", {"consultant": str(second.pk)})
    with north.bound():
        assert Lead.objects.get().consultant_id == second.pk
    assert north.client("sales_consultant").post(f"/leads/{lead.pk}/assign/", {}).status_code == 403


def test_somebody_who_walks_in_is_entered_phone_first(wall, north):
    client = north.client("sales_consultant")
    form = text(client.get("/prospects/new/"))
    assert form.index('name="phone"') < form.index('name="name"')
    wrong = client.post(
        "/prospects/new/", {"phone": "12", "name": "李晓华", "channel": "showroom_visit", "kind": "individual"}
    )
    assert wrong.status_code == 422
    assert 'value="李晓华"' in text(wrong)
    given = {"phone": "139 0000 0001", "name": "李晓华", "channel": "referral", "series": "XH-HF", "kind": "individual"}
    answer = client.post("/prospects/new/", given, follow=True)
    assert "李晓华" in text(answer)
    with north.bound():
        made = Prospect.objects.get()
        assert (made.customer.phone, made.channel, made.series) == ("+8613900000001", "referral", "XH-HF")
    again = client.post("/prospects/new/", given)
    assert again.status_code == 422


def test_a_contact_is_written_down_with_a_few_taps(wall, north):
    """Result, next day, save: three taps after the page is open; the rest has its usual value."""
    with north.bound():
        person = accepted(north.actor("sales_consultant"))
    client = north.client("sales_consultant")
    assert client.get(f"/prospects/{person.pk}/follow-up/").status_code == 200
    answer = client.post(
        f"/prospects/{person.pk}/follow-up/",
        {"by": "phone", "result": "interested", "when": "1", "plan": "", "channel": "website"},
    )
    assert answer.status_code == 302, text(answer)
    with north.bound():
        made = FollowUp.objects.get()
        assert (made.next_on, made.result) == (derive.today() + timedelta(days=1), "interested")
    missing = client.post(f"/prospects/{person.pk}/follow-up/", {"by": "phone", "when": "day", "note": "ruft zurück"})
    assert missing.status_code == 422
    assert "ruft zurück" in text(missing)


def test_the_form_of_a_contact_asks_for_what_is_still_missing(wall, north):
    with north.bound():
        person = accepted(north.actor("sales_consultant"))
    client = north.client("sales_consultant")
    page = text(client.get(f"/prospects/{person.pk}/follow-up/"))
    assert 'name="sex"' in page
    assert 'name="surname"' not in page
    client.post(
        f"/prospects/{person.pk}/follow-up/",
        {
            "by": "phone",
            "result": "interested",
            "when": "3",
            "next_plan": "试驾",
            "sex": "male",
            "customer_type": "replacement",
            "likes_brand": "True",
            "series": "XH-HF",
            "model": "XH-HF-26",
            "present_brand": "Volkswagen",
            "present_model": "Lavida",
        },
    )
    with north.bound():
        person.refresh_from_db()
        assert (person.missing, person.qualified, person.temperature) == ([], True, "hot")


def test_the_eleven_items_can_be_edited_and_a_wrong_phone_is_named(wall, north):
    with north.bound():
        person = prospect(north.actor("sales_consultant"))
    client = north.client("sales_consultant")
    base = {
        "phone": PHONE,
        "surname": "李",
        "given_name": "晓华",
        "kind": "individual",
        "sex": "female",
        "likes_brand": "",
    }
    wrong = client.post(f"/prospects/{person.pk}/edit/", base | {"phone": "12345", "wish": "七座"})
    assert wrong.status_code == 422
    assert "七座" in text(wrong)
    assert client.post(f"/prospects/{person.pk}/edit/", base | {"channel": "referral"}).status_code == 302
    with north.bound():
        person.refresh_from_db()
        assert (person.channel, person.customer.sex) == ("referral", "female")


def test_a_test_drive_from_booking_to_impression(wall, north):
    with north.bound():
        person, vehicle = accepted(north.actor("sales_consultant")), car()
        at = (clock.now() + timedelta(hours=3)).strftime("%Y-%m-%dT%H:%M")
    client = north.client("sales_consultant")
    path = f"/prospects/{person.pk}/test-drive/"
    assert vehicle.vin[-6:] in text(client.get(path))
    assert client.post(path, {"scheduled_at": "soon", "minutes": "45"}).status_code == 422
    given = {"scheduled_at": at, "minutes": "45", "vehicle": str(vehicle.pk)}
    assert client.post(path, given).status_code == 302
    busy = client.post(path, given)
    assert busy.status_code == 422
    with north.bound():
        drive = Drive.objects.get()
    assert client.get("/test-drives/").status_code == 200
    assert client.post(f"/test-drives/{drive.pk}/", {"result": "liked"}).status_code == 422
    assert client.post(f"/test-drives/{drive.pk}/", {"licence_seen": "on", "result": "liked"}).status_code == 302
    assert client.post(f"/test-drives/{drive.pk}/cancel/", {"why": "no_show"}, follow=True).status_code == 200
    with north.bound():
        drive.refresh_from_db()
        assert drive.state == "done"


def test_a_quotation_adds_up_while_it_is_typed(wall, north):
    with north.bound():
        person, vehicle = prospect(north.actor("sales_consultant")), car()
    client = north.client("sales_consultant")
    page = client.get(f"/prospects/{person.pk}/quotation/")
    assert page.status_code == 200
    typed = {
        "vehicle": str(vehicle.pk),
        "discount": "800",
        "insurance": "",
        "extra_0_text": "天窗",
        "extra_0_amount": "2000",
    }
    live = text(client.post(f"/prospects/{person.pk}/quotation/sum/", typed))
    assert "170,000" in live
    assert client.post(f"/prospects/{person.pk}/quotation/sum/", {"discount": "viel"}).status_code == 200
    with north.bound():
        assert not Quotation.objects.exists()
    wrong = client.post(f"/prospects/{person.pk}/quotation/", typed | {"discount": "999999"})
    assert wrong.status_code == 422
    assert 'value="999999"' in text(wrong)
    answer = client.post(f"/prospects/{person.pk}/quotation/", typed, follow=True)
    assert "170,000" in text(answer)


def test_from_the_quotation_to_the_delivery(wall, north):
    with north.bound():
        made = quotation(north.actor("sales_consultant"), accepted(north.actor("sales_consultant")), car())
        today = derive.today()
    client, manager = north.client("sales_consultant"), north.client("sales_manager")
    assert client.get("/quotations/").status_code == 200
    assert client.get(f"/quotations/{made.pk}/sign/").status_code == 200
    too_much = client.post(f"/quotations/{made.pk}/sign/", {"signed_on": str(today), "deposit": "999999"})
    assert too_much.status_code == 422
    answer = client.post(f"/quotations/{made.pk}/sign/", {"signed_on": str(today), "deposit": "5000"}, follow=True)
    assert answer.status_code == 200
    with north.bound():
        contract = SalesContract.objects.get()
        assert [str(due.amount) for due in contract.instalments.all()] == ["5000.00", "160000.00"]
    own = text(client.get(f"/contracts/{contract.pk}/"))
    assert f"/contracts/{contract.pk}/approve/" not in own
    assert client.post(f"/contracts/{contract.pk}/approve/").status_code == 403
    assert contract.number in text(manager.get("/today/"))
    assert f"/contracts/{contract.pk}/approve/" in text(manager.get(f"/contracts/{contract.pk}/"))
    manager.post(f"/contracts/{contract.pk}/approve/")
    assert f"/contracts/{contract.pk}/deliver/" in text(client.get(f"/prospects/{contract.prospect_id}/"))
    with north.bound():
        due = contract.instalments.first()
    assert client.post(f"/instalments/{due.pk}/paid/").status_code == 302
    form = text(client.get(f"/contracts/{contract.pk}/deliver/"))
    assert str(contract.vehicle_id) in form
    given = {"vehicle": str(contract.vehicle_id), "delivered_on": str(today), "odometer_km": "12", "plate": "苏A12345"}
    unfinished = client.post(f"/contracts/{contract.pk}/deliver/", given | {"checklist": ["keys"]})
    assert unfinished.status_code == 422
    done = ["keys", "papers", "warranty", "operation", "maintenance", "inspection"]
    answer = client.post(f"/contracts/{contract.pk}/deliver/", given | {"checklist": done}, follow=True)
    assert "苏A12345" in text(answer)
    with north.bound():
        delivery = Delivery.objects.get()
        assert delivery.odometer_km == 12
    for path in ("/deliveries/", f"/deliveries/{delivery.pk}/", f"/contracts/{contract.pk}/", "/contracts/"):
        assert client.get(path).status_code == 200


def test_a_contract_is_sent_back_with_a_reason_or_cancelled(wall, north):
    with north.bound():
        contract = signed(north.actor("sales_consultant"), prospect(north.actor("sales_consultant")), car())
    manager = north.client("sales_manager")
    assert manager.post(f"/contracts/{contract.pk}/reject/", {"note": ""}).status_code == 422
    manager.post(f"/contracts/{contract.pk}/reject/", {"note": "折扣太高"})
    assert "折扣太高" in text(north.client("sales_consultant").get(f"/contracts/{contract.pk}/"))
    again = text(manager.post(f"/contracts/{contract.pk}/cancel/", {"note": "x"}, follow=True))
    assert "toast error" in again


def test_the_limit_is_said_to_the_manager_and_set_by_the_general_manager(wall, north):
    with north.bound():
        contract = signed(north.actor("sales_consultant"), prospect(north.actor("sales_consultant")), car())
    chief = north.client("general_manager")
    figures = {"approval_limit": "1000", "hot_months": "3", "warm_months": "12", "quotation_days": "14"}
    assert chief.post("/settings/sales/", figures | {"hot_months": "15"}).status_code == 422
    assert chief.post("/settings/sales/", figures).status_code == 302
    assert north.client("sales_manager").get("/settings/sales/").status_code == 403
    page = text(north.client("sales_manager").get(f"/contracts/{contract.pk}/"))
    assert f"/contracts/{contract.pk}/approve/" not in page
    assert "1,000" in page
    refused = north.client("sales_manager").post(f"/contracts/{contract.pk}/approve/", follow=True)
    assert "toast error" in text(refused)
    chief.post(f"/contracts/{contract.pk}/approve/")
    with north.bound():
        contract.refresh_from_db()
        assert contract.state == "approved"


def test_a_lost_prospect_is_closed_and_taken_up_again(wall, north):
    with north.bound():
        person = prospect(north.actor("sales_consultant"))
    client = north.client("sales_consultant")
    assert client.post(f"/prospects/{person.pk}/lose/", {}).status_code == 422
    client.post(f"/prospects/{person.pk}/lose/", {"reason": "price"})
    assert f"/prospects/{person.pk}/reopen/" in text(client.get(f"/prospects/{person.pk}/"))
    client.post(f"/prospects/{person.pk}/reopen/")
    with north.bound():
        person.refresh_from_db()
        assert person.is_open


def test_offers_come_by_who_must_be_answered_first(wall, north):
    names = {"late": "赵**", "soon": "钱**", "own": "孙**", "over": "李**"}
    with north.bound():
        minutes = {"late": 25, "soon": 5, "own": 20, "over": 1}
        leads = {key: offered(minutes=minutes[key], masked_name=name) for key, name in names.items()}
        Lead.objects.filter(pk=leads["over"].pk).update(respond_before=clock.now())
        Lead.objects.exclude(pk=leads["own"].pk).update(consultant=None)
        Lead.objects.filter(pk=leads["own"].pk).update(consultant=north.user("sales_consultant"))
    client = speaking(north, "sales_consultant", "en")
    today, listing = text(client.get("/today/")), text(client.get("/leads/"))
    assert sorted(("late", "soon", "own"), key=lambda key: today.index(names[key])) == ["own", "soon", "late"]
    assert today.count("For you") == 1
    assert names["over"] not in today
    assert sorted(names, key=lambda key: listing.index(names[key])) == ["soon", "own", "late", "over"]


def test_today_shows_what_is_due_hot_first(wall, north):
    with north.bound():
        actor = north.actor("sales_consultant")
        prospect(actor)
        hot = prospect(actor, phone="13900000002", likes_brand=True, intended_on=derive.today() + timedelta(days=9))
        Prospect.objects.filter(pk=hot.pk).update(next_contact_on=derive.today() - timedelta(days=2))
        later = prospect(actor, phone="13900000003")
        Prospect.objects.filter(pk=later.pk).update(next_contact_on=derive.today() + timedelta(days=2))
    page = text(north.client("sales_consultant").get("/today/"))
    assert page.count("/follow-up/") == 4
    assert page.index(str(hot.pk)) < page.index("13812345678")
    assert str(later.pk) not in page


def test_the_customers_card_shows_what_he_wants_to_buy(wall, north):
    with north.bound():
        person = prospect(north.actor("sales_consultant"))
    client = north.client("sales_consultant")
    card = text(client.get(f"/customers/{person.customer_id}/"))
    assert f"/prospects/{person.pk}/" in card
    with north.bound():
        actions.lose_prospect(actor=north.actor("sales_consultant"), prospect_id=person.pk, reason="price")
    assert f"/prospects/new/?customer={person.customer_id}" in text(client.get(f"/customers/{person.customer_id}/"))
    assert 'value="138 1234 5678"' in text(client.get(f"/prospects/new/?customer={person.customer_id}"))


PAGES = ("/prospects/", "/test-drives/", "/quotations/", "/contracts/", "/deliveries/")


@pytest.mark.parametrize("path", [*PAGES, "/leads/"])
@pytest.mark.parametrize(
    ("role", "status"), [("sales_consultant", 200), ("general_manager", 200), ("technician", 403), ("it_admin", 403)]
)
def test_who_may_open_the_lists(wall, north, path, role, status):
    assert north.client(role).get(path).status_code == status


def test_a_finance_clerk_works_with_contracts_and_deliveries_and_sees_no_prospects(wall, north):
    with north.bound():
        consultant = north.actor("sales_consultant")
        contract = approved(consultant, north.actor("sales_manager"), prospect(consultant), car())
        due = contract.instalments.first()
    clerk = north.client("finance_clerk")
    assert {path: clerk.get(path).status_code for path in PAGES} == {
        "/prospects/": 403,
        "/test-drives/": 403,
        "/quotations/": 403,
        "/contracts/": 200,
        "/deliveries/": 200,
    }
    page = text(clerk.get(f"/contracts/{contract.pk}/"))
    assert contract.number in page
    assert f"/instalments/{due.pk}/paid/" in page
    links = set(re.findall(r'href="(/[a-z-]+/[^"]*)"', page.split("<main")[1]))
    assert {link: clerk.get(link).status_code for link in links} == dict.fromkeys(links, 200)
    assert clerk.post(f"/instalments/{due.pk}/paid/").status_code == 302
    clerk.get("/contracts/?export=csv").getvalue()
    assert clerk.get("/search/?q=王").headers["Location"] == "/contracts/?q=%E7%8E%8B"


@pytest.mark.parametrize("path", [*PAGES, "/leads/", "/prospects/new/"])
def test_without_signing_in_there_is_the_sign_in_page(wall, north, path):
    assert north.client().get(path).status_code == 302


def test_one_consultant_does_not_see_anothers_work_and_another_dealership_nothing(wall, north, south):
    with north.bound():
        contract = signed(north.actor("sales_consultant"), accepted(north.actor("sales_consultant")), car())
        second = colleague("second")
    paths = [
        f"/leads/{contract.prospect.lead_id}/",
        f"/prospects/{contract.prospect_id}/",
        f"/prospects/{contract.prospect_id}/edit/",
        f"/prospects/{contract.prospect_id}/follow-up/",
        f"/prospects/{contract.prospect_id}/quotation/",
        f"/quotations/{contract.quotation_id}/",
        f"/contracts/{contract.pk}/",
        f"/contracts/{contract.pk}/deliver/",
    ]
    mine, other, far = north.client("sales_consultant"), north.client(second), south.client("sales_manager")
    for path in paths:
        assert (mine.get(path).status_code, other.get(path).status_code, far.get(path).status_code) == (200, 404, 404)


def test_exports_leave_a_trace_and_need_the_right(wall, north):
    with north.bound():
        prospect(north.actor("sales_consultant"))
    assert north.client("sales_consultant").get("/prospects/?export=csv").status_code == 403
    answer = north.client("crm_manager").get("/prospects/?export=csv")
    assert "李晓华" in b"".join(answer.streaming_content).decode("utf-8-sig")
    with north.bound():
        assert Entry.objects.filter(action="sales.export").count() == 1


@pytest.mark.parametrize("language", ["zh-hans", "zh-hant", "en"])
def test_every_page_speaks_every_language(wall, north, language):
    with north.bound():
        user = north.user("sales_consultant")
        user.language = language
        user.save()
        contract = approved(
            north.actor("sales_consultant"),
            north.actor("sales_manager"),
            accepted(north.actor("sales_consultant")),
            car(),
        )
    client = north.client(user)
    for path in ("/leads/", *PAGES, f"/prospects/{contract.prospect_id}/", f"/contracts/{contract.pk}/", "/today/"):
        assert client.get(path).status_code == 200


@pytest.mark.parametrize(
    ("path", "most"),
    [("/leads/", 9), ("/prospects/", 9), ("/contracts/", 9), ("/quotations/", 9), ("/today/", 15)],
)
def test_pages_cost_the_same_whatever_their_length(wall, north, path, most):
    client = north.client("sales_manager")
    counts = []
    with north.bound():
        consultant = north.actor("sales_manager")
    for block in range(2):
        with north.bound():
            for n in range(1 + block * 6):
                number = block * 10 + n
                offered(phone=f"+8613712345{number:03d}")
                signed(consultant, accepted(consultant, phone=f"+8613812345{number:03d}"), car(number + 1))
        _ask_everything_anew()
        client.get(path)
        with CaptureQueriesContext(connection) as seen:
            assert client.get(path).status_code == 200
        counts.append(len(seen))
    assert counts[0] == counts[1] <= most, [query["sql"][:150] for query in seen]


def _ask_everything_anew() -> None:
    """What is remembered for seconds is asked again now, and so not in the middle of the counting."""
    cache.clear()
    forget()


def test_the_page_of_a_prospect_costs_a_fixed_number_of_queries(wall, north):
    with north.bound():
        actor = north.actor("sales_consultant")
        person = accepted(actor)
        for _ in range(5):
            actions.record_follow_up(actor=actor, prospect_id=person.pk, channel="phone", result="thinking")
        signed(actor, person, car())
    client = north.client("sales_consultant")
    _ask_everything_anew()
    client.get(f"/prospects/{person.pk}/")
    with CaptureQueriesContext(connection) as seen:
        client.get(f"/prospects/{person.pk}/")
    assert len(seen) <= 15, [query["sql"][:150] for query in seen]


def test_a_manager_hands_a_prospect_over_and_a_stranger_is_refused(wall, north):
    with north.bound():
        person, second = prospect(north.actor("sales_consultant")), colleague("second")
    manager = north.client("sales_manager")
    assert "toast error" in text(manager.post(f"/prospects/{person.pk}/assign/", {"consultant": "x"}, follow=True))
    manager.post(f"/prospects/{person.pk}/assign/", {"consultant": str(second.pk)})
    with north.bound():
        person.refresh_from_db()
        assert person.consultant_id == second.pk
    assert north.client("sales_consultant").get(f"/prospects/{person.pk}/").status_code == 404


def test_an_offer_is_not_taken_and_a_drive_is_cancelled(wall, north):
    with north.bound():
        actor = north.actor("sales_consultant")
        person = prospect(actor)
        made = quotation(actor, person, car())
        drive = actions.book_test_drive(actor=actor, prospect_id=person.pk, scheduled_at=clock.now())
    client = north.client("sales_consultant")
    for _time in range(2):
        assert client.post(f"/quotations/{made.pk}/refuse/", follow=True).status_code == 200
        assert client.post(f"/test-drives/{drive.pk}/cancel/", {"why": "no_show"}, follow=True).status_code == 200
    with north.bound():
        made.refresh_from_db()
        drive.refresh_from_db()
        assert (made.state, drive.state) == ("refused", "no_show")


def test_a_contact_with_somebody_who_was_closed_meanwhile_is_refused_kindly(wall, north):
    with north.bound():
        person = prospect(north.actor("sales_consultant"))
        actions.lose_prospect(actor=north.actor("sales_consultant"), prospect_id=person.pk, reason="price")
    given = {"by": "phone", "result": "thinking", "when": "rhythm"}
    answer = north.client("sales_consultant").post(f"/prospects/{person.pk}/follow-up/", given, follow=True)
    assert "toast error" in text(answer)


@pytest.mark.parametrize("id", ["nonsense", "00000000-0000-4000-8000-000000000000"])
def test_what_does_not_exist_is_404(wall, north, id):
    client = north.client("sales_manager")
    for path in (f"/leads/{id}/", f"/prospects/{id}/", f"/quotations/{id}/", f"/contracts/{id}/", f"/deliveries/{id}/"):
        assert client.get(path).status_code == 404
    for path in (f"/leads/{id}/accept/", f"/instalments/{id}/paid/", f"/contracts/{id}/approve/"):
        assert client.post(path).status_code == 404
