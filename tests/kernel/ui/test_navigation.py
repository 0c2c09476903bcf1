from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest
from django.test import RequestFactory
from django.urls import path

from kernel.ui import branding, navigation
from kernel.ui.branding import Branding
from kernel.ui.context import Shell
from kernel.ui.navigation import DEALER, PORTAL, NavItem


@dataclass(frozen=True)
class Person:
    """Somebody signed in with some rights."""

    rights: frozenset[str] = field(default_factory=frozenset)
    is_authenticated: bool = True

    def has(self, right: str) -> bool:
        return right in self.rights


def view(request):
    raise AssertionError("never called")


class Routes:
    urlpatterns = [
        path("", view, name="home"),
        path("leads/", view, name="leads"),
        path("leads/new/", view, name="new_lead"),
        path("claims/", view, name="claims"),
        path("people/", view, name="people"),
        path("settings/", view, name="settings"),
        path("sign-out/", view, name="sign_out"),
    ]


@pytest.fixture
def items(monkeypatch, no_branding):
    monkeypatch.setattr(navigation, "_items", {PORTAL: {}, DEALER: {}})
    navigation.register(
        DEALER,
        NavItem("claims", "Claims", "claims", right="claims_write", order=40, phone=True, group="Service"),
        NavItem("home", "Today", "home", order=1, phone=True),
        NavItem("leads", "Leads", "leads", right="leads_read", order=10, phone=True, count=lambda r: 3, group="Sales"),
        NavItem("new", "New lead", "new_lead", right="leads_read", order=11, phone=True, job=True, group="Sales"),
        NavItem("people", "People", "people", order=50, phone=True, group="House"),
        NavItem("settings", "Settings", "settings", order=60, phone=True, group="House"),
        NavItem("elsewhere", "Elsewhere", "no_such_url", order=70),
        NavItem("out", "Sign out", "sign_out", menu=True, post=True),
    )
    navigation.register(PORTAL, NavItem("home", "Network", "home"))


def shell(address="/", *, rights=(), kind="dealership", user=None):
    request = RequestFactory().get(address)
    request.tenant = SimpleNamespace(kind=kind, name="North")
    request.user = user or Person(frozenset(rights))
    request.urlconf = Routes
    return Shell(request)


def keys(shown):
    return [entry.key for _label, group in shown.groups for entry in group]


def test_only_pages_that_the_person_may_open_are_shown(items):
    assert keys(shell(rights=["leads_read"])) == ["home", "leads", "new", "people", "settings"]
    assert keys(shell(rights=["claims_write"])) == ["home", "claims", "people", "settings"]


def test_each_tier_has_its_own_navigation(items):
    assert keys(shell(kind="manufacturer")) == ["home"]


def test_nobody_signed_in_sees_no_navigation(items):
    anonymous = SimpleNamespace(is_authenticated=False)
    assert keys(shell(user=anonymous)) == []


def test_the_phone_shows_four_and_more(items):
    shown = shell(rights=["leads_read", "claims_write"])
    assert [entry.key for entry in shown.phone] == ["home", "leads", "new", "claims"]
    assert shown.more


@pytest.mark.parametrize(
    ("address", "current"),
    [("/", "home"), ("/leads/", "leads"), ("/leads/7/", "leads"), ("/leads/new/", "new"), ("/unknown/", None)],
)
def test_the_page_one_is_on_is_marked(items, address, current):
    shown = shell(address, rights=["leads_read"])
    marked = [entry.key for _label, group in shown.groups for entry in group if entry.current]
    assert marked == ([current] if current else [])


def test_more_is_marked_when_the_page_is_not_in_the_bar(items):
    assert shell("/settings/", rights=["leads_read", "claims_write"]).more_current
    assert not shell("/leads/", rights=["leads_read", "claims_write"]).more_current


def test_what_belongs_to_the_user_stands_in_the_menu(items):
    shown = shell()
    assert [(entry.key, entry.post) for entry in shown.menu] == [("out", True)]
    assert "out" not in keys(shown)


def test_the_tenants_name_is_shown_where_no_branding_is_set(items):
    assert shell().branding.name == "North"
    branding.register(DEALER, lambda request: Branding(name="北方汽车", primary="#c8102e"))
    assert shell().branding.name == "北方汽车"
    assert shell(kind="manufacturer").branding.name == "North"
