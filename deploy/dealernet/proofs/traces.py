"""Where people's data could stay behind: logs, cache, mail, files, the broker's messages, other members' tables.

`watching()` is open during the whole proof. What the product logs passes its own formatter and is kept; what it hands
to Celery is kept instead of sent; hooks of transactions that the proof takes back are run, so that their messages are
seen.
"""

from __future__ import annotations

import json
import logging
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast
from unittest.mock import patch
from uuid import UUID

from celery import Celery
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.utils.module_loading import import_string

from dealernet.proofs import Result
from dealernet.proofs.network import World
from kernel.tenancy.backend.base import DatabaseWrapper
from kernel.testing.network import PASSWORD, Side

CANARY = re.compile(r"CANARY-([a-z]+)-([A-Za-z0-9_-]+)")
#: What a message to a worker may hold besides ids: numbers, and names of tasks and members of the product.
_NAME = re.compile(r"[a-z][a-z_.]{0,60}|portal")
_TOKEN = re.compile(r"dn_[a-z0-9]{10}_[A-Za-z0-9_-]{43}")


class _Handler(logging.Handler):
    def __init__(self, lines: list[str]) -> None:
        super().__init__()
        self.lines = lines
        # The product's own formatter, as its settings name it.
        formatters: Any = settings.LOGGING["formatters"]
        self.setFormatter(import_string(formatters["line"]["()"])("%(levelname)s %(name)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


class Traces:
    """What was left behind so far."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.messages: list[tuple[str, Any, Any]] = []
        self.secrets: set[str] = {PASSWORD}
        self.secrets |= {value for name, value in os.environ.items() if name.startswith("DEALERNET_KEY_")}
        self.found: list[str] = []
        self.files: dict[Path, bytes] = {}
        self.cache_entries = 0
        self.mails = 0

    # -- while the proof runs ------------------------------------------------------------------------------

    def look(self, side: Side, *, wrote: bool) -> None:
        """After each request, before it is taken back: the cache, mails written, and what the commit would send."""
        self.look_at_cache()
        if not wrote:
            return
        if not self.files:
            self.files = {path: path.read_bytes() for path in Path(settings.MEDIA_ROOT).rglob("*") if path.is_file()}
        ours = cast(DatabaseWrapper, connection)
        for state in list((ours._rollback_sessions or {}).values()):
            for _savepoints, hook, _robust in state["run_on_commit"]:
                with side.bound():
                    hook()
            state["run_on_commit"] = []
        for path, data in self.files.items():  # a hook may delete what the transaction, taken back, still names
            if not path.exists():
                path.write_bytes(data)
        from kernel.accounts.models import OutboxMail

        with side.bound():
            for to, subject, body in OutboxMail.objects.values_list("to", "subject", "body")[:3]:
                self.mails += 1
                self.judge(f"{to} {subject} {body}", side.slug, "a mail")

    def look_at_cache(self) -> None:
        """Every entry stands under a login's name and holds no other member's canary."""
        for key, value in list(getattr(cache, "_cache", {}).items()):
            self.cache_entries += 1
            login = key.split(":", 1)[0]
            text = f"{key} {value.decode('utf-8', 'replace')}" if isinstance(value, bytes) else f"{key} {value}"
            self.judge(text, self.slugs.get(login, ""), f"the cache of {login}")
            if login not in self.slugs and login != "frontdesk":
                self.found.append(f"the cache entry {key[:60]} belongs to no login")

    def judge(self, text: str, slug: str, where: str) -> None:
        for other, mark in CANARY.findall(text):
            if other != slug:
                self.found.append(f"{where} of {slug or 'nobody'} holds CANARY-{other}-{mark}")

    slugs: dict[str, str] = {}

    # -- at the end ----------------------------------------------------------------------------------------

    def report(self, result: Result, world: World, superuser: Any, shared: tuple[str, ...]) -> None:
        """Judge logs, messages, files and every table; the findings become violations."""
        self._logs()
        self._messages()
        files = self._files(world)
        rows = self._tables(world, superuser, shared)
        for what, number in (("log lines", len(self.lines)), ("cache entries", self.cache_entries), ("files", files)):
            if not number:
                self.found.append(f"no {what} were seen: nothing was watched")
        result.violations += sorted(set(self.found))
        result.figures |= {
            "log_lines": len(self.lines),
            "messages": len(self.messages),
            "cache_entries": self.cache_entries,
            "mails": self.mails,
            "files": files,
            "rows_read": rows,
        }

    def _logs(self) -> None:
        for line in self.lines:
            for slug, mark in CANARY.findall(line):
                self.found.append(f"a log line holds CANARY-{slug}-{mark}: {line[:100]}")
            if _TOKEN.search(line):
                self.found.append(f"a log line holds a token: {line[:60]}…")
            if any(secret in line for secret in self.secrets):
                self.found.append(f"a log line holds a password, a key or a session: {line[:40]}…")

    def _messages(self) -> None:
        for name, arguments, keywords in self.messages:
            for value in [*(arguments or ()), *(keywords or {}).values()]:
                if not _is_id(value):
                    self.found.append(
                        f"a message of {name} carries more than ids: {json.dumps(value, default=str)[:60]}"
                    )

    def _files(self, world: World) -> int:
        """Files of members stand in a folder of the member; what was uploaded with a hidden text is without it."""
        number, root = 0, Path(settings.MEDIA_ROOT)
        folders = {str(side.id) for side in world.sides.values()}
        for path in sorted(root.rglob("*")) if root.exists() else []:
            if not path.is_file():
                continue
            number += 1
            if path.relative_to(root).parts[0] not in folders:
                self.found.append(f"the file {path.relative_to(root)} stands in no member's folder")
            if b"CANARY" in path.read_bytes():
                self.found.append(f"the file {path.relative_to(root)} holds a text that was hidden in it")
        for path in sorted(Path(tempfile.gettempdir()).rglob("*")):
            if path.is_file() and path.stat().st_size < 10_000_000 and b"CANARY-" in path.read_bytes():
                self.found.append(f"the temporary file {path.name} was left behind with a canary")
        return number

    def _tables(self, world: World, superuser: Any, shared: tuple[str, ...]) -> int:
        """No row of one member holds another's canary, but what dealerships share with the manufacturer."""
        number = 0
        with superuser.cursor() as cursor:
            for side in world.sides.values():
                cursor.execute(
                    "SELECT c.oid::regclass::text FROM pg_class c WHERE c.relnamespace = %s::regnamespace "
                    "AND c.relkind = 'r'",
                    [side.schema],
                )
                for (table,) in cursor.fetchall():
                    cursor.execute(f"SELECT t::text FROM {table} t WHERE t::text LIKE '%CANARY-%'")
                    for (row,) in cursor.fetchall():
                        number += 1
                        for slug, mark in CANARY.findall(row):
                            ours = slug == side.slug or (side.slug == "portal" and mark.startswith(shared))
                            if not ours:
                                self.found.append(f"{table} of {side.slug} holds CANARY-{slug}-{mark}")
        return number


def _is_id(value: Any) -> bool:
    if isinstance(value, (int, float)) or value is None:
        return True
    if isinstance(value, (list, tuple)):
        return all(_is_id(one) for one in value)
    try:
        UUID(str(value))
    except ValueError:
        return isinstance(value, str) and _NAME.fullmatch(value) is not None
    return True


@contextmanager
def watching(world: World) -> Iterator[Traces]:
    """Keep what is logged and what is sent to workers while inside."""
    traces = Traces()
    traces.slugs = {side.schema: side.slug for side in world.sides.values()}
    handler = _Handler(traces.lines)
    root = logging.getLogger()
    before, disabled = root.handlers[:], root.manager.disable
    root.handlers = [handler]
    logging.disable(logging.NOTSET)

    def send_task(self: Celery, name: str, args: Any = None, kwargs: Any = None, **options: Any) -> None:
        traces.messages.append((name, args, kwargs))

    class Queue:
        """Stands for the queue of the courier's hints."""

        @staticmethod
        def put(message: dict[str, str], serializer: str) -> None:
            traces.messages.append(("courier.hints", (), message))

    folder, tempfile.tempdir = tempfile.tempdir, None
    with (
        tempfile.TemporaryDirectory(prefix="dealernet-proof-") as own,
        patch.object(Celery, "send_task", send_task),
        patch("exchange.hints.usable", lambda: True),
        patch("exchange.hints._queue", Queue),
    ):
        tempfile.tempdir = own
        try:
            yield traces
        finally:
            tempfile.tempdir = folder
            root.handlers = before
            logging.disable(disabled)
