"""Who can see what a dealership shared, and why: from what came with each message. Owners and cars; other apps of this
tier add their records with `received`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from exchange import explaining
from exchange.explaining import Explanation, Statement
from exchange.words import contract_name
from kernel.accounts.access import requires
from kernel.accounts.models import User
from kernel.accounts.roles import Right
from kernel.contracts import Level, Purpose
from kernel.errors import Missing
from oem.network.models import Dealership
from oem.network.queries import dealership_names
from oem.owners import queries

PORTAL = "portal"

NO_REASON = gettext_lazy("The dealership's release did not say why.")
NOT_KEPT = gettext_lazy("The message is no longer kept here, and with it the reasons.")


def received(
    contract: str,
    *,
    purpose: str,
    level: str,
    agreement_version: str,
    withheld: list[str],
    told: Mapping[str, str] | None,
    at: Any,
    dealership: str,
) -> Statement:
    """One received record as a statement: the rules as far as they travelled, and what withheld each missing field
    (`told` is the message's entry of `explaining.reasons_received`)."""
    unknown = str(NOT_KEPT if told is None else NO_REASON)
    known: Mapping[str, str] = told or {}
    missing = dict(known) | {name: known.get(name, unknown) for name in withheld}
    rules = (
        _("%(name)s shares at the level “%(level)s”, by the agreement %(version)s.")
        % {"name": dealership, "level": Level(level).label, "version": agreement_version or "–"},
        _("Received for “%(purpose)s”, and shown for nothing else.") % {"purpose": Purpose(purpose).label},
    )
    return Statement(
        title=f"{contract_name(contract)} · {Purpose(purpose).label}",
        who=dealership,
        level=Level(level),
        rules=rules,
        withheld=explaining.in_words(missing),
        at=at,
    )


def _shared(contract: str, row: Any, names: Mapping[UUID, str], told: Mapping[UUID, Mapping[str, str]]) -> Statement:
    return received(
        contract,
        purpose=row.purpose,
        level=row.level,
        agreement_version=row.agreement_version,
        withheld=list(row.withheld),
        told=told.get(row.message),
        at=row.event_at,
        dealership=names.get(row.dealership, "–"),
    )


def uuid_of(id: str) -> UUID:
    """An id of an address. Raises Missing."""
    try:
        return UUID(id)
    except ValueError:
        raise Missing() from None


def _owner(id: str, user: User) -> Explanation:
    row = queries.access_owner_for_reading(uuid_of(id), user)
    names = dealership_names([row.dealership])
    told = explaining.reasons_received([row.message])
    return Explanation(explaining.roles_with(PORTAL, Right.OWNERS_READ), (_shared("Owner", row, names, told),))


def _vehicle(vin: str, user: User) -> Explanation:
    found = queries.vehicle(vin, user)
    names = {one.id: one.shown_name for one in Dealership.objects.filter(id__in=found.dealerships)}
    told = explaining.reasons_received(row.message for row in (*found.sales, *found.owners))
    statements = [_shared("VehicleSale", row, names, told) for row in found.sales]
    statements += [_shared("Owner", row, names, told) for row in found.owners]
    for part in found.parts:
        for milestone in part.milestones:
            statements.append(
                Statement(
                    title=f"{contract_name(part.section.contract)} · {part.section.purpose.label}",
                    who=names.get(milestone.dealership, "–"),
                    level=None,
                    at=milestone.at if isinstance(milestone.at, datetime) else None,
                    note=_("Its own page says who can see it, and why."),
                    url=milestone.url,
                )
            )
    return Explanation(explaining.roles_with(PORTAL, *queries.VEHICLE_RIGHTS), tuple(statements))


explaining.register(PORTAL, "owner", [Right.OWNERS_READ], _owner)
explaining.register(PORTAL, "vehicle", queries.VEHICLE_RIGHTS, _vehicle)


@requires(Right.OWNERS_READ, Right.SERVICE_READ, Right.CLAIMS_READ, Right.LEADS_READ)
@require_safe
def explain(request: HttpRequest, kind: str, id: str) -> HttpResponseBase:
    """Who can see one record, and why."""
    return explaining.page(request, PORTAL, kind, id)


def address(kind: str, id: Any) -> str:
    """Where the explanation of a record stands."""
    return reverse("owners:explain", args=[kind, str(id)])
