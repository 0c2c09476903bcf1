"""Preview: what a level would let out of the dealership's own latest records, by the very gate that sends."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from dealer.customers.models import Customer, Recipient
from dealer.customers.queries import consents_for
from dealer.sharing import queries, words
from dealer.sharing.flows import Sample, samples
from dealer.sharing.models import Agreement, Grant
from exchange import gate
from exchange.outbound import pseudonymiser
from kernel import clock
from kernel.contracts import FieldClass, Level
from kernel.contracts.agreements import Term

#: Records that a preview looks at.
MOST = 50
#: Days that the preview of a proposal looks back, records of one kind that it looks at, and people that it names.
LOOK_BACK = 90
MOST_IN_DAYS = 1000
PEOPLE = 10


@dataclass(frozen=True)
class FieldLine:
    """One field in a preview or in the ledger: what leaves of it, or why it stays."""

    path: str
    label: str
    field_class: str
    leaves: bool
    value: str
    reason: str


def preview(grant: Grant, level: Level, *, limit: int = MOST) -> gate.Preview:
    """What would leave of the latest records if `level` were the ceiling. Nothing is sent."""
    policy = queries.policy_of(grant, grant.agreement.version, ceiling=level)
    return _through_the_gate(policy, samples(grant.contract, limit))


@dataclass(frozen=True)
class TermPreview:
    """What a proposed line would let out of the dealership's own last days, at a ceiling.

    `people` are the first of the `found.named` customers whom a record would name, each once; `cut` says that there
    are more records than were looked at.
    """

    found: gate.Preview
    people: list[Customer]
    released: list[tuple[str, int]]
    withheld: list[tuple[str, str, int]]
    days: int
    cut: bool


def preview_of_term(agreement: Agreement, term: Term, ceiling: Level) -> TermPreview:
    """What `term` would have let out in the last days under `ceiling`: by the gate that sends, with the consents and
    the law of today. Nothing is sent."""
    since = clock.now() - timedelta(days=LOOK_BACK)
    cases = samples(term.contract, MOST_IN_DAYS + 1, since)
    cut, cases = len(cases) > MOST_IN_DAYS, cases[:MOST_IN_DAYS]
    found = _through_the_gate(queries.policy_of_term(term, agreement.version, ceiling), cases)
    people: dict[UUID, Customer] = {}
    for place in found.named_at:
        customer = cases[place][1]
        if customer is not None:
            people.setdefault(customer.pk, customer)
    return TermPreview(
        found=found,
        people=list(people.values())[:PEOPLE],
        released=[(words.field_label(path), number) for path, number in found.released.items()],
        withheld=[
            (words.field_label(path), words.reason_label(reason), number)
            for path, reasons in found.withheld.items()
            for reason, number in reasons.items()
        ],
        days=LOOK_BACK,
        cut=cut,
    )


def _through_the_gate(policy: gate.Policy, cases: list[Sample]) -> gate.Preview:
    customers = [customer.pk for _record, customer in cases if customer]
    consents = consents_for(customers, policy.purpose, Recipient.MANUFACTURER)
    records = [(record, consents.get(customer.pk) if customer else None) for record, customer in cases]
    return gate.preview(records, policy, at=clock.now(), pseudonymiser=pseudonymiser(), examples=1)


def decision_lines(decision: gate.Decision) -> list[FieldLine]:
    """Every field of one decision."""
    withheld = {path: str(reason) for path, reason in decision.withheld.items()}
    return lines(decision.contract, decision.released, withheld)


def lines(contract: str, released: dict[str, Any], withheld: dict[str, str]) -> list[FieldLine]:
    """Every field of a contract: first what leaves, then what stays, with the reason."""
    spec = queries.upward_contracts().get(contract)
    if spec is None:
        return []
    found = []
    for path, mark in spec.paths.items():
        top = path.partition("[")[0]
        reason = withheld.get(path) or withheld.get(top)
        if path != top and (top in withheld or reason is None):
            continue  # keys of a list are named only where one of them stays by itself
        found.append(
            FieldLine(
                path=path,
                label=words.field_label(path),
                field_class=str(FieldClass(mark.field_class).label),
                leaves=reason is None and path in released,
                value=shown(released.get(path)) if reason is None else "",
                reason=words.reason_label(reason) if reason else "",
            )
        )
    return sorted(found, key=lambda line: not line.leaves)


def shown(value: Any) -> str:
    """A value of a payload as text."""
    if value is None:
        return "–"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=1)


def static_fields(contract: str, level: Level) -> tuple[list[str], list[str]]:
    """Names of the fields that may leave at a level, and of those that stay, whatever the record."""
    spec = queries.upward_contracts()[contract]
    if level < Level.PSEUDONYMOUS:
        return [], [words.field_label(path) for path in spec.fields]
    leave: list[str] = []
    stay: list[str] = []
    for path, mark in spec.paths.items():
        if "[" in path and not mark.stays_when_pseudonymous:
            continue
        stays = level is Level.PSEUDONYMOUS and mark.stays_when_pseudonymous
        if "[" in path and not stays:
            continue
        (stay if stays else leave).append(words.field_label(path))
    return leave, stay
