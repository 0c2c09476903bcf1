"""Outcomes and laws in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from kernel.contracts import ErasureOutcome, KeptLine, laws

_OUTCOMES = {
    ErasureOutcome.DONE: gettext_lazy("Erased"),
    ErasureOutcome.NOBODY: gettext_lazy("The person is not known there"),
    ErasureOutcome.ASKED: gettext_lazy("The dealership decides"),
    ErasureOutcome.DECLINED: gettext_lazy("Declined by the dealership"),
}


def kept_in_words(lines: Iterable[KeptLine]) -> list[dict[str, Any]]:
    """What a law keeps: how many records, the article, what it says, and until which day."""
    found = []
    for line in lines:
        known = laws.rule(line["law"])
        found.append({**line, "says": known.words if known else ""})
    return found


def outcome_in_words(answer: Mapping[str, Any] | None) -> dict[str, Any]:
    """What a dealership that was asked has answered; that it has not yet."""
    if answer is None:
        return {"words": _("No answer yet"), "at": None, "records": None}
    return {
        "words": str(_OUTCOMES[ErasureOutcome(answer["outcome"])]),
        "at": datetime.fromisoformat(answer["at"]),
        "records": answer["records"],
    }
