"""An export, brought elsewhere, is the same dealership: every table with an equal hash, or nothing at all."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import jsonschema
import pytest
from tests.dealernet.moving.scenes import (
    ODD,
    ask,
    differences,
    live_a_little,
    logins,
    offer,
    schemas,
    work_off,
)

from dealer.customers.models import Customer
from dealer.organisation import exporting, logos
from dealer.organisation.models import Profile
from dealer.sales.actions import accept_lead
from dealer.sales.models import Lead as DealerLead
from dealer.sharing.models import Agreement, AgreementState, Grant
from dealernet.moving.importing import ImportRefused, import_dealership
from exchange.operations import verify_ledgers
from exchange.testing import drain_exchange
from kernel.accounts.actors import SYSTEM
from kernel.accounts.models import OutboxMail, Session, Token, User
from kernel.moving.bundles import Bundle, BundleError
from kernel.moving.tables import moving_models, tables
from kernel.tenancy import directory
from kernel.tenancy.bindings import Dealer, Owner, bound, schema_of
from kernel.tenancy.models import Domain, Move, RequestState, State, Tenant
from oem.leads import actions as hub
from oem.network.models import Dealership

WEST = UUID("00000000-0000-4000-8000-00000000a009")


def export(side: Any, path: Path) -> dict[str, Any]:
    with side.bound():
        return exporting.write(path)


def arguments(path: Path, **given: Any) -> dict[str, Any]:
    return {"file": str(path), "move": str(uuid4()), "id": str(WEST), "slug": "west"} | given


def rewritten(path: Path, target: Path, **changed: bytes | None) -> Path:
    """The same file with entries changed (or, None, left out)."""
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(target, "w") as out:
        for name in source.namelist():
            body = changed.get(name.replace("/", "__").replace(".", "_").replace("-", "_"), source.read(name))
            if body is not None:
                out.writestr(name, body)
    return target


@pytest.fixture
def lived(committed, portal, north, tmp_path) -> Path:
    """North with a past, as a file."""
    live_a_little(north)
    accepted = offer(portal, north)
    with north.bound():
        accept_lead(actor=north.actor("sales_manager"), lead_id=accepted)
    drain_exchange()
    offer(portal, north, name="林黛玉", phone="13700137000")
    path = tmp_path / "north.zip"
    export(north, path)
    return path


def test_an_export_holds_every_table_in_json_and_csv_with_its_schema_and_no_secret(lived, north):
    with Bundle(lived) as bundle:
        bundle.check()
        names = {file["path"] for file in bundle.manifest["files"]}
        stays = {one["table"] for one in bundle.manifest["left_out"] if "column" not in one and "rows" not in one}
    assert stays == {
        *("accounts_session", "accounts_token", "accounts_factor", "accounts_recoverycode"),
        *("idempotency_storedanswer", "organisation_export"),
        *("exchange_holdup", "exchange_reconciliation"),  # what the couriers of this place noted
    }
    for table in tables():
        assert {f"data/{table.name}.jsonl", f"csv/{table.name}.csv", f"schema/{table.name}.schema.json"} <= names
    with zipfile.ZipFile(lived) as archive:
        everything = b"".join(archive.read(name) for name in archive.namelist())
        people = [json.loads(line) for line in archive.read("data/accounts_user.jsonl").splitlines()]
        rows = {model: archive.read(f"data/{model._meta.db_table}.jsonl").splitlines() for model in moving_models()}
        docs = {model: json.loads(archive.read(f"schema/{model._meta.db_table}.schema.json")) for model in rows}
        sheet = archive.read("csv/customers_customer.csv").decode("utf-8-sig")
        readme = archive.read("README.md").decode()
    # Secrets of sign-ins, links, and people who are nobody's customers yet.
    words = (b"5e551011", b"70ce40", b"https://link/secret", b"pbkdf2", b"argon2", "林黛玉".encode(), b"13700137000")
    for secret in words:
        assert secret not in everything
    assert {one["password"] for one in people} == {"!"}
    for model, lines in rows.items():
        check = jsonschema.Draft202012Validator(docs[model], format_checker=jsonschema.FormatChecker())
        for line in lines:
            check.validate(json.loads(line))
    assert "'=李四" in sheet
    assert ODD in {json.loads(line)["note"] for line in rows[Customer]}
    assert all(word in readme for word in ("English", "简体中文", "繁體中文"))
    assert "repo" not in docs[Customer]["description"]
    assert docs[DealerLead]["properties"]["consultant_id"]["x-references"] == "accounts_user.id"


def test_an_export_comes_in_as_a_new_dealership_with_equal_hashes_and_exports_the_same_again(
    lived, committed, portal, north, tmp_path, settings
):
    settings.LEDGER_HEADS = tmp_path / "ledger-heads"
    request = ask("import", **arguments(lived))
    work_off()
    with bound(Owner()):
        request.refresh_from_db()
        assert (request.state, request.error) == (RequestState.DONE, "")
        tenant = Tenant.objects.get(id=WEST)
        assert (tenant.state, tenant.slug) == (State.ACTIVE, "west")
        move = Move.objects.get(tenant=tenant)
        assert move.settled_at is not None
        assert Domain.objects.get(tenant=tenant).domain == "west.localhost"
    directory.forget()
    west = directory.member_at("west.localhost").binding
    with bound(west):
        assert ODD in set(Customer.objects.values_list("note", flat=True))
        assert not Session.objects.exists()
        assert not Token.objects.exists()
        assert not OutboxMail.objects.exists()
        assert not any(user.has_usable_password() for user in User.objects.all())
        mine = Profile.objects.get()
        assert (mine.id, mine.slug) == (WEST, "west")
        assert logos.read(WEST, mine.logo) == b"\x89PNG picture"
        # What was agreed with the other network is signed here before anything leaves.
        assert set(Agreement.objects.values_list("state", flat=True)) == {AgreementState.PROPOSED}
        assert {grant.level for grant in Grant.objects.all()} == {"nothing"}
    with portal.bound():
        assert Dealership.objects.get(id=WEST).name == "Northstar Auto"
    again = export_of(WEST, tmp_path / "west.zip")
    with Bundle(lived) as first:
        before = {table["table"]: table["rows"] for table in first.manifest["tables"]}
    after = {table["table"]: table["rows"] for table in again["tables"]}
    changed = {name for name in before if before[name] != after[name]}
    # The settling itself: what it did is in the trail, and the level changes are in their history.
    assert changed <= {"audit_entry", "sharing_levelchange", "exchange_payload"}
    drain_exchange()
    assert differences() == []
    assert [member["findings"] for member in verify_ledgers()["members"]] == [[], [], [], []]


def export_of(dealer_id: UUID, path: Path) -> dict[str, Any]:
    with bound(Dealer(dealer_id)):
        return exporting.write(path)


def test_leads_can_come_to_an_imported_dealership_once_it_has_signed(lived, committed, portal):
    import_dealership(arguments(lived))
    side = type("Side", (), {"id": WEST, "bound": lambda self: bound(Dealer(WEST))})()
    with bound(Dealer(WEST)):
        from dealer.sharing.actions import sign_agreement

        agreement = Agreement.objects.get()
        sign_agreement(actor=SYSTEM, agreement=agreement, ceilings={"LeadOutcome": "full"})
    lead = offer(portal, side, name="赵六", phone="13600136000")
    with bound(Dealer(WEST)):
        accept_lead(actor=SYSTEM, lead_id=lead)
    drain_exchange()
    with portal.bound():
        assert hub.Lead.objects.get(id=lead).state == "accepted"
    assert differences() == []


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"id": "north"}, "lives here"),
        ({"slug": "north"}, "address name north is or was in use"),
    ],
)
def test_ids_and_names_that_lived_here_are_refused(lived, north, given, said):
    if given.get("id") == "north":
        given = {"id": str(north.id), "slug": "west"}
    with pytest.raises(ImportRefused, match=said):
        import_dealership(arguments(lived, **given))
    with bound(Owner()):
        assert not Tenant.objects.filter(slug="west").exists()


def _manifest(path: Path, change: Any) -> bytes:
    with zipfile.ZipFile(path) as archive:
        found = json.loads(archive.read("manifest.json"))
    change(found)
    return json.dumps(found).encode()


def test_every_way_in_which_a_file_can_be_wrong_is_named_and_leaves_nothing(lived, committed, tmp_path):
    def other(number: int, **changed: bytes | None) -> Path:
        return rewritten(lived, tmp_path / f"{number}.zip", **changed)

    def later(found: dict[str, Any]) -> None:
        found["migrations"].append(["sales", "9999_later"])

    with zipfile.ZipFile(lived) as archive:
        people = archive.read("data/accounts_user.jsonl")
    twice = tmp_path / "twice.zip"
    with zipfile.ZipFile(lived) as source, zipfile.ZipFile(twice, "w") as out:
        for name in source.namelist():
            out.writestr(name, source.read(name))
        out.writestr("more.txt", "x")
    broken = tmp_path / "broken.zip"
    broken.write_bytes(lived.read_bytes()[:5000])
    cases: list[tuple[Path, type[Exception], str]] = [
        (broken, BundleError, "cannot be opened as a ZIP"),
        (other(1, manifest_json=None), BundleError, "no manifest.json"),
        (other(2, manifest_json=b"{"), BundleError, "cannot be read"),
        (other(3, manifest_json=b"[]"), BundleError, "not an export"),
        (other(4, manifest_json=_manifest(lived, lambda m: m.update(version=99))), BundleError, "version 99"),
        (other(5, manifest_json=_manifest(lived, lambda m: m.pop("tables"))), BundleError, "lacks something"),
        (other(6, manifest_json=_manifest(lived, lambda m: m["dealership"].update(id=7))), BundleError, "wrong kind"),
        (other(7, data__accounts_user_jsonl=people[:-9]), BundleError, "accounts_user.jsonl is not what"),
        (other(8, data__accounts_user_jsonl=None), BundleError, "accounts_user.jsonl is missing"),
        (twice, BundleError, "more.txt is not in the manifest"),
        (other(9, manifest_json=_manifest(lived, later)), Exception, "sales.9999_later is unknown"),
        (other(10, manifest_json=_manifest(lived, lambda m: m.update(migrations=[]))), ImportRefused, "migrations"),
    ]
    before = (schemas(), logins())
    for path, kind, said in cases:
        with pytest.raises(kind, match=said):
            import_dealership(arguments(path))
    with bound(Owner()):
        assert not Tenant.objects.filter(slug="west").exists()
    assert (schemas(), logins()) == before


def test_rows_that_the_tables_refuse_name_the_table_and_leave_nothing(lived, committed, tmp_path):
    import hashlib

    with zipfile.ZipFile(lived) as archive:
        lines = archive.read("data/customers_customer.jsonl").replace(b'"kind":"individual"', b'"kind":null')
    digest = hashlib.sha256(lines).hexdigest()

    def change(found: dict[str, Any]) -> None:
        for file in found["files"]:
            if file["path"] == "data/customers_customer.jsonl":
                file.update(sha256=digest, bytes=len(lines))
        for table in found["tables"]:
            if table["table"] == "customers_customer":
                table["sha256"] = digest

    path = rewritten(
        lived, tmp_path / "odd.zip", data__customers_customer_jsonl=lines, manifest_json=_manifest(lived, change)
    )
    before = (schemas(), logins())
    with pytest.raises(ImportRefused, match="customers_customer"):
        import_dealership(arguments(path))
    assert (schemas(), logins()) == before
    with bound(Owner()):
        assert not Tenant.objects.filter(slug="west").exists()
    # Nothing is used up by a failure: the good file comes in under the same names.
    assert import_dealership(arguments(lived)).settled_at is not None


class Killed(BaseException):
    """The steward ends in the middle of its work: nothing of ours runs any more."""


def test_an_import_that_is_killed_at_any_step_ends_whole_when_it_is_run_again(lived, committed):
    given = arguments(lived)
    steps: list[str] = []

    def killed_at(last: int) -> None:
        steps.clear()

        def progress(step: str) -> None:
            steps.append(step)
            if len(steps) == last:
                raise Killed

        import_dealership(given, progress)

    reached = 0
    for reached in range(1, 20):
        try:
            killed_at(reached)
        except Killed:
            directory.forget()
            assert directory.member_at("west.localhost") is None
        else:
            break
    assert reached >= 7
    directory.forget()
    assert directory.member_at("west.localhost") is not None
    with bound(Dealer(WEST)):
        assert Customer.objects.filter(note=ODD).count() == 1
    assert import_dealership(given).settled_at is not None


def test_tables_of_an_older_release_are_brought_to_todays(lived, committed, next_release, tmp_path):
    next_release("kernel.idempotency", "migrations.AddField('StoredAnswer', 'note', models.TextField(default='-'))")
    import_dealership(arguments(lived))
    schema = schema_of(WEST)
    with bound(Owner()):
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM information_schema.columns WHERE table_schema = %s AND column_name = 'note' "
                "AND table_name = 'idempotency_storedanswer'",
                [schema],
            )
            assert cursor.fetchone() == (1,)
            cursor.execute(f"SELECT count(*) FROM \"{schema}\".django_migrations WHERE name = '9999_next'")
            assert cursor.fetchone() == (1,)
