"""Under what a lead was collected: its legal basis in words, or that none came with it (PIPL arts. 13, 17, 23)."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dealer.sales.models import Lead
from kernel.contracts import Purpose
from kernel.ui.templatetags.ui import local_text

#: Codes of `SalesLead.consent_basis`; others stand as they came.
BASES = {
    "consent": gettext_lazy("the person's consent"),
    "contract": gettext_lazy("steps before a contract that the person asked for"),
    "legal_obligation": gettext_lazy("a duty by law"),
    "legitimate_interest": gettext_lazy("a legitimate interest"),
}


@dataclass(frozen=True)
class Basis:
    """`known` is whether the sender named any; without one the person may be answered, and no more."""

    known: bool
    text: str


def of(lead: Lead) -> Basis:
    """The legal basis of one lead, in the language in force."""
    values = {
        "who": lead.source or _("somebody unnamed"),
        "day": local_text(lead.collected_at, "date") if lead.collected_at else "–",
        "purpose": Purpose.LEAD_HANDLING.label,
        "basis": BASES.get(lead.consent_basis, lead.consent_basis),
        "text": lead.consent_text_version,
    }
    if not lead.consent_basis:
        said = _(
            "Collected by %(who)s on %(day)s. No legal basis came with it: answer this wish and use the data for "
            "nothing else until the customer has agreed."
        )
        return Basis(False, said % values)
    if not lead.consent_text_version:
        return Basis(
            True, _("Collected by %(who)s on %(day)s for “%(purpose)s”. Legal basis: %(basis)s.") % values
        )  # fmt: skip
    said = _("Collected by %(who)s on %(day)s for “%(purpose)s” under the text %(text)s. Legal basis: %(basis)s.")
    return Basis(True, said % values)
