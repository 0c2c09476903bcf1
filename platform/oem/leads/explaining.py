"""Who can see a lead of this manufacturer, and why: the dealerships it was sent to, and what stands there now."""

from __future__ import annotations

from django.utils.translation import gettext as _

from exchange import explaining
from exchange.explaining import Explanation, Statement
from exchange.models import Ledger
from exchange.words import contract_name
from kernel.accounts.models import User
from kernel.accounts.roles import Right
from kernel.contracts import ENVELOPE, Level, Purpose
from kernel.contracts.words import field_label
from kernel.ui.templatetags.ui import local_text
from oem.leads import queries
from oem.leads.models import Offer, OfferState
from oem.network.queries import dealership_names
from oem.owners.explaining import PORTAL, uuid_of


def _lead(id: str, user: User) -> Explanation:
    lead = queries.access_lead_for_reading(uuid_of(id), user)
    offers = list(Offer.objects.filter(lead=lead))
    sent: dict[object, Ledger] = {}
    for row in Ledger.objects.filter(subject=lead.id, contract="SalesLead").order_by("number"):
        if not set(ENVELOPE).isdisjoint(row.released):
            sent[row.receiver] = row
    names = dealership_names(offer.dealership for offer in offers)
    statements = []
    for offer in offers:
        message = sent.get(offer.dealership)
        taken = offer.state == OfferState.ACCEPTED
        sealed = _("Sealed until the lead is accepted.")
        envelope = frozenset() if taken else frozenset(ENVELOPE)
        statements.append(
            Statement(
                title=f"{contract_name('SalesLead')} · {Purpose.LEAD_HANDLING.label}",
                who=names.get(offer.dealership, "–"),
                level=Level.FULL if taken else None,
                rules=(
                    _("It was offered on %(day)s: %(state)s.")
                    % {"day": local_text(offer.offered_at), "state": OfferState(offer.state).label},
                    _("Whoever accepts a lead sees everything of it.")
                    if taken
                    else _("Before acceptance the name is masked; who does not take a lead keeps nothing personal."),
                ),
                released=tuple(field_label(name) for name in message.released if name not in envelope)
                if message
                else (),
                withheld=tuple((field_label(name), sealed) for name in sorted(envelope)),
                at=offer.offered_at,
            )
        )
    here = explaining.roles_with(PORTAL, Right.LEADS_READ)
    return Explanation(here, tuple(statements))


explaining.register(PORTAL, "lead", [Right.LEADS_READ], _lead)
