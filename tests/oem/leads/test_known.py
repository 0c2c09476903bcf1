"""What a dealership tells of a lead it knew: kept with its own offer, and taken back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from exchange.handlers import Received, Refuse
from exchange.takingback import _takers
from kernel.contracts import BenchmarkFigures, KnownCustomer, Level, Purpose
from oem.insight import actions as insight
from oem.insight.models import Contribution
from oem.leads import handlers
from oem.leads.actions import take_in_lead
from oem.leads.models import Door, Offer
from oem.privacy.models import Kind, Request

AT = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.fixture
def offer(wall, portal, north):
    with portal.bound():
        given = {"name": "王小明", "phone": "13800138000", "brand": "XH"}
        _raw, (lead,) = take_in_lead(given=given, door=Door.DESK, source="desk", actor=portal.actor("lead_desk"))
        yield Offer.objects.create(
            lead=lead, fence=77, dealership=north.id, offered_at=AT, respond_before=AT + timedelta(hours=1)
        )


def received(offer, sender, **changes):
    told = {"lead_id": offer.lead_id, "fence": 77, "at": AT, "known": True, "by": ["phone"]} | changes
    return Received(
        record=KnownCustomer(**told),
        message_id=uuid4(),
        sender=sender,
        subject=offer.lead_id,
        seq=1,
        purpose=Purpose.LEAD_HANDLING,
        level=Level.FULL,
        event_at=AT,
        agreement_version="1",
    )


def test_it_is_kept_with_the_offer_and_taken_back(offer, north):
    message = received(offer, north.id)
    handlers.known_customers_arrive([message])
    offer.refresh_from_db()
    assert (offer.known, offer.known_by) == (True, ["phone"])
    taker = _takers["KnownCustomer"]
    ((id_, _day),) = taker.rows(north.id, [message.message_id])
    assert taker.delete(north.id, [id_]) == 1
    offer.refresh_from_db()
    assert (offer.known, offer.known_by, offer.known_message) == (None, None, None)


def test_of_a_lead_that_was_never_offered_there_it_is_refused(offer, south):
    with pytest.raises(Refuse):
        handlers.known_customers_arrive([received(offer, south.id)])


def test_of_a_lead_whose_person_was_erased_nothing_is_kept(offer, north):
    Request.objects.create(kind=Kind.ERASURE, lead_ids=[str(offer.lead_id)], at=AT)
    handlers.known_customers_arrive([received(offer, north.id)])
    offer.refresh_from_db()
    assert offer.known is None


def test_figures_for_the_comparison_are_taken_back(wall, portal, north):
    message = uuid4()
    with portal.bound():
        record = BenchmarkFigures(month=AT.date(), figures={"leads": 9})
        insight.keep_figures(record, dealership=north.id, message=message)
        taker = _takers["BenchmarkFigures"]
        ((id_, _day),) = taker.rows(north.id, [message])
        assert taker.delete(north.id, [id_]) == 1
        assert Contribution.objects.get().figures == {}
