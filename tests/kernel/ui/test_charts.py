import re

import pytest
from django.utils import translation

from kernel.ui import charts
from kernel.ui.charts import Bar, Series

BARS = [Bar("网站", 148, url="/leads/?channel=web"), Bar("<b>", 7), Bar("Referral", None)]
MAKERS = {
    "horizontal": lambda: charts.horizontal_bars("Leads", BARS),
    "vertical": lambda: charts.vertical_bars("Leads", BARS),
    "funnel": lambda: charts.funnel("Leads", BARS),
    "stacked": lambda: charts.stacked_bars("Leads", ["网站", "<b>"], [Series("A", [148, None]), Series("B", [7, 3])]),
    "lines": lambda: charts.lines("Leads", ["网站", "<b>", "c"], [Series("A", [148, None, 7])]),
    "heat": lambda: charts.heat_strip("Leads", ["网站", "<b>"], [Series("A", [148, None]), Series("B", [7, 0])]),
}


@pytest.mark.parametrize("kind", MAKERS)
def test_a_chart_has_title_description_and_its_numbers_as_a_table(kind):
    html = MAKERS[kind]()
    assert "<figcaption>Leads</figcaption>" in html
    assert re.search(r"<title id=\"\w+\">Leads</title><desc id=\"\w+\">[^<]*1\d", html)
    assert "<table>" in html
    assert ">148<" in html[html.index("<table>") :]


@pytest.mark.parametrize("kind", MAKERS)
def test_fewer_than_five_is_hatched_and_written_so(kind):
    html = MAKERS[kind]()
    assert 'class="hatched' in html
    assert "&lt; 5" in html
    assert "Hatched: fewer than five" in html


@pytest.mark.parametrize("kind", MAKERS)
def test_a_chart_brings_no_style_attribute_no_script_and_escapes_labels(kind):
    html = MAKERS[kind]()
    assert " style=" not in html
    assert "<script" not in html
    assert "<b>" not in html


def test_a_bar_drills_down_and_the_drawing_is_then_no_image():
    linked, plain = charts.horizontal_bars("Leads", BARS), charts.horizontal_bars("Leads", BARS[1:])
    assert '<a href="/leads/?channel=web" aria-label="网站: 148">' in linked
    assert 'role="group"' in linked
    assert 'role="img"' in plain


def test_hiding_small_numbers_does_not_show_their_size():
    one = charts.vertical_bars("Leads", [Bar("a", None), Bar("b", 100)])
    other = charts.vertical_bars("Leads", [Bar("a", None), Bar("b", 1000)])
    hatched = re.compile(r'<rect[^>]*height="([\d.]+)"[^>]*class="hatched')
    assert hatched.search(one)[1] == hatched.search(other)[1] == "14"


def test_the_funnel_names_the_share_of_the_stage_before():
    html = charts.funnel("Funnel", [Bar("Offered", 200), Bar("Accepted", 150)])
    assert "75%" in html


@pytest.mark.parametrize(("value", "top"), [(0, 4), (3, 4), (9, 12), (104, 120), (401, 600), (1000, 1000)])
def test_the_scale_ends_at_a_round_number_not_below_the_value(value, top):
    assert charts.nice_top(value) == top


def test_numbers_are_grouped_by_three_in_every_language():
    for language in ("zh-hans", "zh-hant", "en"):
        with translation.override(language):
            assert charts.shown(12500) == "12,500"
            assert charts.shown(2.25) == "2.3"


def test_an_empty_chart_is_still_a_chart():
    assert "<figure" in charts.horizontal_bars("Leads", [])
    assert "<figure" in charts.lines("Leads", [], [Series("A", [])])
    assert charts.sparkline([]) == ""


def test_labels_are_cut_to_their_room_by_chinese_and_latin_widths():
    assert charts.shorten("第一汽车销售服务有限公司", 60).endswith("…")
    assert charts.text_width("汽") > charts.text_width("a")


def test_a_sparkline_says_its_first_and_last_value():
    assert 'aria-label="Contracts: 12 → 31"' in charts.sparkline([12, 18, 31], title="Contracts")
