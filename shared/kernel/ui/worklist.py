"""A tier's start page: what each person has to do next, put together from what the apps know.

    worklist.register("sales.overdue", overdue, [Right.SALES_WORK], title=_("Overdue follow-ups"), order=20)

`overdue(user)` gives the lines, the most urgent first. Every line has one obvious next step.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render

from kernel.accounts.models import User
from kernel.accounts.roles import Right
from kernel.ui import navigation

#: Lines of one section that are shown; `more_url_name` leads to the rest.
SHOWN = 8


@dataclass(frozen=True)
class Line:
    """One thing to do. `url` is its page; `step` the words on the button and `step_url` where the button leads (`url`
    without it). `post` marks a step that is done at once.

    `due` counts down (or says "overdue"); `at` is a plain time, `since` one that is shown as an age; `phone` (E.164)
    becomes a call button for `who`. `state` and `temperature` become chips; `facts` are small words below.
    """

    title: Any
    url: str
    step: Any = ""
    step_url: str = ""
    post: bool = False
    text: Any = ""
    facts: Sequence[Any] = ()
    phone: str = ""
    who: str = ""
    due: datetime | None = None
    at: datetime | None = None
    since: datetime | None = None
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


class Worklist:
    """The sources of one start page, by name."""

    def __init__(self) -> None:
        self.sources: dict[str, Source] = {}

    def register(
        self,
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
        self.sources[name] = Source(name, provider, frozenset(rights), title, order, icon, tone, more_url_name)

    def unregister(self, name: str) -> None:
        """Take a section away."""
        self.sources.pop(name, None)

    def sections_for(self, user: User) -> list[Section]:
        """What a person has to do, most urgent section first; sections without anything are left out."""
        found = []
        for source in sorted(self.sources.values(), key=lambda one: (one.order, one.name)):
            if not any(user.has(right) for right in source.rights):
                continue
            lines = list(islice(source.provider(user), SHOWN + 1))
            if lines:
                found.append(Section(source, lines[:SHOWN], len(lines) > SHOWN))
        return found

    def page(self, request: HttpRequest, *, title: Any, no_jobs: Collection[str]) -> HttpResponseBase:
        """The start page of whoever asks; without anything to do, the pages of the role but those named `no_jobs`."""
        sections = self.sections_for(request.user)
        jobs = []
        if not sections:
            jobs = [entry for item, entry in navigation.entries(request) if not item.menu and item.key not in no_jobs]
        return render(request, "ui/worklist.html", {"title": title, "sections": sections, "jobs": jobs})
