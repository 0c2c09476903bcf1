"""Guards taken away one by one, by patching at run time: each turns a named probe red.

A proof that stays green without a guard proves nothing of it. Every guard below names where it stands, the probe that
must notice and the words that it must say; the same probe is green while the guard stands.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.db.models import Q
from django.middleware.csrf import CsrfViewMiddleware

from dealer.organisation import actions as organisation
from dealer.organisation import logos
from dealer.workshop import queries as workshop
from dealernet.logs import LineFormatter
from dealernet.proofs import Result, attacks, bounded, contexts, failures, hosts, http, probes, tables, traces
from dealernet.proofs.probes import Env
from kernel import clock
from kernel.accounts import joining, sessions, throttle, tokens
from kernel.accounts.models import Anonymous, Token, User
from kernel.api import permissions
from kernel.tenancy import bindings, directory, keys, middleware, models, steward, tasks
from kernel.tenancy import cache as tenancy_cache
from kernel.tenancy.backend.base import DatabaseWrapper, _Plain
from kernel.tenancy.bindings import Binding, Dealer, Owner, bound
from kernel.tenancy.models import State, Tenant
from kernel.tenancy.pool import pool
from kernel.testing.network import NORTH

Without = Callable[[Env], AbstractContextManager[Any]]
Run = Callable[[Env], Result]


@dataclass(frozen=True)
class Guard:
    """`where`: the guard in the code or the database. `probe`: what must notice. `says`: words of its violation.
    `slow`: not in every test run."""

    name: str
    where: str
    probe: str
    says: tuple[str, ...]
    without: Without
    slow: bool = False

    def __str__(self) -> str:
        return self.name


def check(result: Result, env: Env, chosen: Collection[Guard] | None = None) -> None:
    """Take each guard away. Writes the list into the result; a guard that nobody misses is a violation."""
    green: dict[str, list[str]] = {}
    for guard in GUARDS if chosen is None else chosen:
        run = PROBES[guard.probe]
        if guard.probe not in green:
            green[guard.probe] = run(env).violations
        try:
            with guard.without(env):
                red = [text for text in run(env).violations if all(word in text for word in guard.says)]
        finally:
            _settle()
        result.guards.append(
            {
                "name": guard.name,
                "where": guard.where,
                "probe": guard.probe,
                "green_with": not green[guard.probe],
                "red_without": bool(red),
                "said": red[0][:160] if red else "",
            }
        )
        result.violations += [
            f"guard {guard.name}: while it stands, the probe “{guard.probe}” says: {said}"
            for said in green[guard.probe]
        ]
        if not red:
            result.violations.append(f"guard {guard.name}: the probe “{guard.probe}” does not notice that it is gone")


def _settle() -> None:
    """Forget what work without a guard may have left in this process: connections of another login above all."""
    connection.close()
    pool.clear()
    directory.forget()
    cache.clear()


# -- probes ----------------------------------------------------------------------------------------------------


def _asked(*names: str) -> Run:
    """Every refusal of the named rows of routes.toml."""

    def run(env: Env) -> Result:
        directory.forget()
        result = Result("guard")
        http.check(result, env.world, only=lambda row: row.name in names)
        directory.forget()
        return result

    return run


def _of(probe: Callable[[Result, Any], None]) -> Run:
    """A probe of the world."""

    def run(env: Env) -> Result:
        result = Result("guard")
        probe(result, env.world)
        return result

    return run


def _privileges(env: Env) -> Result:
    result = Result("guard")
    tables.check(result, connect=env.connect, superuser=env.superuser, schemas=env.kinds(), tried=20)
    return result


def _attacked(env: Env) -> Result:
    result = Result("guard")
    attacks.check(result, env.world, connect=env.connect, superuser=env.superuser)
    return result


def _told(env: Env) -> Result:
    result = Result("guard")
    probes.check_catalogues(result, env)
    return result


def _limited(env: Env) -> Result:
    result = Result("guard")
    bounded.check(result, env.bench())
    return result


def _moved(env: Env) -> Result:
    result = Result("guard")
    contexts.check(result, env.world, steps=600)
    return result


def _spelled(env: Env) -> Result:
    result = Result("guard")
    hosts.check(result, env.world, limit=250)
    return result


def _failed(env: Env) -> Result:
    """One page and one answer of the API fail, of both kinds of error; the log is judged."""
    result = Result("guard")
    book = http.read()
    names = ("dealer GET /customers/<str:id>/", "dealer GET /people/", "dealer GET /api/v1/customers")
    rows = [row for name in names for row in book.rows if row.name == name]
    with traces.watching(env.world) as seen:
        failures.check(result, http.Prober(result, env.world, book, traces=seen), book, rows=rows)
        seen._logs()
    result.violations += seen.found
    return result


def _uploaded(env: Env) -> Result:
    """A logo with a hidden text is uploaded; the files are judged and then as they were."""
    result = Result("guard")
    root = settings.MEDIA_ROOT
    before = set(root.rglob("*"))
    with traces.watching(env.world) as seen:
        http.check(result, env.world, only=lambda row: row.name == "dealer POST /settings/logo/", limit=0, traces=seen)
        seen._files(env.world)
    result.violations += seen.found
    for path in sorted(set(root.rglob("*")) - before, reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    return result


PROBES: dict[str, Run] = {
    "another member's people at every host": _asked(
        "dealer GET /api/v1/catalogue/brands", "dealer GET /healthz", "dealer GET /customers/<str:id>/"
    ),
    "sign-ins that ended": _asked("dealer GET /account/"),
    "roles that may not": _asked("dealer GET /people/"),
    "jobs of other technicians": _asked("dealer GET /appointments/<uuid:id>/"),
    "tokens": _asked("dealer GET /api/v1/customers"),
    "forms without a token": _asked("dealer POST /customers/<str:id>/edit/"),
    "the cache": _of(probes.caches),
    "letting oneself in": _of(probes.let_oneself_in),
    "closing a living dealership": _of(probes.close_a_living_one),
    "files": _of(probes.files),
    "guessing": _of(probes.guessing),
    "keys by process": _of(probes.keys_by_process),
    "privileges": _privileges,
    "attacks": _attacked,
    "catalogues and functions": _told,
    "what cannot be taken away": _limited,
    "contexts": _moved,
    "hosts": _spelled,
    "error pages and the log": _failed,
    "uploads": _uploaded,
}


# -- taking away -----------------------------------------------------------------------------------------------


def _patched(where: Any, name: str, value: Any) -> Without:
    return lambda env: patch.object(where, name, value)


def _granted(grant: str, revoke: str) -> Without:
    """A right too many; {north} and {south} are schemas."""

    @contextmanager
    def without(env: Env) -> Iterator[None]:
        names = {"north": env.world.network.north.schema, "south": env.world.network.south.schema}
        env.as_superuser(grant.format(**names))
        try:
            yield
        finally:
            env.as_superuser(revoke.format(**names))

    return without


@contextmanager
def _anybody_joins(env: Env) -> Iterator[None]:
    """The steward provisions a dealership that lives, and its joining step finds no people there."""

    class Nobody:
        class objects:  # noqa: N801 - as on a model
            create = User.objects.create

            @staticmethod
            def exists() -> bool:
                return False

    with bound(Owner()):  # the other guard: one that lives is left as it is
        Tenant.objects.filter(slug="north").update(state=State.JOINING)
    with patch.object(joining, "User", Nobody):
        yield
    with bound(Owner(env.world.network.north.schema)):
        User.objects.filter(login="mallory")._raw_delete("default")
    with bound(Owner()):
        Tenant.objects.filter(slug="north").update(state=State.ACTIVE)


@contextmanager
def _no_repair(env: Env) -> Iterator[None]:
    repair = steward.repair_logins
    with patch.object(steward, "repair_logins", lambda arguments: 1):
        yield
    repair({})


_turn_to = DatabaseWrapper.turn_to


def _without_check(self: DatabaseWrapper, binding: Binding) -> None:
    """`turn_to`, as if no transaction were open."""
    open_blocks, self.atomic_blocks = self.atomic_blocks, []
    try:
        _turn_to(self, binding)
    except Exception:
        self.atomic_blocks = open_blocks
        raise


def _lenient(header: str) -> str:
    """A Host header as lazy programs read it."""
    return header.partition(":")[0].strip().lower().strip(".").removeprefix("www.")


def _living_forever(at: Any, *, of: str = "") -> Q:
    return Q(**{f"{of}realm": sessions.realm()})


_whole = sessions.SessionStore.person


def _half_is_whole(self: sessions.SessionStore) -> User | None:
    """Whoever gave the password is signed in, whatever comes second."""
    half = self.get(sessions.FIRST_STEP_KEY)
    return User.objects.get(pk=half["user"]) if half else _whole(self)


def _long_ago() -> Any:
    return clock.now() - timedelta(days=400)


GUARDS: tuple[Guard, ...] = (
    Guard(
        "a host leads to its member",
        "kernel.tenancy.directory.Member.binding",
        "another member's people at every host",
        ("GET /customers/<str:id>/", "at another dealership"),
        _patched(directory.Member, "binding", property(lambda self: Dealer(NORTH))),
    ),
    Guard(
        "a Host header is read strictly",
        "kernel.tenancy.directory.host_name",
        "hosts",
        ("not nobody",),
        _patched(directory, "host_name", _lenient),
    ),
    Guard(
        "a process answers with its own keys",
        "kernel.tenancy.middleware: keys.holds",
        "keys by process",
        ("without the key DEALERS",),
        lambda env: patch.object(middleware, "keys", SimpleNamespace(holds=lambda name: True, password=keys.password)),
    ),
    Guard(
        "a binding inside another is refused",
        "kernel.tenancy.bindings.bound",
        "contexts",
        ("turned to",),
        _patched(bindings, "Unbound", object),
    ),
    Guard(
        "a transaction never spans two logins",
        "kernel.tenancy.backend: turn_to",
        "contexts",
        ("turned to",),
        _patched(DatabaseWrapper, "turn_to", _without_check),
    ),
    Guard(
        "a connection serves the work that is bound to it",
        "kernel.tenancy.backend: _cursor",
        "contexts",
        ("bound to nobody",),
        lambda env: patch.object(DatabaseWrapper, "_cursor", lambda self, name=None: _Plain._cursor(self, name)),
    ),
    Guard(
        "a pooled connection goes back to its login",
        "kernel.tenancy.backend: _key",
        "contexts",
        ("contexts:", "read"),
        _patched(DatabaseWrapper, "_key", ("any", "any")),
    ),
    Guard(
        "a stream keeps its request's binding",
        "kernel.tenancy.middleware._rebound",
        "contexts",
        ("this was read of",),
        _patched(middleware, "_rebound", lambda binding, chunks: chunks),
    ),
    Guard(
        "a task runs as the dealership it names",
        "kernel.tenancy.tasks.dealer_task",
        "contexts",
        ("this was read of",),
        _patched(tasks, "Dealer", lambda dealer_id: Dealer(NORTH)),
    ),
    Guard(
        "cache keys carry the login",
        "kernel.tenancy.cache.make_key",
        "the cache",
        ("finds in the cache",),
        _patched(tenancy_cache, "current", lambda: Dealer(NORTH)),
    ),
    Guard(
        "a session belongs to one realm",
        "kernel.accounts.sessions.living: realm",
        "sign-ins that ended",
        ("session of another realm",),
        _patched(sessions, "living", lambda at, of="": Q(expires_at__gt=at)),
    ),
    Guard(
        "a session ends in time",
        "kernel.accounts.sessions.living: expires_at",
        "sign-ins that ended",
        ("yesterday that expired",),
        _patched(sessions, "living", _living_forever),
    ),
    Guard(
        "a session ends when nobody uses it",
        "kernel.accounts.sessions.living: last_seen",
        "sign-ins that ended",
        ("somebody who went away",),
        _patched(sessions, "IDLE", timedelta(days=400)),
    ),
    Guard(
        "half a sign-in is none",
        "kernel.accounts.sessions.SessionStore.person",
        "sign-ins that ended",
        ("session after the first of two steps", "got 200"),
        _patched(sessions.SessionStore, "person", _half_is_whole),
    ),
    Guard(
        "nobody signed in is nobody",
        "kernel.accounts.models.Anonymous",
        "sign-ins that ended",
        ("anonymous: nobody",),
        _patched(Anonymous, "is_authenticated", True),
    ),
    Guard(
        "a role has its rights and no others",
        "kernel.accounts.models.User.has",
        "roles that may not",
        ("role: technician got 200",),
        _patched(User, "has", lambda self, right: True),
    ),
    Guard(
        "technicians see their own jobs",
        "dealer.workshop.queries.works_on_own_jobs_only",
        "jobs of other technicians",
        ("role: technician got 302, not",),
        _patched(workshop, "works_on_own_jobs_only", lambda user: False),
    ),
    Guard(
        "a token may what its scopes say",
        "kernel.api.permissions.scope_for",
        "tokens",
        ("token without the scope",),
        _patched(permissions, "scope_for", lambda view, method: ""),
    ),
    Guard(
        "a token ends in time",
        "kernel.accounts.tokens.find: expires_at",
        "tokens",
        ("token that expired",),
        _patched(tokens, "clock", SimpleNamespace(now=_long_ago)),
    ),
    Guard(
        "a revoked token is no token",
        "kernel.accounts.tokens.find: revoked_at",
        "tokens",
        ("token that was revoked",),
        _patched(Token, "revoked_at", property(lambda self: None, lambda self, value: None)),
    ),
    Guard(
        "a form of another site is refused",
        "django.middleware.csrf",
        "forms without a token",
        ("without CSRF token",),
        _patched(CsrfViewMiddleware, "process_view", lambda self, *args: None),
    ),
    Guard(
        "guessing is slowed",
        "kernel.accounts.throttle.take",
        "guessing",
        ("guessing: after its tries north answers",),
        _patched(throttle, "take", lambda limit, subject: None),
    ),
    Guard(
        "files lie by dealership",
        "dealer.organisation.logos.folder",
        "uploads",
        ("stands in no member's folder",),
        _patched(logos, "folder", lambda dealer_id: settings.MEDIA_ROOT / "all"),
    ),
    Guard(
        "pictures are written anew",
        "dealer.organisation.logos.cleaned",
        "uploads",
        ("a text that was hidden in it",),
        lambda env: patch.object(organisation.logos, "cleaned", lambda upload, size: upload.read()),
    ),
    Guard(
        "a failure shows nothing",
        "dealernet.settings.DEBUG",
        "error pages and the log",
        ("failing, it shows",),
        _patched(settings, "DEBUG", True),
    ),
    Guard(
        "the log quotes no row",
        "dealernet.logs.LineFormatter",
        "error pages and the log",
        ("a log line holds CANARY",),
        _patched(LineFormatter, "format", logging.Formatter.format),
    ),
    Guard(
        "a living dealership is not set up again",
        "kernel.tenancy.steward.provision, kernel.accounts.joining",
        "letting oneself in",
        ("into a living dealership",),
        _anybody_joins,
    ),
    Guard(
        "what ends a dealership is signed",
        "kernel.tenancy.models.SIGNED_VERBS",
        "closing a living dealership",
        ("without the second signature",),
        lambda env: patch("kernel.tenancy.steward.requests.SIGNED_VERBS", models.SIGNED_VERBS - {"retire"}),
    ),
    Guard(
        "the manufacturer cannot sign",
        "grants of tenancy_stewardsignature",
        "closing a living dealership",
        ("gave the second signature itself",),
        _granted(
            "GRANT INSERT ON public.tenancy_stewardsignature TO oem",
            "REVOKE INSERT ON public.tenancy_stewardsignature FROM oem",
        ),
    ),
    Guard(
        "a dealership wishes in its own name",
        "the policy own_wish of tenancy_hostwish",
        "attacks",
        ("gets through with the attack wish in another's name",),
        _granted(
            "ALTER TABLE public.tenancy_hostwish DISABLE ROW LEVEL SECURITY",
            "ALTER TABLE public.tenancy_hostwish ENABLE ROW LEVEL SECURITY",
        ),
    ),
    Guard(
        "a dealership does not read who asks for names",
        "grants of tenancy_hostclaim",
        "attacks",
        ("gets through with the attack read who asks for names",),
        _granted(
            "GRANT SELECT ON public.tenancy_hostclaim TO {north}",
            "REVOKE SELECT ON public.tenancy_hostclaim FROM {north}",
        ),
    ),
    Guard(
        "a schema is its own login's",
        "grants of every table",
        "privileges",
        ("may SELECT", "customers_customer"),
        _granted(
            "GRANT USAGE ON SCHEMA {south} TO {north}; GRANT SELECT ON {south}.customers_customer TO {north}",
            "REVOKE ALL ON {south}.customers_customer FROM {north}; REVOKE USAGE ON SCHEMA {south} FROM {north}",
        ),
    ),
    Guard(
        "the ledger only grows",
        "grants of exchange_ledger",
        "privileges",
        ("may UPDATE", "exchange_ledger"),
        _granted(
            "GRANT UPDATE (released) ON {north}.exchange_ledger TO {north}",
            "REVOKE UPDATE (released) ON {north}.exchange_ledger FROM {north}",
        ),
    ),
    Guard(
        "the audit trail only grows",
        "grants of audit_entry",
        "attacks",
        ("rewrite the audit trail",),
        _granted(
            "GRANT UPDATE ON {north}.audit_entry TO {north}; "
            "ALTER TABLE {north}.audit_entry DISABLE TRIGGER audit_entry_only_emptied",
            "REVOKE UPDATE ON {north}.audit_entry FROM {north}; "
            "GRANT UPDATE (after, before, note, object_label) ON {north}.audit_entry TO {north}; "
            "ALTER TABLE {north}.audit_entry ENABLE TRIGGER audit_entry_only_emptied",
        ),
    ),
    Guard(
        "what the audit trail says is emptied at the most",
        "kernel.audit.migrations: audit_entry_only_emptied",
        "attacks",
        ("write over what the audit trail says",),
        _granted(
            "ALTER TABLE {north}.audit_entry DISABLE TRIGGER audit_entry_only_emptied",
            "ALTER TABLE {north}.audit_entry ENABLE TRIGGER audit_entry_only_emptied",
        ),
    ),
    Guard(
        "catalogues are closed",
        "kernel.tenancy.steward.closing: relations",
        "catalogues and functions",
        ("from pg_class",),
        _granted("GRANT SELECT ON pg_catalog.pg_class TO PUBLIC", "REVOKE SELECT ON pg_catalog.pg_class FROM PUBLIC"),
    ),
    Guard(
        "statistics are closed",
        "kernel.tenancy.steward.closing: functions",
        "catalogues and functions",
        ("pg_stat_get_mod_since_analyze",),
        _granted(
            "GRANT EXECUTE ON FUNCTION pg_catalog.pg_stat_get_mod_since_analyze(oid) TO PUBLIC",
            "REVOKE EXECUTE ON FUNCTION pg_catalog.pg_stat_get_mod_since_analyze(oid) FROM PUBLIC",
        ),
    ),
    Guard(
        "the steward repairs logins",
        "kernel.tenancy.steward.repair_logins",
        "what cannot be taken away",
        ("after the repair",),
        _no_repair,
    ),
    Guard(
        "the steward ends what keeps others waiting",
        "kernel.tenancy.steward.end_overdue_sessions",
        "what cannot be taken away",
        ("many advisory locks",),
        _patched(steward, "end_overdue_sessions", list),
    ),
)
