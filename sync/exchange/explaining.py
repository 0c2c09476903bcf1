"""Who can see a record, and why: the same component on both sides, each with what its side knows.

A dealership knows everything: it recomputes the path of rules that the gate took from what its ledger keeps. The
manufacturer knows what came with the message: level, purpose, agreement, and for each field that stayed the code of
the reason (`kernel.contracts.WITHHELD`); of consents only that there is none in force. Neither keeps sentences.

An app says for its kind of record who may ask and how the answer is found:

    explaining.register("dealership", "claim", [Right.CLAIMS_READ], messages_about_claim)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render

from exchange.gate import Reason, Step, recompute
from exchange.models import InboxPayload
from kernel.accounts.access import may_open
from kernel.accounts.models import User
from kernel.accounts.roles import RIGHTS, Right, Role
from kernel.contracts import WITHHELD, Level
from kernel.contracts.words import field_label
from kernel.errors import Forbidden, Missing

#: `(id, user)` -> what is known; raises Missing for a record that is not there or not for this person.
Finder = Callable[[str, User], "Explanation"]


@dataclass(frozen=True)
class Statement:
    """What one side may know of the record for one purpose, and the rules that say so, in the language in force.

    `level` is None where nothing is known yet; `withheld` pairs each missing field with what withheld it.
    """

    title: str
    who: str
    level: Level | None
    rules: tuple[str, ...] = ()
    released: tuple[str, ...] = ()
    withheld: tuple[tuple[str, str], ...] = ()
    at: datetime | None = None
    note: str = ""
    url: str = ""


@dataclass(frozen=True)
class Explanation:
    """`here` are the roles on this side whose work the record belongs to."""

    here: tuple[str, ...]
    statements: tuple[Statement, ...]


_finders: dict[tuple[str, str], tuple[frozenset[Right], Finder]] = {}


def register(tier: str, kind: str, rights: Iterable[Right], finder: Finder) -> None:
    """Let people of a tier with one of the rights ask about a kind of record."""
    _finders[tier, kind] = (frozenset(rights), finder)


def explain(tier: str, kind: str, id: str, user: User) -> Explanation:
    """Who can see one record, and why. Raises Missing and Forbidden."""
    if (tier, kind) not in _finders:
        raise Missing()
    rights, finder = _finders[tier, kind]
    if not any(user.has(right) for right in rights):
        raise Forbidden()
    return finder(id, user)


def page(request: HttpRequest, tier: str, kind: str, id: str) -> HttpResponseBase:
    """The answer as a page, or as a part of one where htmx asks."""
    found = explain(tier, kind, id, request.user)
    statements = [(one, may_open(request.user, one.url) if one.url else False) for one in found.statements]
    template = "exchange/_explain.html" if getattr(request, "htmx", False) else "exchange/explain.html"
    return render(request, template, {"found": found, "statements": statements})


def roles_with(tier: str, *rights: Right) -> tuple[str, ...]:
    """The roles of a tier ("portal" or "dealership") that have one of the rights, in words."""
    return tuple(str(role.label) for role in Role if role.tier == tier and RIGHTS[role] & set(rights))


def level_of(path: Iterable[Mapping[str, Any]]) -> Level:
    """The level that a stored path of rules gives, worked out again."""
    return recompute([Step.from_json(step) for step in path])[0]


def in_words(withheld: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Fields that stayed, each with what withheld it."""
    return tuple(
        (field_label(path), str(Reason(code).label) if code in Reason.values else code)
        for path, code in sorted(withheld.items())
    )


def reasons_received(messages: Iterable[UUID]) -> dict[UUID, dict[str, str]]:
    """Why fields of received messages stayed, by message and field. A message whose content is no longer kept has no
    entry; one that came whole, or from a release before reasons travelled, an empty one. One query."""
    rows = InboxPayload.objects.filter(id__in=list(messages))
    return {row.id: {str(field): str(code) for field, code in row.body.get(WITHHELD, {}).items()} for row in rows}
