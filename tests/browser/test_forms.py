"""Forms in the hands of somebody quicker than the network."""

from __future__ import annotations

import pytest


@pytest.fixture
def slow_form(person):
    """The desk's form of a new lead; the answer to the choice of a brand is held back until it is let go."""
    desk = person("portal", "lead_desk", screen="desktop", language="en")
    held = []
    desk.page.route("**/leads/options/series/**", lambda route: held.append(route))
    desk.go("/leads/new/")
    return desk.page, held, desk


def options(page, name):
    return page.locator(f"[name={name}] option:not([value=''])").evaluate_all("os => os.map(o => o.value)")


def choose_brand(page, held, brand, *, meanwhile):
    """Choose a brand, do something else before the answer is here, then let it come."""
    foreign = next(code for code in options(page, "series") if not code.startswith(f"{brand}-"))
    page.select_option("[name=brand]", brand)
    meanwhile()
    while not held:
        page.wait_for_timeout(20)
    held.pop().continue_()
    page.locator(f"[name=series] option[value='{foreign}']").wait_for(state="detached")


def test_a_series_chosen_before_the_answer_to_the_brand_stays_chosen(slow_form):
    page, held, desk = slow_form
    brand = options(page, "brand")[0]
    series = next(code for code in options(page, "series") if code.startswith(f"{brand}-"))

    def choose_series():
        page.focus("[name=series]")
        page.select_option("[name=series]", series)

    choose_brand(page, held, brand, meanwhile=choose_series)
    assert page.input_value("[name=series]") == series
    assert page.evaluate("document.activeElement.name") == "series"
    desk.check()


def test_a_series_of_another_brand_does_not_stay_chosen(slow_form):
    page, held, _desk = slow_form
    brand, other = options(page, "brand")[:2]
    foreign = next(code for code in options(page, "series") if code.startswith(f"{other}-"))
    choose_brand(page, held, brand, meanwhile=lambda: page.select_option("[name=series]", foreign))
    assert page.input_value("[name=series]") == ""
    assert all(code.startswith(f"{brand}-") for code in options(page, "series"))


def test_a_brand_chosen_by_mistake_costs_nothing(person):
    """Back at the first brand its series is chosen again, and the models of that series are offered."""
    desk = person("portal", "lead_desk", screen="phone", language="zh-hans")
    page = desk.go("/leads/new/")
    first, second = options(page, "brand")[:2]
    series, foreign = (
        next(code for code in options(page, "series") if code.startswith(f"{brand}-")) for brand in (first, second)
    )
    page.select_option("[name=brand]", first)
    page.locator(f"[name=series] option[value='{foreign}']").wait_for(state="detached")
    page.select_option("[name=series]", series)
    page.locator(f"[name=model] option[value^='{series}-']").first.wait_for(state="attached")
    page.select_option("[name=brand]", second)
    page.locator(f"[name=series] option[value='{series}']").wait_for(state="detached")
    assert page.input_value("[name=series]") == ""
    page.locator(f"[name=model] option[value^='{series}-']").first.wait_for(state="detached")
    page.select_option("[name=brand]", first)
    page.locator(f"[name=model] option[value^='{series}-']").first.wait_for(state="attached")
    assert page.input_value("[name=series]") == series
    desk.check()
