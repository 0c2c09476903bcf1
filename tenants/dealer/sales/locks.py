"""Row locks of sales, taken in this order: lead, prospect, quotation, contract; then the car (`dealer.stock`)."""

from typing import TypeVar
from uuid import UUID

from django.db import connection
from django.db.models import Model

from dealer.sales.models import Lead, Prospect, Quotation, SalesContract, TestDrive
from kernel import clock
from kernel.errors import Missing

AnyModel = TypeVar("AnyModel", bound=Model)


def _lock(model: type[AnyModel], id: UUID, *related: str) -> AnyModel:
    found = model._default_manager.select_related(*related).select_for_update(of=("self",)).filter(pk=id).first()
    if found is None:
        raise Missing()
    return found


def lock_lead(id: UUID) -> Lead:
    """The lead, locked. Raises Missing."""
    return _lock(Lead, id, "consultant")


def lock_prospect(id: UUID) -> Prospect:
    """The prospect, locked, after its lead. Raises Missing."""
    lead_id = Prospect.objects.filter(pk=id).values_list("lead_id", flat=True).first()
    if lead_id is not None:
        lock_lead(lead_id)
    return _lock(Prospect, id, "customer", "consultant", "lead")


def lock_test_drive(id: UUID) -> TestDrive:
    """The test drive, locked after its prospect. Raises Missing."""
    prospect_id = TestDrive.objects.filter(pk=id).values_list("prospect_id", flat=True).first()
    if prospect_id is None:
        raise Missing()
    prospect = lock_prospect(prospect_id)
    drive = _lock(TestDrive, id)
    drive.prospect = prospect
    return drive


def lock_quotation(id: UUID) -> Quotation:
    """The quotation, locked after its prospect. Raises Missing."""
    prospect_id = Quotation.objects.filter(pk=id).values_list("prospect_id", flat=True).first()
    if prospect_id is None:
        raise Missing()
    prospect = lock_prospect(prospect_id)
    quotation = _lock(Quotation, id)
    quotation.prospect = prospect
    return quotation


def lock_contract(id: UUID) -> SalesContract:
    """The contract, locked after its prospect and quotation. Raises Missing."""
    found = SalesContract.objects.filter(pk=id).values_list("quotation_id", flat=True).first()
    if found is None:
        raise Missing()
    quotation = lock_quotation(found)
    contract = _lock(SalesContract, id)
    contract.quotation, contract.prospect = quotation, quotation.prospect
    return contract


def is_in_time(lead: Lead) -> bool:
    """Whether a locked lead may still be accepted: the dealership's database clock stands before `respond_before`.

    Asked after the lock was got, so a wait for it counts. While the demo lives through the past, its clock counts.
    """
    if clock.in_history():
        return clock.now() < lead.respond_before
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp() < %s", [lead.respond_before])
        return bool(cursor.fetchone()[0])
