"""The database backend of the wall: the connection is the tenant.

On top of django-tenants' backend it does not set a search path on a shared connection but *swaps the
connection*, with all of Django's state that belongs to it, when the binding changes. Each login carries its
search path itself (`ALTER ROLE … SET search_path`), so nothing is sent per request and a transaction pooler in
front is safe as long as it pools by login.
"""

from __future__ import annotations

import weakref
from typing import Any

from django.db import transaction
from django.utils.asyncio import async_unsafe
from django_tenants.postgresql_backend import base as django_tenants_base
from psycopg2 import OperationalError

from kernel.tenancy import keys
from kernel.tenancy.bindings import UNBOUND, Binding, Courier, Owner, WallError, current
from kernel.tenancy.pool import Key, pool

_Plain = django_tenants_base.original_backend.DatabaseWrapper

#: What Django keeps on its connection wrapper about one database session.
_SESSION_STATE = (
    "connection",
    "autocommit",
    "in_atomic_block",
    "savepoint_state",
    "savepoint_ids",
    "atomic_blocks",
    "commit_on_exit",
    "needs_rollback",
    "rollback_exc",
    "close_at",
    "closed_in_transaction",
    "errors_occurred",
    "health_check_enabled",
    "health_check_done",
    "run_on_commit",
    "run_commit_hooks_on_set_autocommit_on",
)


#: How often a connection of the owner or the courier is used before it is closed.
VISITS = 40
_visits: weakref.WeakKeyDictionary[Any, int] = weakref.WeakKeyDictionary()


def _fresh_state() -> dict[str, Any]:
    return {
        "connection": None,
        "autocommit": False,
        "in_atomic_block": False,
        "savepoint_state": 0,
        "savepoint_ids": [],
        "atomic_blocks": [],
        "commit_on_exit": True,
        "needs_rollback": False,
        "rollback_exc": None,
        "close_at": None,
        "closed_in_transaction": False,
        "errors_occurred": False,
        "health_check_enabled": False,
        "health_check_done": False,
        "run_on_commit": [],
        "run_commit_hooks_on_set_autocommit_on": False,
    }


class DatabaseWrapper(django_tenants_base.DatabaseWrapper):
    """One thread's connection; always logged in as the login of the current binding."""

    connection: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._binding: Binding = UNBOUND
        #: Test mode (kernel.testing): sessions by login, each inside one transaction that is rolled back.
        self._rollback_sessions: dict[Key, dict[str, Any]] | None = None
        self._rollback_atomics: dict[Key, transaction.Atomic] = {}
        super().__init__(*args, **kwargs)

    # -- which login -------------------------------------------------------------------------------------

    @property
    def _key(self) -> Key:
        return (self._binding.login, self._binding.schema)

    @property
    def _pool_key(self) -> Key:
        """Whose connections these are in the pool. The owner's serve every schema: it may have few, and goes straight
        to the server, so its path can be set anew each time."""
        return (self._binding.login, "") if isinstance(self._binding, Owner) else self._key

    def turn_to(self, binding: Binding) -> None:
        """Swap this thread's connection to another login. Called by `bound()` only.

        Raises WallError inside a transaction.
        """
        resting_depth = 0 if self._rollback_sessions is None else 1
        if len(self.atomic_blocks) > resting_depth:
            raise WallError(f"a transaction of {self._binding!r} is open; it may not go on as {binding!r}")
        self._put_away()
        self._binding = binding
        self.schema_name = binding.schema
        self.settings_dict["SCHEMA"] = binding.schema
        self._take_out()

    def _put_away(self) -> None:
        if self._rollback_sessions is not None:
            self._rollback_sessions[self._key] = {name: getattr(self, name) for name in _SESSION_STATE}
            return
        if self.connection is not None:
            self._recycle(self.connection)
            pool.put(self._pool_key, self.connection)

    def _recycle(self, raw: Any) -> None:
        """Close a connection that has seen many schemas: the server's process keeps what it learned of each as long as
        it lives (about a megabyte a dealership for the owner). Those of members see one schema alone."""
        if isinstance(self._binding, (Owner, Courier)):
            _visits[raw] = _visits.get(raw, 0) + 1
            if _visits[raw] >= VISITS:
                raw.close()

    def _take_out(self) -> None:
        state = None
        if self._rollback_sessions is not None:
            state = self._rollback_sessions.pop(self._key, None)
        for name, value in (state or _fresh_state()).items():
            setattr(self, name, value)
        if self._rollback_sessions is not None and state is None and keys.holds(keys.key_name(self._binding.login)):
            self.ensure_connection()

    # -- connecting --------------------------------------------------------------------------------------

    def get_connection_params(self) -> dict[str, Any]:
        params = super().get_connection_params()
        params["user"] = self._binding.login
        params["password"] = keys.password(self._binding.login)  # also where the pool has a connection: no key, no way
        if isinstance(self._binding, Owner):
            params["options"] = f"-c search_path={self._binding.schema},public"
        return params

    @async_unsafe
    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        self.isolation_level = django_tenants_base.original_backend.IsolationLevel.READ_COMMITTED
        make = super().get_new_connection

        def connect() -> Any:
            *before, last = keys.passwords(self._binding.login)
            for password in before:
                try:
                    return make({**conn_params, "password": password})
                except OperationalError as error:
                    # While keys rotate the server may still know the password before.
                    if "password authentication failed" not in str(error):
                        raise
            return make({**conn_params, "password": last})

        raw = pool.take(self._pool_key, connect)
        if isinstance(self._binding, Owner) and raw.autocommit:  # one that was used before; a new one has its path
            with raw.cursor() as cursor:
                cursor.execute(f'SET search_path = "{self._binding.schema}", public')
        return raw

    def _close(self) -> None:
        raw = self.connection  # Django closes only what there is
        try:
            super()._close()
        finally:
            pool.discard(raw)

    def give_back(self) -> None:
        """Let others use the connection until this thread asks something again. Nothing in a transaction or a test."""
        if self.connection is not None and not self.in_atomic_block and self._rollback_sessions is None:
            self._put_away()
            self._take_out()

    def connect(self) -> None:
        super().connect()
        if self._rollback_sessions is not None and self._key not in self._rollback_atomics:
            atomic = transaction.Atomic(self.alias, savepoint=True, durable=False)
            atomic._from_testcase = True  # type: ignore[attr-defined]  # Django's mark of a test's own, not in the stubs
            self._rollback_atomics[self._key] = atomic
            atomic.__enter__()
            with self.connection.cursor() as cursor:  # a whole test is one transaction, and the machine may be busy
                cursor.execute("SET LOCAL transaction_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0")

    def _cursor(self, name: str | None = None) -> Any:
        if self._binding != current():
            # A thread that inherited a context, or code that went round `bound()`.
            raise WallError(f"the connection speaks as {self._binding!r}, the work is bound to {current()!r}")
        return _Plain._cursor(self, name)

    # -- django-tenants' own switches, which the wall does not use ------------------------------------------

    def set_tenant(self, tenant: Any, include_public: bool = True) -> None:
        """Refuse: the login follows from the binding, never from a schema name."""
        if tenant.schema_name != self._binding.schema:
            raise WallError("use kernel.tenancy.bindings.bound(), not set_tenant() or schema_context()")
        self.tenant = tenant
        self.schema_name = tenant.schema_name

    # -- test mode ---------------------------------------------------------------------------------------

    def begin_rollback_mode(self) -> None:
        """From here on every login works in one transaction that `end_rollback_mode` undoes (kernel.testing)."""
        self._put_away()
        self._rollback_sessions, self._rollback_atomics = {}, {}
        self._take_out()

    def end_rollback_mode(self) -> None:
        """Roll back what every login did since `begin_rollback_mode`."""
        sessions = self._rollback_sessions
        assert sessions is not None
        sessions[self._key] = {name: getattr(self, name) for name in _SESSION_STATE}
        for key, state in sessions.items():
            for name, value in state.items():
                setattr(self, name, value)
            if self.connection is not None:
                self.set_rollback(True)
                self._rollback_atomics[key].__exit__(None, None, None)
                raw, self.connection = self.connection, None
                pool.put(key if key[0] != Owner.login else (key[0], ""), raw)
        self._rollback_sessions, self._rollback_atomics = None, {}
        for name, value in _fresh_state().items():
            setattr(self, name, value)
