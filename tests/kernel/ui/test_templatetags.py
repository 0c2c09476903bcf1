from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.utils import timezone, translation

from kernel import clock
from kernel.testing import clocks
from kernel.ui.templatetags import ui


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (Decimal("168800.00"), "CNY", "¥168,800"),
        (Decimal("1250.5"), "EUR", "€1,250.50"),
        (Decimal("-3"), "CNY", "-¥3"),
        (None, "CNY", "–"),
        ("", "CNY", "–"),
    ],
)
def test_money(amount, currency, text):
    assert ui.money(amount, currency) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("+8613812345678", "138 1234 5678"),
        ("+861088886666", "010 8888 6666"),
        ("+8657182660266", "0571 8266 0266"),
        ("+864001234567", "400 123 4567"),
        ("+4915112345678", "+49 1511 2345678"),
        ("138****5678", "138****5678"),
        (None, ""),
    ],
)
def test_phone_text(number, text):
    assert ui.phone_text(number) == text


def test_tel_keeps_digits_and_the_plus_only():
    assert ui.tel("+86 138-1234 5678") == "+8613812345678"
    assert ui.tel('1" onclick="x') == "1"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59, "59 s"), (60, "1 min"), (3600, "1 h"), (3660, "1 h 1 min"), (86400, "1 day"), (200000, "2 days")],
)
def test_duration(seconds, text):
    assert ui.duration_text(seconds) == text
    assert ui.duration_text(timedelta(seconds=seconds)) == text


def test_relative_times_look_back_and_ahead():
    now = datetime(2026, 11, 3, 12, tzinfo=UTC)
    assert ui.relative_text(now, now) == "just now"
    assert ui.relative_text(now - timedelta(minutes=8), now) == "8 min ago"
    assert ui.relative_text(now - timedelta(hours=2, minutes=50), now) == "2 h ago"
    assert ui.relative_text(now + timedelta(days=3, hours=2), now) == "in 3 days"
    with timezone.override("UTC"):
        assert ui.relative_text(now - timedelta(days=30), now) == "4 Oct 2026"


def test_dates_are_local_and_in_the_readers_order():
    moment = datetime(2026, 11, 3, 18, 5, tzinfo=UTC)
    with timezone.override("Asia/Shanghai"):
        assert ui.local_text(moment) == "4 Nov 2026 02:05"
        assert ui.local_text(date(2026, 11, 3), "day") == "3 Nov"
        with translation.override("zh-hans"):
            assert ui.local_text(moment) == "2026年11月4日 02:05"


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "Wednesday 4 November 2026"),
        ("zh-hans", "2026年11月4日 星期三"),
        ("zh-hant", "2026年11月4日 星期三"),
    ],
)
def test_the_day_of_today_is_written_in_words(language, words):
    moment = datetime(2026, 11, 3, 18, 5, tzinfo=UTC)
    with clocks.at(moment), timezone.override("Asia/Shanghai"), translation.override(language):
        assert ui.today() == f'<time datetime="2026-11-04">{words}</time>'


def test_the_deadline_turns_amber_and_red():
    now = clock.now()
    assert 'class="deadline "' in ui.deadline(now + timedelta(hours=3))
    assert 'class="deadline soon"' in ui.deadline(now + timedelta(minutes=9))
    assert 'class="deadline late"' in ui.deadline(now - timedelta(minutes=1))
    assert ui.deadline(None) == ""


def test_an_icon_is_hidden_from_screen_readers_unless_it_is_labelled():
    assert 'aria-hidden="true"' in ui.icon("phone")
    assert 'role="img" aria-label="Call &lt;him&gt;"' in ui.icon("phone", label="Call <him>")


def test_the_last_six_of_a_vin_stand_out():
    assert ui.vin("LSVAA49J132047371") == '<span class="vin" translate="no">LSVAA49J132<b>047371</b></span>'
    assert ui.vin("") == "–"


def test_a_chip_escapes_its_label():
    assert "&lt;b&gt;" in ui.state_chip("new", "<b>")
    assert "tone-info" in ui.state_chip("new", "New")
    assert "tone-neutral" in ui.state_chip("never heard of")


def test_a_change_for_the_better_is_green_also_when_less_is_better():
    assert 'class="trend good"' in ui.trend(0.12)
    assert 'class="trend good"' in ui.trend("-0.18", "down")
    assert 'class="trend bad"' in ui.trend(-0.03)
    assert "−3%" in ui.trend(-0.03)


def test_a_hidden_count_is_not_a_zero():
    assert ui.count_or_few(None) == "< 5"
    assert ui.count_or_few(0) == "0"
