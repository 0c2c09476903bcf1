"""The steward's verbs `retire` and `drop` with what both tiers have to do with them.

Leaving goes in this order, and each step finds out by itself what is left of it: nobody signs in any more; what the
dealership had to say is carried up; it hands the manufacturer's leads back; the desk takes what is left; sharing ends;
the login is locked.
"""

from __future__ import annotations

import logging
import shutil
import time
from typing import Any
from uuid import UUID

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _

from dealer.organisation import logos
from dealer.sales.actions import hand_back_leads
from dealer.sharing.actions import end_sharing
from dealernet.moving.exclusive import Session, exclusively, let_in
from dealernet.moving.steps import begin
from exchange import courier, inbox
from exchange.models import Ledger, LedgerState
from kernel.accounts.actors import SYSTEM
from kernel.tenancy import steward
from kernel.tenancy.bindings import MANUFACTURER_ID, Courier, Owner, Portal, bound
from kernel.tenancy.models import Domain, Kind, State, Tenant
from kernel.tenancy.steward.progress import Progress
from oem.leads import actions as leads

log = logging.getLogger(__name__)

#: Seconds to wait for other couriers and workers that are at the same mail.
PATIENCE = 60.0


class MailStuck(Exception):
    """Mail could not be carried or applied in time: something else is wrong with the exchange."""


def retire(arguments: dict[str, Any], progress: Progress = lambda step: None) -> dict[str, int]:
    """Let a dealership leave: freeze it, bring the manufacturer's leads back, end sharing, lock the login.

    `arguments` as for the steward's own `retire`. Returns how many leads were `declined`, `returned`, `kept` by the
    dealership's own hand and `taken_back` by the desk.
    """
    slug = arguments["slug"]
    begin(progress, "freeze")
    with bound(Owner()):
        hosts = list(Domain.objects.filter(tenant__slug=slug).values("domain", "is_primary"))
    tenant = steward.close_host(slug)
    figures: dict[str, int] = {}
    if tenant.state == State.ACTIVE:
        try:
            with exclusively(tenant.id) as session:
                begin(progress, "leads")
                figures = bring_leads_back(session, tenant.id)
                begin(progress, "sharing")
                session.run(_end_sharing)
                carry_up(session, tenant.id)
        except Exception:
            _open_again(tenant, hosts)
            raise
    steward.retire(arguments, progress)
    return figures


def _open_again(tenant: Tenant, hosts: list[dict[str, Any]]) -> None:
    """A dealership that could not be closed works on; what it handed back already stays handed back."""
    hosts = hosts or [{"domain": f"{tenant.slug}.{settings.BASE_DOMAIN}", "is_primary": True}]
    with bound(Owner()):
        for host in hosts:
            Domain.objects.get_or_create(
                domain=host["domain"], defaults={"tenant": tenant, "is_primary": host["is_primary"]}
            )
    let_in(tenant.id)


def bring_leads_back(session: Session, dealer_id: UUID) -> dict[str, int]:
    """No lead of the manufacturer is at the dealership any more afterwards, none is lost and none is at two."""
    session.run(inbox.drain)
    figures = session.run(_hand_back)
    carry_up(session, dealer_id)
    with bound(Portal()):
        figures["taken_back"] = leads.take_back_leads(dealership=dealer_id, reason="dealership_left", actor=SYSTEM)
    end = time.monotonic() + PATIENCE
    while _waits_at_portal(dealer_id):
        _carry(MANUFACTURER_ID)
        _pause(end)
    session.run(inbox.drain)
    carry_up(session, dealer_id)
    return figures


def _hand_back() -> dict[str, int]:
    with translation.override("zh-hans"):
        reason = _("The dealership has left the network")
    return hand_back_leads(actor=SYSTEM, reason=reason)


def _end_sharing() -> int:
    return end_sharing(actor=SYSTEM, note="left")


def carry_up(session: Session, dealer_id: UUID) -> None:
    """Everything that the dealership recorded has arrived at the manufacturer and was applied there, or waits there for
    a person. Raises MailStuck."""
    end = time.monotonic() + PATIENCE
    while session.run(_waits_here):
        _carry(dealer_id)
        _pause(end)
    while True:
        with bound(Portal()):
            inbox.drain()
            if not inbox.can_apply(dealer_id):
                return
        _pause(end)


def _pause(end: float) -> None:
    if time.monotonic() > end:
        raise MailStuck("messages of the dealership could not be carried up in time")
    time.sleep(0.05)


def _waits_here() -> bool:
    return Ledger.objects.filter(state=LedgerState.RECORDED, receiver=MANUFACTURER_ID).exists()


def _waits_at_portal(dealer_id: UUID) -> bool:
    with bound(Portal()):
        return Ledger.objects.filter(state=LedgerState.RECORDED, receiver=dealer_id).exists()


def _carry(sender: UUID) -> None:
    with bound(Courier()):
        everyone = courier.parties()
        courier.carry(everyone[sender], everyone)


def drop(arguments: dict[str, Any], progress: Progress = lambda step: None) -> None:
    """Delete what is left of a retired dealership: schemas, login and files. Raises what `steward.drop` does."""
    with bound(Owner()):
        tenant = Tenant.objects.get(slug=arguments["slug"], kind=Kind.DEALERSHIP)
    steward.drop(arguments, progress)
    begin(progress, "files")
    shutil.rmtree(logos.folder(tenant.id), ignore_errors=True)
