"""What the gate promises, tried on many thousands of drawn records, policies, consents and laws.

Each property is a function of one drawn case that asserts; Hypothesis draws the cases from a seed. Controls are
properties that are false: they must be refuted in the same run.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from importlib import import_module
from importlib.util import find_spec
from random import Random
from typing import Any
from uuid import uuid4

from django.db import transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st

from dealernet.proofs import Result
from dealernet.proofs import tampering as tamper
from dealernet.proofs.attacking import any_day, pinned
from dealernet.proofs.strategies import AT, HASH, cases, lets_no_more_out, narrowings, run
from exchange import courier, outbound
from exchange.chain import anchors
from exchange.gate import Policy, Step, decide, effective_level, preview, recompute
from exchange.law import law_rules
from exchange.models import Payload
from exchange.pseudonyms import Pseudonymiser
from kernel.accounts.actors import SYSTEM
from kernel.contracts import WITHHELD, DailyCounts, Level, Purpose, is_pseudonym, laws
from kernel.tenancy.bindings import MANUFACTURER_ID, Courier, bound
from kernel.testing.clocks import at as clock_at
from kernel.testing.network import Side
from kernel.testing.records import CANARY

#: Examples in all, of a whole run.
EXAMPLES = 12_000
#: The database of its network on a throw-away server.
DATABASE = "dealernet_policy"


@dataclass(frozen=True)
class Property:
    """A promise: what is drawn, what must hold of it, and which part of all examples it gets."""

    name: str
    draws: dict[str, Any]
    holds: Callable[..., None]
    weight: float = 1.0


def _no_more(narrow: Any, broad: Any, purpose: Purpose) -> None:
    assert narrow.effective <= broad.effective
    assert narrow.sends <= broad.sends
    assert narrow.counted <= (broad.counted or broad.sends)
    assert lets_no_more_out(narrow.released, broad.released, purpose)


def one_more_restriction(data: st.DataObject, case: Any) -> None:
    """A lower ceiling or template, one more law or denied field, a consent that is gone: never lets more out."""
    record, told, consent = case
    narrow = run((record, *data.draw(narrowings(type(record), told, consent))))
    _no_more(narrow, run(case), told.purpose)


def law_of_a_place(case: Any, place: str) -> None:
    """The law packs that ship with the product never let more out, wherever the dealership is."""
    record, told, consent = case
    _no_more(run((record, replace(told, law=(*told.law, *law_rules(place))), consent)), run(case), told.purpose)


def no_consent(case: Any) -> None:
    """Without a consent nothing leaves that names or reaches a person for a purpose that needs one."""
    record, told, _consent = case
    decision = run((record, told, None))
    if record.spec.names_person:
        assert decision.effective < Level.FULL
        assert CANARY not in json.dumps(decision.released, ensure_ascii=False)


def preview_is_sending(case: Any) -> None:
    """A preview says of a record what sending then does, field by field."""
    record, told, consent = case
    decision = run(case)
    summed = preview([(record, consent)], told, at=AT, pseudonymiser=HASH)
    assert summed.examples == (decision,)
    assert (summed.sent, summed.counted) == (decision.sends, decision.counted)
    assert set(summed.released) == {name for name, value in decision.released.items() if value is not None}
    assert summed.withheld == {path: {reason: 1} for path, reason in decision.withheld.items()}


def explanation(case: Any) -> None:
    """The stored path gives the level again, and explains itself whole."""
    record, told, consent = case
    decision = run(case)
    stored = [Step.from_json(body) for body in json.loads(json.dumps([step.to_json() for step in decision.path]))]
    assert recompute(stored)[0] is decision.effective
    assert effective_level(type(record), told, consent, at=AT) is decision.effective
    assert [step.explain() for step in stored] == decision.explain()
    assert all("%(" not in sentence for sentence in decision.explain())


def leaves_or_stays(case: Any) -> None:
    """Every field leaves, or stays with a reason, and never both."""
    record, _told, _consent = case
    decision = run(case)
    stayed = {path for path in decision.withheld if "[" not in path}
    assert stayed | set(decision.released) == set(record.spec.fields)
    assert not stayed & set(decision.released)


def pseudonyms(value: str, purposes: list[Purpose], network: str) -> None:
    """The same value has one pseudonym for a purpose and another for every other purpose, network and key."""
    first, second = purposes
    made = HASH(first, value)
    assert is_pseudonym(made)
    assert made == HASH(first, value)
    assert made != HASH(second, value)
    assert made != Pseudonymiser(b"k" * 32, f"{network}x" if network == "demo" else network)(first, value)
    assert made != Pseudonymiser(b"l" * 32, "demo")(first, value)
    assert len(value) < 4 or value not in made


def pseudonyms_of_records(case: Any) -> None:
    """What leaves of one record for two purposes under a pseudonym has no word in common that could join the two."""
    record, told, _consent = case
    keyed = [name for name, field in record.spec.fields.items() if field.mark.pseudonymise]
    narrow = replace(told, law=(), fields_denied=frozenset(), template=Level.PSEUDONYMOUS, ceiling=Level.PSEUDONYMOUS)
    released = decide(record, narrow, None, at=AT, pseudonymiser=HASH).released
    for name in keyed:
        assert released[name] == HASH(told.purpose, getattr(record, name))
        assert all(released[name] != HASH(other, getattr(record, name)) for other in Purpose if other != told.purpose)


def counts(seed: int, number: int, cells: int) -> None:
    """Whoever knows the rules and sees every report of sixty days works out no number below the floor."""
    rng = Random(seed)  # noqa: S311 - draws cases, guards nothing
    for _day in range(60):
        assert pinned(any_day(rng, purposes=number, cells=cells), "abc"[: cells - 1]) == []


def _control_more(data: st.DataObject, case: Any) -> None:
    """False: a restriction never changes what leaves."""
    record, told, consent = case
    assert run((record, *data.draw(narrowings(type(record), told, consent)))).released == run(case).released


def _control_counts(seed: int, number: int, cells: int) -> None:
    """False: without the rule of steady days nothing can be worked out either."""
    rng = Random(seed)  # noqa: S311 - draws cases, guards nothing
    for _day in range(60):
        assert pinned(any_day(rng, purposes=2, cells=1), "", steady_rule=False) == []


_CASE: dict[str, Any] = {"case": cases()}
_COUNTS: dict[str, Any] = {
    "seed": st.integers(0, 2**32),
    "number": st.integers(1, 2),
    "cells": st.integers(1, 3),
}
PROPERTIES = (
    Property("one more restriction lets no more out", {"data": st.data(), **_CASE}, one_more_restriction, 3),
    Property(
        "the law of a place lets no more out",
        {**_CASE, "place": st.sampled_from(["US-MD", *laws.places(), "JP"])},
        law_of_a_place,
        2,
    ),
    Property("without consent nobody is named", _CASE, no_consent, 1.5),
    Property("a preview is what is then sent", _CASE, preview_is_sending, 1.5),
    Property("the explanation gives the level again", _CASE, explanation, 1.5),
    Property("every field leaves or stays with a reason", _CASE, leaves_or_stays, 1),
    Property(
        "pseudonyms differ by purpose, network and key",
        {
            "value": st.text(min_size=1, max_size=60),
            "purposes": st.lists(st.sampled_from(list(Purpose)), min_size=2, max_size=2, unique=True),
            "network": st.text(st.characters(exclude_characters="|", exclude_categories=["Cs"]), max_size=20),
        },
        pseudonyms,
        1,
    ),
    Property("two purposes share no pseudonym of a record", _CASE, pseudonyms_of_records, 1),
    Property("counts resist differences", _COUNTS, counts, 0.05),
)
CONTROLS = (
    Property("a restriction changes nothing", {"data": st.data(), **_CASE}, _control_more),
    Property("without steady days counts resist differences", _COUNTS, _control_counts),
)


@dataclass(frozen=True)
class Stage:
    """A network that was made for the proof: its database, the manufacturer and a dealership."""

    database: str
    portal: Side
    dealer: Side


def prove(*, seed: int = 0, examples: int = EXAMPLES, people: int = 100, stage: Stage | None = None) -> Result:
    """Try every property, about `examples` times in all, and every control; on a `stage` also, that what is sent is
    what a preview said, that tampering with the ledger is found, and that erasing `people` leaves nothing of them.
    """
    result = Result("policy", figures={"examples": 0, "properties": len(PROPERTIES), "controls_red": 0})
    _try_properties(result, seed, examples)
    if stage is not None:
        really_sent(result, stage, seed=seed, examples=max(5, examples // 40))
        tampering(result, stage)
        erasure(result, stage, people=people)
    return result


# -- on a network ----------------------------------------------------------------------------------------------


def really_sent(result: Result, stage: Stage, *, seed: int, examples: int) -> None:
    """What the exchange writes for a record is what the preview said of it at the same moment, to the last field."""

    def same(case: Any) -> None:
        record, told, consent = case
        pseudonymiser = outbound.pseudonymiser()
        summed = preview([(record, consent)], told, at=AT, pseudonymiser=pseudonymiser)
        said = summed.examples[0]
        with clock_at(AT), transaction.atomic():
            row = outbound.release(
                record,
                to=MANUFACTURER_ID,
                subject=uuid4(),
                purpose=told.purpose,
                policy=told,
                consent=consent,
                actor=SYSTEM,
                event_at=AT,
            )
            payload = Payload.objects.filter(id=row.id).first()
            transaction.set_rollback(True)
        left = {name: value for name, value in payload.body.items() if name != WITHHELD} if payload else {}
        assert left == said.released
        assert (payload is not None) == said.sends
        assert row.withheld == {path: str(reason) for path, reason in said.withheld.items()}
        assert recompute(Step.from_json(body) for body in row.path)[0] is said.effective
        result.count("really_sent")

    up = cases().filter(lambda case: case[0].spec.direction != "down")
    with stage.dealer.bound():
        wrong = _refute(Property("what is sent is what the preview said", {"case": up}, same), seed, examples, result)
    if wrong:
        result.violations.append(f"what is sent is what the preview said: {wrong}")


def tampering(result: Result, stage: Stage) -> None:
    """Six kinds of change to a dealership's ledger by whoever owns the database, each found as what it is."""
    for batch in range(3):
        for day in range(1, 4):
            with stage.dealer.bound():
                _leave(day=3 * batch + day)
        courier.sweep()
    with bound(Courier()):
        anchors.anchor_what_is_due(courier.parties())
    found = tamper.found_kinds(stage.database, stage.dealer.schema)
    if found.pop("none"):
        result.violations.append("tampering: a ledger that nobody touched is found to be changed")
    result.figures["tampering_tried"] = len(found)
    result.figures["tampering_found"] = sum(kinds == [kind] for kind, kinds in found.items())
    for kind, kinds in found.items():
        if kinds != [kind]:
            result.violations.append(f"tampering: {kind} is found as {kinds or 'nothing'}")


def _leave(*, day: int) -> None:
    purpose = Purpose.ANALYTICS
    outbound.release(
        DailyCounts(of="ServiceVisit", day=date(2026, 5, day), dimension="kind", cells={"repair": 7}, total=7),
        to=MANUFACTURER_ID,
        subject=uuid4(),
        purpose=purpose,
        policy=Policy(
            contract="DailyCounts",
            purpose=purpose,
            template=Level.FULL,
            ceiling=Level.FULL,
            required=False,
            agreement_version="1",
        ),
        actor=SYSTEM,
        event_at=AT,
    )


def erasure(result: Result, stage: Stage, *, people: int) -> None:
    """Nothing of erased people is left; `dealernet.proofs.erasure` plants and looks."""
    name = "dealernet.proofs.erasure"
    if find_spec(name) is None:
        result.violations.append("erasure: not available, nothing was erased and looked for")
        return
    found = import_module(name).prove(stage.portal, stage.dealer, people=people)
    result.figures["erased"] = found.figures["erased"]
    result.figures["erasure_canaries"] = found.figures["left"]
    result.violations += [f"erasure: {violation}" for violation in found.violations]


# -- properties ------------------------------------------------------------------------------------------------


def _try_properties(result: Result, seed: int, examples: int) -> None:
    whole = sum(one.weight for one in PROPERTIES)
    for one in PROPERTIES:
        wrong = _refute(one, seed, max(5, round(examples * one.weight / whole)), result)
        if wrong:
            result.violations.append(f"{one.name}: {wrong}")
    for one in CONTROLS:
        if _refute(one, seed, 200, Result("control", figures={"examples": 0})):
            result.figures["controls_red"] += 1
        else:
            result.violations.append(f"the control “{one.name}” was not refuted")


def _refute(one: Property, seed: int, most: int, result: Result) -> str:
    """Why a property does not hold, "" if it does. Counts the examples that were tried."""

    def tried(**drawn: Any) -> None:
        result.count("examples")
        one.holds(**drawn)

    found = settings(
        max_examples=most,
        database=None,
        deadline=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )(seeded(seed)(given(**one.draws)(tried)))
    try:
        found()
    except Exception as error:
        return f"{type(error).__name__}: {error}"[:500]
    return ""
