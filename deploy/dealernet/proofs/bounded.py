"""What PostgreSQL cannot take away from a login: each named, shown, bounded, and repaired within a stated time.

A probe does what an injected statement could, checks that it reads and changes nothing of another member's and keeps
nothing from it for longer than stated, and then lets the steward repair it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any
from unittest.mock import patch

import psycopg2
from psycopg2 import errors, sql

from dealernet.proofs import Result
from kernel.tenancy import steward
from kernel.tenancy.steward import watching

REPAIR, WATCH = int(steward.REPAIR_EVERY), int(steward.WATCH_EVERY)


@dataclass(frozen=True)
class Bounded:
    """`within`: seconds until it is repaired at the latest; None where nothing needs repair. `by`: who repairs it."""

    name: str
    what: str
    bound: str
    by: str
    within: int | None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass
class Bench:
    """One dealership's login at work, another that must not notice, and the server's superuser to look."""

    connect: Callable[[str], Any]
    superuser: Any
    north: str
    south: str
    database: str

    @contextmanager
    def session(self, login: str) -> Iterator[Any]:
        raw = self.connect(login)
        raw.autocommit = True
        try:
            yield raw
        finally:
            raw.close()

    def ask(self, text: str, *, login: str = "") -> Any:
        """What one statement answers in a new session, or the name of the error."""
        try:
            with self.session(login or self.north) as raw:
                return said(raw, text)
        except psycopg2.OperationalError as error:
            return f"no session: {error}".strip()

    def reads_own(self, login: str) -> bool:
        return isinstance(self.ask("SELECT count(*) FROM accounts_user", login=login), int)

    def reads_other(self) -> bool:
        return self.ask(f"SELECT count(*) FROM {self.south}.accounts_user") != "InsufficientPrivilege"

    def look(self, text: str, *values: Any) -> Any:
        with self.superuser.cursor() as cursor:
            cursor.execute(text, values)
            return cursor.fetchone()[0]


def said(raw: Any, text: str) -> Any:
    """The first value that a statement answers, or the name of the error. Raises when the session ended."""
    with raw.cursor() as cursor:
        try:
            cursor.execute(text)
            row = cursor.fetchone() if cursor.description else None
            return row[0] if row else None
        except psycopg2.Error as error:
            if raw.closed:
                raise
            return type(error).__name__


Probe = Callable[[Bench], Iterator[str]]
PROBES: list[tuple[Bounded, Probe]] = []


def bounded(*, name: str, what: str, bound: str, by: str = "", within: int | None = None) -> Callable[[Probe], Probe]:
    """Add to the list. The probe yields a sentence for everything that is not as stated."""

    def add(probe: Probe) -> Probe:
        PROBES.append((Bounded(name, what, bound, by, within), probe))
        return probe

    return add


def check(result: Result, bench: Bench) -> None:
    """Run every probe; the list goes into the result."""
    steward.repair_logins({})
    for entry, probe in PROBES:
        result.count("bounded_probes")
        try:
            result.violations += [f"bounded: {entry.name}: {sentence}" for sentence in probe(bench)]
        except psycopg2.OperationalError as error:
            result.violations.append(f"bounded: {entry.name}: a session could not begin: {error}".strip())
        finally:
            steward.repair_logins({})
        result.bounded.append(entry.to_json())


def _repaired(bench: Bench) -> Iterator[str]:
    """The steward repairs north's login, and it works as before."""
    if steward.repair_logins({}) != 1:
        yield "the steward repaired another number of logins than the one that changed itself"
    if not bench.reads_own(bench.north):
        yield "the login does not work after the repair"
    if bench.ask("SHOW statement_timeout") != "20s":
        yield "the login's limits are not back after the repair"


def _shut_out(bench: Bench, statement: str, how: str) -> Iterator[str]:
    """A login that shut itself out shuts nobody else out, reads nothing else, and is let in again."""
    if (answer := bench.ask(statement)) is not None:
        yield f"cannot be shown: {answer}"
    if bench.reads_own(bench.north):
        yield f"the login still works, so it is not shown: {how}"
    if not bench.reads_own(bench.south):
        yield "another dealership is shut out"
    yield from _repaired(bench)


@bounded(
    name="settings of later sessions",
    what="ALTER ROLE CURRENT_USER SET: another search path, no time limits",
    bound="a path leads nowhere without the right to read; the limits are those of the login alone",
    by="steward, repair_logins",
    within=REPAIR,
)
def _later_sessions(bench: Bench) -> Iterator[str]:
    bench.ask(f"ALTER ROLE CURRENT_USER SET search_path = {bench.south}")
    bench.ask("ALTER ROLE CURRENT_USER SET statement_timeout = 0")
    if bench.ask("SHOW search_path") != bench.south or bench.ask("SHOW statement_timeout") != "0":
        yield "cannot be shown"
    if (answer := bench.ask("SELECT count(*) FROM accounts_user")) not in ("UndefinedTable", "InsufficientPrivilege"):
        yield f"the path led to something: {answer}"
    if bench.reads_other():
        yield "reads another dealership"
    yield from _repaired(bench)
    if bench.ask("SHOW search_path") != f"{bench.north}, public":
        yield "the path is not back after the repair"


@bounded(
    name="settings for one database",
    what="ALTER ROLE CURRENT_USER IN DATABASE … SET, which goes before the other settings",
    bound="as above",
    by="steward, repair_logins",
    within=REPAIR,
)
def _in_database(bench: Bench) -> Iterator[str]:
    bench.ask(f"ALTER ROLE CURRENT_USER IN DATABASE {bench.database} SET statement_timeout = 0")
    if bench.ask("SHOW statement_timeout") != "0":
        yield "cannot be shown"
    if bench.reads_other():
        yield "reads another dealership"
    yield from _repaired(bench)


@bounded(
    name="its own password",
    what="ALTER ROLE CURRENT_USER PASSWORD: the processes that derive it are refused",
    bound="the dealership shuts out itself and nobody else; whoever knows the new one gets no further than the login",
    by="steward, repair_logins",
    within=REPAIR,
)
def _password(bench: Bench) -> Iterator[str]:
    yield from _shut_out(bench, "ALTER ROLE CURRENT_USER PASSWORD 'mine now'", "another password")


@bounded(
    name="shutting itself out",
    what="ALTER ROLE CURRENT_USER SET local_preload_libraries, or a time limit of a millisecond: no session begins",
    bound="the dealership shuts out itself and nobody else",
    by="steward, repair_logins",
    within=REPAIR,
)
def _no_session(bench: Bench) -> Iterator[str]:
    statement = "ALTER ROLE CURRENT_USER SET local_preload_libraries = 'no_such_library'"
    yield from _shut_out(bench, statement, "a library that is not there")


@bounded(
    name="settings of a running session",
    what="SET in a session that is used again: no time limits, another path",
    bound="the session keeps its login; a transaction of more than a minute is ended",
    by="steward, end_overdue_sessions, when the session has grown old",
    within=watching.LONGEST_SESSION + WATCH,
)
def _running_session(bench: Bench) -> Iterator[str]:
    with bench.session(bench.north) as raw:
        said(raw, f"SET search_path = {bench.south}; SET statement_timeout = 0")
        if said(raw, "SHOW statement_timeout") != "0":
            yield "cannot be shown"
        if said(raw, f"SELECT count(*) FROM {bench.south}.accounts_user") != "InsufficientPrivilege":
            yield "reads another dealership"
        with patch.object(watching, "LONGEST_SESSION", 0):
            steward.end_overdue_sessions()
        if _lives(raw):
            yield "the session is still there after the steward looked"


@bounded(
    name="work without end",
    what="SET statement_timeout = 0, transaction_timeout = 0, and a transaction, pg_sleep or a cross join that lasts",
    bound=f"as many processors as the login has sessions ({steward.CONNECTION_LIMITS['dealer']})",
    by="steward, end_overdue_sessions",
    within=watching.LONGEST["dealer"] + WATCH,
)
def _without_end(bench: Bench) -> Iterator[str]:
    with bench.session(bench.north) as raw:
        said(raw, "SET statement_timeout = 0; SET transaction_timeout = 0")
        said(raw, "SET idle_in_transaction_session_timeout = 0; BEGIN")
        if said(raw, "SELECT 1 FROM pg_sleep(0.05)") != 1:
            yield "cannot be shown"
        if steward.end_overdue_sessions():
            yield "a transaction that just began is ended"
        with patch.object(watching, "LONGEST", {**watching.LONGEST, "dealer": 0}):
            steward.end_overdue_sessions()
        if _lives(raw):
            yield "the transaction is still there after the steward looked"


@bounded(
    name="many advisory locks",
    what="pg_try_advisory_lock over a series: the table of locks, which all share, fills up",
    bound=f"more than {watching.MOST_LOCKS} are held no longer than stated",
    by="steward, end_overdue_sessions",
    within=WATCH,
)
def _many_locks(bench: Bench) -> Iterator[str]:
    with bench.session(bench.north) as raw:
        said(raw, f"SELECT count(pg_try_advisory_lock(n)) FROM generate_series(1, {watching.MOST_LOCKS + 1}) n")
        if bench.look("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") <= watching.MOST_LOCKS:
            yield "cannot be shown"
        if steward.end_overdue_sessions() != ["too many locks"]:
            yield "the steward does not see it"
        if _lives(raw) or bench.look("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"):
            yield "the locks are still held after the steward looked"


@bounded(
    name="another's advisory lock",
    what="pg_try_advisory_lock with the number under which another's mail is carried",
    bound="the number follows from the other's id, which no dealership is told; then mail waits, and is not lost",
    by="steward, end_overdue_sessions",
    within=watching.IDLE_WITH_LOCK + WATCH,
)
def _anothers_lock(bench: Bench) -> Iterator[str]:
    with bench.session(bench.north) as raw, bench.session(bench.south) as other:
        if said(raw, "SELECT pg_try_advisory_lock(4711)") is not True:
            yield "cannot be shown"
        if said(other, "SELECT pg_try_advisory_lock(4711)") is not False:
            yield "cannot be shown: another login takes the same lock"
        if said(raw, "SELECT pg_advisory_lock(4711)") != "InsufficientPrivilege":
            yield "locks that wait are open"
        with patch.object(watching, "IDLE_WITH_LOCK", 0):
            steward.end_overdue_sessions()
        if _lives(raw) or said(other, "SELECT pg_try_advisory_lock(4711)") is not True:
            yield "the lock is still held after the steward looked"


@bounded(
    name="NOTIFY and LISTEN",
    what="a login may call out a text, and hear what other logins call out under a name it guesses",
    bound="nobody of the product calls or listens, so what is heard is what an intruder chose to say; "
    "the queue is kept by sessions inside a transaction, which are ended",
    by="steward, end_overdue_sessions",
    within=watching.LONGEST["dealer"] + WATCH,
)
def _notify(bench: Bench) -> Iterator[str]:
    with bench.session(bench.north) as raw, bench.session(bench.south) as other:
        said(raw, "LISTEN proof")
        said(other, "NOTIFY proof, 'chosen by the sender'")
        said(raw, "SELECT 1")
        raw.poll()
        if [notice.payload for notice in raw.notifies] != ["chosen by the sender"]:
            yield "cannot be shown"
        if said(other, "SELECT pg_notify('proof', name) FROM accounts_user LIMIT 1") != "InsufficientPrivilege":
            yield "rows can be called out by a function"
    if bench.look("SELECT count(*) FROM pg_stat_activity WHERE query ILIKE 'listen %%' AND usename <> %s", bench.north):
        yield "a process of the product listens"


@bounded(
    name="temporary files",
    what="a sort or join that does not fit into memory is written to the server's disk",
    bound="2 GB a session, a limit that a login cannot lift",
)
def _temporary_files(bench: Bench) -> Iterator[str]:
    if bench.ask("SHOW temp_file_limit") != "2GB":
        yield "there is no limit"
    if bench.ask("SET temp_file_limit = -1") != "InsufficientPrivilege":
        yield "the login lifts the limit"
    if bench.ask("ALTER ROLE CURRENT_USER SET temp_file_limit = -1") != "InsufficientPrivilege":
        yield "the login lifts the limit for later sessions"
    with bench.superuser.cursor() as cursor:
        cursor.execute(sql.SQL("ALTER ROLE {} SET temp_file_limit = '64kB'").format(sql.Identifier(bench.north)))
    sorted_on_disk = (
        "SET work_mem = '64kB'; SELECT count(*) FROM (SELECT n FROM generate_series(1, 200000) n ORDER BY -n) s"
    )
    if (answer := bench.ask(sorted_on_disk)) != "ConfigurationLimitExceeded":
        yield f"the limit does not hold: {answer}"
    yield from _repaired(bench)


@bounded(
    name="memory of a query",
    what="SET work_mem: a session may ask for as much memory as it likes",
    bound="PostgreSQL knows no limit; the operator's limit of memory for the server holds, and the number of sessions",
)
def _memory(bench: Bench) -> Iterator[str]:
    if bench.ask("SET work_mem = '1GB'; SHOW work_mem") != "1GB":
        yield "cannot be shown"
    limit = bench.look("SELECT rolconnlimit FROM pg_roles WHERE rolname = %s", bench.north)
    if limit != steward.CONNECTION_LIMITS["dealer"]:
        yield f"the login may have {limit} sessions"


@bounded(
    name="sessions",
    what="a login opens as many sessions as it may, and its own people wait",
    bound=f"{steward.CONNECTION_LIMITS['dealer']} a dealership; others keep theirs",
)
def _sessions(bench: Bench) -> Iterator[str]:
    opened = []
    try:
        for _number in range(steward.CONNECTION_LIMITS["dealer"] + 1):
            opened.append(bench.connect(bench.north))
    except psycopg2.OperationalError:
        pass
    else:
        yield "the login opens more sessions than it may"
    if not bench.reads_own(bench.south):
        yield "another dealership gets no session"
    for raw in opened:
        raw.close()


@bounded(
    name="names by number",
    what="…::regclass, ::regnamespace, ::regrole turn a guessed number into the name of a table, schema or login",
    bound="names are d_ and 12 characters that follow from a random id and say nothing of the dealership",
)
def _names(bench: Bench) -> Iterator[str]:
    number = bench.look("SELECT oid::bigint FROM pg_namespace WHERE nspname = %s", bench.south)
    if bench.ask(f"SELECT {number}::oid::regnamespace::text") != bench.south:
        yield "cannot be shown"
    if bench.look(
        "SELECT count(*) FROM pg_namespace WHERE nspname !~ '^(pg_.*|information_schema|public|oem|d_[a-z2-7]{12})$'"
    ):
        yield "a schema has a name that may say something"


@bounded(
    name="names in refusals",
    what="“permission denied for schema” against “does not exist” tells whether a guessed name is there",
    bound="60 random bits a name; what is learned is that some dealership exists",
)
def _refusals(bench: Bench) -> Iterator[str]:
    there = bench.ask(f"SELECT * FROM {bench.south}.accounts_user")
    nowhere = bench.ask("SELECT * FROM d_aaaaaaaaaaaa.accounts_user")
    if (there, nowhere) != ("InsufficientPrivilege", "UndefinedTable"):
        yield f"cannot be shown: {there}, {nowhere}"


@bounded(
    name="settings of the server",
    what="SHOW ALL reads the server's settings",
    bound="they name no dealership and hold no secret; those that name files are for the superuser",
)
def _show(bench: Bench) -> Iterator[str]:
    with bench.session(bench.north) as raw, raw.cursor() as cursor:
        cursor.execute("SHOW ALL")
        shown = {name: str(value) for name, value, _about in cursor.fetchall()}
    if "work_mem" not in shown:
        yield "cannot be shown"
    for name in ("data_directory", "hba_file", "config_file", "external_pid_file"):
        if name in shown:
            yield f"{name} is shown"
    if bench.south in " ".join(shown.values()):
        yield "another schema is named"


@bounded(
    name="numbers of transactions",
    what="xmin of one's own rows counts the transactions of all members together",
    bound="a pace of the whole network, of nobody in particular; the functions that count are closed",
)
def _transactions(bench: Bench) -> Iterator[str]:
    if not str(bench.ask("SELECT max(xmin::text::bigint) FROM accounts_user")).isdigit():
        yield "cannot be shown"
    if bench.ask("SELECT txid_current()") != "InsufficientPrivilege":
        yield "functions that count transactions are open"


@bounded(
    name="giving up rights of the group",
    what="DROP OWNED BY dealerships: PostgreSQL lets every member of a group say it",
    bound="it takes away only what the speaker gave, which is nothing",
)
def _give_up(bench: Bench) -> Iterator[str]:
    if (answer := bench.ask("DROP OWNED BY dealerships")) is not None:
        yield f"cannot be shown: {answer}"
    for login in (bench.north, bench.south):
        if not isinstance(bench.ask("SELECT count(*) FROM public.reference_brand", login=login), int):
            yield "dealerships lost the published reference"
    wish = "INSERT INTO public.tenancy_hostwish (verb, host, asked_by) VALUES ('ask', 'www.own.example', 'me')"
    if (answer := bench.ask(f"BEGIN; {wish}; ROLLBACK", login=bench.south)) is not None:
        yield f"dealerships lost the policy of their wishes: {answer}"


def _lives(raw: Any) -> bool:
    try:
        said(raw, "SELECT 1")
    except (psycopg2.OperationalError, psycopg2.InterfaceError, errors.AdminShutdown):
        return False
    return True
