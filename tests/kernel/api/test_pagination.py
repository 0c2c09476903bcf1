"""Pages by cursor: complete, without repetition, whatever arrives meanwhile."""

import base64
import json
from datetime import UTC, datetime
from decimal import Decimal
from urllib.parse import urlsplit
from uuid import UUID

import pytest

from kernel.accounts.models import User
from kernel.api import pagination
from kernel.api.problems import ApiProblem

from .test_problems import check


def walk(client, url):
    pages = []
    while url:
        body = client.get(url).json()
        assert set(body) == {"results", "next"}
        pages.append(body["results"])
        url = body["next"] and f"{urlsplit(body['next']).path}?{urlsplit(body['next']).query}"
    return pages


@pytest.mark.parametrize("limit", [1, 3, 13, 200])
def test_all_pages_together_are_the_whole_list_in_order(caller, north, limit):
    client = caller(north, "technician")
    with north.bound():
        wanted = [str(pk) for pk in User.objects.order_by("-role", "id").values_list("pk", flat=True)]
    pages = walk(client, f"/api/v1/people?limit={limit}")
    assert [row["id"] for page in pages for row in page] == wanted
    assert all(len(page) == limit for page in pages[:-1])


def test_equal_values_neither_repeat_nor_hide_rows(caller, north):
    client = caller(north, "technician")
    with north.bound():
        for number in range(5):
            User(login=f"clone{number}", name="x", role="stock_clerk").save()
        wanted = User.objects.count()
    rows = [row["id"] for page in walk(client, "/api/v1/people?limit=2") for row in page]
    assert len(rows) == len(set(rows)) == wanted


def test_rows_that_arrive_meanwhile_do_not_shift_the_rest(caller, north):
    client = caller(north, "technician")
    first = client.get("/api/v1/people?limit=3").json()
    with north.bound():
        User(login="newcomer", name="x", role="zzz").save()
    rest = walk(client, first["next"].removeprefix("http://north.localhost"))
    rows = [row["login"] for row in first["results"]] + [row["login"] for page in rest for row in page]
    assert "newcomer" not in rows
    assert len(rows) == len(set(rows)) == 13


@pytest.mark.parametrize("limit", ["0", "201", "-1", "x", "1.5", "١", "99999999999999999999", ""])
def test_a_limit_that_is_none_is_named(caller, north, limit):
    client = caller(north, "technician")
    body = check(client.get(f"/api/v1/people?limit={limit}"), 422, "invalid")
    assert [e["field"] for e in body["errors"]] == ["limit"]


@pytest.mark.parametrize(
    "cursor",
    ["x", "!!!", "bnVsbA", "W10", "W1siIiwxXV0", "W1sidSIsInh4Il0sWyJ1IiwieCJdXQ", "W1siIiwiXHUwMDAwIl0sWyIiLCIxIl1d"],
)
def test_a_cursor_that_is_not_ours_is_refused(caller, north, cursor):
    check(caller(north, "technician").get(f"/api/v1/people?cursor={cursor}"), 400, "cursor_invalid")


def test_cursors_keep_the_types_of_their_values():
    values = [
        datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC),
        datetime(2026, 1, 2, tzinfo=UTC).date(),
        Decimal("1.10"),
        UUID(int=7),
        "文字",
        3,
        True,
    ]
    back = pagination._decode(pagination._encode(values), ["x"] * 7)
    assert back == values
    assert [type(v) for v in back] == [type(v) for v in values]


def test_a_cursor_of_the_wrong_kind_for_its_column_is_refused(caller, north):
    cursor = pagination._encode(["x", "not a uuid"])
    check(caller(north, "technician").get(f"/api/v1/people?cursor={cursor}"), 400, "cursor_invalid")
    with pytest.raises(ApiProblem):
        pagination._decode(cursor, ["one column"])


def test_an_order_that_is_not_total_is_made_so(caller, north):
    client = caller(north, "technician")
    with north.bound():
        User.objects.update(name="same")
    rows = [row for page in walk(client, "/api/v1/raw?limit=5") for row in page]
    assert len(rows) == 13


@pytest.mark.parametrize(
    "values",
    [[["t", "2026-01-02T00:00:00"]], [["", {"a": 1}]], [["", None]], [["", "\ud800"]], [["?", 1]], [["n", "x"]]],
)
def test_a_forged_cursor_cannot_hold_odd_values(values):
    cursor = base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")
    with pytest.raises(ApiProblem):
        pagination._decode(cursor, ["x"])
