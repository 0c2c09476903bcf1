"""Names, in the reader's language, of what stands in contracts and in the ledger."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from dealer.sharing.flows import FLOWS
from dealer.sharing.models import Reading
from exchange.gate import Reason, Step
from kernel.accounts.roles import Role
from kernel.contracts.words import field_label

Text = str | Promise

#: Why a message was stopped or refused (codes of the ledger's `reason`).
STOPPED: dict[str, Text] = {
    "level_lowered": _("The level was lowered before it was delivered."),
    "consent_withdrawn": _("The customer withdrew the consent before it was delivered."),
}
#: Kinds of message that the switchboard has no level for.
OTHERS: dict[str, Text] = {
    "DailyCounts": _("Daily counts"),
    "SupportAccess": _("Support access"),
    "SharingDecision": _("Answers to agreements"),
    "BenchmarkReport": _("Figures of the network"),
}


def contract_label(contract: str) -> str:
    """What kind of data a contract carries."""
    return str(FLOWS[contract].title if contract in FLOWS else OTHERS.get(contract, contract))


def reason_label(code: str) -> str:
    """Why a field stayed."""
    return str(Reason(code).label) if code in Reason.values else code


def stopped_label(code: str) -> str:
    """Why a message did not arrive; a receiver's own code stands as it is."""
    return str(STOPPED.get(code, code))


def withheld_in_words(withheld: Mapping[str, str]) -> list[tuple[str, str]]:
    """Fields that stayed with their reasons, by name."""
    return [(field_label(path), reason_label(code)) for path, code in sorted(withheld.items())]


def path_in_words(path: Iterable[Mapping[str, object]]) -> list[str]:
    """The rules by which the gate decided, worked out again from what the ledger keeps."""
    return [Step.from_json(step).explain() for step in path]


def reader(row: Reading) -> str:
    """Who looked: the role, and the beginning of the manufacturer's own id of the person."""
    role = Role(row.reader_role).label if row.reader_role in Role.values else row.reader_role
    return gettext("%(role)s at the manufacturer (person %(person)s)") % {"role": role, "person": str(row.reader)[:8]}


#: What a list at the manufacturer can be narrowed by.
NARROWED: dict[str, Text] = {
    "q": _("name, phone or VIN"),
    "dealership": pgettext_lazy("narrowed by", "dealership"),
    "level": pgettext_lazy("narrowed by", "level"),
    "province": pgettext_lazy("narrowed by", "province"),
    "role": pgettext_lazy("narrowed by", "role"),
    "vin": pgettext_lazy("narrowed by", "VIN"),
}


def narrowed(row: Reading) -> str:
    """What the list was narrowed by, in words; "" for all."""
    return ", ".join(str(NARROWED.get(key, key)) for key in row.searched_by)
