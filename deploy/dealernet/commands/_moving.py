"""What `dealernet dealer` says and asks about taking along, bringing, backing up, restoring and deleting."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

from dealernet.commands._members import operator

#: Seconds between two looks at the steward's answer, after which a request that nobody took is left, and after which
#: one that is being carried out is.
LOOK, UNTAKEN, PATIENCE = 0.2, 120.0, 6 * 3600.0


class NotDone(Exception):
    """Why it was not done, in words."""


def configure(verbs: Any) -> None:
    """Add the verbs to the parser of `dealernet dealer`."""
    export = verbs.add_parser("export", help="write everything of a dealership into one file, in open formats")
    export.add_argument("slug", metavar="S")
    export.add_argument("target", metavar="PATH", nargs="?", type=Path, help="a file, or a folder to write it into")
    export.add_argument("--to", type=Path, metavar="FILE", help="the same")
    bring = verbs.add_parser("import", help="make a dealership of an export")
    bring.add_argument("file", metavar="FILE", type=Path, help="the export, or the folder that holds it")
    bring.add_argument("--slug", default="", help="another address name than it had")
    bring.add_argument("--as-new", action="store_true", help="with a new id: beside one that lives or has lived here")
    backup = verbs.add_parser("backup", help="back up one dealership; what it holds is good for this installation only")
    backup.add_argument("slug", metavar="S")
    backup.add_argument("--to", type=Path, metavar="FILE", required=True)
    restore = verbs.add_parser("restore", help="put one dealership back to its backup; the others are not touched")
    restore.add_argument("file", metavar="FILE", type=Path)
    restore.add_argument("--slug", default="", help="refuse the backup of any other dealership")
    restore.add_argument("--dry-run", action="store_true", help="show what would change, by table, and change nothing")
    drop = verbs.add_parser("drop", help="delete the data of a retired dealership, once its time is over")
    drop.add_argument("slug", metavar="S")
    kept = verbs.add_parser("drop-kept", help="delete the tables that restores of a dealership have set aside")
    kept.add_argument("slug", metavar="S")
    for parser in (restore, drop, kept):
        parser.add_argument("--yes", action="store_true", help="do not ask")


def run(args: argparse.Namespace) -> int:
    """1 when it was refused or failed."""
    from dealernet.moving.backups import BackupFailed
    from dealernet.moving.importing import ImportRefused
    from dealernet.moving.programs import NoProgram
    from dealernet.moving.restoring import RestoreRefused
    from dealernet.moving.structure import UnknownMigration
    from kernel.moving.bundles import BundleError
    from kernel.tenancy.models import Tenant

    try:
        document, lines = VERBS[args.verb](args)
    except Tenant.DoesNotExist:
        return _failed(args, f"There is no dealership {args.slug!r}.")
    except (
        BackupFailed,
        BundleError,
        ImportRefused,
        NoProgram,
        NotDone,
        OSError,
        RestoreRefused,
        UnknownMigration,
    ) as why:
        return _failed(args, str(why))
    print(json.dumps(document, ensure_ascii=False, default=str) if args.json else "\n".join(lines))
    return 0


def _failed(args: argparse.Namespace, text: str) -> int:
    if args.json:
        print(json.dumps({"error": text}, ensure_ascii=False))
    print(f"dealernet dealer {args.verb}: {text}", file=sys.stderr)
    return 1


def _say(args: argparse.Namespace, text: str) -> None:
    print(text, file=sys.stderr if args.json else sys.stdout, flush=True)


def _confirm(args: argparse.Namespace, slug: str, text: str) -> None:
    if args.yes:
        return
    if not sys.stdin.isatty():
        raise NotDone("Say --yes to do it without being asked.")
    print(text)
    if input(f"Type {slug} to confirm: ").strip() != slug:
        raise NotDone("Not confirmed; nothing was changed.")


def ask(args: argparse.Namespace, verb: str, arguments: dict[str, Any]) -> None:
    """Have the steward do something, under the operator's signature, and wait for it. Raises NotDone."""
    from kernel.tenancy import steward
    from kernel.tenancy.bindings import Owner, bound
    from kernel.tenancy.models import RequestState, StewardRequest

    with bound(Owner()):
        request = StewardRequest.objects.create(verb=verb, arguments=arguments, requested_by=operator())
        steward.sign(request.id, by=operator())
    began, said = time.monotonic(), ""
    while True:
        with bound(Owner()):
            request.refresh_from_db()
        if request.state != said:
            said = request.state
            _say(args, f"The steward: {request.get_state_display()}.")
        if request.state == RequestState.DONE:
            return
        if request.state == RequestState.FAILED:
            raise NotDone(request.error.partition("\n")[0].partition(": ")[2] or request.error)
        if time.monotonic() - began > (UNTAKEN if request.state == RequestState.WAITING else PATIENCE):
            raise NotDone(
                "The steward has not answered. Is the network running? The request stays and is carried out later."
            )
        time.sleep(LOOK)


def _whole(path: Path) -> Path:
    found = path.resolve()
    if found.is_dir():
        zips = sorted(found.glob("*.zip"))
        if len(zips) != 1:
            raise NotDone(f"There is not one export in {path}, but {len(zips)}. Name the file.")
        return zips[0]
    if not found.is_file():
        raise NotDone(f"There is no file {path}.")
    return found


def _export(args: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    from dealer.organisation import exporting
    from kernel import clock
    from kernel.tenancy.bindings import Dealer, Owner, bound
    from kernel.tenancy.models import Kind, State, Tenant

    wanted = args.to or args.target
    if wanted is None:
        raise NotDone("Say where to: --to FILE.")
    with bound(Owner()):
        tenant = Tenant.objects.get(slug=args.slug, kind=Kind.DEALERSHIP)
    if tenant.state != State.ACTIVE:
        raise NotDone(f"{tenant.slug} is {tenant.state}; its login is locked.")
    name = f"dealernet-{tenant.slug}-{clock.now():%Y%m%d-%H%M%S}.zip"
    target = wanted.resolve() / name if wanted.is_dir() else wanted.resolve()
    began = time.monotonic()
    with bound(Dealer(tenant.id)):
        made = exporting.write(target)
    seconds = time.monotonic() - began
    document = {
        "file": str(target),
        "sha256": made["sha256"],
        "bytes": made["bytes"],
        "rows": made["rows"],
        "tables": {table["table"]: {"rows": table["rows"], "sha256": table["sha256"]} for table in made["tables"]},
        "seconds": round(seconds, 2),
    }
    lines = [
        f"{target}: {made['rows']} rows of {len(made['tables'])} tables, {made['bytes']} bytes, {seconds:.1f} s",
        f"SHA-256 {made['sha256']}",
        "It holds personal data of customers. Passwords, tokens and sign-ins are not in it.",
    ]
    return document, lines


def _import(args: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    from dealernet.commands._members import web_host
    from dealernet.moving.importing import check
    from kernel.moving.bundles import Bundle, fingerprint
    from kernel.tenancy.bindings import Owner, bound
    from kernel.tenancy.models import Move
    from oem.network.queries import address_of

    path = _whole(args.file)
    began = time.monotonic()
    with Bundle(path) as bundle:
        mine = bundle.manifest["dealership"]
        slug = args.slug.strip().lower() or mine["slug"]
        dealer_id = uuid4() if args.as_new else _uuid(mine["id"])
        _check_slug(slug)
        check(bundle, dealer_id=dealer_id, slug=slug)
    move = uuid4()
    sha256 = fingerprint(path)["sha256"]
    given = {"file": str(path), "sha256": sha256, "move": str(move), "id": str(dealer_id), "slug": slug}
    ask(args, "import", given)
    with bound(Owner()):
        done = Move.objects.select_related("tenant").get(id=move)
    seconds = time.monotonic() - began
    address = address_of(slug, port=web_host(slug).partition(":")[2])
    document = {"id": str(dealer_id), "slug": slug, "name": done.tenant.name, "address": address, **done.figures,
                "equal": True, "seconds": round(seconds, 2)}  # fmt: skip
    lines = [
        f"{done.tenant.name} is at {address}: {done.figures['rows']} rows of {done.figures['tables']} tables, "
        f"every table equal to the file, {seconds:.1f} s",
        "Nobody there has a password yet: `dealernet user link` makes a first one. Sharing waits for a signature.",
    ]
    return document, lines


def _uuid(text: str) -> Any:
    from uuid import UUID

    try:
        return UUID(text)
    except ValueError:
        raise NotDone(f"The file names no dealership's id: {text!r}.") from None


def _check_slug(slug: str) -> None:
    from django.core.exceptions import ValidationError

    from oem.network.actions import RESERVED_SLUGS
    from oem.network.models import slug_shape

    try:
        slug_shape(slug)
    except ValidationError as error:
        raise NotDone(str(error.messages[0])) from None
    if slug in RESERVED_SLUGS:
        raise NotDone(f"The address name {slug} is reserved.")


def _backup(args: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    from dealernet.moving import backups

    began = time.monotonic()
    made = backups.write(args.slug, args.to.resolve())
    seconds = time.monotonic() - began
    document = {"file": str(args.to.resolve()), "sha256": made["sha256"], "bytes": made["bytes"],
                "made_at": made["made_at"], "seconds": round(seconds, 2)}  # fmt: skip
    return document, [f"{args.to}: {made['bytes']} bytes, {seconds:.1f} s", f"SHA-256 {made['sha256']}"]


def _difference(row: dict[str, Any]) -> str:
    words = (("backup", "in_backup"), ("now", "now"), ("only in backup", "only_in_backup"), ("only now", "only_now"),
             ("changed", "changed"))  # fmt: skip
    return f"{row['table']:<28}" + "  ".join(f"{word} {row[key]:>7}" for word, key in words)


def _restore(args: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    from dealernet.moving.backups import Backup
    from dealernet.moving.restoring import access_tenant, forget_preparation, prepare
    from kernel.moving.bundles import fingerprint
    from kernel.tenancy.bindings import Owner, bound
    from kernel.tenancy.models import Move

    path = _whole(args.file)
    backup = Backup(path)
    tenant = access_tenant(backup, args.slug)
    made_at = backup.manifest["made_at"]
    began = time.monotonic()
    if args.dry_run:
        with backup.unpacked() as folder:
            try:
                figures = prepare(backup, folder, tenant)
            finally:
                forget_preparation(tenant)
        lines = [f"{tenant.slug}, backup of {made_at}; tables that differ:", *map(_difference, figures)]
        return {"slug": tenant.slug, "made_at": made_at, "tables": figures, "dry_run": True}, lines
    _confirm(
        args,
        tenant.slug,
        f"{tenant.name} goes back to {made_at}. What was entered there since is set aside, not shown.",
    )
    move = uuid4()
    given = {"file": str(path), "sha256": fingerprint(path)["sha256"], "slug": tenant.slug, "move": str(move)}
    ask(args, "restore", given)
    with bound(Owner()):
        done = Move.objects.get(id=move)
    seconds = time.monotonic() - began
    document = {"slug": tenant.slug, **done.figures, "kept_schema": done.kept_schema, "seconds": round(seconds, 2)}
    lines = [
        *map(_difference, done.figures["tables"]),
        f"{tenant.name} stands as it was on {made_at}, {seconds:.1f} s.",
        f"Delivered again: {done.figures['delivered_again']} messages; answers to leads done again: "
        f"{done.figures['retold']}; owners told anew: {done.figures['owners_told']}.",
        f"What stood before is kept as {done.kept_schema}, until `dealernet dealer drop-kept {tenant.slug}`.",
    ]
    for contract, words in done.figures["only_there"].items():
        lines.append(f"To be entered again, the manufacturer knows it already ({contract}): {', '.join(words)}")
    return document, lines


def _drop(args: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    from kernel.tenancy.bindings import Owner, bound
    from kernel.tenancy.models import Kind, Tenant

    with bound(Owner()):
        tenant = Tenant.objects.get(slug=args.slug, kind=Kind.DEALERSHIP)
    _confirm(args, tenant.slug, f"All data of {tenant.name} will be deleted for ever.")
    ask(args, "drop", {"slug": tenant.slug})
    with bound(Owner()):
        tenant.refresh_from_db()
    return (
        {"slug": tenant.slug, "state": tenant.state, "dropped_at": tenant.dropped_at},
        [f"The data of {tenant.name} is deleted. Its names are not used again."],
    )


def _drop_kept(args: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    from kernel.tenancy.bindings import Owner, bound
    from kernel.tenancy.models import Kind, Move, Tenant

    with bound(Owner()):
        tenant = Tenant.objects.get(slug=args.slug, kind=Kind.DEALERSHIP)
        kept = Move.objects.filter(tenant=tenant, dropped_at=None).exclude(kept_schema="").exclude(settled_at=None)
        schemas = list(kept.values_list("kept_schema", flat=True))
    if not schemas:
        return {"slug": tenant.slug, "dropped": []}, [f"No restore of {tenant.slug} has set anything aside."]
    _confirm(args, tenant.slug, f"To be deleted for ever: {', '.join(schemas)}.")
    ask(args, "drop_kept", {"slug": tenant.slug})
    return {"slug": tenant.slug, "dropped": schemas}, [f"Deleted: {', '.join(schemas)}."]


VERBS: dict[str, Callable[[argparse.Namespace], tuple[dict[str, Any], list[str]]]] = {
    "export": _export,
    "import": _import,
    "backup": _backup,
    "restore": _restore,
    "drop": _drop,
    "drop-kept": _drop_kept,
}
