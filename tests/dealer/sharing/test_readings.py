"""The dealership reads who at the manufacturer looked at what it had shared: as a list, by customer, and as a file."""

from __future__ import annotations

import csv
import io
from uuid import UUID, uuid4

import pytest
from django.db import ProgrammingError, connection, transaction
from django.test.utils import CaptureQueriesContext
from tests.dealer.speaking import speaking

from dealer.customers import actions as customers
from dealer.sharing import actions
from dealer.sharing.models import Reading
from kernel import clock
from kernel.accounts.roles import DEALERSHIP_ROLES, RIGHTS, Right
from kernel.audit.models import Entry
from kernel.contracts import Purpose, ReadingReport

CODE = "p_" + "a" * 26
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


def report(*times: dict) -> None:
    actions.keep_readings(ReadingReport(times=list(times)), purpose=Purpose.CUSTOMER_CARE, message=uuid4())


@pytest.fixture
def wang(wall, north):
    """A customer whom somebody opened, and who stood in a list with another."""
    with north.bound():
        wang, li = (
            customers.create_customer(actor=north.actor("sales_consultant"), name=name, phone=phone, department="whole")
            for name, phone in (("王小明", "13800138000"), ("李四", "13800138001"))
        )
        report(
            looked(owner_keys=[str(wang.pk)]),
            looked(how="listed", rows=2, owner_keys=[str(wang.pk), str(li.pk)], searched_by=["q", "strange"]),
            looked(owner_keys=[CODE]),
            looked(of="vehicle", vin="LSVAA4182E2184847", reader_role="deputy", reading_for="warranty"),
        )
        return wang


@pytest.fixture
def manager(wall, north):
    return speaking(north, "general_manager", "en")


def test_a_time_that_is_reported_twice_counts_once_and_stays_as_it_was(wall, north):
    with north.bound():
        first = looked(rows=3)
        report(first)
        report(first | {"rows": 9}, looked())
        assert sorted(Reading.objects.values_list("rows", flat=True)) == [1, 3]
        for change in (lambda: Reading.objects.update(rows=0), lambda: Reading.objects.all().delete()):
            with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
                change()


@pytest.mark.parametrize("role", sorted(DEALERSHIP_ROLES))
def test_who_reads_it(wang, north, role):
    expected = 200 if Right.SHARING_READ in RIGHTS[role] else 403
    assert north.client(role).get("/sharing/readings/").status_code == expected
    assert north.client(role).get("/api/v1/sharing/readings").status_code == expected


def test_the_list_says_who_what_for_how_and_about_whom(wang, manager):
    page = manager.get("/sharing/readings/").content.decode()
    for words in (
        "CRM analyst at the manufacturer (person 11111111)",
        "deputy at the manufacturer (person 11111111)",
        "Customer care",
        "Seen in a list",
        "name, phone or VIN, strange",
        "王小明",
        "2 owners",
    ):
        assert words in page, words
    assert "李四" not in page  # a list of several is told by its number; the card knows of each
    only = manager.get("/sharing/readings/?how=listed").content.decode()
    assert "2 owners" in only
    assert "王小明" not in only


def test_the_card_of_a_customer_says_who_looked(wang, north, manager):
    page = manager.get(f"/customers/{wang.pk}/").content.decode()
    assert "Who looked at the manufacturer" in page
    assert page.count("CRM analyst at the manufacturer (person 11111111)") == 2
    assert "Show all" not in page
    with north.bound():
        report(*[looked(owner_keys=[str(wang.pk)]) for _time in range(4)])
    assert f"/sharing/readings/?customer={wang.pk}" in manager.get(f"/customers/{wang.pk}/").content.decode()
    listed = manager.get(f"/sharing/readings/?customer={wang.pk}").content.decode()
    assert "deputy" not in listed
    assert (
        "Who looked at the manufacturer"
        not in north.client("sales_consultant").get(f"/customers/{wang.pk}/").content.decode()
    )


@pytest.mark.parametrize("customer", ["nonsense", "00000000-0000-4000-8000-000000000000"])
def test_the_list_of_a_customer_whom_nobody_knows_is_404(wang, manager, customer):
    assert manager.get(f"/sharing/readings/?customer={customer}").status_code == 404


def test_the_file_has_every_time_and_is_written_down(wang, north, manager):
    text = manager.get("/sharing/readings/?export=csv").getvalue().decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == 4
    assert {row["Person"] for row in rows} == {str(READER)}
    assert str(wang.pk) in {row["Customers"] for row in rows}
    with north.bound():
        assert Entry.objects.get(action="sharing.export_readings").after["rows"] == 4


def test_the_api_gives_the_same(wang, north):
    answer = north.client("crm_manager").get("/api/v1/sharing/readings?how=listed").json()
    (row,) = answer["results"]
    assert (row["reader"], row["rows"], len(row["owner_keys"])) == (str(READER), 2, 2)
    assert north.client("crm_manager").get("/api/v1/sharing/readings?how=guessed").status_code == 422


def test_a_page_costs_the_same_however_many_rows(wang, north, manager):
    def queries() -> int:
        with CaptureQueriesContext(connection) as seen:
            assert manager.get("/sharing/readings/").status_code == 200
        return len(seen)

    queries()
    few = queries()
    with north.bound():
        report(*[looked(owner_keys=[str(wang.pk)]) for _time in range(15)])
    assert queries() == few


def test_another_dealership_sees_nothing_of_it(wang, south):
    page = speaking(south, "general_manager", "en").get("/sharing/readings/").content.decode()
    assert "Nobody at the manufacturer has looked yet" in page
