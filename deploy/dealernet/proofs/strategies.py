"""Hypothesis strategies for the gate: records, policies, consents and laws, and one more restriction of any kind."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from exchange.gate import MANUFACTURER, Consent, Decision, LawEffect, LawRule, Policy, decide, narrower
from exchange.pseudonyms import Pseudonymiser
from kernel.contracts import REQUIRABLE, Contract, FieldClass, Level, Purpose, all_contracts
from kernel.testing.records import records

#: When the gate decides, and with which key.
AT = datetime(2026, 3, 4, 12, tzinfo=UTC)
HASH = Pseudonymiser(b"k" * 32, "demo")
#: What every law rule here says about itself.
LAW: dict[str, Any] = {"pack": "CN", "version": "1", "article": "art. 23", "valid_from": date(2021, 11, 1)}

every_contract = st.sampled_from(all_contracts())
moments = st.datetimes(AT.replace(tzinfo=None) - timedelta(days=3), AT.replace(tzinfo=None) + timedelta(days=3))
instants = moments.map(lambda moment: moment.replace(tzinfo=UTC))
levels = st.sampled_from(list(Level))
purposes = st.sampled_from(list(Purpose))


def deniable(contract: type[Contract]) -> list[str]:
    return [path for path, mark in contract.spec.paths.items() if mark.field_class is not FieldClass.REFERENCE]


@st.composite
def law_rules(draw: st.DrawFn, contract: type[Contract]) -> LawRule:
    effect = draw(st.sampled_from(list(LawEffect)))
    told = LAW | {
        "effect": effect,
        "contract": draw(st.sampled_from([None, contract.spec.name, "Receipt"])),
        "purpose": draw(st.none() | purposes),
        "valid_until": draw(st.none() | st.just(date(2026, 3, 1))),
    }
    if effect is LawEffect.CAP_LEVEL:
        told |= {"cap": draw(levels)}
    if effect is LawEffect.FORBID_FIELD:
        by_class = st.fixed_dictionaries({"field_class": st.sampled_from(list(FieldClass))})
        by_path = st.fixed_dictionaries({"field": st.sampled_from(list(contract.spec.paths))})
        told |= draw(by_class | by_path)
    return LawRule(**told)


@st.composite
def policies(draw: st.DrawFn, contract: type[Contract]) -> Policy:
    purpose = draw(st.sampled_from(sorted(contract.spec.purposes)))
    paths = deniable(contract)
    denials = st.frozensets(st.sampled_from(paths), max_size=3) if paths else st.just(frozenset())
    return Policy(
        contract=contract.spec.name,
        purpose=purpose,
        template=draw(levels | st.just(Level.FULL)),
        ceiling=draw(levels | st.just(Level.FULL)),
        required=draw(st.booleans()) if purpose in REQUIRABLE else False,
        agreement_version="1",
        fields_denied=draw(denials),
        law=tuple(draw(st.lists(law_rules(contract), max_size=2))),
    )


@st.composite
def consents(draw: st.DrawFn, purpose: Purpose) -> Consent | None:
    full = Consent(
        granted=True,
        purpose=purpose,
        recipient=MANUFACTURER,
        text_version="1",
        given_at=AT - timedelta(days=9),
    )
    changed = st.builds(
        Consent,
        granted=st.booleans(),
        purpose=purposes | st.just(purpose),
        recipient=st.sampled_from([MANUFACTURER, "finance"]),
        text_version=st.just("1"),
        given_at=instants,
        expires_at=st.none() | instants,
        withdrawn_at=st.none() | instants,
    )
    return draw(st.just(full) | st.none() | changed)


@st.composite
def cases(draw: st.DrawFn) -> tuple[Contract, Policy, Consent | None]:
    contract = draw(every_contract)
    told = draw(policies(contract))
    return draw(records(contract, canaries=True)), told, draw(consents(told.purpose))


def run(case: tuple[Contract, Policy, Consent | None]) -> Decision:
    record, told, consent = case
    return decide(record, told, consent, at=AT, pseudonymiser=HASH)


def lets_no_more_out(narrow: Any, broad: Any, purpose: Purpose) -> bool:
    """Whether every value of `narrow` is in `broad` too, or is the hash of what is there in clear."""
    if isinstance(narrow, dict) and isinstance(broad, dict):
        return all(key in broad and lets_no_more_out(narrow[key], broad[key], purpose) for key in narrow)
    if isinstance(narrow, list) and isinstance(broad, list):
        pairs = zip(narrow, broad, strict=False)
        return len(narrow) == len(broad) and all(lets_no_more_out(one, two, purpose) for one, two in pairs)
    return bool(narrow == broad or (isinstance(broad, str) and narrow == HASH(purpose, broad)))


@st.composite
def narrowings(
    draw: st.DrawFn, contract: type[Contract], told: Policy, consent: Consent | None
) -> tuple[Policy, Consent | None]:
    """The same policy and consent with one more restriction of any kind."""
    laws = law_rules(contract).map(lambda rule: (replace(told, law=(rule, *told.law)), consent))
    later_laws = law_rules(contract).map(lambda rule: (replace(told, law=(*told.law, rule)), consent))
    lower = levels.map(lambda level: (replace(told, ceiling=narrower(told.ceiling, level)), consent))
    asks_less = levels.map(lambda level: (replace(told, template=narrower(told.template, level)), consent))
    kinds = [laws, later_laws, lower, asks_less, st.just((told, None))]
    if deniable(contract):
        paths = st.sampled_from(deniable(contract))
        kinds.append(paths.map(lambda path: (replace(told, fields_denied=told.fields_denied | {path}), consent)))
    if consent:
        withdrawn = replace(consent, withdrawn_at=min(consent.withdrawn_at or AT, AT))
        expired = replace(consent, expires_at=min(consent.expires_at or AT, AT))
        kinds += [st.just((told, withdrawn)), st.just((told, expired))]
    return draw(st.one_of(kinds))
