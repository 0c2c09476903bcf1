"""What brings a schema of each kind up to date: the recorded steps, and the rights on its tables.

The steps come from the files in `settings.SCHEMAS_FOLDER`, so that the same text that was tested makes every schema and
neither provisioning nor an upgrade has to run Django's migrations. The rights follow from the models.
"""

from __future__ import annotations

import functools
from collections.abc import Collection
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from django.apps import apps
from django.conf import settings
from django.db.migrations.loader import MigrationLoader

from kernel.apps import TierApp
from kernel.tenancy import scripts
from kernel.tenancy.bindings import PUBLIC_SCHEMA
from kernel.tenancy.grants import grants_of
from kernel.tenancy.scripts import How, Recording, Step

PUBLIC, MANUFACTURER, DEALERSHIP = "public", "manufacturer", "dealership"
KINDS = (PUBLIC, MANUFACTURER, DEALERSHIP)
#: Stands in texts that serve many schemas for the name of each.
PLACEHOLDER = "__schema__"


@dataclass(frozen=True)
class Script:
    """What is missing in a schema of one kind, and the checksum that it has afterwards."""

    kind: str
    steps: tuple[Step, ...]
    checksum: str

    @property
    def migrations(self) -> tuple[tuple[str, str], ...]:
        return tuple(step.node for step in self.steps)

    @property
    def at_once(self) -> bool:
        """Whether it is SQL alone that one transaction can carry out."""
        return all(step.how is How.SQL for step in self.steps)

    def text(self) -> str:
        """Every statement, also those that would run concurrently in a schema with rows: for an empty one."""
        return "".join(step.text for step in self.steps).replace("INDEX CONCURRENTLY ", "INDEX ")


def labels_of(kind: str) -> list[str]:
    """The labels of the apps whose tables stand in a schema of this kind, in the order of installation."""
    wanted = {kind} if kind == PUBLIC else {kind, "both"}
    return [app.label for app in apps.get_app_configs() if isinstance(app, TierApp) and app.tier in wanted]


def models_of(kind: str) -> list:
    """The concrete, managed models whose tables stand in a schema of this kind."""
    labels = set(labels_of(kind))
    return [m for m in apps.get_models(include_auto_created=True) if m._meta.app_label in labels and m._meta.managed]


def migration_files(kind: str) -> list[Path]:
    """The files of the migrations of a kind."""
    found: list[Path] = []
    for label in labels_of(kind):
        package, explicit = MigrationLoader.migrations_module(label)
        if package is None or (not explicit and find_spec(package) is None):
            continue  # an app without tables
        folder = Path(import_module(package).__file__ or "").parent
        found += [path for path in folder.glob("*.py") if path.name != "__init__.py"]
    return found


def file_of(kind: str) -> Path:
    """The file with the recorded steps of a kind."""
    return Path(settings.SCHEMAS_FOLDER) / f"{kind}.sql"


@functools.cache
def recorded(kind: str) -> Recording:
    """What was recorded of a kind. Raises UnreadableScript. Read once a process."""
    return scripts.read(kind, file_of(kind).read_text(encoding="utf-8"))


def steps(kind: str) -> tuple[Step, ...]:
    """Every recorded step of a kind, in order."""
    return recorded(kind).steps


def structure_of(kind: str) -> str:
    """The digest of the structure of a schema that is up to date (`kernel.tenancy.structure.digest`)."""
    return recorded(kind).structure


def is_current(kind: str) -> bool:
    """Whether the recorded steps are those of today's migrations."""
    return recorded(kind).fingerprint == scripts.fingerprint(migration_files(kind))


@functools.cache
def rights(kind: str) -> tuple[str, ...]:
    """The rights on every table of a kind, with the placeholder for the schema."""
    return tuple(grant_statements(kind, PUBLIC_SCHEMA if kind == PUBLIC else PLACEHOLDER))


@functools.cache
def wanted(kind: str) -> str:
    """The checksum of a schema of this kind that is up to date with this release."""
    return scripts.checksum(steps(kind), rights(kind))


def render(kind: str, *, applied: Collection[tuple[str, str]] = ()) -> Script:
    """What is missing in a schema of `kind` where `applied` migrations stand already."""
    return Script(kind, tuple(step for step in steps(kind) if step.node not in applied), wanted(kind))


def forget() -> None:
    """Read and compute everything anew (tests with migrations of their own)."""
    for cached in (recorded, rights, wanted):
        cached.cache_clear()


def grant_statements(kind: str, schema: str, *, fresh: bool = False) -> list[str]:
    """GRANTs on every table of a schema; `schema` must be one of our own names. `fresh`: nobody has any right yet."""
    own = None if kind == PUBLIC else f'"{schema}"'
    out = []
    for model in models_of(kind):
        table = f'"{schema}"."{model._meta.db_table}"'
        out += grants_of(model, public=kind == PUBLIC).statements(table=table, own_login=own, fresh=fresh)
    if own:
        out.append(f'GRANT SELECT ON "{schema}"."django_migrations" TO {own}')
        out.append(f'GRANT USAGE ON ALL SEQUENCES IN SCHEMA "{schema}" TO {own}')
        out.append(f'GRANT USAGE ON SCHEMA "{schema}" TO {own}, courier')
    else:
        assert schema == PUBLIC_SCHEMA
        out.append('GRANT USAGE ON SCHEMA "public" TO frontdesk, oem, courier, dealerships')
        out.append('GRANT USAGE ON ALL SEQUENCES IN SCHEMA "public" TO oem')
    return out


MIGRATIONS_TABLE = (
    "CREATE TABLE django_migrations (id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, "
    "app varchar(255) NOT NULL, name varchar(255) NOT NULL, applied timestamptz NOT NULL)"
)
