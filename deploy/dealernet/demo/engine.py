"""Living through the past: stories told by generators, in one order of time, through the product's own actions.

A *story* is a generator. It yields `Do` for something that somebody does at a certain time, and gets back the id of
what came of it; and `Look` for something that it wants to read. The engine takes the step with the earliest time of
all stories, binds to its member, sets the kernel's clock, runs the action in one transaction, and writes the step's
name into the request id of the audit rows. So the audit trail says which steps are done: started again after being
killed, a story runs through its finished steps without doing them again.

While a day is lived, this process alone carries messages and applies them (`exchange.inbox.take_turn`), so that no
worker applies a message of the past with the clock of today. It holds the turn for one day of the past at a time.
"""

from __future__ import annotations

import heapq
import itertools
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

from django.core.exceptions import ObjectDoesNotExist
from django.db import connection, transaction
from django.db.transaction import TransactionManagementError
from django.utils import translation

from dealer.sharing.actions import give_figures, send_due_counts
from dealernet.demo.times import LOCAL, chance
from exchange import courier, inbox
from kernel import clock
from kernel.accounts.actors import Actor
from kernel.accounts.models import User
from kernel.accounts.roles import Role
from kernel.audit import coming_from
from kernel.audit.models import Entry, Origin
from kernel.errors import DomainError
from kernel.reference.models import Variant
from kernel.reference.queries import catalogue
from kernel.tenancy.bindings import MANUFACTURER_ID, Courier, Dealer, Portal, bound
from kernel.tenancy.models import Kind, Tenant
from oem.insight.actions import count_month

PORTAL = "portal"
DAYS = 730
#: The last days before today, whose stories stand before READY; what was earlier follows in the background.
WINDOW_DAYS = 212
#: Seconds after which others get their turn between two steps of the background's work.
LONGEST_TURN = 0.4
#: Days of a month on which the figures of the one before are given, and counted by the manufacturer.
GIVEN_ON, COUNTED_ON = 3, 8
_PERMIT = clock.allow_history()


@dataclass(frozen=True)
class Do:
    """One step: at `at` (aware) member `who` runs `act`.

    `name` is unique within the story. `gives` is the label ("sales.quotation") of the audited object whose id the
    story gets back. `then`: members whose messages are carried at once, and applied where they arrive. `holds`: while
    this step is to come, something stands open that today's clock would end (an offer of the past).
    """

    at: datetime
    who: str
    name: str
    act: Callable[[], Any]
    gives: str = ""
    then: tuple[str, ...] = ()
    holds: bool = False


@dataclass(frozen=True)
class Look:
    """Something a story reads at member `who`; it gets back what `read` returns."""

    who: str
    read: Callable[[], Any]


Story = Generator[Do | Look, Any, None]


@dataclass
class Side:
    """A member of the network with its people by role, in the order in which they were added."""

    slug: str
    binding: Portal | Dealer
    people: dict[str, list[Actor]] = field(default_factory=lambda: defaultdict(list))
    by_id: dict[UUID | None, Actor] = field(default_factory=dict)

    @property
    def id(self) -> UUID:
        return self.binding.id if isinstance(self.binding, Dealer) else MANUFACTURER_ID

    def one(self, role: Role, rng: Random | None = None) -> Actor:
        """Somebody of that role; without `rng` the first."""
        found = self.people[role]
        return rng.choice(found) if rng else found[0]


@dataclass
class Figures:
    """What was done: steps, steps found done, refusals of actions, messages applied."""

    steps: int = 0
    known: int = 0
    messages: int = 0
    refused: list[str] = field(default_factory=list)


class World:
    """The network and the plan's constants; `today` is the moment at which the past ends (aware)."""

    def __init__(self, *, seed: int, scale: float, today: datetime) -> None:
        self.seed, self.scale = seed, scale
        self.today = today.astimezone(UTC)
        self.first_day = (self.today - timedelta(days=DAYS)).astimezone(LOCAL).date()
        self.window = (self.today - timedelta(days=WINDOW_DAYS)).astimezone(LOCAL).date()
        self.last_day = self.today.astimezone(LOCAL).date()
        self.sides: dict[str, Side] = {}
        self.slugs: dict[UUID, str] = {}
        self.variants: list[Variant] = []
        self.done: dict[str, dict[str, str]] = {}
        self.parties: dict[UUID, courier.Party] = {}
        self.figures = Figures()

    # -- knowing the network ---------------------------------------------------------------------------------

    def open(self) -> None:
        """Read members, people, catalogue and the steps that were done before. Called unbound."""
        tenants = Tenant.objects.filter(kind=Kind.DEALERSHIP, slug__in=("north", "east", "south"))
        self.sides = {PORTAL: Side(PORTAL, Portal())}
        self.sides |= {tenant.slug: Side(tenant.slug, Dealer(tenant.id)) for tenant in tenants.order_by("slug")}
        self.slugs = {side.id: side.slug for side in self.sides.values()}
        latest = None
        for side in self.sides.values():
            with bound(side.binding):
                for user in User.objects.filter(is_active=True).order_by("created_at", "login"):
                    actor = Actor.of(user)
                    side.people[user.role].append(actor)
                    side.by_id[user.pk] = actor
                for row in self._steps_done():
                    request_id, object_type, object_id, at = row
                    self.done.setdefault(request_id, {}).setdefault(object_type, object_id)
                    latest = max(latest or at, at)
        with bound(Portal()):
            self.variants = list(catalogue().variants.values())
        if latest is not None:
            # Killed between a step and the carrying of its messages: they belong to that time.
            with self.turn():
                self.exchange(latest)

    def _steps_done(self) -> Iterable[tuple[str, str, str, datetime]]:
        rows = Entry.objects.filter(origin=Origin.DEMO).exclude(request_id="").order_by("number")
        return rows.values_list("request_id", "object_type", "object_id", "at")

    @property
    def dealers(self) -> list[Side]:
        return [side for side in self.sides.values() if side.slug != PORTAL]

    def rng(self, *parts: object) -> Random:
        """A source of chance of its own for whatever the parts name: independent of everything else's order."""
        return chance(self.seed, *parts)

    def on_sale(self, *, series: str = "", brand: str = "", on: date) -> list[Variant]:
        """The variants on sale on a day."""
        return [
            one
            for one in self.variants
            if (not series or one.model.series_id == series)
            and (not brand or one.model.series.brand_id == brand)
            and (one.on_sale_from is None or one.on_sale_from <= on)
            and (one.on_sale_until is None or on <= one.on_sale_until)
        ]

    # -- living ----------------------------------------------------------------------------------------------

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Be the only one who carries messages and applies them, at every member. Called unbound."""
        with ExitStack() as stack:
            with bound(Courier()):
                everyone = courier.parties()
                courier.hold_turn(everyone)
            stack.callback(self._stop_carrying, everyone)
            self.parties = everyone
            for side in self.sides.values():
                with bound(side.binding):
                    inbox.hold_turn()
                stack.callback(self._stop_applying, side)
            yield

    @staticmethod
    def _stop_carrying(everyone: dict[UUID, courier.Party]) -> None:
        with bound(Courier()):
            courier.give_turn_back(everyone)

    @staticmethod
    def _stop_applying(side: Side) -> None:
        with bound(side.binding):
            inbox.give_turn_back()

    def live(self, stories: dict[str, Story], *, progress: Callable[[date, int], None], pause: float = 0.0) -> None:
        """Tell all stories to their ends, in the order of time. `progress(day, steps)` is called after each day;
        `pause` is how many seconds others get between two days."""
        heap: list[tuple[datetime, int, str, Story, Do]] = []
        order = itertools.count()

        def go_on(name: str, story: Story, answer: Any) -> None:
            try:
                step = story.send(answer)
                while isinstance(step, Look):
                    step = story.send(self._look(step))
            except StopIteration:
                return
            if step.at >= self.today:
                story.close()
                return
            heapq.heappush(heap, (step.at, next(order), name, story, step))

        for name, story in stories.items():
            go_on(name, story, None)
        while heap:
            day = heap[0][0].astimezone(LOCAL).date()
            before = self.figures.steps
            with self.turn():
                began, last = time.monotonic(), heap[0][0]
                while heap and heap[0][0].astimezone(LOCAL).date() == day:
                    last, _order, name, story, step = heapq.heappop(heap)
                    answer = self._do(name, step)
                    if answer is _REFUSED:
                        story.close()
                    else:
                        go_on(name, story, answer)
                    if pause and time.monotonic() - began > LONGEST_TURN and not self._holds(heap, day):
                        break
                if self.figures.steps > before:
                    over = not heap or heap[0][0].astimezone(LOCAL).date() != day
                    self._end_of(day, last) if over else self.exchange(last)
                    if pause:
                        self.exchange_now()  # what people did meanwhile does not wait for the sweep
            progress(day, self.figures.steps)
            if pause and self.figures.steps > before:
                time.sleep(pause)

    @staticmethod
    def _holds(heap: Iterable[tuple[datetime, int, str, Story, Do]], day: date) -> bool:
        return any(step.holds and moment.astimezone(LOCAL).date() <= day for moment, _o, _n, _s, step in heap)

    def _look(self, look: Look) -> Any:
        with bound(self.sides[look.who].binding):
            return look.read()

    def _do(self, story: str, step: Do) -> Any:
        key = f"{story}/{step.name}"
        if key in self.done:
            self.figures.known += 1
            given = self.done[key].get(step.gives)
            return UUID(str(given)) if given else None
        try:
            try:
                answer = self._act(key, step, _whole)
            except TransactionManagementError:
                # Something inside the step was caught and undone alone: that needs savepoints.
                answer = self._act(key, step, nullcontext)
        except (DomainError, ObjectDoesNotExist) as refusal:
            # Somebody else was there first (a person at work while the past is filled in): the story ends here.
            self.figures.refused.append(f"{key}: {type(refusal).__name__} {refusal}")
            return _REFUSED
        self.figures.steps += 1
        if step.then:
            self.exchange(step.at + timedelta(seconds=2), senders=step.then)
        return getattr(answer, "pk", answer)

    def _act(self, key: str, step: Do, how: Callable[[], Any]) -> Any:
        with (
            bound(self.sides[step.who].binding),
            clock.history(step.at, _PERMIT),
            coming_from(Origin.DEMO, key),
            translation.override("zh-hans"),
            transaction.atomic(),
            how(),
        ):
            return step.act()

    def _end_of(self, day: date, last: datetime) -> None:
        """What the night brings: messages cross, once a week the counts of the days that are over, and once a month the
        figures for the comparison, which the manufacturer counts a week later."""
        night = datetime(day.year, day.month, day.day, 23, 30, tzinfo=LOCAL)
        at = min(max(night, last), self.today)
        if day.weekday() == 6 and at < self.today:
            for side in self.dealers:
                with bound(side.binding), clock.history(at, _PERMIT), coming_from(Origin.DEMO):
                    send_due_counts()
        if day.day == GIVEN_ON and at < self.today:
            for side in self.dealers:
                with bound(side.binding), clock.history(at, _PERMIT), coming_from(Origin.DEMO):
                    give_figures()
        if day.day == COUNTED_ON and at < self.today:
            with bound(self.sides[PORTAL].binding), clock.history(at, _PERMIT), coming_from(Origin.DEMO):
                count_month()
        self.exchange(at)

    def exchange_now(self) -> None:
        """Carry and apply everything under today's clock. Called unbound."""
        while True:
            carried, waiting = self._carry()
            done = 0
            for side in waiting:
                with bound(side.binding):
                    done += inbox.drain()
            self.figures.messages += done
            if not carried and not done:
                return

    def exchange(self, at: datetime, *, senders: tuple[str, ...] = ()) -> None:
        """Carry and apply until nothing moves any more, at a time of the past. Called unbound.

        With `senders` what they wrote goes over, and what the portal answers to it; receipts wait for the night.
        """
        before = min(at + timedelta(days=1), self.today)
        while True:
            carried, waiting = self._carry(senders)
            done = 0
            for side in waiting:
                with bound(side.binding), clock.history(at, _PERMIT), coming_from(Origin.DEMO):
                    done += inbox.drain(before=before)
            self.figures.messages += done
            if senders and PORTAL not in senders:
                senders = (PORTAL,)  # what was declined is offered to the next at once
            elif senders or (not carried and not done):
                return

    def _carry(self, senders: tuple[str, ...] = ()) -> tuple[int, list[Side]]:
        """Bring over what waits (at `senders` only); the number of messages, and whose inboxes hold something."""
        wanted = [self.sides[slug].id for slug in senders]
        with bound(Courier()):
            busy = [self.parties[id] for id in wanted] or courier.senders_with_mail(self.parties)[0]
            carried = sum(courier.carry(sender, self.parties) for sender in busy)
            parts = [
                f"SELECT '{party.id}'::uuid WHERE EXISTS "
                f"(SELECT 1 FROM \"{party.schema}\".exchange_inbox WHERE state = 'received')"
                for party in self.parties.values()
            ]
            with connection.cursor() as cursor:
                cursor.execute(" UNION ALL ".join(parts))
                waiting = [self.sides[self.slugs[row[0]]] for row in cursor.fetchall() if row[0] in self.slugs]
        return carried, waiting


@contextmanager
def _whole() -> Iterator[None]:
    """Run without savepoints: a step that fails is undone as a whole, so nothing inside it has to be undone alone."""
    connection.features.uses_savepoints = False
    try:
        yield
    finally:
        connection.features.uses_savepoints = True


class _Refused:
    """The answer of a step that an action refused."""


_REFUSED = _Refused()


def say(line: str) -> None:
    """One line of progress on standard error (standard output belongs to the result)."""
    print(line, file=sys.stderr, flush=True)
