"""The kernel clock, and who may set it."""

import re
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import pytest

from kernel import clock

ROOT = Path(__file__).resolve().parents[2]
THEN = datetime(2025, 3, 1, 23, 30, tzinfo=UTC)


def permit_of(module: str):
    """Call allow_history as if from a module of that name."""
    names = {"__name__": module, "clock": clock}
    exec("permit = clock.allow_history()", names)
    return names["permit"]


def test_now_is_aware_and_utc():
    assert clock.now().utcoffset() == timedelta(0)
    assert abs(datetime.now(UTC) - clock.now()) < timedelta(seconds=5)
    assert not clock.in_history()


def test_only_the_demo_and_the_testing_kit_get_a_permit():
    for module in ("dealernet.demo", "dealernet.demo.story", "kernel.testing"):
        assert permit_of(module) is permit_of(module)
    for module in ("dealer.sales.actions", "dealernet.demolition", "kernel.testing_more", "tests.kernel.test_clock"):
        with pytest.raises(clock.ClockError):
            permit_of(module)
    with pytest.raises(clock.ClockError):
        clock.allow_history()


def test_the_clock_is_set_inside_the_block_and_nests():
    permit = permit_of("kernel.testing")
    with clock.history(THEN, permit):
        assert clock.now() == THEN
        assert clock.in_history()
        with clock.history(THEN + timedelta(days=1), permit):
            assert clock.now() == THEN + timedelta(days=1)
        assert clock.now() == THEN
    assert not clock.in_history()


def test_without_a_permit_of_ours_the_clock_stays():
    for wrong in (None, clock.HistoryPermit("dealernet.demo"), object()):
        with pytest.raises(clock.ClockError), clock.history(THEN, wrong):
            raise AssertionError("must not get here")
    assert not clock.in_history()


def test_naive_times_are_refused_and_others_turned_to_utc():
    permit = permit_of("kernel.testing")
    with pytest.raises(clock.ClockError), clock.history(THEN.replace(tzinfo=None), permit):
        raise AssertionError("must not get here")
    with clock.history(THEN.astimezone(timezone(timedelta(hours=8))), permit):
        assert clock.now() == THEN
        assert clock.now().tzinfo is UTC


def test_today_depends_on_the_zone():
    with clock.history(THEN, permit_of("kernel.testing")):
        assert clock.today("Asia/Shanghai") == date(2025, 3, 2)
        assert clock.today(UTC) == date(2025, 3, 1)


def test_a_day_is_never_the_day_in_greenwich():
    """`now().date()` is yesterday until eight in the morning in China; a day is asked for with a zone."""
    wrong = re.compile(r"\bclock\.now\(\)(?: [-+] timedelta\([^()]*\)\))?\.date\(\)|\b(?:at|_at)\.date\(\)")
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for folder in ("platform", "tenants", "sync", "shared", "deploy/dealernet/proofs", "tests")
        for path in sorted((ROOT / folder).rglob("*.py"))
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if wrong.search(line) and path != Path(__file__)
    ]
    assert found == []
