"""Names, in the reader's language, of what stands in contracts and in the ledger."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from dealer.sharing.flows import FLOWS
from dealer.sharing.models import Reading
from exchange.gate import Reason, Step
from kernel.accounts.roles import Role
from kernel.contracts import laws
from kernel.contracts.words import field_label

Text = str | Promise

#: Why a message was stopped or refused (codes of the ledger's `reason`).
STOPPED: dict[str, Text] = {
    "level_lowered": _("The level was lowered before it was delivered."),
    "consent_withdrawn": _("The customer withdrew the consent before it was delivered."),
    "withdrawn": _("Taken back later; the manufacturer's receipt is here."),
    "erased": _("The person it was about has been erased."),
}
#: Kinds of message that the switchboard has no level for.
OTHERS: dict[str, Text] = {
    "DailyCounts": _("Daily counts"),
    "SupportAccess": _("Support access"),
    "SharingDecision": _("Answers to agreements"),
    "BenchmarkReport": _("Figures of the network"),
    "Withdrawal": _("Taking back"),
    "ErasureRequest": _("Erasure of a person"),
    "ErasureReceipt": _("Answer to an erasure"),
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


# -- taking back and erasing

#: What an erased person's rows were, by table of the registry; what is not named here counts as traces.
TABLES: dict[str, Text] = {
    "customers.Customer": _("Name, contact and notes"),
    "customers.Consent": _("Proofs of consents"),
    "customers.Interaction": _("Contacts"),
    "customers.Vehicle": _("Plates of cars"),
    "sales.Lead": _("Leads"),
    "sales.Prospect": _("Prospects"),
    "sales.FollowUp": _("Follow-ups"),
    "sales.TestDrive": _("Test drives"),
    "sales.Quotation": _("Quotations"),
    "sales.SalesContract": _("Sales contracts"),
    "sales.Delivery": _("Deliveries"),
    "workshop.Appointment": _("Service appointments"),
    "workshop.RepairOrder": _("Repair orders"),
    "workshop.Job": _("Jobs in the workshop"),
    "warranty.Claim": _("Warranty claims"),
    "exchange.Payload": _("Messages to the manufacturer"),
    "exchange.InboxPayload": _("Messages from the manufacturer"),
    "audit.Entry": _("Quotes in the audit trail"),
}
_TRACES = _("Other traces")


def tables_in_words(rows: Mapping[str, int]) -> list[tuple[str, int]]:
    """What was (or would be) erased, in words, with numbers; the rest together at the end."""
    named = [(str(words), rows[label]) for label, words in TABLES.items() if rows.get(label)]
    rest = sum(number for label, number in rows.items() if label not in TABLES)
    return [*named, (str(_TRACES), rest)] if rest else named


def kept_in_words(kept: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What a law keeps: how many records, the article, what it says, and until which day."""
    found = []
    for line in kept:
        known = laws.rule(str(line["law"]))
        until = line["until"]
        found.append(
            {
                "records": line["records"],
                "article": line["article"],
                "says": known.words if known else "",
                "until": date.fromisoformat(until) if isinstance(until, str) else until,
            }
        )
    return found


def moment_of(text: str | None) -> datetime | None:
    """A time as contracts write it."""
    return datetime.fromisoformat(text) if text else None
