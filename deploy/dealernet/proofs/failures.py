"""Error pages: a view that fails after it has read everything shows nothing of it, and neither does the log.

Every page that can be read is asked for by its rightful actor, its view runs to the end, and then an error is raised at
run time: an ordinary one, and one of the database that quotes a row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import update_wrapper
from typing import Any
from unittest.mock import patch

from django.core.handlers.base import BaseHandler
from django.db import IntegrityError

from dealernet.proofs import Result
from dealernet.proofs.http import ANYONE, SAFE, SIGNED_IN, Asker, Book, Prober, Row

#: Words of a trace, of the forced error or of the program in an answer.
TELLTALE = (
    "Traceback",
    "forced for the proof",
    "IntegrityError",
    "RuntimeError",
    'File "',
    "site-packages",
    "duplicate key",
)


def _ordinary(slug: str) -> Exception:
    return RuntimeError("forced for the proof")


def _quoting(slug: str) -> Exception:
    """As psycopg2 says it: the second line quotes the row."""
    row = f"DETAIL:  Key (surname)=(CANARY-{slug}-customers_customer-surname-1) already exists."
    return IntegrityError(f'duplicate key value violates unique constraint "forced for the proof"\n{row}\n')


@contextmanager
def failing(error: Callable[[], Exception]) -> Iterator[list[int]]:
    """Every view fails after it is done. Yields a list that grows by one for each."""
    resolve = BaseHandler.resolve_request
    failed: list[int] = []

    def resolved(self: BaseHandler, request: Any) -> Any:
        found = resolve(self, request)
        view = found.func

        def fails(request: Any, *arguments: Any, **keywords: Any) -> Any:
            response = view(request, *arguments, **keywords)
            if hasattr(response, "render"):
                response.render()
            failed.append(response.status_code)
            raise error()

        found.func = update_wrapper(fails, view)
        return found

    with patch.object(BaseHandler, "resolve_request", resolved):
        yield failed


def check(result: Result, prober: Prober, book: Book, *, rows: list[Row]) -> None:
    """Let the views of these rows fail."""
    assert prober.traces is not None
    for number, row in enumerate(row for row in rows if row.method in SAFE and not row.light):
        home = "portal" if row.tier == "portal" else "north"
        role = row.sender or (book.roles[row.tier][0] if row.may[0] in (ANYONE, SIGNED_IN) else row.may[0])
        asker = Asker(f"the rightful {role}", home, prober.cookie(home, role))
        make = (_ordinary, _quoting)[number % 2]
        before = len(prober.traces.lines)
        with failing(lambda make=make, home=home: make(home)) as failed:  # type: ignore[misc]  # bound now
            answer = prober.ask(row, asker, fails=True)
        result.count("error_pages")
        if not failed or failed[0] >= 400:
            result.violations.append(f"{row.name}: the view did not get to its end before it failed: {failed}")
        if answer.status != 500:
            result.violations.append(f"{row.name}: failing, it answers {answer.status}, not 500")
        for word in TELLTALE:
            if word in answer.text + answer.headers:
                result.violations.append(f"{row.name}: failing, it shows {word}")
        for slug, mark in sorted(answer.canaries):
            result.violations.append(f"{row.name}: failing, it shows CANARY-{slug}-{mark}")
        if row.is_api and "application/problem+json" not in answer.headers:
            result.violations.append(f"{row.name}: failing, it answers no problem document")
        if not any("forced for the proof" in line for line in prober.traces.lines[before:]):
            result.violations.append(f"{row.name}: failing, it leaves nothing in the log")
