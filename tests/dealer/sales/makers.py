"""Records that several tests of sales begin with. Everything goes through the product's own actions."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from django.utils import timezone

from dealer.sales import actions
from dealer.sales.models import Lead, Prospect, Quotation, SalesContract
from dealer.stock.actions import receive_vehicle
from dealer.stock.models import StockVehicle
from kernel import clock
from kernel.accounts.actors import SYSTEM, Actor
from kernel.accounts.models import User
from kernel.automotive.vin import make_vin
from kernel.contracts import LeadStage, SalesLead

PHONE = "+8613812345678"


def offer(*, lead_id: UUID | None = None, fence: int = 1, minutes: float = 30, **fields: Any) -> SalesLead:
    """An offer that may be accepted for `minutes` more."""
    now = clock.now()
    given: dict[str, Any] = {
        "channel": "website",
        "brand": "XH",
        "series": "XH-HF",
        "wish_text": "想要白色的，周末看车",
        "province": "江苏省",
        "city": "南京市",
        "district": "鼓楼区",
        "masked_name": "王**",
        "name": "王小明",
        "phone": PHONE,
        "email": "wang@example.com",
        "window_from": timezone.localdate(now) + timedelta(days=20),
        "window_to": timezone.localdate(now) + timedelta(days=60),
        "consent_basis": "consent",
        "source": "官网",
    } | fields
    return SalesLead(
        lead_id=lead_id or uuid4(),
        fence=fence,
        stage=LeadStage.OFFER,
        offered_at=now - timedelta(minutes=5),
        respond_before=now + timedelta(minutes=minutes),
        **given,
    )


def recall(lead_id: UUID, *, fence: int) -> SalesLead:
    return SalesLead(lead_id=lead_id, fence=fence, stage=LeadStage.RECALL)


def offered(**fields: Any) -> Lead:
    """A lead that waits for an answer."""
    lead = actions.apply_offer(offer(**fields))
    assert lead is not None
    return lead


def accepted(actor: Actor, **fields: Any) -> Prospect:
    """The prospect of a lead that the actor has accepted."""
    return actions.accept_lead(actor=actor, lead_id=offered(**fields).pk).prospect


def prospect(actor: Actor, *, phone: str = PHONE, **fields: Any) -> Prospect:
    """Somebody of the dealership's own."""
    return actions.create_prospect(
        actor=actor, person={"name": "李晓华", "phone": phone}, channel="showroom_visit", **fields
    )


def car(serial: int = 1, **fields: Any) -> StockVehicle:
    """A car in stock."""
    given = {
        "brand": "XH",
        "series": "XH-HF",
        "model": "XH-HF-26",
        "variant": "XH-HF-26-01",
        "colour": "W",
        "list_price": Decimal("168800"),
    } | fields
    return receive_vehicle(actor=SYSTEM, vin=make_vin("LSV", "AB12C", 2026, "A", serial), **given)


def quotation(actor: Actor, of: Prospect, vehicle: StockVehicle, **fields: Any) -> Quotation:
    return actions.make_quotation(
        actor=actor, prospect_id=of.pk, vehicle_id=vehicle.pk, **({"discount": Decimal("3800")} | fields)
    )


def signed(actor: Actor, of: Prospect, vehicle: StockVehicle, **fields: Any) -> SalesContract:
    return actions.sign_contract(actor=actor, quotation_id=quotation(actor, of, vehicle, **fields).pk)


def approved(consultant: Actor, manager: Actor, of: Prospect, vehicle: StockVehicle) -> SalesContract:
    return actions.approve_contract(actor=manager, contract_id=signed(consultant, of, vehicle).pk)


def colleague(login: str, role: str = "sales_consultant") -> User:
    """One more person of the bound dealership."""
    return User.objects.create(login=login, name=login.title(), role=role, email=f"{login}@north.example")
