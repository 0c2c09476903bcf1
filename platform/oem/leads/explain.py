"""A kept routing decision in words: who could have had the lead, with which marks, and why the others could not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models.fields.json import KeyTransform

from oem.leads import words
from oem.leads.models import Lead, Routing

#: So many candidates are drawn; a network may have a thousand dealerships.
SHOWN = 8


@dataclass(frozen=True)
class Candidate:
    """One dealership as routing marked it. `bar` is what the score bar shows: never below 0."""

    name: str
    score: int
    bar: int
    chosen: bool
    excluded: str
    rules: list[tuple[str, str]]


@dataclass(frozen=True)
class Explanation:
    """One decision: what was asked, who was considered (best first), who was left out."""

    decision: Routing
    reason: str
    chosen: str
    top: int
    candidates: list[Candidate]
    excluded: list[Candidate]
    more: int
    more_excluded: int


def latest(lead: Lead) -> tuple[Routing | None, list[Routing]]:
    """The last decision of a lead and the earlier ones, without the bulk of their inputs; one query."""
    kept: list[Routing] = list(lead.routings.defer("inputs").annotate(wish=KeyTransform("wish", "inputs"))[:10])
    return (kept[0], kept[1:]) if kept else (None, [])


def explain(decision: Routing, names: Mapping[UUID, str]) -> Explanation:
    """Put a decision of `latest` into words; `names` are the dealerships' names by id."""
    wish: Mapping[str, Any] = vars(decision)["wish"]
    marked = [_candidate(one, decision, wish, names) for one in decision.candidates]
    fitting = [one for one in marked if not one.excluded or one.chosen]
    excluded = [one for one in marked if one.excluded and not one.chosen]
    return Explanation(
        decision=decision,
        reason=words.word(words.CHOICES, decision.reason),
        chosen=names.get(decision.chosen, "") if decision.chosen else "",
        top=max([one.bar for one in fitting], default=0) or 1,
        candidates=fitting[:SHOWN],
        excluded=excluded[:SHOWN],
        more=max(0, len(fitting) - SHOWN),
        more_excluded=max(0, len(excluded) - SHOWN),
    )


def _candidate(
    one: Mapping[str, Any], decision: Routing, wish: Mapping[str, Any], names: Mapping[UUID, str]
) -> Candidate:
    rules = [(f"{rule['points']:+d}", words.rule_in_words(rule["code"], wish, one)) for rule in one["rules"]]
    return Candidate(
        name=names.get(UUID(one["dealership"]), one["slug"]),
        score=one["score"],
        bar=max(0, one["score"]),
        chosen=one["dealership"] == str(decision.chosen),
        excluded=words.word(words.EXCLUSIONS, one["excluded"]) if one["excluded"] else "",
        rules=rules,
    )
