"""Host names lead to active members, are read strictly, and are remembered for a short time only."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from kernel.tenancy import directory, rendering
from kernel.tenancy.bindings import Owner, bound
from kernel.tenancy.limits import Use
from kernel.tenancy.models import Domain, Limits, State, Tenant, Usage


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("north.localhost", "north.localhost"),
        ("North.LOCALHOST:8000", "north.localhost"),
        ("north.localhost:65535", "north.localhost"),
        ("north.localhost:", None),
        ("north.localhost:+80", None),
        ("north.localhost:८०", None),
        ("north.localhost:123456", None),
        ("north..localhost", None),
        ("-north.localhost", None),
        ("north.localhost\n", None),
        ("北.localhost", None),
        ("[::1]:8000", None),
        (".".join(["a" * 49] * 5 + ["a" * 3]), ".".join(["a" * 49] * 5 + ["a" * 3])),  # 253, the longest name of DNS
        (".".join(["a" * 49] * 5 + ["a" * 4]), None),
        ("", None),
    ],
)
def test_a_host_header_is_a_plain_dns_name_or_nothing(header, name):
    assert directory.host_name(header) == name


def test_a_retired_dealership_is_found_no_more_once_it_is_forgotten(committed, north):
    found = directory.member_at(north.host)
    assert (found.id, found.slug, found.is_portal, found.binding) == (north.id, "north", False, north.binding)
    with bound(Owner()):
        Tenant.objects.filter(id=north.id).update(state=State.RETIRED)
    assert directory.member_at(north.host) == found
    directory.forget()
    assert directory.member_at(north.host) is None


def test_what_is_remembered_runs_out(committed, north, monkeypatch):
    monkeypatch.setattr(directory, "REMEMBER_FOR", 0.0)
    assert directory.member_at(north.host) is not None
    with bound(Owner()):
        Tenant.objects.filter(id=north.id).update(state=State.RETIRED)
    assert directory.member_at(north.host) is None


MEASURED = datetime(2026, 3, 4, 12, tzinfo=UTC)


def test_a_member_is_told_whole(committed, north):
    plain = directory.member_at(north.host)
    assert (plain.name, plain.usage, plain.primary, plain.fenced) == ("Northstar Auto", None, "", False)
    with bound(Owner()):
        tenant = Tenant.objects.get(id=north.id)
        Domain.objects.create(tenant=tenant, domain="old.example", is_primary=False)
        Usage.objects.create(tenant=tenant, table_bytes=1, file_bytes=2, measured_at=MEASURED)
        Limits.objects.create(tenant=tenant, storage_mb=77)
        Tenant.objects.filter(id=north.id).update(fenced_by=rendering.wanted(rendering.DEALERSHIP))
    directory.forget()
    found = directory.member_at("old.example")
    assert (found.primary, found.fenced, found.usage) == (north.host, True, Use(1, 2, MEASURED))
    assert found.limits == replace(plain.limits, storage_mb=77)
    assert directory.member_at(north.host).primary == ""
    assert directory.is_fenced(north.id)


def test_a_fence_of_another_release_does_not_concern_this_one(committed, north):
    with bound(Owner()):
        Tenant.objects.filter(id=north.id).update(fenced_by="0" * 64)
    assert directory.member_at(north.host).fenced is False
    assert not directory.is_fenced(north.id)


def test_a_member_without_a_main_address_has_none(committed, north):
    with bound(Owner()):
        Domain.objects.filter(tenant_id=north.id).update(is_primary=False)
    assert directory.member_at(north.host).primary == ""


def test_several_hosts_are_remembered_at_once(wall, north, south, django_assert_num_queries):
    found = [directory.member_at(side.host) for side in (north, south)]
    with django_assert_num_queries(0):
        assert [directory.member_at(side.host) for side in (north, south)] == found


def test_made_up_hosts_do_not_fill_the_memory(wall, portal, monkeypatch):
    monkeypatch.setattr(directory, "REMEMBER_AT_MOST", 3)
    for number in range(10):
        assert directory.member_at(f"made-up-{number}.localhost") is None
        assert len(directory._remembered) <= 3
    assert directory.member_at(portal.host).is_portal
