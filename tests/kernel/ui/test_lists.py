import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import openpyxl
import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.db.models import Q
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_htmx.middleware import HtmxDetails

from kernel.accounts.models import User
from kernel.ui.lists import Choice, Column, DateRange, ListPage, Search, Toggle

EXPORT = "customers_export"


@dataclass(frozen=True)
class Order:
    number: str
    name: str
    state: str
    amount: Decimal
    at: datetime

    def get_state_display(self) -> str:
        return self.state.title()


def orders(number: int) -> list[Order]:
    start = datetime(2026, 11, 1, 4, tzinfo=UTC)
    return [
        Order(
            f"N{at:03}",
            ("王小明", "=SUM(A1)", "Anna")[at % 3],
            ("open", "won")[at % 2],
            Decimal(at),
            start + timedelta(days=at),
        )
        for at in range(number)
    ]


@dataclass(frozen=True)
class Person:
    rights: Sequence[str] = (EXPORT,)
    is_authenticated: bool = True
    is_guest: bool = False

    def has(self, right: str) -> bool:
        return right in self.rights


class Orders(ListPage):
    title = "Orders"
    columns = [
        Column("number", "Number", sort="number", phone="title"),
        Column("name", "Name", sort="name", phone="subtitle"),
        Column("state", "State", kind="state", phone="badge"),
        Column("amount", "Amount", kind="money", sort="amount", total=True),
        Column("at", "Signed", kind="datetime", sort="at"),
        Column("secret", "Internal", value="number", export_only=True),
    ]
    filters = [
        Search(fields=("name", "number")),
        Choice("state", "State", choices=[("open", "Open"), ("won", "Won")]),
        DateRange("at", "Signed"),
        Toggle("big", "Big", test=lambda row: row.amount > 50),
    ]
    ordering = "number"
    export_right = EXPORT
    export_name = "orders"
    number_of_rows = 57
    exported: list[tuple[str, int]] = []

    def get_queryset(self) -> list[Order]:
        return orders(self.number_of_rows)

    def row_url(self, row: Order) -> str:
        return f"/orders/{row.number}/"

    def on_export(self, form: str, rows: int) -> None:
        self.exported.append((form, rows))


def ask(query: str = "", view: type[ListPage] = Orders, person: Any = None, **headers: str) -> Any:
    request = RequestFactory().get(f"/orders/{query}", headers=headers)
    request.user = person or Person()
    request.htmx = HtmxDetails(request)
    return view.as_view()(request)


def text(query: str = "", **options: Any) -> str:
    return ask(query, **options).content.decode()


def file(query: str) -> bytes:
    response = ask(query)
    body = b"".join(response.streaming_content)
    response.close()
    return body


def numbers(html: str) -> list[str]:
    return [part.split("<")[0] for part in html.split('/">')[1:] if part.startswith("N")]


def test_the_first_page_shows_25_of_57_and_the_sum_of_all():
    html = text()
    assert len(numbers(html)) == 25
    assert "1–25 of 57" in html
    assert "¥1,596" in html


@pytest.mark.parametrize(
    ("query", "rows"), [("?page=3", 7), ("?page=99", 7), ("?page=x", 25), ("?page=-1", 25), ("?page=0", 25)]
)
def test_a_page_that_does_not_exist_is_the_nearest_that_does(query, rows):
    assert len(numbers(text(query))) == rows


@pytest.mark.parametrize(
    ("query", "rows"), [("?size=10", 10), ("?size=50", 50), ("?size=1000000", 25), ("?size=²", 25)]
)
def test_only_offered_page_sizes_count(query, rows):
    assert len(numbers(text(query))) == rows


def test_sorting_follows_the_heading_and_turns_round():
    assert numbers(text("?sort=-amount"))[0] == "N056"
    assert 'aria-sort="descending"' in text("?sort=-amount")
    assert "?sort=-amount" in text("?sort=amount")


@pytest.mark.parametrize("sort", ["state", "password", "-secret__hash", "", "number;drop"])
def test_a_column_that_may_not_be_sorted_by_is_ignored(sort):
    assert numbers(text(f"?sort={sort}"))[0] == "N000"


def test_filters_narrow_and_are_named_with_a_way_out():
    html = text("?q=王&state=won&sort=amount")
    assert numbers(html) == ["N003", "N009", "N015", "N021", "N027", "N033", "N039", "N045", "N051"]
    assert "State: Won" in html
    assert 'href="/orders/?q=%E7%8E%8B&amp;sort=amount"' in html


def test_every_word_of_a_search_must_be_found():
    assert numbers(text("?q=anna n002")) == ["N002"]
    assert numbers(text("?q=anna n003")) == []


def test_a_search_cannot_carry_what_the_database_cannot_store():
    assert len(numbers(text("?q=%00"))) == 25


def test_days_are_local_and_inclusive():
    with timezone.override("Asia/Shanghai"):
        assert numbers(text("?at_from=2026-11-02&at_to=2026-11-03")) == ["N001", "N002"]


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("?at_from=2026-02-30", "Enter the date as year-month-day"),
        ("?at_from=yesterday", "Enter the date as year-month-day"),
        ("?at_from=2026-11-05&at_to=2026-11-01", "The first day is after the last day"),
        ("?state=stolen", "Unknown choice"),
    ],
)
def test_a_filter_that_cannot_be_read_says_so_and_is_left_out(query, problem):
    html = text(query)
    assert problem in html
    assert "of 57" in html


def test_a_toggle_is_a_filter():
    assert numbers(text("?big=1")) == [f"N{at:03}" for at in range(51, 57)]


def test_nothing_yet_and_nothing_found_are_told_apart():
    class Empty(Orders):
        number_of_rows = 0
        empty_title = "No orders yet"
        empty_action, empty_url = "Write one", "/orders/new/"

    assert "No orders yet" in text(view=Empty)
    assert 'href="/orders/new/"' in text(view=Empty)
    nothing_found = text("?q=nobody")
    assert "Nothing matches your filters" in nothing_found
    assert 'href="/orders/"' in nothing_found


def test_htmx_gets_the_table_alone_and_a_restored_page_everything():
    htmx = {"HX-Request": "true", "HX-Target": "list"}
    part = text(**htmx)
    assert part.lstrip().startswith('<div id="list"')
    assert "<html" in text(**htmx, **{"HX-History-Restore-Request": "true"})
    response = ask(**htmx)
    assert "HX-Request" in response["Vary"]
    assert "no-store" in response["Cache-Control"]


def test_what_people_typed_is_escaped():
    assert "<script>" not in text("?q=<script>&state=<script>&at_from=<script>")


def test_csv_has_all_pages_of_the_filtered_list_and_harmless_text():
    Orders.exported.clear()
    body = file("?export=csv&state=won&sort=-amount&size=10&page=2")
    rows = list(csv.reader(io.StringIO(body.decode("utf-8-sig"))))
    assert rows[0] == ["Number", "Name", "State", "Amount", "Signed", "Internal"]
    assert len(rows) == 1 + 28
    assert [row[0] for row in rows[1:4]] == ["N055", "N053", "N051"]
    assert "'=SUM(A1)" in {row[1] for row in rows}
    assert {row[2] for row in rows[1:]} == {"Won"}
    assert Orders.exported == [("csv", 28)]


def test_xlsx_keeps_types():
    sheet = openpyxl.load_workbook(io.BytesIO(file("?export=xlsx"))).active
    assert sheet.max_row == 58
    assert sheet["D3"].value == 1
    assert isinstance(sheet["E2"].value, datetime)


def test_an_export_needs_its_right():
    with pytest.raises(PermissionDenied):
        ask("?export=csv", person=Person(rights=()))
    assert "export=csv" not in text(person=Person(rights=()))
    assert "export=csv" in text()


def test_a_list_without_export_right_exports_to_nobody():
    class Closed(Orders):
        export_right = None

    with pytest.raises(PermissionDenied):
        ask("?export=csv", view=Closed)


def test_an_unknown_format_is_a_bad_request():
    assert ask("?export=pdf").status_code == 400


def test_an_empty_value_is_a_dash_and_sorts_last():
    class Gaps(Orders):
        columns = [Column("name", "Name"), Column("day", "Day", kind="date", sort="day")]
        filters = ()
        ordering = "day"

        def get_queryset(self) -> list[dict[str, Any]]:
            return [{"name": "b", "day": None}, {"name": "a", "day": date(2026, 11, 3)}]

        def row_url(self, row: Any) -> str:
            return f"/{row['name']}/"

    html = text(view=Gaps)
    assert html.index(">a</a>") < html.index(">b</a>")
    assert "–</td>" in html
    assert html.count(' nothing" data-label="Day"') == 1, "a card on a phone leaves it out"


def test_a_table_too_wide_does_without_facts_but_keeps_the_name_and_the_state():
    columns = {column.key: column for column in Orders.columns}
    assert [columns[key].leaving for key in ("number", "state")] == [0, 0]
    assert columns["name"].leaving < columns["at"].leaving < Column("vin", "VIN", kind="vin").leaving
    assert columns["amount"].leaving < columns["at"].leaving, "what is summed up stays longer"
    assert Column("at", "Signed", leaves=7).leaving == 7
    assert f'data-leaves="{columns["at"].leaving}"' in text()


class People(ListPage):
    """A list of real rows: the accounts of a dealership."""

    title = "People"
    columns = [
        Column("name", "Name", sort="name", phone="title"),
        Column("login", "Sign-in", sort="login"),
        Column("number", "Number", value=lambda user: 1, kind="number"),
    ]
    filters = [Search(fields=("name", "login")), Toggle("active", "Active", where=Q(is_active=True))]
    ordering = "login"
    export_right = EXPORT

    def get_queryset(self) -> Any:
        return User.objects.all()


def test_a_list_of_any_length_costs_two_queries(wall, north):
    with north.bound(), CaptureQueriesContext(connection) as queries:
        html = text("?q=a&active=1&sort=-name&size=10", view=People)
    assert "<tbody" in html
    assert len(queries) == 2


def test_an_export_from_the_database_has_the_rows_of_the_list(wall, north):
    with north.bound():
        response = ask("?export=csv&active=1", view=People)
        logins = list(User.objects.filter(is_active=True).order_by("login").values_list("login", flat=True))
    body = b"".join(response.streaming_content)
    response.file_to_stream.close()
    rows = list(csv.reader(io.StringIO(body.decode("utf-8-sig"))))
    assert [row[1] for row in rows[1:]] == logins
    assert logins
