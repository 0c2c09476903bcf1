"""The difference between two sets of terms, in words: what is new, more, less, the same, or no longer asked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import TextChoices
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from kernel.contracts.agreements import Term
from kernel.contracts.base import Level, Purpose
from kernel.contracts.words import field_label


class Change(TextChoices):
    """How one line differs, seen from what the dealership gives."""

    NEW = "new", _("New")
    MORE = "more", _("More than today")
    LESS = "less", _("Less than today")
    SAME = "same", _("As today")
    GONE = "gone", _("No longer asked")


@dataclass(frozen=True)
class Difference:
    """One line. `before` or `after` is None where there is none; `words` are sentences in the language in force.

    A line that asks more in one way and less in another counts as more.
    """

    contract: str
    purpose: Purpose
    before: Term | None
    after: Term | None
    change: Change
    words: tuple[str, ...]

    @property
    def key(self) -> tuple[str, str]:
        return self.contract, str(self.purpose)


def compare(before: Iterable[Term], after: Iterable[Term]) -> list[Difference]:
    """Every line of either, those of `after` first and in its order. A line at level nothing counts as none."""
    old = {term.key: term for term in before if term.level is not Level.NOTHING}
    new = {term.key: term for term in after if term.level is not Level.NOTHING}
    lines = [_compare(old.get(key), term) for key, term in new.items()]
    gone = gettext("This is not asked for any more.")
    lines += [
        Difference(term.contract, term.purpose, term, None, Change.GONE, (gone,))
        for key, term in old.items()
        if key not in new
    ]
    return lines


def _compare(before: Term | None, after: Term) -> Difference:
    if before is None:
        said = gettext("It was not asked for until now; at most “%(level)s”.") % {"level": after.level.label}
        return Difference(after.contract, after.purpose, None, after, Change.NEW, (said, *_about(after)))
    more, less = _more_and_less(before, after)
    change = Change.MORE if more else Change.LESS if less else Change.SAME
    words = (*more, *less) or (gettext("Nothing changes."),)
    return Difference(after.contract, after.purpose, before, after, change, words)


def _about(term: Term) -> list[str]:
    """What a line that is new says beside its level."""
    said = []
    if term.required:
        said.append(gettext("It is required."))
    if term.fields_denied:
        said.append(gettext("Not asked: %(fields)s.") % {"fields": _fields(term.fields_denied)})
    said.append(kept_for(term.retention_days))
    if term.recipients:
        said.append(gettext("Also received by: %(names)s.") % {"names": ", ".join(term.recipients)})
    return said


def kept_for(days: int | None) -> str:
    """How long the manufacturer keeps what it received."""
    if days is None:
        return gettext("It is kept as long as the purpose lasts and the law demands.")
    return ngettext("It is kept %(days)d day.", "It is kept %(days)d days.", days) % {"days": days}


def _more_and_less(before: Term, after: Term) -> tuple[list[str], list[str]]:
    more: list[str] = []
    less: list[str] = []
    if before.level != after.level:
        words = {"before": before.level.label, "after": after.level.label}
        raised = after.level > before.level
        text = gettext("At most “%(after)s”, until now “%(before)s”.") % words
        (more if raised else less).append(text)
    if before.required != after.required:
        now = gettext("It is required now.") if after.required else gettext("It is not required any more.")
        (more if after.required else less).append(now)
    asked = set(before.fields_denied) - set(after.fields_denied)
    kept = set(after.fields_denied) - set(before.fields_denied)
    if asked:
        more.append(gettext("Asked for now: %(fields)s.") % {"fields": _fields(asked)})
    if kept:
        less.append(gettext("Not asked any more: %(fields)s.") % {"fields": _fields(kept)})
    if before.retention_days != after.retention_days:
        longer = _days(after.retention_days) > _days(before.retention_days)
        (more if longer else less).append(kept_for(after.retention_days))
    joined = [name for name in after.recipients if name not in before.recipients]
    left = [name for name in before.recipients if name not in after.recipients]
    if joined:
        more.append(gettext("Received by somebody new: %(names)s.") % {"names": ", ".join(joined)})
    if left:
        less.append(gettext("Received no more by: %(names)s.") % {"names": ", ".join(left)})
    return more, less


def _days(days: int | None) -> float:
    return float("inf") if days is None else days


def _fields(paths: Iterable[str]) -> str:
    return ", ".join(field_label(path) for path in sorted(paths))


def counted(lines: Iterable[Difference]) -> list[dict[str, Any]]:
    """How many lines there are of each kind, in the order new, more, less, gone, same; kinds without any left out."""
    found = list(lines)
    order = (Change.NEW, Change.MORE, Change.LESS, Change.GONE, Change.SAME)
    numbers = [(change, sum(line.change is change for line in found)) for change in order]
    return [{"change": change, "label": change.label, "number": number} for change, number in numbers if number]
