"""Asking name servers: what counts as a record, as none, and as no answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.dnsserver import NameServer

from kernel.tenancy import resolving
from kernel.tenancy.resolving import DnsResolver, TableResolver, Unanswered, resolver

NAME = "_dealernet.www.north.example"


@pytest.fixture
def server(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[NameServer]:
    monkeypatch.setattr(resolving, "PATIENCE", 1.0)
    started = NameServer()
    settings.OWN_HOST_RESOLVER = "kernel.tenancy.resolving.DnsResolver"
    settings.OWN_HOST_NAMESERVERS = [f"127.0.0.1:{started.port}"]
    yield started
    started.stop()


def test_every_text_at_the_name_is_read_in_one_piece(server):
    server.records[NAME] = ['TXT "dealernet-verification=" "abc"', 'TXT "something else"']
    assert resolver().txt(NAME) == {"dealernet-verification=abc", "something else"}


def test_no_such_name_and_no_such_record_are_nothing(server):
    assert resolver().txt(NAME) == frozenset()
    server.records[NAME] = []
    assert resolver().txt(NAME) == frozenset()
    assert set(server.asked) == {NAME}, "no other name is tried"


def test_what_stands_behind_an_alias_does_not_count(server):
    server.records[NAME] = ["CNAME records.hosting.example."]
    server.records["records.hosting.example"] = ['TXT "dealernet-verification=abc"']
    assert resolver().txt("records.hosting.example") == {"dealernet-verification=abc"}
    assert resolver().txt(NAME) == frozenset()


def test_a_server_that_fails_has_said_nothing(server):
    server.broken.add(NAME)
    with pytest.raises(Unanswered):
        resolver().txt(NAME)


def test_a_server_that_is_not_there_has_said_nothing(server):
    server.stop()
    with pytest.raises(Unanswered):
        resolver().txt(NAME)


@pytest.mark.parametrize("servers", [[], ["192.0.2.53"]])
def test_the_machines_own_name_servers_are_asked_unless_others_are_named(settings, servers):
    settings.OWN_HOST_NAMESERVERS = servers
    asking = DnsResolver()
    assert asking._asking.nameservers == (servers or asking._asking.nameservers)
    assert asking._asking.port == 53


def test_a_table_stands_in_for_name_servers(settings, tmp_path):
    settings.OWN_HOST_RECORDS = tmp_path / "records"
    assert TableResolver().txt(NAME) == frozenset()
    (tmp_path / "records").write_text(f"{NAME} one two\n{NAME} three\n_dealernet.x.example !\n")
    assert TableResolver().txt(NAME) == {"one two", "three"}
    with pytest.raises(Unanswered):
        TableResolver().txt("_dealernet.x.example")
