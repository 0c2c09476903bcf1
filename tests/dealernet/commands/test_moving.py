"""`dealernet dealer export`, `import`, `backup`, `restore`, `drop`, `drop-kept`, and what `show` says of them."""

from __future__ import annotations

import io
import json
import re
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.utils import translation
from django.utils.translation import gettext
from tests.dealernet.commands.test_dealer import Terminal, call
from tests.dealernet.moving.conftest import committed, files

from dealer.customers.actions import create_customer
from dealer.customers.models import Customer
from dealernet.commands import _moving
from kernel import clock
from kernel.accounts.actors import SYSTEM
from kernel.moving.bundles import Bundle
from kernel.tenancy import directory, steward
from kernel.tenancy.bindings import Owner, bound
from kernel.tenancy.models import State, StewardRequest, Tenant

__all__ = ["committed", "files"]


@pytest.fixture
def running_steward(committed) -> Iterator[None]:
    """The steward at work in a thread of its own."""
    stop = threading.Event()

    def work() -> None:
        try:
            steward.run_forever(stop.is_set, pause=0.05)
        finally:
            connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    yield
    stop.set()
    thread.join()


@pytest.fixture
def lived(committed, north) -> Any:
    with north.bound():
        create_customer(actor=SYSTEM, name="张三", department="sales", phone="13900139002")
    return north


def test_a_dealership_is_exported_and_comes_in_again_under_another_name(lived, running_steward, tmp_path, capsys):
    target = tmp_path / "north.zip"
    assert call("export", "north", "--to", str(target), "--json") == 0
    made = json.loads(capsys.readouterr().out)
    assert made["file"] == str(target)
    with Bundle(target) as bundle:
        bundle.check()
        assert made["rows"] == bundle.manifest["rows"]
    assert call("export", "north", str(tmp_path)) == 0
    said = capsys.readouterr().out
    (second,) = tmp_path.glob("dealernet-north-*.zip")
    assert re.search(r"\d+ rows of \d+ tables", said)
    second.unlink()

    assert call("import", str(tmp_path), "--as-new", "--slug", "west", "--json") == 0
    shown = capsys.readouterr()
    document = json.loads(shown.out)
    assert (document["slug"], document["address"], document["rows"]) == ("west", "http://west.localhost/", made["rows"])
    assert document["id"] != str(lived.id)
    assert "The steward: Done." in shown.err
    directory.forget()
    with bound(directory.member_at("west.localhost").binding):
        assert Customer.objects.get().phone == "+8613900139002"
    assert call("show", "west", "--json") == 0
    moved = json.loads(capsys.readouterr().out)
    assert [(move["kind"], move["settled"]) for move in moved["moves"]] == [("import", True)]
    assert call("import", str(target), "--as-new", "--slug", "east") == 0
    assert "every table equal to the file" in capsys.readouterr().out


def test_a_backup_is_looked_at_restored_and_what_stood_before_is_deleted(
    lived, running_steward, tmp_path, capsys, monkeypatch
):
    target = tmp_path / "north.backup"
    assert call("backup", "north", "--to", str(target), "--json") == 0
    assert json.loads(capsys.readouterr().out)["file"] == str(target)
    assert target.stat().st_mode & 0o077 == 0
    with lived.bound():
        create_customer(actor=SYSTEM, name="李四", department="sales", phone="13900139003")
    assert call("restore", str(target), "--dry-run") == 0
    assert re.search(r"customers_customer +backup +1 +now +2 .*only now +1", capsys.readouterr().out)
    with lived.bound():
        assert Customer.objects.count() == 2
    monkeypatch.setattr("sys.stdin", io.StringIO("north\n"))
    assert call("restore", str(target)) == 1
    assert "--yes" in capsys.readouterr().err
    monkeypatch.setattr("sys.stdin", Terminal("south\n"))
    assert call("restore", str(target)) == 1
    assert "nothing was changed" in capsys.readouterr().err
    monkeypatch.setattr("sys.stdin", Terminal("north\n"))
    assert call("restore", str(target)) == 0
    said = capsys.readouterr().out
    assert "stands as it was on" in said
    with lived.bound():
        assert Customer.objects.count() == 1
    assert call("show", "north") == 0
    assert re.search(r"restore: .*_until_\d+_\d+ is kept", capsys.readouterr().out)
    assert call("drop-kept", "north", "--yes", "--json") == 0
    assert len(json.loads(capsys.readouterr().out)["dropped"]) == 1
    assert call("drop-kept", "north", "--yes") == 0
    assert "set anything aside" in capsys.readouterr().out


def test_the_data_of_one_that_left_is_deleted_after_its_time(running_steward, portal, capsys):
    assert call("add", "West Auto", "--slug", "west") == 0
    assert call("drop", "west", "--yes") == 1
    assert "not retired" in capsys.readouterr().err
    assert call("retire", "west", "--yes", "--keep-days", "30", "--json") == 0
    kept_to = json.loads(capsys.readouterr().out)["drop_after"]
    assert kept_to[:10] == f"{clock.now() + timedelta(days=30):%Y-%m-%d}"
    assert call("drop", "west", "--yes", "--json") == 1
    assert "is kept until" in json.loads(capsys.readouterr().out)["error"]
    with bound(Owner()):
        Tenant.objects.filter(slug="west").update(drop_after=clock.now())
    assert call("drop", "west", "--yes", "--json") == 0
    assert json.loads(capsys.readouterr().out)["state"] == State.DROPPED
    assert call("show", "west") == 0
    shown = capsys.readouterr().out
    assert re.search(r"left: .*\nkept to: .*\ndeleted: ", shown)
    page = portal.client("network_manager").get("/network/west/").content.decode()
    with translation.override("zh-hans"):
        assert gettext("Left the network on") in page
    assert call("add", "West Auto", "--slug", "west") == 1
    assert "taken" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("export", "north"), "Say where to"),
        (("export", "nowhere", "--to", "x"), "no dealership 'nowhere'"),
        (("backup", "nowhere", "--to", "x"), "no dealership 'nowhere'"),
        (("drop", "nowhere", "--yes"), "no dealership 'nowhere'"),
        (("drop-kept", "nowhere", "--yes"), "no dealership 'nowhere'"),
        (("import", "/nowhere.zip"), "no file"),
        (("import", "."), "not one export"),
        (("restore", "/nowhere.backup"), "no file"),
        (("export", "north", "--to", "/nowhere/at/all.zip"), "No such file"),
    ],
)
def test_what_is_refused_says_why_and_asks_nobody(committed, portal, capsys, words, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert call(*words, "--json") == 1
    shown = capsys.readouterr()
    assert said in shown.err
    assert json.loads(shown.out)["error"]
    with portal.bound():
        assert not StewardRequest.objects.exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "lives here or has lived here"),
        (("--as-new",), "address name north is or was in use"),
        (("--as-new", "--slug", "No Name"), "Use small letters"),
        (("--as-new", "--slug", "portal"), "reserved"),
    ],
)
def test_an_import_that_cannot_be_is_refused_before_anything_is_written(lived, tmp_path, capsys, words, said):
    target = tmp_path / "north.zip"
    assert call("export", "north", "--to", str(target)) == 0
    assert call("import", str(target), *words) == 1
    assert said in capsys.readouterr().err
    with bound(Owner()):
        assert not StewardRequest.objects.exists()
        assert Tenant.objects.count() == 3


def test_one_that_left_cannot_be_exported(committed, capsys, tmp_path):
    steward.retire({"slug": "south"})
    assert call("export", "south", "--to", str(tmp_path / "x")) == 1
    assert "its login is locked" in capsys.readouterr().err


def test_a_steward_that_does_not_answer_is_said_and_the_request_stays(lived, tmp_path, capsys, monkeypatch):
    target = tmp_path / "north.zip"
    assert call("export", "north", "--to", str(target)) == 0
    monkeypatch.setattr(_moving, "UNTAKEN", 0.1)
    assert call("import", str(target), "--as-new", "--slug", "west") == 1
    assert "has not answered" in capsys.readouterr().err
    with bound(Owner()):
        assert StewardRequest.objects.get().verb == "import"


def test_a_file_that_names_no_dealership_is_refused(lived, tmp_path, capsys):
    assert Path(tmp_path).exists()
    target = tmp_path / "no.zip"
    target.write_bytes(b"nothing")
    assert call("import", str(target)) == 1
    assert "cannot be opened as a ZIP" in capsys.readouterr().err
    assert call("restore", str(target), "--yes") == 1
    assert "not a backup" in capsys.readouterr().err
