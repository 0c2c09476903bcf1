"""The privacy officer's pages: what was taken back, who was erased, what is kept until when."""

from __future__ import annotations

from datetime import date
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from kernel import clock
from oem.leads.actions import take_in_lead
from oem.leads.models import Lead
from oem.privacy.models import Kept, Request

READERS = {"privacy_officer", "auditor", "network_manager"}


@pytest.fixture
def kept(wall, portal, north):
    """A withdrawal of which a law keeps one record."""
    with portal.bound():
        request = Request.objects.create(
            kind="withdrawal", dealership=north.id, contract="VehicleSale", purpose="sale_and_delivery",
            levels=["full"], place="CN", messages=3, records=2, at=clock.now(),
        )  # fmt: skip
        Kept.objects.create(
            request=request, dealership=north.id, contract="VehicleSale", record=uuid4(), law="cn.order626.9",
            article="Order 626 art. 9", until=date(2036, 5, 4),
        )  # fmt: skip
    return request


@pytest.fixture
def lead(wall, portal):
    with portal.bound():
        _intake, (made,) = take_in_lead(
            given={"name": "欧阳明月", "phone": "+8613800138000", "brand": "XH", "series": "XH-HF"},
            door="json",
            source="test",
            actor=portal.actor("lead_desk"),
        )
        return Lead.objects.get(pk=made.pk)


@pytest.mark.parametrize("role", sorted(READERS | {"lead_desk", "warranty_analyst"}))
def test_who_reads_it(kept, portal, role):
    client = portal.client(role)
    wanted = 200 if role in READERS else 403
    assert client.get("/privacy/").status_code == wanted
    assert client.get(f"/privacy/{kept.pk}/").status_code == wanted


def test_the_page_says_what_is_kept_by_which_law_until_when(kept, portal, north):
    client = portal.client("privacy_officer")
    page = client.get(f"/privacy/{kept.pk}/").content.decode()
    assert "Order 626 art. 9" in page
    assert "first sale" in page or "初次销售" in page
    assert "2036" in client.get("/privacy/").content.decode()


def test_the_list_asks_as_much_for_one_row_as_for_ten(kept, portal, north):
    client = portal.client("privacy_officer")
    client.get("/privacy/")
    with CaptureQueriesContext(
        connection,
    ) as few:
        client.get("/privacy/")
    with portal.bound():
        for _more in range(9):
            Request.objects.create(kind="withdrawal", dealership=north.id, contract="Owner", at=clock.now())
    with CaptureQueriesContext(connection) as many:
        client.get("/privacy/")
    assert len(many) == len(few)


def test_a_person_is_erased_by_the_number_of_a_lead(lead, portal):
    officer = portal.client("privacy_officer")
    assert (
        officer.get("/privacy/", {"lead": f"#{lead.number}"}).headers["Location"] == f"/privacy/leads/{lead.pk}/erase/"
    )
    assert officer.get("/privacy/", {"lead": "999999"}).status_code == 200
    assert officer.post(f"/privacy/leads/{lead.pk}/erase/", {"number": "no"}).status_code == 409
    assert officer.post(f"/privacy/leads/{lead.pk}/erase/", {"number": str(lead.number)}).status_code == 302
    with portal.bound():
        lead.refresh_from_db()
        assert (lead.name, lead.phone, lead.state) == ("", "", "closed")
        request = Request.objects.get()
    assert officer.get(f"/privacy/{request.pk}/").status_code == 200


@pytest.mark.parametrize("role", ["auditor", "network_manager", "lead_desk"])
def test_nobody_else_erases(lead, portal, role):
    client = portal.client(role)
    assert client.get(f"/privacy/leads/{lead.pk}/erase/").status_code == 403
    assert client.post(f"/privacy/leads/{lead.pk}/erase/", {"number": str(lead.number)}).status_code == 403
    with portal.bound():
        assert Lead.objects.get(pk=lead.pk).name == "欧阳明月"
