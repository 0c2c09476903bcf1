"""Today's list: what each person has to do next, put together from what the apps know.

An app says in its `navigation.py` what it has for people with certain rights:

    today.register("sales.overdue", overdue, [Right.SALES_WORK], title=_("Overdue follow-ups"), order=20)

`overdue(user)` gives the lines, the most urgent first. Every line has one obvious next step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from kernel.accounts.models import User
from kernel.accounts.roles import Right

#: Lines of one section that are shown; `more_url` leads to the rest.
SHOWN = 8


@dataclass(frozen=True)
class Line:
    """One thing to do. `url` is where it is done, and `step` the words on its button.

    `due` counts down (or says "overdue"); `at` is a plain time; `phone` (E.164) becomes a call button. `state` and
    `temperature` become chips; `facts` are small words below.
    """

    title: Any
    url: str
    step: Any = ""
    text: Any = ""
    facts: Sequence[Any] = ()
    phone: str = ""
    who: str = ""
    due: datetime | None = None
    at: datetime | None = None
    state: Any = ""
    state_label: Any = ""
    temperature: str = ""


Provider = Callable[[User], Iterable[Line]]


@dataclass(frozen=True)
class Source:
    """A registered provider."""

    name: str
    provider: Provider
    rights: frozenset[Right]
    title: Any
    order: int
    icon: str
    tone: str
    more_url_name: str


@dataclass(frozen=True)
class Section:
    """A source with what it gave for one person; `more` says that there is more than is shown."""

    source: Source
    lines: list[Line]
    more: bool


_sources: dict[str, Source] = {}


def register(
    name: str,
    provider: Provider,
    rights: Iterable[Right],
    *,
    title: Any,
    order: int = 100,
    icon: str = "list-checks",
    tone: str = "",
    more_url_name: str = "",
) -> None:
    """Add a section for everyone with one of `rights`; the lowest `order` stands on top. The same name replaces.

    `provider(user)` must cost a fixed number of queries (aim for one) and may be a generator: what is not shown is
    not asked for.
    """
    _sources[name] = Source(name, provider, frozenset(rights), title, order, icon, tone, more_url_name)


def unregister(name: str) -> None:
    _sources.pop(name, None)


def sections_for(user: User) -> list[Section]:
    """What a person has to do, most urgent section first; sections without anything are left out."""
    found = []
    for source in sorted(_sources.values(), key=lambda one: (one.order, one.name)):
        if not any(user.has(right) for right in source.rights):
            continue
        lines = list(islice(source.provider(user), SHOWN + 1))
        if lines:
            found.append(Section(source, lines[:SHOWN], len(lines) > SHOWN))
    return found
