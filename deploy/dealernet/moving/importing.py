"""The steward's verb `import`: an export becomes a dealership here, whole or not at all, and proves that it is equal.

Everything that can be checked is checked before anything is written. Tables, rows and what follows from them come in
one transaction; one killed before it is committed leaves an empty row in state `joining`, which the next run fills.
"""

from __future__ import annotations

import hashlib
import json
import logging
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg2
from django.conf import settings
from django.db import transaction

from dealer.organisation import logos
from dealer.organisation.models import Profile
from dealer.organisation.queries import forget_profile
from dealer.sharing.actions import end_sharing
from dealernet.moving.owning import count_on, login_exists, owner, schema_exists
from dealernet.moving.steps import begin
from dealernet.moving.structure import UnknownMigration, build, check_known
from kernel import audit, clock
from kernel.accounts.actors import SYSTEM
from kernel.checkpoints import reached
from kernel.errors import Invalid
from kernel.moving.bundles import Bundle, BundleError, digest_of
from kernel.moving.tables import Table
from kernel.tenancy import rendering
from kernel.tenancy.bindings import MANUFACTURER_ID, PORTAL_SCHEMA, Dealer, Owner, Portal, bound, schema_of
from kernel.tenancy.models import Domain, Kind, Move, SchemaState, State, Tenant
from kernel.tenancy.steward.logins import set_up_login
from kernel.tenancy.steward.progress import Progress
from kernel.tenancy.steward.schemas import bring_up
from oem.network import actions as network
from oem.network.models import Dealership

log = logging.getLogger(__name__)

#: What was under way at the old place ends there: nothing of it is carried to the manufacturer of this one.
_HISTORY = """
UPDATE exchange_ledger SET state = 'stopped', reason = 'moved' WHERE state = 'recorded';
DELETE FROM exchange_payload p USING exchange_ledger l WHERE l.id = p.id AND l.state = 'stopped' AND l.reason = 'moved';
UPDATE exchange_inbox SET state = 'skipped', reason = 'moved' WHERE state IN ('received', 'refused', 'parked');
"""


class ImportRefused(Exception):
    """The file is whole, but cannot become a dealership here; the words say why."""


def import_dealership(arguments: dict[str, Any], progress: Progress = lambda step: None) -> Move:
    """Make a dealership of an export.

    `arguments`: `file`; `move` (UUID of this import), `id` (UUID: the export's own, or a new one), `slug`. Raises
    BundleError, UnknownMigration, ImportRefused; then nothing of it is left. Done already, it returns what was done.
    """
    move_id, dealer_id, slug = UUID(arguments["move"]), UUID(arguments["id"]), str(arguments["slug"])
    with bound(Owner()):
        done = Move.objects.filter(id=move_id).first()
    if done is not None and done.settled_at is not None:
        return done
    with Bundle(Path(arguments["file"])) as bundle:
        begin(progress, "check")
        check(bundle, dealer_id=dealer_id, slug=slug, move_id=move_id)
        try:
            _join(bundle, dealer_id, slug, progress)
            if done is None:
                begin(progress, "rows")
                _load(bundle, dealer_id, slug, move_id, arguments, progress)
            begin(progress, "upgrade")
            with bound(Owner(schema_of(dealer_id))):
                bring_up(rendering.DEALERSHIP, schema_of(dealer_id))
            begin(progress, "files")
            for name in bundle.files():
                target = logos.folder(dealer_id) / name
                target.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
                bundle.copy_file(name, target)
        except Exception:
            _leave_nothing(dealer_id)
            raise
    return _settle(dealer_id, slug, move_id, progress)


def check(bundle: Bundle, *, dealer_id: UUID, slug: str, move_id: UUID | None = None) -> None:
    """Everything that can be known before anything is written. Raises BundleError, UnknownMigration, ImportRefused."""
    bundle.check()
    migrations = {(app, name) for app, name in bundle.manifest["migrations"]}
    check_known(migrations)
    if not migrations:
        raise ImportRefused("the export does not say by which migrations it was made")
    _check_shape(bundle)
    with bound(Owner()):
        taken = Tenant.objects.filter(id=dealer_id).first()
        if taken is not None and (taken.state != State.JOINING or taken.slug != slug):
            raise ImportRefused(f"the dealership {dealer_id} lives here or has lived here; import it as a new one")
        if taken is None and Tenant.objects.filter(slug=slug).exists():
            raise ImportRefused(f"the address name {slug} is or was in use here; choose another one")
        with owner() as cursor:
            schema = schema_of(dealer_id)
            if taken is None and (schema_exists(cursor, schema) or login_exists(cursor, schema)):
                raise ImportRefused(f"there is a schema or a login {schema} already, which no dealership owns")


def _check_shape(bundle: Bundle) -> None:
    """The schemas inside describe the tables that the manifest names."""
    for table in bundle.tables:
        path = f"schema/{table.name}.schema.json"
        try:
            said = json.loads(b"".join(bundle._blocks(path)))
        except (KeyError, ValueError) as error:
            raise BundleError("schema", f"{path} cannot be read: {error}") from None
        if set(said.get("properties", ())) != {column.name for column in table.columns}:
            raise BundleError("schema", f"{path} does not describe the columns of {table.name}.")


def _join(bundle: Bundle, dealer_id: UUID, slug: str, progress: Progress) -> None:
    schema = schema_of(dealer_id)
    begin(progress, "login")
    with bound(Owner()):
        Tenant.objects.get_or_create(
            id=dealer_id,
            defaults={
                "kind": Kind.DEALERSHIP,
                "slug": slug,
                "name": bundle.manifest["dealership"]["name"][:120],
                "schema_name": schema,
            },
        )
    with owner() as cursor:
        set_up_login(cursor, schema, "dealer")
        cursor.execute(f'GRANT dealerships TO "{schema}"')


def _renaming(bundle: Bundle, dealer_id: UUID, slug: str) -> list[tuple[bytes, bytes]]:
    """What of every line is replaced: the dealership's id, wherever it stands, when it comes as a new one."""
    old = bundle.manifest["dealership"]["id"]
    return [(old.encode(), str(dealer_id).encode())] if old != str(dealer_id) else []


def _load(
    bundle: Bundle, dealer_id: UUID, slug: str, move_id: UUID, arguments: dict[str, Any], progress: Progress
) -> None:
    schema = schema_of(dealer_id)
    migrations = {(app, name) for app, name in bundle.manifest["migrations"]}
    renaming = _renaming(bundle, dealer_id, slug)
    with owner() as cursor:
        cursor.execute(f'DROP SCHEMA IF EXISTS "{schema}" CASCADE')
        build(cursor, schema, migrations)
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        for table in bundle.tables:
            _load_table(cursor, bundle, table, schema, renaming)
        begin(progress, "compare")
        _compare(cursor, bundle, schema, renaming)
        count_on(cursor, schema)
        cursor.execute(f'SET LOCAL search_path = "{schema}", public')
        cursor.execute("UPDATE organisation_profile SET slug = %s", [slug])
        cursor.execute("SELECT coalesce(max(number), 0) FROM exchange_ledger")
        ledger_number = cursor.fetchone()[0]
        cursor.execute("SELECT coalesce(max(number), 0) FROM exchange_inbox")
        inbox_number = cursor.fetchone()[0]
        cursor.execute(_HISTORY)
        # Receipts of every manufacturer have the same subject: this one's go on after those that are here.
        cursor.execute(
            f'INSERT INTO "{PORTAL_SCHEMA}".exchange_subject AS s (receiver, subject, last) '
            "SELECT %s, subject, max(seq) FROM exchange_inbox WHERE contract = 'Receipt' GROUP BY subject "
            "ON CONFLICT (receiver, subject) DO UPDATE SET last = greatest(s.last, excluded.last)",
            [str(dealer_id)],
        )
        figures = {"rows": bundle.manifest["rows"], "tables": len(bundle.tables)}
        cursor.execute(
            "INSERT INTO public.tenancy_move (id, tenant_id, kind, source, sha256, kept_schema, ledger_number, "
            "inbox_number, figures) VALUES (%s, %s, 'import', %s, %s, '', %s, %s, %s)",
            [str(move_id), str(dealer_id), str(arguments["file"])[-300:], str(arguments.get("sha256", "")),
             ledger_number, inbox_number, json.dumps(figures)],
        )  # fmt: skip


def _load_table(cursor: Any, bundle: Bundle, table: Table, schema: str, renaming: list[tuple[bytes, bytes]]) -> None:
    place, take_in, make_rows = table.load(schema)
    try:
        cursor.execute(place)
        with bundle.lines(table.name, renaming) as lines:
            cursor.copy_expert(take_in, lines)
        cursor.execute(make_rows)
    except psycopg2.Error as error:
        words = str(error).strip().splitlines()
        raise ImportRefused(f"the rows of {table.name} cannot be read: {words[0] if words else error!r}") from error


def _compare(cursor: Any, bundle: Bundle, schema: str, renaming: list[tuple[bytes, bytes]]) -> None:
    """Read every table as an export would and compare hashes with the file's. Raises ImportRefused."""
    reached("moving: loaded")
    for table, said in zip(bundle.tables, bundle.manifest["tables"], strict=True):
        wanted = (said["sha256"], said["rows"])
        if renaming:
            wanted = (_renamed_digest(bundle, table, renaming), said["rows"])
        if digest_of(cursor, table, schema) != wanted:
            raise ImportRefused(f"{table.name} came out different from what was brought")


def _renamed_digest(bundle: Bundle, table: Table, renaming: list[tuple[bytes, bytes]]) -> str:
    digest = hashlib.sha256()
    with bundle.lines(table.name, renaming) as lines:
        while block := lines.read(1 << 16):
            digest.update(block)
    return digest.hexdigest()


def _leave_nothing(dealer_id: UUID) -> None:
    """What failed is gone: schema, login and row. A dealership that never lived has used nothing up."""
    schema = schema_of(dealer_id)
    with bound(Owner()), transaction.atomic():
        if not Tenant.objects.filter(id=dealer_id, state=State.JOINING).exists():
            return
        with owner() as cursor:
            cursor.execute(f'DROP SCHEMA IF EXISTS "{schema}" CASCADE')
            cursor.execute(f'DROP ROLE IF EXISTS "{schema}"')
        Move.objects.filter(tenant_id=dealer_id).delete()
        SchemaState.objects.filter(schema_name=schema).delete()
        Tenant.objects.filter(id=dealer_id, state=State.JOINING).delete()


def _settle(dealer_id: UUID, slug: str, move_id: UUID, progress: Progress) -> Move:
    """Sharing waits for a signature here, the manufacturer knows the dealership, its host answers."""
    begin(progress, "sharing")
    with bound(Dealer(dealer_id)):
        forget_profile()
        with transaction.atomic():
            end_sharing(actor=SYSTEM, note="moved", propose_anew=True)
            Profile.objects.update(manufacturer_id=MANUFACTURER_ID, manufacturer_name=settings.MANUFACTURER_NAME)
            mine = Profile.objects.get()
            audit.record(actor=SYSTEM, action="organisation.import", obj=mine, note=slug)
        forget_profile()
    begin(progress, "network")
    with bound(Portal()):
        _enter(mine, slug)
    begin(progress, "domain")
    with bound(Owner()), transaction.atomic():
        tenant = Tenant.objects.get(id=dealer_id)
        Domain.objects.get_or_create(
            domain=f"{slug}.{settings.BASE_DOMAIN}", defaults={"tenant": tenant, "is_primary": True}
        )
        Tenant.objects.filter(id=dealer_id, state=State.JOINING).update(state=State.ACTIVE)
        Move.objects.filter(id=move_id, settled_at=None).update(settled_at=clock.now())
        return Move.objects.get(id=move_id)


def _enter(mine: Profile, slug: str) -> None:
    """Enter it among the manufacturer's dealerships, with its place if that can be read here."""
    if Dealership.objects.filter(id=mine.id).exists():
        return
    try:
        network.enter_dealership(
            actor=SYSTEM, id=mine.id, slug=slug, name=mine.name, province=mine.province, city=mine.city
        )
    except Invalid:
        network.enter_dealership(actor=SYSTEM, id=mine.id, slug=slug, name=mine.name)


__all__ = ["ImportRefused", "UnknownMigration", "check", "import_dealership"]
