"""Sales contracts: sign, approve or reject, cancel, and the plan of payments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from dealer.sales import derive, milestones
from dealer.sales.locks import lock_contract, lock_quotation
from dealer.sales.models import (
    CONTRACT_TRANSITIONS,
    LIVE_CONTRACT_STATES,
    QUOTATION_TRANSITIONS,
    ContractState,
    Instalment,
    InstalmentKind,
    QuotationState,
    SalesContract,
)
from dealer.stock import actions as stock
from dealer.stock.models import StockVehicle, VehicleState
from kernel import audit, clock
from kernel.accounts.actors import Actor
from kernel.accounts.roles import Right, Role
from kernel.contracts import LeadEvent
from kernel.errors import Conflict, FieldError, Forbidden, Invalid
from kernel.money import format_money, round_money
from kernel.transitions import move

#: Days after signing on which the balance is due when no plan was made.
DEFAULT_DUE_DAYS = 30
MOST_INSTALMENTS = 12


@dataclass(frozen=True)
class Due:
    """One payment of the plan as it is asked for."""

    kind: str
    due_on: date
    amount: Decimal


@transaction.atomic
def sign_contract(
    *,
    actor: Actor,
    quotation_id: UUID,
    signed_on: date | None = None,
    delivery_planned_on: date | None = None,
    vehicle_id: UUID | None = None,
    instalments: Sequence[Due] = (),
) -> SalesContract:
    """Sign what an open quotation offers; it then waits for approval. A car of the stock is reserved for the customer.

    Without `instalments` the whole is due on the day of delivery, or 30 days after signing. Raises Invalid (signed_on,
    delivery_planned_on, instalments), Conflict `quotation_over` (run out or not open), `contract_stands`,
    `vehicle_reserved`.
    """
    actor.require(Right.SALES_WORK)
    quotation = lock_quotation(quotation_id)
    prospect = quotation.prospect
    today = derive.today()
    if quotation.state != QuotationState.OPEN or quotation.has_run_out(today):
        raise Conflict("quotation_over", _("This quotation is not valid any more. Make a new one."))
    if not prospect.is_open:
        raise Conflict("prospect_closed", _("This prospect is closed. Open it again first."))
    if prospect.contracts.filter(state__in=LIVE_CONTRACT_STATES).exists():
        raise Conflict("contract_stands", _("There is a sales contract. Cancel it first."))
    signed = signed_on or today
    plan = list(instalments) or [
        Due(InstalmentKind.BALANCE, delivery_planned_on or signed + timedelta(days=DEFAULT_DUE_DAYS), quotation.total)
    ]
    _check(signed, delivery_planned_on, plan, quotation.total, quotation.currency, today)
    move(quotation, "state", QuotationState.ACCEPTED, QUOTATION_TRANSITIONS)
    now = clock.now()
    quotation.updated_at = now
    quotation.save()
    wanted = vehicle_id or quotation.vehicle_id
    contract = SalesContract(
        prospect=prospect,
        quotation=quotation,
        vehicle_id=_reserve(actor, wanted, prospect.pk) if wanted else None,
        total=quotation.total,
        discount=quotation.discount,
        currency=quotation.currency,
        signed_on=signed,
        signed_by_id=actor.id,
        delivery_planned_on=delivery_planned_on,
        created_at=now,
        updated_at=now,
    )
    contract.save(force_insert=True)
    Instalment.objects.bulk_create(
        Instalment(contract=contract, kind=due.kind, due_on=due.due_on, amount=due.amount) for due in plan
    )
    audit.record(
        actor=actor,
        action="sales.sign_contract",
        obj=contract,
        after={"prospect": prospect.pk, "total": contract.total, "vehicle": contract.vehicle_id, "signed_on": signed},
    )
    return contract


def _reserve(actor: Actor, vehicle_id: UUID, prospect_id: UUID) -> UUID | None:
    """Hold the car; one that is still on its way cannot be reserved and is chosen at delivery."""
    state = StockVehicle.objects.filter(pk=vehicle_id).values_list("state", flat=True).first()
    if state is None:
        raise Invalid([FieldError("vehicle", "choice", _("Choose a car of the stock."))])
    if state == VehicleState.IN_TRANSIT:
        return None
    return stock.reserve(actor=actor, vehicle_id=vehicle_id, held_for=prospect_id).pk


def _check(signed: date, planned: date | None, plan: Sequence[Due], total: Decimal, currency: str, today: date) -> None:
    problems = []
    if not today - timedelta(days=31) <= signed <= today:
        problems.append(FieldError("signed_on", "range", _("The day of signing lies within the last month.")))
    if planned is not None and not signed <= planned <= signed + timedelta(days=730):
        message = _("The delivery lies between the signing and two years later.")
        problems.append(FieldError("delivery_planned_on", "range", message))
    if len(plan) > MOST_INSTALMENTS:
        problems.append(FieldError("instalments", "too_many", _("Plan at most 12 payments.")))
    for place, due in enumerate(plan):
        if due.kind not in InstalmentKind.values:
            problems.append(FieldError(f"instalments.{place}.kind", "choice", _("Choose one of the values offered.")))
        if due.amount <= 0:
            problems.append(FieldError(f"instalments.{place}.amount", "range", _("Enter an amount above zero.")))
    if not problems and sum(round_money(due.amount, currency) for due in plan) != total:
        problems.append(FieldError("instalments", "sum", _("The payments must add up to the total of the contract.")))
    if problems:
        raise Invalid(problems)


def may_decide(contract: SalesContract, actor: Actor) -> str:
    """Why the actor may not approve or reject this contract: "" (he may), "right", "own" or "limit"."""
    if not actor.has(Right.SALES_APPROVE):
        return "right"
    if actor.kind == "user" and contract.signed_by_id == actor.id:
        return "own"
    if actor.kind == "user" and actor.role != Role.GENERAL_MANAGER and contract.total > derive.policy().approval_limit:
        return "limit"
    return ""


def _require_decision(contract: SalesContract, actor: Actor) -> None:
    match may_decide(contract, actor):
        case "own":
            raise Forbidden(Right.SALES_APPROVE, _("Somebody else must approve a contract that you signed."))
        case "limit":
            raise Forbidden(
                Right.SALES_APPROVE,
                _("This contract is above your limit of %(limit)s. The general manager approves it.")
                % {"limit": format_money(derive.policy().approval_limit, contract.currency)},
            )


@transaction.atomic
def approve_contract(*, actor: Actor, contract_id: UUID, note: str = "") -> SalesContract:
    """Approve a signed contract; its car counts as sold. Again by the same person changes nothing.

    A sales manager approves up to the dealership's limit, above it the general manager; nobody his own (Forbidden).
    """
    actor.require(Right.SALES_APPROVE)
    contract = lock_contract(contract_id)
    if contract.state == ContractState.APPROVED and contract.decided_by_id == actor.id:
        return contract
    _require_decision(contract, actor)
    _decide(contract, ContractState.APPROVED, actor, "sales.approve_contract", note)
    prospect = contract.prospect
    if contract.vehicle_id is not None:
        stock.mark_sold(
            actor=actor, vehicle_id=contract.vehicle_id, held_for=prospect.pk, price=contract.quotation.list_price
        )
    milestones.reached(prospect, LeadEvent.CONTRACTED, actor=actor)
    prospect.updated_at = clock.now()
    prospect.save()
    return contract


@transaction.atomic
def reject_contract(*, actor: Actor, contract_id: UUID, note: str) -> SalesContract:
    """Send a signed contract back with a reason; its quotation is open again and its car free."""
    actor.require(Right.SALES_APPROVE)
    if not note.strip():
        raise Invalid([FieldError("note", "required", _("Say why, so that the consultant can put it right."))])
    contract = lock_contract(contract_id)
    _require_decision(contract, actor)
    _decide(contract, ContractState.REJECTED, actor, "sales.reject_contract", note)
    _set_free(contract, actor, note)
    return contract


@transaction.atomic
def cancel_contract(*, actor: Actor, contract_id: UUID, note: str) -> SalesContract:
    """End a contract before delivery, with a reason; its car is free again. An approved one needs a manager."""
    actor.require(Right.SALES_WORK, Right.SALES_APPROVE)
    if not note.strip():
        raise Invalid([FieldError("note", "required", _("Say why the contract is cancelled."))])
    contract = lock_contract(contract_id)
    if contract.state == ContractState.APPROVED:
        actor.require(Right.SALES_APPROVE)
    _decide(contract, ContractState.CANCELLED, actor, "sales.cancel_contract", note)
    _set_free(contract, actor, note)
    return contract


def _decide(contract: SalesContract, state: ContractState, actor: Actor, action: str, note: str) -> None:
    old = move(contract, "state", state, CONTRACT_TRANSITIONS)
    now = clock.now()
    contract.decided_by_id, contract.decided_at, contract.decision_note = actor.id, now, note.strip()[:300]
    contract.updated_at = now
    contract.save()
    audit.record(
        actor=actor, action=action, obj=contract, before={"state": old}, after={"state": state}, note=note.strip()
    )


def _set_free(contract: SalesContract, actor: Actor, note: str) -> None:
    quotation = contract.quotation
    move(quotation, "state", QuotationState.OPEN, QUOTATION_TRANSITIONS)
    quotation.updated_at = clock.now()
    quotation.save()
    if contract.vehicle_id is None:
        return
    vehicle = stock.lock_vehicle(contract.vehicle_id)
    if vehicle.held_for == contract.prospect_id and vehicle.state == VehicleState.RESERVED:
        stock.release_reservation(actor=actor, vehicle_id=vehicle.pk, note=note[:200])
    elif vehicle.held_for == contract.prospect_id and vehicle.state == VehicleState.SOLD:
        stock.undo_sale(actor=actor, vehicle_id=vehicle.pk, note=note[:200])


@transaction.atomic
def mark_instalment_paid(*, actor: Actor, instalment_id: UUID, paid_on: date | None = None) -> Instalment:
    """Note that a payment of the plan has come in."""
    actor.require(Right.SALES_WORK, Right.FINANCE_READ)
    row = Instalment.objects.filter(pk=instalment_id).values_list("contract_id", flat=True).first()
    if row is None:
        raise Invalid([FieldError("instalment", "choice", _("Choose a payment of this contract."))])
    contract = lock_contract(row)
    instalment = contract.instalments.select_for_update().get(pk=instalment_id)
    day = paid_on or derive.today()
    if day > derive.today():
        raise Invalid([FieldError("paid_on", "future", _("This day lies in the future."))])
    if contract.state not in (ContractState.APPROVED, ContractState.EXECUTED):
        raise Conflict("contract_not_approved", _("This contract is not approved."))
    if instalment.paid_on is not None:
        return instalment
    instalment.paid_on = day
    instalment.save()
    audit.record(
        actor=actor,
        action="sales.instalment_paid",
        obj=contract,
        after={"instalment": instalment.pk, "amount": instalment.amount, "paid_on": day},
    )
    return instalment
