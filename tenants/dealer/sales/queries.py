"""Reads of sales, and who may see what.

Offers are seen by everyone who works leads: they name nobody, and the clock runs. From acceptance on a lead and its
prospect belong to one consultant; those who work or lead all see all.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Case, DateTimeField, F, Q, QuerySet, Value, When

from dealer.customers.models import Customer
from dealer.organisation.queries import profile
from dealer.sales import derive
from dealer.sales.models import (
    ContractState,
    Delivery,
    FollowUp,
    Instalment,
    Lead,
    LeadState,
    Prospect,
    ProspectState,
    Quotation,
    SalesContract,
    TestDrive,
    TestDriveState,
)
from dealer.stock.models import StockVehicle, VehicleState
from kernel import clock
from kernel.accounts.access import find
from kernel.accounts.models import User
from kernel.accounts.roles import RIGHTS, Right, Role
from kernel.errors import Missing


def _sees_all(user: User) -> bool:
    """Who leads sales or only reads them sees everyone's; who works his own sees his own."""
    return user.has(Right.LEADS_WORK_ALL) or not user.has(Right.LEADS_WORK_OWN)


# -- leads -------------------------------------------------------------------------------------------


def visible_leads(user: User) -> QuerySet[Lead]:
    """Leads that a person may see: open offers and his own, or all of them."""
    if not user.has(Right.LEADS_READ):
        return Lead.objects.none()
    leads = Lead.objects.select_related("consultant", "prospect__customer")
    if _sees_all(user):
        return leads
    return leads.filter(Q(state=LeadState.OFFERED) | Q(consultant_id=user.pk))


def access_lead_for_reading(id: str | UUID, user: User) -> Lead:
    """One lead for its page. Raises Missing."""
    return find(visible_leads(user), id)


def access_lead_for_answering(id: str | UUID, user: User) -> Lead:
    """One lead to accept, decline or report on.

    A colleague's is found as well, so that whoever comes second is told that it is taken; nothing of it is shown.
    """
    if not (user.has(Right.LEADS_WORK_OWN) or user.has(Right.LEADS_WORK_ALL)):
        raise Missing()
    return find(Lead.objects.all(), id)


def access_lead_for_working(id: str | UUID, user: User) -> Lead:
    """One lead to report milestones of: one's own, or anybody's with the right to work all. Raises Missing."""
    if user.has(Right.LEADS_WORK_ALL):
        return find(Lead.objects.all(), id)
    if not user.has(Right.LEADS_WORK_OWN):
        raise Missing()
    return find(Lead.objects.filter(consultant_id=user.pk), id)


def access_lead_for_assigning(id: str | UUID, user: User) -> Lead:
    """One lead to give to somebody else. Raises Missing."""
    if not user.has(Right.LEADS_WORK_ALL):
        raise Missing()
    return find(Lead.objects.all(), id)


def mine(user: User) -> Q:
    """The condition for leads and prospects of one's own."""
    return Q(consultant_id=user.pk)


def with_open(leads: QuerySet[Lead]) -> QuerySet[Lead]:
    """Leads with `open`: 1 for offers that may still be accepted, else 0; `answer_by` is their end, else empty."""
    waits = Q(state=LeadState.OFFERED, respond_before__gt=clock.now())
    return leads.annotate(
        open=Case(When(waits, then=Value(1)), default=Value(0)),
        answer_by=Case(When(waits, then=F("respond_before")), output_field=DateTimeField()),
    )


def is_open_offer(lead: Lead) -> bool:
    """Whether a page should offer to accept this lead; the action decides by the database's clock."""
    return lead.is_offered and lead.respond_before > clock.now()


def open_offers(user: User) -> QuerySet[Lead]:
    """Offers that may still be accepted: a person's own first, then by who must be answered first, then the newest."""
    mine_first = Case(When(consultant_id=user.pk, then=Value(0)), default=Value(1))
    return (
        visible_leads(user)
        .filter(state=LeadState.OFFERED, respond_before__gt=clock.now())
        .order_by(mine_first, "respond_before", "-offered_at", "id")
    )


def consultants() -> list[User]:
    """Everyone who may be given leads and prospects."""
    roles = [role for role in Role if Right.LEADS_WORK_OWN in RIGHTS[role] and role.tier == "dealership"]
    return list(User.objects.filter(role__in=roles, is_active=True).order_by("name", "id"))


# -- prospects ---------------------------------------------------------------------------------------


def visible_prospects(user: User) -> QuerySet[Prospect]:
    """Prospects that a person may see: his own, or all of them."""
    if not user.has(Right.SALES_READ):
        return Prospect.objects.none()
    prospects = Prospect.objects.select_related("customer", "consultant", "lead")
    return prospects if _sees_all(user) else prospects.filter(consultant_id=user.pk)


def access_prospect_for_reading(id: str | UUID, user: User) -> Prospect:
    """One prospect for its page. Raises Missing."""
    return find(visible_prospects(user), id)


def access_prospect_for_working(id: str | UUID, user: User) -> Prospect:
    """One prospect to follow up, quote and so on. Raises Missing."""
    if not user.has(Right.SALES_WORK):
        raise Missing()
    return find(visible_prospects(user), id)


def access_prospect_for_assigning(id: str | UUID, user: User) -> Prospect:
    """One prospect to hand over to somebody else. Raises Missing."""
    if not user.has(Right.LEADS_WORK_ALL):
        raise Missing()
    return find(visible_prospects(user), id)


def due_prospects(user: User, until: date) -> QuerySet[Prospect]:
    """Open prospects whose next contact is planned up to a day: hot ones first, then the oldest plan."""
    return (
        visible_prospects(user)
        .filter(state=ProspectState.OPEN, consultant_id=user.pk, next_contact_on__lte=until)
        .order_by("heat", "next_contact_on", "id")
    )


def prospects_of(customer: Customer, user: User) -> list[Prospect]:
    """What a customer wanted to buy and when, newest first, as far as the person may see it."""
    found = visible_prospects(user).filter(customer=customer).select_related("lead")
    return list(found.order_by("-created_at")[:20])


# -- what hangs on a prospect ------------------------------------------------------------------------


def _of_visible(user: User, right: Right = Right.SALES_READ) -> Q:
    if not user.has(right):
        return Q(pk__in=[])
    return Q() if _sees_all(user) else Q(prospect__consultant_id=user.pk)


def visible_follow_ups(user: User) -> QuerySet[FollowUp]:
    return FollowUp.objects.filter(_of_visible(user)).select_related("prospect__customer", "by")


def visible_test_drives(user: User) -> QuerySet[TestDrive]:
    return TestDrive.objects.filter(_of_visible(user)).select_related("prospect__customer", "vehicle", "by")


def visible_quotations(user: User) -> QuerySet[Quotation]:
    return Quotation.objects.filter(_of_visible(user)).select_related("prospect__customer", "vehicle", "by")


def visible_contracts(user: User) -> QuerySet[SalesContract]:
    return SalesContract.objects.filter(_of_visible(user, Right.CONTRACTS_READ)).select_related(
        "prospect__customer", "prospect__lead", "quotation", "vehicle", "signed_by", "decided_by"
    )


def visible_deliveries(user: User) -> QuerySet[Delivery]:
    rows = Delivery.objects.filter(_of_visible(user, Right.CONTRACTS_READ))
    return rows.select_related("prospect__customer", "vehicle", "contract", "by")


def _require(user: User, *rights: Right) -> None:
    if not any(user.has(right) for right in rights):
        raise Missing()


def access_test_drive_for_reading(id: str | UUID, user: User) -> TestDrive:
    """One test drive for its page. Raises Missing."""
    return find(visible_test_drives(user), id)


def access_test_drive_for_working(id: str | UUID, user: User) -> TestDrive:
    """One test drive to complete or cancel. Raises Missing."""
    _require(user, Right.SALES_WORK)
    return find(visible_test_drives(user), id)


def access_quotation_for_reading(id: str | UUID, user: User) -> Quotation:
    """One quotation for its page. Raises Missing."""
    return find(visible_quotations(user), id)


def access_quotation_for_working(id: str | UUID, user: User) -> Quotation:
    """One quotation to sign or refuse. Raises Missing."""
    _require(user, Right.SALES_WORK)
    return find(visible_quotations(user), id)


def access_contract_for_reading(id: str | UUID, user: User) -> SalesContract:
    """One contract for its page. Raises Missing."""
    return find(visible_contracts(user), id)


def access_contract_for_working(id: str | UUID, user: User) -> SalesContract:
    """One contract to cancel, collect or deliver. Raises Missing."""
    _require(user, Right.SALES_WORK, Right.SALES_APPROVE)
    return find(visible_contracts(user), id)


def access_contract_for_deciding(id: str | UUID, user: User) -> SalesContract:
    """One contract to approve or reject. Raises Missing."""
    _require(user, Right.SALES_APPROVE)
    return find(visible_contracts(user), id)


def access_instalment_for_collecting(id: str | UUID, user: User) -> Instalment:
    """One payment of a contract that the person may see. Raises Missing."""
    _require(user, Right.SALES_WORK, Right.FINANCE_READ)
    return find(Instalment.objects.filter(contract__in=visible_contracts(user)), id)


def access_delivery_for_reading(id: str | UUID, user: User) -> Delivery:
    """One delivery for its page. Raises Missing."""
    return find(visible_deliveries(user), id)


def contracts_to_decide(user: User) -> QuerySet[SalesContract]:
    """Contracts that wait for this person: not his own, and within his limit. Oldest first."""
    if not user.has(Right.SALES_APPROVE):
        return SalesContract.objects.none()
    waiting = visible_contracts(user).filter(state=ContractState.SIGNED).exclude(signed_by_id=user.pk)
    if user.role != Role.GENERAL_MANAGER:
        waiting = waiting.filter(total__lte=derive.policy().approval_limit)
    return waiting.order_by("created_at", "id")


def cars_to_offer(prospect: Prospect) -> QuerySet[StockVehicle]:
    """Cars of the stock that this prospect may be offered; those he wants first."""
    free = Q(state__in=(VehicleState.IN_STOCK, VehicleState.IN_TRANSIT)) | Q(
        state=VehicleState.RESERVED, held_for=prospect.pk
    )
    wanted = [(name, getattr(prospect, name)) for name in ("variant", "model", "series", "brand")]
    whens = [When(**{name: value}, then=Value(place)) for place, (name, value) in enumerate(wanted) if value]
    fits = Case(*whens, default=Value(9))
    return StockVehicle.objects.filter(free).annotate(fit=fits).order_by("fit", "state", "arrived_on", "vin")


def cars_to_deliver(contract: SalesContract) -> QuerySet[StockVehicle]:
    """Cars with which this contract may be fulfilled: its own first, then free ones of the same kind."""
    own = Q(pk=contract.vehicle_id) if contract.vehicle_id else Q(pk__in=[])
    quotation = contract.quotation
    same = Q(state=VehicleState.IN_STOCK)
    if quotation.variant:
        same &= Q(variant=quotation.variant)
    elif quotation.series:
        same &= Q(series=quotation.series)
    own_first = Case(When(own, then=Value(0)), default=Value(1))
    return StockVehicle.objects.filter(own | same).annotate(fit=own_first).order_by("fit", "arrived_on", "vin")


def drives_on(user: User, day: date) -> QuerySet[TestDrive]:
    """A person's booked test drives of a day at the dealership, in order."""
    start = datetime.combine(day, time.min, tzinfo=ZoneInfo(profile().time_zone))
    return (
        visible_test_drives(user)
        .filter(state=TestDriveState.BOOKED, scheduled_at__gte=start, scheduled_at__lt=start + timedelta(days=1))
        .order_by("scheduled_at", "id")
    )
