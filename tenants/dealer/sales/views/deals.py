"""Quotations, sales contracts, deliveries, and the rules of selling."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.contrib import messages
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from dealer.organisation.queries import profile
from dealer.sales import actions, derive, queries
from dealer.sales.actions.contracts import DEFAULT_DUE_DAYS, Due, may_decide
from dealer.sales.actions.quotations import add_up
from dealer.sales.forms import DeliveryForm, NoteForm, PolicyForm, QuotationForm, SignForm
from dealer.sales.models import (
    ChecklistItem,
    ContractState,
    Delivery,
    InstalmentKind,
    Quotation,
    QuotationState,
    SalesContract,
)
from dealer.sales.views.common import AuditedExport, page, show, status_of
from kernel.accounts.access import requires
from kernel.accounts.actors import Actor
from kernel.accounts.roles import Right
from kernel.errors import Conflict, Forbidden, Invalid
from kernel.reference.queries import catalogue
from kernel.ui.lists import Choice, Column, DateRange, ListPage, Search

# -- quotations --------------------------------------------------------------------------------------


class QuotationList(AuditedExport, ListPage):
    """Quotations, the latest first."""

    title = gettext_lazy("Quotations")
    columns = [
        Column("number", gettext_lazy("Number"), sort="serial"),
        Column("customer", gettext_lazy("Name"), value="prospect.customer.name", phone="title"),
        Column("car", gettext_lazy("Car"), phone="subtitle"),
        Column("state", gettext_lazy("State"), kind="state", sort="state", phone="badge"),
        Column("version", gettext_lazy("Version"), kind="number"),
        Column("total", gettext_lazy("Total"), kind="money", currency="currency", sort="total"),
        Column("discount", gettext_lazy("Discount"), kind="money", currency="currency", sort="discount"),
        Column("valid_until", gettext_lazy("Valid until"), kind="date", sort="valid_until"),
        Column("by", gettext_lazy("Consultant"), sort="by__name"),
        Column("created_at", gettext_lazy("Made"), kind="date", sort="created_at"),
    ]
    filters = [
        Search(fields=("prospect__customer__name", "variant"), placeholder=gettext_lazy("Name or car")),
        Choice("state", gettext_lazy("State"), choices=QuotationState),
        DateRange("created_at", gettext_lazy("Made")),
    ]
    ordering = ("-created_at", "id")
    export_right = Right.SALES_READ
    export_name = "quotations"
    empty_icon = "file-text"
    empty_title = gettext_lazy("No quotations yet")
    empty_text = gettext_lazy("Make one on the page of a prospect.")

    def get_queryset(self) -> Any:
        return queries.visible_quotations(self.request.user)

    def row_url(self, row: Quotation) -> str:
        return reverse("sales:quotation", args=[row.pk])


quotations = requires(Right.SALES_READ)(QuotationList.as_view())


@requires(Right.SALES_WORK)
@page
def quote(request: HttpRequest, id: str) -> HttpResponseBase:
    """Make a quotation for a prospect."""
    found = queries.access_prospect_for_working(id, request.user)
    form = QuotationForm(found, request.POST or None)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            made = actions.make_quotation(
                actor=Actor.of(request.user),
                prospect_id=found.pk,
                vehicle_id=data["vehicle"] or None,
                variant=data["variant"],
                list_price=data["list_price"],
                extras=form.extras(),
                valid_until=data["valid_until"],
                note=data["note"],
                **form.amounts(),
            )
        except Invalid as refusal:
            show(refusal, form, _extra_names())
        except Conflict as refusal:
            form.add_error(None, str(refusal.message))
        else:
            messages.success(request, _("The quotation is made."))
            return redirect("sales:quotation", made.pk)
    context = {"form": form, "prospect": found, "customer": found.customer, "sum": _sum_of(form)}
    return render(request, "sales/quotation_form.html", context, status=status_of(form))


def _extra_names() -> dict[str, str]:
    names = ("kind", "text", "amount")
    return {f"extras.{n}.{name}": f"extra_{n}_{name}" for n in range(QuotationForm.EXTRAS) for name in names}


@requires(Right.SALES_WORK)
@require_POST
def quotation_sum(request: HttpRequest, id: str) -> HttpResponseBase:
    """What the figures typed so far come to; saves nothing."""
    found = queries.access_prospect_for_working(id, request.user)
    form = QuotationForm(found, request.POST)
    form.is_valid()
    return render(request, "sales/_sum.html", {"sum": _sum_of(form)})


def _sum_of(form: QuotationForm) -> dict[str, Any] | None:
    """Sums of a form that was sent, as far as its figures can be read; None for an empty one."""
    if not form.is_bound:
        return None
    data = form.cleaned_data
    price, currency = data.get("list_price"), profile().currency
    vehicle = form.cars.get(data.get("vehicle") or "")
    listed = catalogue().variants.get(data.get("variant") or "")
    if vehicle is not None:
        price, currency = (vehicle.list_price if price is None else price), vehicle.currency
    elif listed is not None and price is None:
        price, currency = listed.list_price, listed.currency
    sums = add_up(list_price=price or Decimal(0), extras=form.extras(), currency=currency, **form.amounts())
    return {"sums": sums, "currency": currency, "limit": derive.policy().approval_limit}


@requires(Right.SALES_READ)
@require_safe
def quotation(request: HttpRequest, id: str) -> HttpResponseBase:
    """One quotation, as it can be printed."""
    found = queries.access_quotation_for_reading(id, request.user)
    today = derive.today()
    context = {
        "quotation": found,
        "customer": found.prospect.customer,
        "prospect": found.prospect,
        "lines": found.lines.all(),
        "mine": profile(),
        "run_out": found.has_run_out(today),
        "may_sign": request.user.has(Right.SALES_WORK)
        and found.state == QuotationState.OPEN
        and not found.has_run_out(today),
        "may_quote": request.user.has(Right.SALES_WORK) and found.prospect.is_open,
    }
    return render(request, "sales/quotation.html", context)


@requires(Right.SALES_WORK)
@require_POST
def refuse_quotation(request: HttpRequest, id: str) -> HttpResponseBase:
    """The customer does not take this offer."""
    found = queries.access_quotation_for_working(id, request.user)
    try:
        actions.refuse_quotation(actor=Actor.of(request.user), quotation_id=found.pk)
        messages.success(request, _("Saved."))
    except Conflict as refusal:
        messages.error(request, str(refusal.message))
    return redirect("sales:prospect", found.prospect_id)


@requires(Right.SALES_WORK)
@page
def sign(request: HttpRequest, id: str) -> HttpResponseBase:
    """Sign the contract that a quotation offers."""
    found = queries.access_quotation_for_working(id, request.user)
    form = SignForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            made = actions.sign_contract(
                actor=Actor.of(request.user),
                quotation_id=found.pk,
                signed_on=data["signed_on"],
                delivery_planned_on=data["delivery_planned_on"],
                instalments=_plan(found, data),
            )
        except Invalid as refusal:
            show(refusal, form, {"instalments": "deposit"})
        except Conflict as refusal:
            form.add_error(None, str(refusal.message))
        else:
            messages.success(request, _("Signed. The contract waits for approval."))
            return redirect("sales:contract", made.pk)
    context = {"form": form, "quotation": found, "customer": found.prospect.customer}
    return render(request, "sales/sign.html", context, status=status_of(form))


def _plan(found: Quotation, data: dict[str, Any]) -> list[Due]:
    """Deposit at once, loan and the rest at the delivery; a plan that does not add up is the action's to refuse."""
    deposit, loan = data["deposit"] or Decimal(0), data["loan"] or Decimal(0)
    signed = data["signed_on"]
    later = data["delivery_planned_on"] or signed + timedelta(days=DEFAULT_DUE_DAYS)
    plan = [
        Due(InstalmentKind.DEPOSIT, signed, deposit),
        Due(InstalmentKind.LOAN, later, loan),
        Due(InstalmentKind.BALANCE, later, found.total - deposit - loan),
    ]
    return [due for due in plan if due.amount != 0]


# -- contracts ---------------------------------------------------------------------------------------


class ContractList(AuditedExport, ListPage):
    """Sales contracts, the latest first."""

    title = gettext_lazy("Sales contracts")
    columns = [
        Column("number", gettext_lazy("Number"), sort="serial"),
        Column("customer", gettext_lazy("Name"), value="prospect.customer.name", phone="title"),
        Column("car", gettext_lazy("Car"), value="quotation.car", phone="subtitle"),
        Column("state", gettext_lazy("State"), kind="state", sort="state", phone="badge", tone_kind="contract"),
        Column("total", gettext_lazy("Total"), kind="money", currency="currency", sort="total", total=True),
        Column("discount", gettext_lazy("Discount"), kind="money", currency="currency", sort="discount"),
        Column("signed_on", gettext_lazy("Signed on"), kind="date", sort="signed_on"),
        Column("signed_by", gettext_lazy("Consultant"), sort="signed_by__name"),
        Column("delivery_planned_on", gettext_lazy("Delivery planned on"), kind="date", sort="delivery_planned_on"),
        Column("vin", gettext_lazy("VIN"), value="vehicle.vin", kind="vin"),
    ]
    filters = [
        Search(
            fields=("prospect__customer__name", "prospect__customer__phone", "vehicle__vin"),
            placeholder=gettext_lazy("Name, phone or VIN"),
        ),
        Choice("state", gettext_lazy("State"), choices=ContractState),
        DateRange("signed_on", gettext_lazy("Signed on"), is_datetime=False),
    ]
    ordering = ("-created_at", "id")
    export_right = Right.CONTRACTS_READ
    export_name = "contracts"
    empty_icon = "file-check"
    empty_title = gettext_lazy("No contracts yet")
    empty_text = gettext_lazy("Sign an open quotation.")

    def get_queryset(self) -> Any:
        return queries.visible_contracts(self.request.user)

    def row_url(self, row: SalesContract) -> str:
        return reverse("sales:contract", args=[row.pk])


contracts = requires(Right.CONTRACTS_READ)(ContractList.as_view())


@requires(Right.CONTRACTS_READ)
@require_safe
def contract(request: HttpRequest, id: str) -> HttpResponseBase:
    """One contract, with the approval box for whom it waits."""
    return _contract_page(request, queries.access_contract_for_reading(id, request.user), NoteForm())


def _contract_page(request: HttpRequest, found: SalesContract, note_form: NoteForm) -> HttpResponseBase:
    actor = Actor.of(request.user)
    waiting = found.state == ContractState.SIGNED
    may_work = request.user.has(Right.SALES_WORK)
    may_cancel = (waiting and may_work) or (
        found.state in (ContractState.SIGNED, ContractState.APPROVED) and request.user.has(Right.SALES_APPROVE)
    )
    context = {
        "contract": found,
        "prospect": found.prospect,
        "customer": found.prospect.customer,
        "lines": found.quotation.lines.all(),
        "instalments": found.instalments.all(),
        "today": derive.today(),
        "decides": may_decide(found, actor) if waiting else "right",
        "waiting": waiting,
        "limit": derive.policy().approval_limit,
        "may_see_prospect": request.user.has(Right.SALES_READ),
        "may_deliver": may_work and found.state == ContractState.APPROVED,
        "may_collect": (may_work or request.user.has(Right.FINANCE_READ))
        and found.state in (ContractState.APPROVED, ContractState.EXECUTED),
        "may_cancel": may_cancel,
        "delivery": Delivery.objects.filter(contract=found).first(),
        "note_form": note_form,
    }
    return render(request, "sales/contract.html", context, status=status_of(note_form))


@requires(Right.SALES_APPROVE)
@require_POST
def approve(request: HttpRequest, id: str) -> HttpResponseBase:
    """Approve; up to the limit, and not one's own."""
    found = queries.access_contract_for_deciding(id, request.user)
    try:
        actions.approve_contract(actor=Actor.of(request.user), contract_id=found.pk)
        messages.success(request, _("Approved."))
    except (Conflict, Forbidden) as refusal:
        messages.error(request, str(refusal.message))
    return redirect("sales:contract", found.pk)


@requires(Right.SALES_APPROVE)
@require_POST
def reject(request: HttpRequest, id: str) -> HttpResponseBase:
    """Send back, with a reason."""
    return _end(request, queries.access_contract_for_deciding(id, request.user), actions.reject_contract)


@requires(Right.SALES_WORK, Right.SALES_APPROVE)
@require_POST
def cancel(request: HttpRequest, id: str) -> HttpResponseBase:
    """End before delivery, with a reason."""
    return _end(request, queries.access_contract_for_working(id, request.user), actions.cancel_contract)


def _end(request: HttpRequest, found: SalesContract, action: Any) -> HttpResponseBase:
    form = NoteForm(request.POST)
    if not form.is_valid():
        return _contract_page(request, found, form)
    try:
        action(actor=Actor.of(request.user), contract_id=found.pk, note=form.cleaned_data["note"])
        messages.success(request, _("Saved."))
    except (Conflict, Forbidden) as refusal:
        messages.error(request, str(refusal.message))
    return redirect("sales:contract", found.pk)


@requires(Right.SALES_WORK, Right.FINANCE_READ)
@require_POST
def paid(request: HttpRequest, id: str) -> HttpResponseBase:
    """A payment has come in today."""
    found = queries.access_instalment_for_collecting(id, request.user)
    try:
        actions.mark_instalment_paid(actor=Actor.of(request.user), instalment_id=found.pk)
        messages.success(request, _("Saved."))
    except Conflict as refusal:
        messages.error(request, str(refusal.message))
    return redirect("sales:contract", found.contract_id)


# -- deliveries --------------------------------------------------------------------------------------


@requires(Right.SALES_WORK)
@page
def deliver(request: HttpRequest, id: str) -> HttpResponseBase:
    """Hand the car over."""
    found = queries.access_contract_for_working(id, request.user)
    form = DeliveryForm(found, request.POST or None)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        vehicle_id = data.pop("vehicle")
        try:
            made = actions.deliver_vehicle(
                actor=Actor.of(request.user), contract_id=found.pk, vehicle_id=vehicle_id, **data
            )
        except Invalid as refusal:
            show(refusal, form)
        except Conflict as refusal:
            form.add_error(None, str(refusal.message))
        else:
            said = _("Delivered. %(name)s is now the owner.")
            messages.success(request, said % {"name": found.prospect.customer.name})
            return redirect("sales:delivery", made.pk)
    context = {"form": form, "contract": found, "customer": found.prospect.customer, "cars": len(form.cars)}
    return render(request, "sales/deliver.html", context, status=status_of(form))


class DeliveryList(AuditedExport, ListPage):
    """Deliveries, the latest first."""

    title = gettext_lazy("Deliveries")
    columns = [
        Column("customer", gettext_lazy("Name"), value="prospect.customer.name", phone="title"),
        Column("car", gettext_lazy("Car"), value="vehicle.car", phone="subtitle"),
        Column("vin", gettext_lazy("VIN"), kind="vin", sort="vin"),
        Column("delivered_on", gettext_lazy("Delivered on"), kind="date", sort="delivered_on"),
        Column("plate", gettext_lazy("Plate"), nowrap=True),
        Column("by", gettext_lazy("Consultant"), sort="by__name"),
        Column("phone", gettext_lazy("Phone"), value="prospect.customer.phone", kind="phone", phone="call"),
    ]
    filters = [
        Search(fields=("prospect__customer__name", "vin", "plate"), placeholder=gettext_lazy("Name, VIN or plate")),
        DateRange("delivered_on", gettext_lazy("Delivered on"), is_datetime=False),
    ]
    ordering = ("-delivered_on", "-created_at", "id")
    export_right = Right.CUSTOMERS_EXPORT
    export_name = "deliveries"
    empty_icon = "key-round"
    empty_title = gettext_lazy("No deliveries yet")

    def get_queryset(self) -> Any:
        return queries.visible_deliveries(self.request.user)

    def row_url(self, row: Delivery) -> str:
        return reverse("sales:delivery", args=[row.pk])


deliveries = requires(Right.CONTRACTS_READ)(DeliveryList.as_view())


@requires(Right.CONTRACTS_READ)
@require_safe
def delivery(request: HttpRequest, id: str) -> HttpResponseBase:
    """One delivery, as it can be printed for the signature."""
    found = queries.access_delivery_for_reading(id, request.user)
    context = {
        "delivery": found,
        "customer": found.prospect.customer,
        "contract": found.contract,
        "may_see_customer": request.user.has(Right.CUSTOMERS_READ),
        "checklist": [ChecklistItem(item).label for item in found.checklist if item in ChecklistItem.values],
    }
    return render(request, "sales/delivery.html", context)


# -- rules -------------------------------------------------------------------------------------------


@requires(Right.SETTINGS_MANAGE)
@page
def policy(request: HttpRequest) -> HttpResponseBase:
    """How this dealership sells: the limit of approval, thresholds, validity."""
    now = derive.policy()
    names = ("approval_limit", "hot_months", "warm_months", "quotation_days")
    form = PolicyForm(request.POST or None, initial={name: getattr(now, name) for name in names})
    if request.method == "POST" and form.is_valid():
        try:
            actions.change_policy(actor=Actor.of(request.user), **form.cleaned_data)
        except Invalid as refusal:
            refusal.add_to(form)
        else:
            messages.success(request, _("Saved."))
            return redirect("sales:policy")
    return render(request, "sales/policy.html", {"form": form}, status=status_of(form))
