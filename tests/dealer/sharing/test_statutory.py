"""The list by law: which fields of whose data went to whom, and who read it there."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from pypdf import PdfReader
from tests.dealer.sharing.test_actions import set_level
from tests.dealer.sharing.test_ledger import owner_of
from tests.dealer.speaking import speaking

from dealer.customers.models import Customer, Vehicle
from dealer.sharing import actions, statutory
from dealer.sharing.statutory import Disclosed, Period
from dealer.sharing.views import statutory_list
from exchange.models import Ledger, LedgerState
from exchange.testing import drain_exchange
from kernel import clock
from kernel.accounts.models import User
from kernel.accounts.roles import Role
from kernel.audit.models import Entry
from kernel.contracts import Purpose, ReadingReport
from kernel.testing import clocks

PSEUDONYM = "p_" + "a" * 26
READER = UUID("11111111-2222-4333-8444-555555555555")


def looked(**given) -> dict:
    return {
        "reading_id": uuid4(),
        "at": clock.now(),
        "reader": READER,
        "reader_role": "crm_analyst",
        "reading_for": "customer_care",
        "how": "opened",
        "of": "owners",
        "rows": 1,
        "searched_by": [],
        "vin": None,
        "owner_keys": [],
    } | given


@pytest.fixture
def given(committed, north):
    """Two customers told on, one of them read at the manufacturer by name, by car and in a long list; one withheld."""
    with north.bound():
        set_level(north.actor("general_manager"), "full")
        owner_of(north, 1)
        owner_of(north, 2)
    drain_exchange()
    with north.bound():
        set_level(north.actor("general_manager"), "nothing")
        owner_of(north, 3)
        one, other, _third = Customer.objects.order_by("number")
        times = [
            looked(owner_keys=[str(one.pk)]),
            looked(how="listed", rows=9, owner_keys=[str(one.pk), str(other.pk), PSEUDONYM]),
            looked(of="vehicle", vin=Vehicle.objects.get(ownerships__customer=one).vin, reading_for="warranty"),
            looked(how="listed", rows=4),
            looked(at=clock.now() - timedelta(days=400), owner_keys=[str(one.pk)]),
        ]
        actions.keep_readings(ReadingReport(times=times), purpose=Purpose.CUSTOMER_CARE, message=uuid4())
    drain_exchange()
    return north


def table(answer) -> list[list[str]]:
    return list(csv.reader(io.StringIO(b"".join(answer.streaming_content).decode("utf-8-sig"))))


def customers_of(side):
    with side.bound():
        return list(Customer.objects.order_by("number"))


def test_one_button_makes_the_list_of_the_last_six_months(given):
    client = speaking(given, "general_manager", "en")
    page = client.get("/sharing/ledger/list/").content.decode()
    assert page.count('class="btn btn-primary" name="file"') == 1
    assert "2 messages" in page
    assert "4 times" in page
    rows = table(client.get("/sharing/ledger/list/?file=csv"))
    head, lines = rows[: rows.index([])], rows[rows.index([]) + 1 :]
    facts = dict(row for row in head if len(row) == 2)
    assert head[0] == ["Which data went to whom"]
    assert facts["Dealership"] == "Northstar Auto"
    assert facts["Customers"] == "All customers"
    assert "Fla. Stat. § 320.646(2)(b)" in facts["Legal source"]
    assert "O.C.G.A. § 10-1-632" in facts["Legal source"]
    assert facts["Agreement versions"] == "Data sharing agreement 2026-2"
    assert facts["Period"]
    one, other, third = customers_of(given)
    told = [row for row in lines if row[0] == "Given"]
    assert [row[2].split(" · ")[0] for row in told] == [one.name, other.name]
    assert "Phone" in told[0][4]
    assert facts["Given to"] == told[0][5]
    assert (told[0][6], told[0][7]) == ("Customer care", "Full")
    read = [row for row in lines if row[0] == "Read there"]
    assert [row[2] for row in read] == [
        one.name,
        f"{one.name}, {other.name}, {PSEUDONYM}, 6 more",
        read[2][2],
        "4 owners",
    ]
    assert len(read[2][2]) == 17  # the VIN
    assert "person 11111111" in read[0][5]
    assert third.name not in str(lines)
    with given.bound():
        entry = Entry.objects.get(action="sharing.export_disclosed")
    assert (entry.after["format"], entry.after["rows"]) == ("csv", len(lines) - 1)


@pytest.mark.parametrize(
    ("language", "said"), [("en", "Whichdatawenttowhom"), ("zh-hans", "Fla.Stat."), ("zh-hant", "Fla.Stat.")]
)
def test_on_paper_it_says_the_same_in_every_language(given, language, said):
    answer = speaking(given, "general_manager", language).get("/sharing/ledger/list/?file=pdf")
    assert answer["Content-Type"] == "application/pdf"
    text = re.sub(r"\s+", "", "".join(page.extract_text() for page in PdfReader(io.BytesIO(answer.content)).pages))
    one, other, third = customers_of(given)
    assert said in text
    assert one.name in text
    assert other.name in text
    assert third.name not in text
    assert "11111111" in text
    with given.bound():
        assert Entry.objects.get(action="sharing.export_disclosed").after["format"] == "pdf"


def test_a_list_that_is_too_long_for_paper_says_what_to_do(given, monkeypatch):
    monkeypatch.setattr(statutory, "MOST_ON_PAPER", 5)
    answer = speaking(given, "general_manager", "en").get("/sharing/ledger/list/?file=pdf")
    assert answer.status_code == 422
    assert "too long for paper" in answer.content.decode()


def test_the_list_of_one_customer_holds_this_one_only(given):
    one, other, _third = customers_of(given)
    client = speaking(given, "general_manager", "en")
    page = client.get(f"/sharing/ledger/list/?customer={one.pk}").content.decode()
    assert one.name in page
    assert "Make it for all customers" in page
    rows = table(client.get(f"/sharing/ledger/list/?customer={one.pk}&file=csv"))
    assert [row[0] for row in rows[rows.index([]) + 2 :]] == ["Given", "Read there", "Read there", "Read there"]
    assert other.name not in str(rows)
    with given.bound():
        assert Entry.objects.get(action="sharing.export_disclosed").after["customer"] == str(one.pk)
    missing = client.get("/sharing/ledger/list/?customer=00000000-0000-0000-0000-000000000000")
    assert missing.status_code == 404


def test_only_the_period_is_in_it(given):
    client = speaking(given, "general_manager", "en")
    today = clock.today("Asia/Shanghai")
    long_ago = f"first={today - timedelta(days=500)}&last={today - timedelta(days=300)}"
    rows = table(client.get(f"/sharing/ledger/list/?{long_ago}&file=csv"))
    assert [row[0] for row in rows[rows.index([]) + 2 :]] == ["Read there"]
    for wrong in (f"first={today}&last={today - timedelta(days=1)}", "first=x", "last="):
        answer = client.get(f"/sharing/ledger/list/?{wrong}&file=csv")
        assert answer.status_code == 422
        assert 'class="field-error' in answer.content.decode() or "error" in answer.content.decode()


@pytest.mark.parametrize("language", ["zh-hans", "zh-hant"])
def test_it_is_in_the_readers_language(given, language):
    answer = speaking(given, "general_manager", language).get("/sharing/ledger/list/?file=csv")
    assert answer.status_code == 200
    assert len(table(answer)) > 8


@pytest.mark.parametrize(("role", "status"), [("general_manager", 200), ("crm_manager", 200), ("it_admin", 403)])
def test_who_may_make_it(wall, north, role, status):
    assert north.client(role).get("/sharing/ledger/list/").status_code == status


@pytest.mark.parametrize("form", ["csv", "pdf"])
def test_nobody_else_and_no_guest_takes_it_away(wall, north, form):
    assert north.client("it_admin").get(f"/sharing/ledger/list/?file={form}").status_code == 403
    request = RequestFactory().get(f"/sharing/ledger/list/?file={form}")
    request.user = User(role=Role.SUPPORT_READER)
    with north.bound(), pytest.raises(PermissionDenied):
        statutory_list.__wrapped__(request)


def test_an_empty_list_is_a_list(wall, north):
    rows = table(speaking(north, "general_manager", "en").get("/sharing/ledger/list/?file=csv"))
    facts = dict(row for row in rows if len(row) == 2)
    assert facts["Agreement versions"] == "–"
    assert rows[-1][0] == "What happened"


def test_the_page_costs_the_same_whatever_the_number_of_rows(given):
    client = given.client("general_manager")
    client.get("/sharing/ledger/list/")
    with CaptureQueriesContext(connection) as counted:
        client.get("/sharing/ledger/list/")
    assert len(counted) <= 14


def test_long_lists_are_read_in_parts(given, monkeypatch):
    monkeypatch.setattr(statutory, "AT_ONCE", 1)
    user = given.user("general_manager")
    with given.bound():
        lines = list(Disclosed(user, statutory.by_law()).lines())
    assert [line.given for line in lines] == [True, True, False, False, False, False]


@pytest.mark.parametrize("state", LedgerState.values)
def test_what_did_not_arrive_was_given_to_nobody(given, state):
    user = given.user("general_manager")
    with given.bound():
        Ledger.objects.filter(contract="Owner", level="full").update(state=state)
        given_ = [line for line in Disclosed(user, statutory.by_law()).lines() if line.given]
    assert len(given_) == (2 if state in statutory.LEFT else 0)


@pytest.mark.parametrize(
    ("today", "first"),
    [
        (datetime(2026, 11, 22, 12, tzinfo=UTC), date(2026, 5, 22)),
        (datetime(2026, 8, 31, 12, tzinfo=UTC), date(2026, 2, 28)),
        (datetime(2026, 6, 30, 12, tzinfo=UTC), date(2025, 12, 30)),
        (datetime(2026, 5, 31, 12, tzinfo=UTC), date(2025, 11, 30)),
        (datetime(2024, 8, 30, 12, tzinfo=UTC), date(2024, 2, 29)),
    ],
)
def test_six_months_before_a_day(wall, north, today, first):
    with north.bound(), clocks.at(today):
        assert statutory.by_law() == Period(first, today.date())
