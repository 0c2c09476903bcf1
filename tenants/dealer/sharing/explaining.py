"""Who can see a record of this dealership, and why: from the ledger's stored paths, and from the levels in force where
nothing of the record has left yet."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from django.db.models import Q
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from dealer.customers.models import Vehicle
from dealer.customers.queries import access_customer_for_reading
from dealer.organisation.queries import profile
from dealer.sharing import words
from dealer.sharing.models import Disclosure, Grant
from exchange import explaining
from exchange.explaining import Explanation, Statement
from exchange.models import Ledger, LedgerState
from kernel.accounts.access import requires
from kernel.accounts.models import User
from kernel.accounts.roles import Right
from kernel.contracts import Level, Purpose
from kernel.errors import Missing
from kernel.tenancy.manufacturer import in_words

DEALERSHIP = "dealership"
_CUSTOMERS = (Right.CUSTOMERS_READ, Right.SHARING_READ)
_SALES = (Right.SALES_READ, Right.CONTRACTS_READ, Right.SHARING_READ)
_SERVICE = (Right.SERVICE_READ, Right.SHARING_READ)
_CLAIMS = (Right.CLAIMS_READ, Right.SHARING_READ)
_LEADS = (Right.LEADS_READ, Right.SHARING_READ)
_CARS = (Right.STOCK_READ, *_CUSTOMERS)
#: Messages looked at for the latest of each contract and purpose.
MOST = 400


def latest(about: Q, contracts: Collection[str] | None = None) -> list[Ledger]:
    """The latest message about a record for each contract and purpose, by contract. Two queries."""
    ids = Disclosure.objects.filter(about)
    if contracts is not None:
        ids = ids.filter(contract__in=contracts)
    chosen = list(ids.order_by("-day", "-id").values_list("id", flat=True)[:MOST])
    rows: dict[tuple[str, str], Ledger] = {}
    for row in Ledger.objects.filter(id__in=chosen).order_by("-number"):
        rows.setdefault((row.contract, row.purpose), row)
    return [rows[key] for key in sorted(rows)]


def said(row: Ledger, manufacturer: str) -> Statement:
    """One message as a statement, worked out again from the stored path."""
    level = explaining.level_of(row.path)
    counts = level is Level.COUNTS and row.state == LedgerState.WITHHELD
    return Statement(
        title=_title(row.contract, row.purpose),
        who=manufacturer,
        level=level,
        rules=tuple(words.path_in_words(row.path)),
        released=() if row.state in NOT_THERE else tuple(words.field_label(name) for name in row.released),
        withheld=explaining.in_words(row.withheld),
        at=row.event_at,
        note=_("Only counted, in a number of five or more.") if counts else _stopped(row),
        url=reverse("sharing:message", args=[row.pk]),
    )


#: States in which nothing stands at the manufacturer.
NOT_THERE = frozenset({LedgerState.STOPPED, LedgerState.WITHHELD})


def _stopped(row: Ledger) -> str:
    return words.stopped_label(row.reason) if row.reason else ""


def _title(contract: str, purpose: str) -> str:
    return f"{words.contract_label(contract)} · {Purpose(purpose).label}"


def explanation(rows: list[Ledger], contracts: Collection[str], here: Collection[Right]) -> Explanation:
    """What was sent of a record, and for each contract and purpose in force of which nothing was: the level."""
    manufacturer = in_words(profile().manufacturer_name)
    sent = {(row.contract, row.purpose) for row in rows}
    waiting = [
        Statement(
            title=_title(grant.contract, grant.purpose),
            who=manufacturer,
            level=grant.level,
            note=_("Nothing of this record has left yet. This level is in force for what comes."),
        )
        for grant in Grant.objects.filter(contract__in=contracts)
        if (grant.contract, grant.purpose) not in sent
    ]
    statements = (*(said(row, manufacturer) for row in rows), *waiting)
    return Explanation(explaining.roles_with(DEALERSHIP, *here), statements)


def _id(id: str) -> UUID:
    try:
        return UUID(id)
    except ValueError:
        raise Missing() from None


def _customer(id: str, user: User) -> Explanation:
    customer = access_customer_for_reading(id, user)
    return explanation(latest(Q(customer_id=customer.pk)), ["Owner"], [Right.CUSTOMERS_READ])


def _car(vin: str, user: User) -> Explanation:
    """By the VIN: the car's parties, and what was sent of it as a sale or a visit."""
    vehicle = Vehicle.objects.filter(vin=vin).first()
    rows = latest(Q(record_id=vehicle.pk)) if vehicle else []
    return explanation(rows, ["Owner", "VehicleSale"], [Right.STOCK_READ, Right.CUSTOMERS_READ])


def _of(contract: str, right: Right) -> explaining.Finder:
    def finder(id: str, user: User) -> Explanation:
        return explanation(latest(Q(record_id=_id(id)), [contract]), [contract], [right])

    return finder


explaining.register(DEALERSHIP, "customer", _CUSTOMERS, _customer)
explaining.register(DEALERSHIP, "car", _CARS, _car)
explaining.register(DEALERSHIP, "sale", _SALES, _of("VehicleSale", Right.CONTRACTS_READ))
explaining.register(DEALERSHIP, "order", _SERVICE, _of("ServiceVisit", Right.SERVICE_READ))
explaining.register(DEALERSHIP, "claim", _CLAIMS, _of("WarrantyClaim", Right.CLAIMS_READ))
explaining.register(DEALERSHIP, "lead", _LEADS, _of("LeadOutcome", Right.LEADS_READ))


@requires(*dict.fromkeys((*_CARS, *_SALES, *_SERVICE, *_CLAIMS, *_LEADS)))
@require_safe
def explain(request: HttpRequest, kind: str, id: str) -> HttpResponseBase:
    """Who can see one record, and why."""
    return explaining.page(request, DEALERSHIP, kind, id)
