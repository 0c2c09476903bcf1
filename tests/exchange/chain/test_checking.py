"""Every ledger is checked once a day, and its member can read what was found."""

from __future__ import annotations

import threading

import pytest
from tests.exchange.chain.scenes import owner, parties, send

from exchange import operations
from exchange.chain import checking
from exchange.models import Check
from exchange.testing import drain_exchange


def checks(side):
    with side.bound():
        return list(Check.objects.all())


def test_a_ledger_is_checked_once_a_day_and_its_member_reads_what_was_found(chained, portal, north, south):
    assert checking.check_what_is_due() == 2
    assert checking.check_what_is_due() == 0
    (mine,) = checks(north)
    assert (mine.rows, mine.number, mine.payloads, mine.anchors, mine.findings) == (9, 3, 6, 2, [])
    assert mine.began_at <= mine.finished_at
    assert str(mine) == "9 rows, 0 findings"
    assert len(checks(portal)) == 1
    assert checks(south) == []
    with owner(chained) as cursor:
        cursor.execute(
            f"UPDATE \"{north.schema}\".exchange_check SET finished_at = finished_at - interval '25 hours'; "
            f"UPDATE \"{north.schema}\".exchange_ledger SET level = 'counts' WHERE subject_label = 'day 4'"
        )
    assert checking.check_what_is_due() == 1
    assert [finding["found"] for finding in checks(north)[0].findings] == ["edited"]
    assert checking.check_what_is_due(stop=lambda: True) == 0


def test_the_loop_goes_on_after_a_failure_and_ends_when_told(chained, north, monkeypatch, caplog):
    tries = []

    def broken(stop):
        tries.append(1)
        raise ZeroDivisionError

    monkeypatch.setattr(checking, "check_what_is_due", broken)
    ended = threading.Event()
    loop = threading.Thread(target=checking.run_forever, args=[lambda: len(tries) > 1], kwargs={"look_every": 0.3})
    loop.start()
    loop.join(timeout=30)
    ended.set()
    assert not loop.is_alive()
    assert len(tries) == 2
    assert "check failed" in caplog.text


def test_operators_check_every_member_or_one(chained, north):
    found = operations.verify_ledgers()
    assert found["whole"]
    assert [member["slug"] for member in found["members"]] == ["north", "portal", "south"]
    assert [member["rows"] for member in found["members"]] == [9, 3, 0]
    send(north)
    drain_exchange()
    (one,) = operations.verify_ledgers("north")["members"]
    assert (one["rows"], one["batches"]) == (10, 4)
    with pytest.raises(LookupError):
        operations.verify_ledgers("nobody")
    with owner(chained) as cursor:
        cursor.execute(f"UPDATE \"{north.schema}\".exchange_ledger SET level = 'counts' WHERE subject_label = 'day 4'")
    assert not operations.verify_ledgers()["whole"]
    assert operations.verify_ledgers("south")["whole"]
    assert set(parties())
