"""A dealership asks for a host name of its own, sees what to enter where and how far it is, and gives it up."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from dealer.organisation import actions, queries
from kernel import clock
from kernel.accounts.models import OutboxMail, User
from kernel.audit.models import Entry
from kernel.errors import Conflict, Forbidden, Invalid, Missing
from kernel.tenancy import directory, hosts
from kernel.tenancy.bindings import Owner, bound
from kernel.tenancy.models import HostState, HostWish
from kernel.tenancy.steward import domains
from kernel.testing.clocks import at
from kernel.testing.network import PASSWORD

NAME = "www.beijing-north.example"
PATH = "/settings/addresses/"


@pytest.fixture(autouse=True)
def table(settings: Any, tmp_path: Any) -> Any:
    settings.OWN_HOST_RESOLVER = "kernel.tenancy.resolving.TableResolver"
    settings.OWN_HOST_RECORDS = tmp_path / "records"
    return settings.OWN_HOST_RECORDS


@pytest.fixture
def boss(north: Any) -> Any:
    return north.actor("general_manager")


def english(side: Any) -> None:
    with side.bound():
        User.objects.update(language="en")


def client_of(side: Any, role: str = "general_manager") -> Client:
    """Signed in, reading English."""
    english(side)
    return side.client(role)


def steward() -> None:
    while domains.work_off():
        pass
    directory.forget()


def mine(side: Any) -> list[hosts.OwnHost]:
    with side.bound():
        return hosts.mine()


def in_use(side: Any, actor: Any, table: Any, host: str = NAME) -> hosts.OwnHost:
    with side.bound():
        actions.ask_for_address(actor=actor, host=host)
    steward()
    one = next(one for one in mine(side) if one.host == host)
    with table.open("a") as file:
        file.write(f"{one.record_name} {one.record_text}\n")
    with side.bound():
        actions.check_address(actor=actor, host=host)
    steward()
    return next(one for one in mine(side) if one.host == host)


@pytest.mark.parametrize(
    "act", [actions.ask_for_address, actions.check_address, actions.give_address_up, actions.make_main_address]
)
def test_only_who_manages_the_settings_may(wall, north, act):
    for role in ("crm_manager", "sales_manager", "technician"):
        with pytest.raises(Forbidden), north.bound():
            act(actor=north.actor(role), host=NAME)
        assert north.client(role).get(PATH).status_code == 403
        assert north.client(role).post(PATH, {"host": NAME}).status_code == 403


def test_from_asking_to_being_in_use(committed, north, table):
    client = client_of(north, "it_admin")
    assert "No address of your own yet" in client.get(PATH).content.decode()
    assert "Addresses of your own" in client.get("/settings/").content.decode()
    assert client.post(PATH, {"host": "https://WWW.Beijing-North.example/"})["Location"] == f"{PATH}?sent=1"
    waiting = client.get(f"{PATH}?sent=1").content.decode()
    assert "every 3s" in waiting
    assert "appears here in a moment" in waiting
    steward()
    (asked,) = mine(north)
    page = client.get(PATH).content.decode()
    for text in (f"_dealernet.{NAME}", asked.record_text):
        assert f'data-copy="{text}"' in page
    assert "Record seen" in page
    table.write_text(f"{asked.record_name} {asked.record_text}\n")
    assert client.post(f"{PATH}{asked.id}/check/").status_code == 302
    steward()
    partial = client.get(PATH, headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in partial
    assert "every 3s" not in partial
    assert f'href="http://{NAME}{PATH}"' in partial
    assert mine(north)[0].state == HostState.BOUND
    with north.bound():
        assert list(Entry.objects.filter(action__contains="address").values_list("action", flat=True)) == [
            "organisation.check_address",
            "organisation.ask_for_address",
        ]


def test_a_name_that_cannot_be_one_is_said_on_the_form(wall, north):
    client = client_of(north, "general_manager")
    for text, said in (
        ("192.0.2.1", "Give a name, not a number."),
        ("com.cn", "Many share this name."),
        ("south.localhost", "This name cannot belong to a dealership."),
        ("nonsense", "This is not a host name."),
    ):
        answer = client.post(PATH, {"host": text})
        assert answer.status_code == 422
        assert said in answer.content.decode()
        with north.bound(), pytest.raises(Invalid):
            actions.ask_for_address(actor=north.actor("general_manager"), host=text)


def test_asking_twice_too_often_or_too_fast_is_refused(committed, north, boss, settings):
    settings.OWN_HOSTS_AT_MOST = 2
    with north.bound():
        actions.ask_for_address(actor=boss, host=NAME)
        with pytest.raises(Conflict) as caught:
            actions.ask_for_address(actor=boss, host="second.example")
        assert caught.value.code == "host_wish_waiting"
    client = client_of(north, "general_manager")
    assert "still being carried out" in client.post(PATH, {"host": "second.example"}, follow=True).content.decode()
    steward()
    with north.bound(), pytest.raises(Conflict) as caught:
        actions.ask_for_address(actor=boss, host=NAME.upper())
    assert caught.value.code == "address_asked"
    with north.bound():
        actions.ask_for_address(actor=boss, host="second.example")
    steward()
    with north.bound(), pytest.raises(Conflict) as caught:
        actions.ask_for_address(actor=boss, host="third.example")
    assert caught.value.code == "too_many_addresses"
    (address, *_) = mine(north)
    with north.bound():
        actions.check_address(actor=boss, host=NAME)
    answer = client.post(f"{PATH}{address.id}/release/", follow=True)
    assert "still being carried out" in answer.content.decode()
    with north.bound():
        assert Entry.objects.filter(action="organisation.give_address_up").count() == 0


def test_another_dealerships_address_does_not_exist(committed, north, south, boss, table):
    address = in_use(north, boss, table)
    for step in ("check", "release"):
        assert client_of(south, "general_manager").post(f"{PATH}{address.id}/{step}/").status_code == 404
        assert client_of(north, "general_manager").post(f"{PATH}nonsense/{step}/").status_code == 404
    assert NAME not in client_of(south, "general_manager").get(PATH).content.decode()
    with bound(Owner()):
        assert not HostWish.objects.exists()
    with north.bound(), pytest.raises(Missing):
        queries.access_address_for_change(str(address.id), north.user("technician"))


def test_the_main_address_is_chosen_where_it_works(committed, north, boss, table):
    in_use(north, boss, table)
    home = client_of(north, "general_manager")
    assert "Make north.localhost the main address" not in home.get(PATH).content.decode()
    english(north)
    there = Client(headers={"host": NAME})
    assert there.post("/sign-in/", {"login": "general_manager", "password": PASSWORD}, secure=True).status_code == 302
    assert f"Make {NAME} the main address" in there.get(PATH, secure=True).content.decode()
    assert there.post(f"{PATH}main/", secure=True)["Location"] == f"{PATH}?sent=1"
    steward()
    assert mine(north)[0].is_primary
    assert home.get("/today/")["Location"] == f"http://{NAME}/today/"
    assert "Make north.localhost the main address" in home.get(PATH).content.decode()
    home.post(f"{PATH}main/")
    steward()
    assert not mine(north)[0].is_primary


def test_giving_up_shows_until_when_it_is_kept(committed, north, boss, table):
    address = in_use(north, boss, table, "北方汽车.cn" and "xn--djro74bq2env4b.cn")
    client = client_of(north, "general_manager")
    assert "北方汽车.cn" in client.get(PATH).content.decode()
    client.post(f"{PATH}{address.id}/release/")
    steward()
    page = client.get(PATH).content.decode()
    assert "kept for you until" in page
    assert "Given up by the dealership" in page
    with north.bound(), pytest.raises(Missing):
        queries.access_address_for_change(str(address.id), north.user("general_manager"))


def test_a_missing_record_is_said_on_the_page_and_in_a_mail(committed, north, boss, table):
    in_use(north, boss, table)
    english(north)
    table.write_text("")
    with at(clock.now() + timedelta(days=2)):
        steward()
        assert "The record is gone" in client_of(north, "general_manager").get(PATH).content.decode()
    with north.bound():
        mail = OutboxMail.objects.get()
    assert mail.to == north.user("general_manager").email
    assert f"The record of {NAME} is gone" in mail.subject


def test_the_portal_shows_where_a_dealership_is_reached(committed, portal, north, boss, table):
    in_use(north, boss, table)
    assert NAME in client_of(portal, "network_admin").get("/network/north/").content.decode()
