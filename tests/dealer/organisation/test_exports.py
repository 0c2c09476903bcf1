"""Everything of the dealership as one file: asked for by the general manager, made by a worker, deleted in time."""

from __future__ import annotations

import zipfile
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.utils import translation
from django.utils.translation import gettext
from tests.together import while_it_waits

from dealer.organisation import actions, exporting, tasks
from dealer.organisation.models import Export, ExportState
from kernel import clock
from kernel.audit.models import Entry
from kernel.errors import Conflict, Forbidden, Missing
from kernel.moving.bundles import Bundle, fingerprint
from kernel.tenancy.bindings import Owner, bound
from kernel.testing.clocks import at


@pytest.fixture(autouse=True)
def files(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture
def boss(north):
    return north.actor("general_manager")


def made(side: Any, boss: Any) -> Export:
    """An export that a worker has written. Called bound."""
    export = actions.request_export(actor=boss)
    tasks.make_export(str(side.id), str(export.pk))
    export.refresh_from_db()
    return export


def test_only_the_general_manager_may_ask(wall, north):
    for role in ("it_admin", "crm_manager", "sales_manager"):
        with pytest.raises(Forbidden), north.bound():
            actions.request_export(actor=north.actor(role))
        assert north.client(role).get("/settings/export/").status_code == 403
        assert north.client(role).post("/settings/export/").status_code == 403
    with north.bound():
        assert not Export.objects.exists()


def test_one_at_a_time_and_so_many_a_day(wall, north, boss, settings):
    settings.EXPORTS_A_DAY = 2
    with north.bound():
        first = actions.request_export(actor=boss)
        with pytest.raises(Conflict) as caught:
            actions.request_export(actor=boss)
        assert caught.value.code == "export_running"
        Export.objects.filter(pk=first.pk).update(state=ExportState.FAILED)
        second = actions.request_export(actor=boss)
        Export.objects.filter(pk=second.pk).update(state=ExportState.FAILED)
        with pytest.raises(Conflict) as caught:
            actions.request_export(actor=boss)
        assert caught.value.code == "too_many_exports"
        with at(clock.now() + timedelta(days=1, minutes=1)):
            assert actions.request_export(actor=boss).state == ExportState.WAITING
        assert Entry.objects.filter(action="organisation.request_export").count() == 3


def test_two_who_ask_at_once_get_one(committed, north, boss):
    found = while_it_waits(
        north, lambda: actions.request_export(actor=boss), lambda: actions.request_export(actor=boss)
    )
    assert isinstance(found, Conflict)
    with north.bound():
        assert Export.objects.count() == 1


def test_the_file_is_made_shown_fetched_and_deleted(committed, north, boss):
    client = north.client("general_manager")
    assert client.post("/settings/export/").status_code == 302
    page = client.get("/settings/export/").content.decode()
    assert "every 2s" in page
    with north.bound():
        export = Export.objects.get()
        assert exporting.make(export.pk)
        assert not exporting.make(export.pk)
        export.refresh_from_db()
        path = exporting.path_of(export)
        assert (export.state, export.tables_done) == (ExportState.DONE, export.tables)
        assert fingerprint(path) == {"sha256": export.sha256, "bytes": export.bytes}
        assert path.stat().st_mode & 0o077 == 0
    page = client.get("/settings/export/", headers={"HX-Request": "true"}).content.decode()
    assert export.sha256 in page
    assert "every 2s" not in page
    answer = client.get(f"/settings/export/{export.pk}/")
    body = b"".join(answer.streaming_content)
    assert answer["Cache-Control"] == "private, no-store"
    assert export.file in answer["Content-Disposition"]
    assert len(body) == export.bytes
    assert "data/accounts_user.jsonl" in zipfile.ZipFile(BytesIO(body)).namelist()
    with Bundle(path) as bundle:
        bundle.check()
        assert not [name for name in bundle.files() if name.startswith("exports/")]
    for role in ("it_admin", "crm_manager"):
        assert north.client(role).get(f"/settings/export/{export.pk}/").status_code == 403
    with north.bound():
        assert Entry.objects.filter(action="organisation.download_export").count() == 1
        assert exporting.tidy() == 0
        with at(export.expires_at + timedelta(seconds=1)):
            assert exporting.tidy() == 1
        assert not path.exists()
        export.refresh_from_db()
        assert export.state == ExportState.EXPIRED
    assert client.get(f"/settings/export/{export.pk}/").status_code == 404


def test_another_dealership_cannot_fetch_it(committed, north, south, boss):
    with north.bound():
        export = made(north, boss)
        assert export.state == ExportState.DONE
    assert south.client("general_manager").get(f"/settings/export/{export.pk}/").status_code == 404


def test_a_file_that_is_gone_is_not_found(committed, north, boss):
    with north.bound():
        export = made(north, boss)
        exporting.path_of(export).unlink()
    assert north.client("general_manager").get(f"/settings/export/{export.pk}/").status_code == 404


def test_whoever_may_not_take_everything_finds_no_export(committed, north, boss):
    from dealer.organisation.queries import access_export_for_download

    with north.bound():
        export = made(north, boss)
    clerk = north.user("it_admin")
    with north.bound(), pytest.raises(Missing):
        access_export_for_download(str(export.pk), clerk)


def test_one_that_a_killed_worker_left_is_hinted_again_and_made(committed, north, boss, monkeypatch):
    hinted: list[Any] = []
    monkeypatch.setattr(exporting.hints, "send_task", lambda name, *words, queue: hinted.append((name, *words)))
    with north.bound():
        export = actions.request_export(actor=boss)
        Export.objects.update(state=ExportState.RUNNING, worked_at=clock.now() - exporting.SILENT_FOR)
        hinted.clear()
        tasks.tidy_exports(str(north.id))
        assert hinted == [("organisation.make_export", str(north.id), str(export.pk))]
        assert exporting.make(export.pk)
        export.refresh_from_db()
        assert export.state == ExportState.DONE


def test_while_one_worker_is_at_it_another_leaves_it_alone(committed, north, boss):
    with north.bound():
        export = actions.request_export(actor=boss)
        others: list[bool] = []
        whole = exporting.write

        def write(target: Path, progress: Any) -> Any:
            others.append(exporting.make(export.pk))
            return whole(target, progress)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(exporting, "write", write)
            assert exporting.make(export.pk)
        assert others == [False]
        assert not exporting.make(export.pk), "it is finished"


def test_what_goes_wrong_stands_on_the_row_and_leaves_no_file(committed, north, boss):
    with north.bound():
        export = actions.request_export(actor=boss)
    with bound(Owner()), connection.cursor() as cursor:
        cursor.execute(f'REVOKE SELECT ON "{north.schema}".stock_movement FROM "{north.schema}"')
    with north.bound():
        assert exporting.make(export.pk)
        export.refresh_from_db()
        assert export.state == ExportState.FAILED
        assert "permission denied for table stock_movement" in export.problem
        assert not list((exporting.logos.folder(north.id) / "exports").iterdir())
    sentence = "It could not be written. Try again; if it fails again, tell the people who run the servers."
    with translation.override("zh-hans"):
        said = gettext(sentence)
    assert said in north.client("general_manager").get("/settings/export/").content.decode()


def test_an_export_is_of_one_moment(committed, north, boss, tmp_path):
    """Rows that come while the export is written are not in it."""
    from dealer.customers.actions import create_customer
    from kernel.accounts.actors import SYSTEM

    came = []

    def progress(done: int, of: int, rows: int) -> None:
        if not came:
            came.append(create_customer(actor=SYSTEM, name="后来", department="sales", phone="13900139009"))

    with north.bound():
        manifest = exporting.write(tmp_path / "one.zip", progress)
    tables = {table["table"]: table["rows"] for table in manifest["tables"]}
    assert came
    assert tables["customers_customer"] == 0
