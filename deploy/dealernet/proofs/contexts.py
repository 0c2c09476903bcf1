"""Who is speaking, whatever the code does: bindings inside bindings, threads, tasks, late queries, streams and hooks.

`Contexts` is a set of moves and one invariant: whatever a move reads is the canary of the member that is bound when it
is read (of a stream: when it was made), or the move raises. `check` makes moves at random; the tests let Hypothesis
choose them and shrink what fails.
"""

from __future__ import annotations

import contextvars
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from typing import Any, cast
from uuid import UUID

from django.core.cache import cache
from django.db import DatabaseError, connection, transaction
from django.http import HttpResponseBase, StreamingHttpResponse
from django.test import RequestFactory
from django_tenants.utils import schema_context  # noqa: TID251 - the proof tries what is forbidden

from dealernet.proofs import Result
from dealernet.proofs.network import World
from dealernet.proofs.traces import CANARY
from kernel.accounts.models import User
from kernel.tenancy.bindings import UNBOUND, Binding, Unbound, WallError, current
from kernel.tenancy.middleware import HostMiddleware, MembersRequest
from kernel.tenancy.tasks import dealer_task
from kernel.testing.network import Side

#: How a read that may not be ends.
REFUSED = (WallError, DatabaseError)


class WrongError(AssertionError):
    """Something was read that belongs to another member."""


@dealer_task(name="proof.read_names")
def read_names(dealer_id: str) -> str:
    """What a worker does."""
    return " ".join(User.objects.order_by("login").values_list("name", flat=True))


def read_names_of(dealer_id: UUID) -> str:
    """Run the task here, as a worker would."""
    return str(read_names(str(dealer_id)))


class Contexts:
    """The moves. `reads` counts what was read and judged, `refusals` what raised."""

    def __init__(self, world: World) -> None:
        self.sides = list(world.sides.values())
        self.slugs: dict[Binding, str] = {side.binding: side.slug for side in self.sides}
        self.stack = ExitStack()
        self.depth: list[ExitStack] = []
        self.late: list[Any] = []
        self.streams: list[tuple[str, Iterator[bytes]]] = []
        self.hooked: list[tuple[str, list[str]]] = []
        self.reads = self.refusals = 0

    def close(self) -> None:
        """Leave everything; the connection speaks as nobody again."""
        while self.depth:
            self.leave()
        self.streams.clear()
        if current() != UNBOUND:
            raise WrongError(f"after everything was left, {current()!r} is bound")

    # -- the invariant -------------------------------------------------------------------------------------

    def judged(self, read: Callable[[], Any], slug: str | None = None) -> None:
        """Read, and compare with who is bound now (or `slug`)."""
        try:
            found = read()
        except REFUSED:
            self.refusals += 1
            return
        owner = slug or self.slugs.get(current(), "")
        others = {name for name, _mark in CANARY.findall(str(found)) if name != owner}
        if others:
            raise WrongError(f"bound to {current()!r} ({owner or 'nobody'}), this was read of {sorted(others)}")
        if not owner and found:
            raise WrongError(f"bound to nobody, this was read: {str(found)[:80]}")
        self.reads += 1

    @staticmethod
    def names() -> list[str]:
        with transaction.atomic():
            return list(User.objects.order_by("login").values_list("name", flat=True)[:3])

    # -- moves ---------------------------------------------------------------------------------------------

    def enter(self, which: int) -> None:
        """Bind to a member; inside another's binding or a transaction that must raise."""
        side = self.sides[which % len(self.sides)]
        before, stack = current(), ExitStack()
        may = before == side.binding or (isinstance(before, Unbound) and not connection.in_atomic_block)
        try:
            stack.enter_context(side.bound())
        except WallError:
            self.refusals += 1
            if may:
                raise WrongError(f"{before!r} may not turn to {side.binding!r}") from None
            if current() != before:
                raise WrongError("a refused binding changed who is speaking") from None
            return
        if not may:
            stack.close()
            raise WrongError(f"{before!r} turned to {side.binding!r}")
        self.depth.append(stack)

    def leave(self) -> None:
        """Leave the innermost binding or transaction; one in which something was refused cannot be committed."""
        if self.depth:
            with suppress(*REFUSED):
                self.depth.pop().close()

    def begin(self) -> None:
        """Begin a transaction or a savepoint."""
        if len(self.depth) < 6:
            stack = ExitStack()
            with suppress(*REFUSED):
                stack.enter_context(transaction.atomic())
            self.depth.append(stack)

    def read(self) -> None:
        """Read now."""
        self.judged(self.names)

    def read_and_fail(self) -> None:
        """Read in a transaction that is rolled back, and again afterwards."""

        def twice() -> list[str]:
            found: list[str] = []
            with suppress(KeyError), transaction.atomic():
                found += User.objects.values_list("name", flat=True)[:2]
                raise KeyError
            return found + self.names()

        self.judged(twice)

    def prepare(self) -> None:
        """Make a query that is evaluated later."""
        self.late.append(User.objects.order_by("login")[:3])
        del self.late[:-4]

    def evaluate(self) -> None:
        """Evaluate the oldest query made before, wherever we are now."""
        if self.late:
            query = self.late.pop(0)

            def evaluated() -> list[str]:
                with transaction.atomic():
                    return [user.name for user in query]

            self.judged(evaluated)

    def thread(self, copied: bool) -> None:
        """Read in a thread of its own; with `copied`, in one that was given our context."""
        found: list[Any] = []

        def work() -> None:
            try:
                found.append(self.names())
            except REFUSED:
                self.refusals += 1
            finally:
                connection.close()

        context = contextvars.copy_context() if copied else contextvars.Context()
        thread = threading.Thread(target=context.run, args=(work,))
        thread.start()
        thread.join()
        if found:
            raise WrongError(f"a thread {'with' if copied else 'without'} our context read {str(found)[:60]}")

    def astray(self) -> None:
        """Read with our connection in a context that knows nothing of our binding."""
        if not isinstance(current(), Unbound):
            try:
                found = contextvars.Context().run(self.names)
            except REFUSED:
                self.refusals += 1
                return
            raise WrongError(f"work that is bound to nobody read {str(found)[:60]} by the connection of {current()!r}")

    def task(self, which: int) -> None:
        """Run a worker's task for one dealership; inside another's binding it must raise."""
        side = self.sides[1 + which % (len(self.sides) - 1)]
        self.judged(lambda: read_names_of(side.id), side.slug)

    def remember(self) -> None:
        """Keep our names in the cache."""
        if current() in self.slugs:
            self.judged(lambda: cache.set("contexts", " ".join(self.names()), 60))

    def recall(self) -> None:
        """Read the cache under the same key."""
        self.judged(lambda: cache.get("contexts"))

    def stream(self, which: int) -> None:
        """Answer a request by a stream that is read later."""
        side = self.sides[which % len(self.sides)]

        def names() -> Iterator[bytes]:
            for name in User.objects.values_list("name", flat=True):  # asked for when the first chunk is
                yield name.encode()

        def view(request: Any) -> HttpResponseBase:
            return StreamingHttpResponse(names())

        request = RequestFactory(headers={"host": side.host}).get("/")
        try:
            answer = HostMiddleware(view)(cast(MembersRequest, request))
        except REFUSED:
            self.refusals += 1
            return
        if isinstance(answer, StreamingHttpResponse):
            self.streams.append((side.slug, iter(answer)))
        del self.streams[:-3]

    def pour(self) -> None:
        """Read the oldest stream to its end, wherever we are now."""
        if self.streams:
            slug, chunks = self.streams.pop(0)
            self.judged(lambda: b" ".join(chunks).decode(), slug)

    def hook(self) -> None:
        """Ask for a read at the end of this transaction."""
        if current() not in self.slugs:
            return
        found: list[str] = []
        self.hooked.append((self.slugs[current()], found))
        with suppress(*REFUSED):  # outside of a transaction it runs at once
            transaction.on_commit(lambda: found.extend(self.names()))

    def after_hooks(self) -> None:
        """What hooks read so far."""
        for slug, found in self.hooked:
            self.judged(lambda found=found: " ".join(found), slug)  # type: ignore[misc]  # bound now
        del self.hooked[:-2]

    def switch(self, which: int) -> None:
        """Use the switches of the library underneath, which go round the binding."""
        side: Side = self.sides[which % len(self.sides)]

        def switched() -> list[str]:
            with schema_context(side.schema):
                return self.names()

        self.judged(switched)

    def moves(self) -> list[Callable[..., None]]:
        return [
            self.enter, self.enter, self.leave, self.leave, self.begin, self.read, self.read, self.read_and_fail,
            self.prepare, self.evaluate, self.thread, self.astray, self.task,
            self.remember, self.recall, self.stream, self.pour,
            self.hook, self.after_hooks, self.switch,
        ]  # fmt: skip


def check(result: Result, world: World, *, steps: int, seed: int = 0) -> None:
    """Make so many moves, in runs of fifty."""
    chance = random.Random(seed)  # noqa: S311 - picks moves, no secret
    contexts = Contexts(world)
    with_number = {"enter", "task", "stream", "switch"}
    done: list[str] = []
    try:
        for number in range(steps):
            if number % 50 == 0:
                contexts.close()
                done.clear()
            move = chance.choice(contexts.moves())
            name = move.__name__
            argument = (chance.randrange(9),) if name in with_number else (chance.random() < 0.5,) * (name == "thread")
            done.append(name)
            move(*argument)
        contexts.close()
    except (WrongError, *REFUSED) as wrong:
        result.violations.append(f"contexts: {type(wrong).__name__} {wrong} (after {' '.join(done[-8:])})")
        with suppress(Exception):
            contexts.close()
    result.figures |= {"context_steps": steps, "context_reads": contexts.reads, "context_refusals": contexts.refusals}
