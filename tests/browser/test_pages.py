"""The main pages of every main role: they open, fit the screen, run without a script error, and axe is content.

Each role is looked at on a phone in simplified Chinese and on a desktop in English; some in traditional Chinese too.
Every visit leaves a picture under artifacts/screenshots.
"""

from __future__ import annotations

import re
from urllib.parse import urlparse

import pytest

#: (host, login) → main pages. A path that ends in ">" also opens the first row of its list.
PAGES: dict[tuple[str, str], tuple[str, ...]] = {
    ("portal", "lead_desk"): ("/", "/leads/desk/", "/leads/>", "/leads/new/"),
    ("portal", "network_manager"): (
        "/",
        "/insight/",
        "/insight/leads/",
        "/insight/dealerships/north/",
        "/network/",
        "/network/north/",
        "/network/north/support/",
        "/exchange/",
        "/agreements/",
    ),
    ("portal", "warranty_analyst"): ("/", "/claims/>", "/claims/all/", "/service-visits/>"),
    ("portal", "crm_analyst"): ("/owners/>", "/insight/owners/", "/insight/service/"),
    ("portal", "network_admin"): ("/", "/catalogue/", "/catalogue/models/", "/people/", "/exchange/", "/audit/>"),
    ("portal", "privacy_officer"): ("/agreements/", "/exchange/messages/>"),
    ("north", "sales_consultant"): (
        "/today/",
        "/leads/>",
        "/prospects/>",
        "/customers/>",
        "/stock/>",
        "/prospects/new/",
    ),
    ("north", "sales_manager"): (
        "/today/",
        "/leads/",
        "/test-drives/",
        "/quotations/>",
        "/contracts/>",
        "/deliveries/>",
        "/stock/new/",
    ),
    ("north", "general_manager"): (
        "/today/",
        "/sharing/",
        "/sharing/ledger/>",
        "/sharing/readings/",
        "/support/>",
        "/settings/",
        "/people/>",
        "/audit/",
    ),
    ("north", "service_adviser"): (
        "/today/",
        "/appointments/",
        "/appointments/new/",
        "/repair-orders/>",
        "/claims/>",
        "/customers/new/",
    ),
    ("north", "service_manager"): ("/today/", "/repair-orders/", "/claims/"),
    ("north", "technician"): ("/today/", "/repair-orders/>"),
    ("north", "stock_clerk"): ("/today/", "/stock/>", "/stock/import/"),
    ("north", "receptionist"): ("/today/", "/customers/"),
    ("north", "crm_manager"): ("/today/", "/customers/", "/sharing/"),
    ("north", "finance_clerk"): ("/today/", "/contracts/"),
    ("north", "it_admin"): ("/today/", "/people/", "/account/", "/account/tokens/"),
    ("east", "general_manager"): ("/today/", "/sharing/", "/people/"),
    ("south", "sales_consultant"): ("/today/", "/leads/", "/prospects/"),
}
#: The address of one thing: its last part is an id, a number or a VIN, so it holds a digit.
ONE_THING = re.compile(r"/[a-z-]+/(?:[a-z-]+/)?[^/?#]*[0-9][^/?#]*/")
SCREENS = [("phone", "zh-hans"), ("desktop", "en")]
TRADITIONAL = {("portal", "lead_desk"), ("north", "sales_consultant"), ("north", "service_adviser")}
#: Who does little beside what others do is looked at on the phone only.
PHONE_ONLY = {
    ("north", "service_manager"),
    ("north", "receptionist"),
    ("north", "crm_manager"),
    ("north", "finance_clerk"),
    ("north", "it_admin"),
    ("east", "general_manager"),
    ("south", "sales_consultant"),
}
CASES = [
    (*who, screen, language)
    for who in PAGES
    for screen, language in [
        *(SCREENS[:1] if who in PHONE_ONLY else SCREENS),
        *([("phone", "zh-hant")] if who in TRADITIONAL else []),
    ]
]


@pytest.mark.parametrize(("host", "login", "screen", "language"), CASES, ids=["-".join(case) for case in CASES])
def test_main_pages(person, host, login, screen, language):
    somebody = person(host, login, screen=screen, language=language)
    wrong = []
    for path in PAGES[(host, login)]:
        listed = path.removesuffix(">")
        wrong += look_at(somebody, listed)
        if listed == path:
            continue
        addresses = somebody.page.locator("main a").evaluate_all("links => links.map(a => a.getAttribute('href'))")
        opened = next((one for one in addresses if ONE_THING.fullmatch(one or "")), None)
        if opened:
            wrong += look_at(somebody, opened)
    assert not wrong, "\n".join(wrong)


def test_columns_that_left_a_wide_list_can_be_asked_for(person):
    somebody = person("north", "service_adviser", screen="desktop", language="en")
    page = somebody.go("/repair-orders/")
    vin, plate = (page.get_by_role("columnheader", name=name, exact=True) for name in ("VIN", "Plate"))
    assert plate.is_visible()
    assert vin.is_hidden()
    page.get_by_role("button", name="Show all columns").click()
    assert vin.is_visible()
    page.set_viewport_size({"width": 1900, "height": 900})
    page.reload()
    assert vin.is_visible(), "a wider card holds more columns"


def look_at(somebody, path):
    """Open a page; what is wrong with it, in words."""
    somebody.errors.clear()
    answer = somebody.page.goto(somebody.network.url(somebody.host, path), wait_until="load")
    name = re.sub(r"[^/]*[0-9][^/]*", "one", urlparse(path).path.strip("/")).replace("/", "-") or "start"
    somebody.shot(name)
    assert answer is not None
    found = [] if answer.status == 200 else [f"{path}: status {answer.status}"]
    if somebody.page.locator("html").get_attribute("lang").lower() != somebody.language:
        found.append(f"{path}: not in {somebody.language}")
    try:
        somebody.check()
    except AssertionError as problem:
        found.append(f"{path}: {problem}")
    return found
