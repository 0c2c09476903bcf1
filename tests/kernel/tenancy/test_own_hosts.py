"""A dealership under a host name of its own: proved, bound by the steward, watched, given up, and kept for it."""

from __future__ import annotations

import contextvars
import copy
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import ProgrammingError, connection, transaction
from django.db.utils import IntegrityError
from django.test import Client
from django.test.utils import CaptureQueriesContext
from tests.together import _until_somebody_waits

from kernel import clock
from kernel.accounts.models import OutboxMail, User
from kernel.errors import Conflict, Invalid, Missing
from kernel.tenancy import directory, hosts, steward
from kernel.tenancy.bindings import Owner, bound
from kernel.tenancy.hosts import OwnHost
from kernel.tenancy.models import (
    HOST_TRANSITIONS,
    Domain,
    HostClaim,
    HostState,
    HostVerb,
    HostWish,
    State,
    Tenant,
)
from kernel.tenancy.steward import domains
from kernel.testing.clocks import at
from kernel.testing.network import PASSWORD

NAME = "www.beijing-north.example"
DAY = timedelta(days=1)


class Records:
    """What stands at the name servers."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lines: dict[str, str] = {}

    def __setitem__(self, host: str, text: str) -> None:
        self._lines[hosts.record_name(host)] = text
        self._write()

    def __delitem__(self, host: str) -> None:
        del self._lines[hosts.record_name(host)]
        self._write()

    def _write(self) -> None:
        self.path.write_text("".join(f"{name} {text}\n" for name, text in self._lines.items()))


@pytest.fixture
def records(settings: Any, tmp_path: Path) -> Records:
    settings.OWN_HOST_RESOLVER = "kernel.tenancy.resolving.TableResolver"
    settings.OWN_HOST_RECORDS = tmp_path / "txt-records"
    return Records(settings.OWN_HOST_RECORDS)


def wish(side: Any, verb: HostVerb, host: str = NAME) -> None:
    with side.bound():
        hosts.leave_wish(verb, host, by="Li Na")
    while domains.work_off():
        pass
    directory.forget()


def mine(side: Any) -> list[OwnHost]:
    with side.bound():
        return hosts.mine()


def entered(side: Any, records: Records, host: str = NAME) -> None:
    """The dealership asks, enters what is shown, and has it looked for."""
    wish(side, HostVerb.ASK, host)
    records[host] = mine(side)[0].record_text
    wish(side, HostVerb.CHECK, host)


def claim(host: str = NAME) -> HostClaim:
    with bound(Owner()):
        return HostClaim.objects.filter(host=host).latest("asked_at")


def look_again(days: float = 0) -> None:
    with at(clock.now() + timedelta(days=days)):
        domains.work_off()
    directory.forget()


# -- names -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("www.beijing-north.example", NAME),
        ("  WWW.Beijing-North.Example.  ", NAME),
        ("https://www.beijing-north.example/", NAME),
        ("HTTP://beijing-north.com.cn", "beijing-north.com.cn"),
        ("北方汽车.cn", "xn--djro74bq2env4b.cn"),
        ("www。北方汽车。中国", "www.xn--djro74bq2env4b.xn--fiqs8s"),
    ],
)
def test_a_name_is_kept_in_one_form_however_it_is_written(text, host):
    assert hosts.normalise(text) == host


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "host_bad"),
        ("beijing-north", "host_bad"),
        ("*.beijing-north.example", "host_bad"),
        ("a b.example", "host_bad"),
        ("under_score.example", "host_bad"),
        ("-a.example", "host_bad"),
        ("a..example", "host_bad"),
        ("a.example:8000", "host_bad"),
        ("a.example/path", "host_bad"),
        ("user@a.example", "host_bad"),
        (f"{'a' * 64}.example", "host_bad"),
        (".".join(["a" * 60] * 4) + ".example", "host_bad"),
        ("www.example.123", "host_bad"),
        ("192.0.2.1", "host_is_address"),
        ("[2001:db8::1]", "host_is_address"),
        ("2001:db8::1", "host_is_address"),
        ("localhost", "host_bad"),
        ("north.localhost", "host_reserved"),
        ("own.north.localhost", "host_reserved"),
        ("printer.local", "host_reserved"),
        ("com.cn", "host_is_suffix"),
        ("github.io", "host_is_suffix"),
        ("xn--55qx5d.cn", "host_is_suffix"),
    ],
)
def test_what_cannot_be_a_dealerships_own_name_is_refused(text, code):
    with pytest.raises(Invalid) as caught:
        hosts.normalise(text)
    assert caught.value.code == code


@pytest.mark.parametrize("text", ["dealers.brand.example", "north.dealers.brand.example", "brand.example"])
def test_the_networks_own_names_and_those_above_them_are_nobodys(settings, text):
    settings.BASE_DOMAIN = "dealers.brand.example"
    with pytest.raises(Invalid) as caught:
        hosts.normalise(text)
    assert caught.value.code == "host_reserved"
    assert hosts.normalise("other.example") == "other.example"


def test_a_name_is_shown_as_people_write_it():
    assert hosts.shown("www.xn--djro74bq2env4b.cn") == "www.北方汽车.cn"
    assert hosts.shown("xn--a.cn") == "xn--a.cn"


# -- the wall --------------------------------------------------------------------------------------------------


def test_a_dealership_reads_its_own_names_and_nothing_of_anothers(committed, north, south, records):
    wish(north, HostVerb.ASK)
    wish(south, HostVerb.ASK, "www.south.example")
    assert [one.host for one in mine(north)] == [NAME]
    assert [one.host for one in mine(south)] == ["www.south.example"]


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM tenancy_hostclaim",
        "SELECT * FROM tenancy_hostwish",
        "SELECT * FROM tenancy_domain",
        "EXPLAIN SELECT * FROM tenancy_hostclaim",
        "UPDATE tenancy_hostwish SET host = 'x.example'",
        "DELETE FROM tenancy_hostwish",
        "UPDATE tenancy_hostclaim SET state = 'bound'",
        "INSERT INTO tenancy_hostwish (schema_name, verb, host, asked_by) "
        "VALUES ('{other}', 'release', 'www.beijing-north.example', 'me')",
        "INSERT INTO tenancy_hostwish (verb, host, asked_by) VALUES ('ask', 'x.example', 'me') RETURNING *",
    ],
)
def test_a_dealership_can_neither_read_nor_write_the_book_of_names(wall, north, south, text):
    with south.bound(), pytest.raises(ProgrammingError, match=r"denied|row-level security"), transaction.atomic():
        connection.cursor().execute(text.format(other=north.schema))


def test_what_the_plan_of_a_query_says_gives_nothing_of_others_away(committed, north, south, records):
    wish(north, HostVerb.ASK)
    with south.bound(), connection.cursor() as cursor:
        cursor.execute("EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) SELECT * FROM tenancy_own_hosts()")
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "Function Scan" in plan
    assert "hostclaim" not in plan
    assert "Rows Removed" not in plan


@pytest.mark.parametrize("login", ["portal", "frontdesk"])
def test_no_other_login_may_ask_for_names(wall, portal, login):
    binding = portal.bound() if login == "portal" else transaction.atomic()
    with binding, pytest.raises(ProgrammingError, match="denied"), transaction.atomic():
        connection.cursor().execute("SELECT * FROM tenancy_own_hosts()")


def test_one_wish_waits_at_a_time(committed, north, south, records):
    with north.bound():
        hosts.leave_wish(HostVerb.ASK, NAME, by="Li Na")
        with pytest.raises(Conflict) as caught:
            hosts.leave_wish(HostVerb.CHECK, NAME, by="Li Na")
    assert caught.value.code == "host_wish_waiting"
    with south.bound():
        hosts.leave_wish(HostVerb.ASK, NAME, by="Wang Wu")
    assert domains.work_off()
    with bound(Owner()):
        assert not HostWish.objects.exists()
    assert (mine(north)[0].asked_by, mine(south)[0].asked_by) == ("Li Na", "Wang Wu")


@pytest.mark.parametrize(
    ("verb", "host"),
    [
        (HostVerb.ASK, "portal.localhost"),
        (HostVerb.ASK, "192.0.2.1"),
        (HostVerb.CHECK, NAME),
        (HostVerb.RELEASE, NAME),
        (HostVerb.RELEASE, "north.localhost"),
        (HostVerb.PREFER, "south.localhost"),
        ("bind", NAME),
    ],
)
def test_nothing_in_a_wish_is_believed(committed, north, records, verb, host):
    wish(north, verb, host)
    with bound(Owner()):
        assert not HostWish.objects.exists()
        assert not HostClaim.objects.exists()
        assert set(Domain.objects.values_list("domain", "is_primary")) == {
            ("portal.localhost", True),
            ("north.localhost", True),
            ("south.localhost", True),
        }


# -- proving ---------------------------------------------------------------------------------------------------


def test_a_name_answers_once_its_record_was_seen(committed, north, records):
    assert Client(headers={"host": NAME}).get("/sign-in/").status_code == 404
    wish(north, HostVerb.ASK)
    (asked,) = mine(north)
    assert (asked.state, asked.shown, asked.is_primary) == (HostState.ASKED, NAME, False)
    assert asked.record_name == f"_dealernet.{NAME}"
    assert asked.record_text == f"dealernet-verification={asked.token}"
    assert len(asked.token) == 40
    assert asked.expires_at - asked.asked_at == timedelta(days=7)
    wish(north, HostVerb.CHECK)
    (looked,) = mine(north)
    assert (looked.state, looked.problem) == (HostState.ASKED, HostClaim.Problem.NOT_PROVED)
    assert looked.get_problem_display() == "The record was not found."
    records[NAME] = asked.record_text
    look_again(days=0.01)
    (in_use,) = mine(north)
    assert (in_use.state, in_use.problem, in_use.get_state_display()) == (HostState.BOUND, "", "In use")
    found = directory.member_at(NAME)
    assert (found.id, found.primary) == (north.id, north.host)


def test_an_attempt_is_looked_at_by_itself_until_its_week_is_over(committed, north, records):
    wish(north, HostVerb.ASK)
    assert not domains.work_off(), "not before it can be there"
    look_again(days=0.01)
    assert mine(north)[0].checked_at is not None
    with at(clock.now() + 8 * DAY):
        records[NAME] = mine(north)[0].record_text
        wish(north, HostVerb.CHECK)
        assert mine(north)[0].state == HostState.EXPIRED
    assert directory.member_at(NAME) is None


def test_an_attempt_that_ran_out_while_it_was_looked_at_is_not_bound(committed, north, records):
    wish(north, HostVerb.ASK)
    records[NAME] = mine(north)[0].record_text
    with at(clock.now() + 8 * DAY):
        assert domains.check("north", NAME).state == HostState.EXPIRED


def test_a_new_attempt_has_a_new_token(committed, north, records):
    wish(north, HostVerb.ASK)
    before = mine(north)[0].token
    wish(north, HostVerb.ASK)
    assert [one.token for one in mine(north)] == [before], "an open attempt is kept"
    with at(clock.now() + 8 * DAY):
        wish(north, HostVerb.ASK)
        assert mine(north)[0].token != before
        assert [one.state for one in mine(north)] == [HostState.ASKED, HostState.EXPIRED]


def test_the_token_of_another_attempt_proves_nothing(committed, north, south, records):
    entered(north, records)
    wish(south, HostVerb.ASK, "www.south.example")
    records["www.south.example"] = mine(north)[0].record_text
    wish(south, HostVerb.CHECK, "www.south.example")
    assert mine(south)[0].state == HostState.ASKED


def test_name_servers_that_do_not_answer_prove_and_disprove_nothing(committed, north, records):
    wish(north, HostVerb.ASK)
    records[NAME] = "!"
    wish(north, HostVerb.CHECK)
    assert mine(north)[0].problem == HostClaim.Problem.NO_ANSWER
    records[NAME] = mine(north)[0].record_text
    look_again(days=0.01)
    records[NAME] = "!"
    look_again(days=30)
    (in_use,) = mine(north)
    assert (in_use.state, in_use.problem, in_use.missing_since) == (HostState.BOUND, HostClaim.Problem.NO_ANSWER, None)


def test_who_presses_again_and_again_asks_the_name_servers_once(committed, north, records):
    wish(north, HostVerb.ASK)
    wish(north, HostVerb.CHECK)
    first = claim().checked_at
    wish(north, HostVerb.CHECK)
    assert claim().checked_at == first
    with at(clock.now() + timedelta(seconds=20)):
        domains.work_off()
    assert claim().checked_at > first


def test_a_dealership_tries_for_so_many_at_most(committed, north, records, settings):
    settings.OWN_HOSTS_AT_MOST = 2
    for number in range(3):
        wish(north, HostVerb.ASK, f"www{number}.north.example")
    assert len(mine(north)) == 2
    with pytest.raises(Conflict) as caught:
        domains.ask("north", "www9.north.example", by="operator")
    assert caught.value.code == "too_many_hosts"
    with pytest.raises(Missing):
        domains.ask("nobody", NAME, by="operator")


def test_a_dealership_that_left_meanwhile_is_not_bound(committed, north, records):
    wish(north, HostVerb.ASK)
    records[NAME] = mine(north)[0].record_text
    with bound(Owner()):
        Tenant.objects.filter(pk=north.id).update(state=State.RETIRED)
    look_again(days=0.01)
    assert claim().state == HostState.ASKED
    assert directory.member_at(NAME) is None


# -- somebody else's -------------------------------------------------------------------------------------------


def answer_to(side: Any) -> tuple[str, str, str]:
    one = mine(side)[0]
    return one.state, one.problem, one.get_problem_display()


def test_that_a_name_is_anothers_looks_like_not_proved(committed, north, south, records):
    wish(south, HostVerb.ASK, "free.example")
    wish(south, HostVerb.CHECK, "free.example")
    unproved = answer_to(south)
    wish(south, HostVerb.RELEASE, "free.example")
    entered(north, records)
    entered(south, records)
    assert answer_to(south) == unproved
    assert directory.member_at(NAME).id == north.id
    with bound(Owner()):
        assert domains.held_by_another(Tenant.objects.get(slug="south"), NAME).slug == "north"
        assert domains.held_by_another(Tenant.objects.get(slug="north"), NAME) is None


def test_a_name_given_up_is_kept_for_its_dealership_for_the_quarantine(committed, north, south, records):
    entered(north, records)
    wish(north, HostVerb.RELEASE)
    assert directory.member_at(NAME) is None
    (given_up,) = mine(north)
    assert given_up.kept_until - given_up.ended_at == 90 * DAY
    assert (given_up.state, given_up.get_end_display()) == (HostState.RELEASED, "Given up by the dealership")
    with at(clock.now() + 60 * DAY):
        entered(south, records)
        assert mine(south)[0].state == HostState.ASKED
        with bound(Owner()):
            assert domains.held_by_another(Tenant.objects.get(slug="south"), NAME).slug == "north"
        wish(north, HostVerb.ASK)
        assert mine(north)[0].token != given_up.token
        records[NAME] = given_up.record_text
        wish(north, HostVerb.CHECK)
        assert mine(north)[0].state == HostState.ASKED, "the record of before proves nothing any more"
    with at(clock.now() + 61 * DAY):
        records[NAME] = mine(north)[0].record_text
        wish(north, HostVerb.CHECK)
        assert directory.member_at(NAME).id == north.id


def test_after_the_quarantine_anybody_may_prove_it(committed, north, south, records, settings):
    settings.OWN_HOST_QUARANTINE_DAYS = 10
    entered(north, records)
    wish(north, HostVerb.RELEASE)
    with at(clock.now() + 11 * DAY):
        entered(south, records)
        assert directory.member_at(NAME).id == south.id


def test_a_dealership_that_leaves_frees_nothing_at_once(committed, north, south, records):
    entered(north, records)
    wish(north, HostVerb.ASK, "second.example")
    steward.close_host("north")
    steward.close_host("north")
    directory.forget()
    assert directory.member_at(NAME) is None
    assert [(one.state, one.get_end_display()) for one in mine(north)] == [
        (HostState.WITHDRAWN, "The dealership left"),
        (HostState.RELEASED, "The dealership left"),
    ]
    entered(south, records)
    assert mine(south)[0].state == HostState.ASKED


def test_an_attempt_withdrawn_was_nobodys(committed, north, south, records):
    wish(north, HostVerb.ASK)
    wish(north, HostVerb.RELEASE)
    (withdrawn,) = mine(north)
    assert (withdrawn.state, withdrawn.kept_until) == (HostState.WITHDRAWN, None)
    entered(south, records)
    assert directory.member_at(NAME).id == south.id


def test_the_database_itself_lets_a_name_lead_to_one_dealership(committed, north, south, records):
    entered(north, records)
    wish(south, HostVerb.ASK)
    with bound(Owner()), pytest.raises(IntegrityError, match="tenancy_host_bound_once"):
        HostClaim.objects.filter(schema_name=south.schema).update(state=HostState.BOUND)


def test_a_name_that_the_directory_leads_elsewhere_meanwhile_stays_there(committed, north, south, records):
    wish(north, HostVerb.ASK)
    records[NAME] = mine(north)[0].record_text
    other = steward.superuser(committed.name)
    other.autocommit = False
    with other.cursor() as cursor:
        cursor.execute(
            "INSERT INTO tenancy_domain (domain, is_primary, tenant_id) VALUES (%s, false, %s)", [NAME, str(south.id)]
        )
        found = while_owner_waits(lambda: look_again(days=0.01), other.commit)
    other.close()
    assert found is None
    assert (claim().state, claim().problem) == (HostState.ASKED, HostClaim.Problem.NOT_PROVED)
    assert directory.member_at(NAME).id == south.id


def while_owner_waits(work: Callable[[], None], then: Callable[[], None]) -> BaseException | None:
    """Begin `work` in a thread; do `then` as soon as it waits for a lock; what the work ended with."""
    errors: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:
            errors.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=contextvars.copy_context().run, args=(run,))
    thread.start()
    _until_somebody_waits("owner")
    then()
    thread.join(10)
    return errors[0] if errors else None


def test_an_answer_that_comes_after_the_end_changes_nothing(committed, north, records):
    wish(north, HostVerb.ASK)
    late = claim()
    wish(north, HostVerb.RELEASE)
    with bound(Owner()), transaction.atomic():
        domains._settle(late.pk, True)
    assert claim().state == HostState.WITHDRAWN


# -- watching --------------------------------------------------------------------------------------------------


@pytest.fixture
def in_english(committed: Any, north: Any) -> None:
    with north.bound():
        User.objects.update(language="en")


def mails(side: Any) -> list[str]:
    with side.bound():
        return list(OutboxMail.objects.order_by("at").values_list("subject", flat=True))


def test_a_record_that_is_gone_warns_first_and_ends_it_after_a_week(in_english, committed, north, south, records):
    entered(north, records)
    del records[NAME]
    look_again(days=0.5)
    assert mine(north)[0].missing_since is None, "it is looked for once a day"
    look_again(days=1.1)
    (warned,) = mine(north)
    assert (warned.state, warned.missing_since is not None) == (HostState.BOUND, True)
    assert mails(north) == [f"The record of {NAME} is gone"]
    look_again(days=4)
    assert mine(north)[0].missing_since == warned.missing_since
    assert len(mails(north)) == 1, "told once"
    look_again(days=9)
    (gone,) = mine(north)
    assert (gone.state, gone.end) == (HostState.RELEASED, "record_gone")
    assert gone.kept_until - gone.ended_at == 90 * DAY
    assert mails(north)[1:] == [f"The address {NAME} is no longer yours"]
    assert directory.member_at(NAME) is None
    assert not mails(south)


def test_a_record_that_comes_back_ends_the_warning(committed, north, records):
    entered(north, records)
    text = mine(north)[0].record_text
    del records[NAME]
    look_again(days=1.1)
    records[NAME] = text
    look_again(days=2.2)
    assert (mine(north)[0].missing_since, mine(north)[0].problem) == (None, "")
    look_again(days=30)
    assert mine(north)[0].state == HostState.BOUND


# -- the main address ------------------------------------------------------------------------------------------


def test_pages_go_to_the_main_address_and_signing_in_stays_where_it_is(committed, north, records):
    entered(north, records)
    own, home = Client(headers={"host": NAME}), Client(headers={"host": f"{north.host}:8000"})
    answer = own.get("/customers/?q=a%20b", secure=True)
    assert (answer.status_code, answer["Location"]) == (302, f"https://{north.host}/customers/?q=a%20b")
    assert answer["Cache-Control"] == "no-store"
    assert own.get("/sign-in/", secure=True).status_code == 200
    wish(north, HostVerb.PREFER)
    assert mine(north)[0].is_primary
    assert directory.member_at(NAME).primary == ""
    answer = home.get("/customers/")
    assert (answer.status_code, answer["Location"]) == (302, f"http://{NAME}:8000/customers/")
    for path, status in (
        ("/sign-in/", 200),
        ("/healthz", 200),
        ("/api/v1/customers", 401),
        ("/settings/addresses/", 302),
        ("/theme.css", 200),
    ):
        answer = home.get(path)
        assert answer.status_code == status, path
        assert NAME not in answer.get("Location", "")
    assert home.post("/customers/new/")["Location"] == "/sign-in/", "what is sent is not sent on"
    assert home.get("/customers/", headers={"HX-Request": "true"})["HX-Redirect"].startswith("/sign-in/")
    wish(north, HostVerb.PREFER, north.host)
    assert own.get("/customers/", secure=True)["Location"] == f"https://{north.host}/customers/"


def test_giving_the_main_address_up_makes_the_first_one_main_again(committed, north, records):
    entered(north, records)
    wish(north, HostVerb.PREFER)
    wish(north, HostVerb.RELEASE)
    found = directory.member_at(north.host)
    assert (found.id, found.primary) == (north.id, "")


def test_giving_another_address_up_leaves_the_main_address_alone(committed, north, records):
    entered(north, records)
    entered(north, records, "second.example")
    wish(north, HostVerb.PREFER)
    wish(north, HostVerb.RELEASE, "second.example")
    assert directory.member_at(north.host).primary == NAME


def test_the_first_host_of_a_dealership_cannot_be_given_up(committed, north, records):
    with pytest.raises(Invalid):
        domains.release("north", north.host)


def test_an_unknown_host_touches_no_schema(committed, north, records):
    entered(north, records)
    for host in ("www.unknown.example", f"sub.{NAME}", f"{NAME}.evil.example", f"_dealernet.{NAME}"):
        directory.forget()
        with CaptureQueriesContext(connection) as asked:
            status = Client(headers={"host": host}).get("/").status_code
        assert status in (400, 404)
        assert len(asked) <= 1
        assert all('FROM "tenancy_domain"' in query["sql"] for query in asked)


# -- who signed in where ---------------------------------------------------------------------------------------


def sign_in(side: Any, host: str) -> Client:
    client = Client(headers={"host": host})
    person = side.user("general_manager")
    answer = client.post("/sign-in/", {"login": person.login, "password": PASSWORD}, secure=True)
    assert answer.status_code == 302, answer.content.decode()[:2000]
    return client


def test_a_sign_in_counts_at_its_own_host_only(committed, north, records):
    entered(north, records)
    for made_at, replayed_at in ((NAME, north.host), (north.host, NAME)):
        client = sign_in(north, made_at)
        assert client.get("/account/", secure=True).status_code == 200
        stolen = Client(headers={"host": replayed_at})
        stolen.cookies = copy.deepcopy(client.cookies)
        assert stolen.get("/account/", secure=True)["Location"].startswith("/sign-in/")
        assert client.get("/account/", secure=True).status_code == 200, "the sign-in itself goes on"


def test_a_sign_in_from_before_there_were_two_hosts_counts_at_the_first(committed, north, records):
    entered(north, records)
    client = north.client("general_manager")
    assert client.get("/account/").status_code == 200
    stolen = Client(headers={"host": NAME})
    stolen.cookies = copy.deepcopy(client.cookies)
    assert stolen.get("/account/", secure=True)["Location"].startswith("/sign-in/")


def test_over_plain_http_nobody_signs_in_at_a_name_of_ones_own(committed, north, records):
    entered(north, records)
    answer = Client(headers={"host": NAME}).get("/sign-in/")
    assert answer.status_code == 403
    assert answer.templates[0].name == "accounts/insecure.html"


def test_https_is_promised_for_a_name_of_ones_own_and_not_for_what_stands_below_it(committed, north, records):
    entered(north, records)
    own, home = Client(headers={"host": NAME}), Client(headers={"host": north.host})
    assert own.get("/sign-in/", secure=True)["Strict-Transport-Security"] == "max-age=31536000"
    assert "includeSubDomains" in home.get("/sign-in/", secure=True)["Strict-Transport-Security"]
    assert "Strict-Transport-Security" not in own.get("/sign-in/")


def test_mails_link_to_the_main_address(committed, north, records):
    entered(north, records)
    wish(north, HostVerb.PREFER)
    person = north.user("general_manager")
    client = Client(headers={"host": f"{north.host}:8000"})
    assert client.post("/password/forgotten/", {"who": person.login}).status_code == 200
    with north.bound():
        body = OutboxMail.objects.get().body
    assert f"https://{NAME}:8000/password/link/" in body


# -- the steward -----------------------------------------------------------------------------------------------


def killed_at(point: str, name: str, records: Records) -> None:
    """Another steward takes up the work and is ended by SIGKILL when it reaches the point."""
    killed = subprocess.run(
        [sys.executable, "-m", "dealernet.proofs.steward", "hosts", connection.settings_dict["HOST"], name],
        env={
            **os.environ,
            "DEALERNET_KILL_AT": f"{point}:1",
            "DEALERNET_OWN_HOST_RESOLVER": "kernel.tenancy.resolving.TableResolver",
            "DEALERNET_DATA": str(records.path.parent),
        },
        timeout=60,
        capture_output=True,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()


@pytest.mark.parametrize("point", ["wish", "looked", "host bound", "settled"])
def test_killed_anywhere_the_next_pass_goes_on(committed, north, records, point):
    wish(north, HostVerb.ASK)
    records[NAME] = mine(north)[0].record_text
    with north.bound():
        hosts.leave_wish(HostVerb.CHECK, NAME, by="Li Na")
    killed_at(point, committed.name, records)
    while domains.work_off():
        pass
    with bound(Owner()):
        assert Domain.objects.filter(domain=NAME).count() == 1
        assert not HostWish.objects.exists()
    assert [one.state for one in mine(north)] == [HostState.BOUND]


@pytest.mark.parametrize(("point", "times"), [("told", 2), ("settled", 1)])
def test_killed_around_telling_a_dealership_is_told_once_or_twice_and_not_never(
    committed, north, records, point, times
):
    entered(north, records)
    del records[NAME]
    with bound(Owner()):
        HostClaim.objects.update(check_at=clock.now())
    killed_at(point, committed.name, records)
    domains.work_off()
    assert len(mails(north)) == times
    assert mine(north)[0].missing_since is not None


def test_the_stewards_loop_takes_wishes(committed, north, records):
    with north.bound():
        hosts.leave_wish(HostVerb.ASK, NAME, by="Li Na")
    passes = iter([False, False, True])
    steward.run_forever(lambda: next(passes), pause=0.0)
    assert mine(north)[0].state == HostState.ASKED


def test_a_wish_that_another_steward_has_is_left_to_it(committed, north, records):
    with north.bound():
        hosts.leave_wish(HostVerb.ASK, NAME, by="Li Na")
    other = steward.superuser(committed.name)
    other.autocommit = False
    with other.cursor() as cursor:
        cursor.execute("SELECT 1 FROM tenancy_hostwish FOR UPDATE")
        domains.work_off()
    assert mine(north) == []
    other.close()
    domains.work_off()
    assert [one.host for one in mine(north)] == [NAME]


def test_every_state_says_what_may_follow():
    assert set(HOST_TRANSITIONS) == set(HostState)
    assert {to for after in HOST_TRANSITIONS.values() for to in after} == set(HostState) - {HostState.ASKED}
    assert set(domains.OPEN) == {state for state, after in HOST_TRANSITIONS.items() if after}
