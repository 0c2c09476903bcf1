"""The head of every chain stands at the other side, and in a signed file a day."""

from __future__ import annotations

import base64
import shutil
import subprocess
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from django.db import connection
from tests.exchange.chain.scenes import anchor, owner, parties, send, send_to

from exchange import courier
from exchange.chain import anchors, signing
from exchange.models import Anchor, Seal
from kernel.tenancy.bindings import MANUFACTURER_ID, Courier, bound
from kernel.testing import clocks

HEAD = signing.SignedHead(UUID(int=7), "north", date(2026, 5, 4), 3, 9, "ab" * 32, datetime(2026, 5, 4, 9, tzinfo=UTC))


def heads_of(side, chain):
    with side.bound():
        return list(Anchor.objects.filter(chain=chain).order_by("id").values_list("number", "place", "hash"))


def test_a_dealerships_head_stands_at_the_manufacturer_and_the_manufacturers_at_every_dealership(
    committed, portal, north, south, taken, heads
):
    send(north)
    send_to(portal, south)
    courier.sweep()
    assert anchor() == 2
    with north.bound():
        head = Seal.objects.get()
    assert heads_of(portal, north.id) == heads_of(north, north.id) == [(1, 1, head.hash)]
    assert heads_of(south, MANUFACTURER_ID) == heads_of(north, MANUFACTURER_ID) == heads_of(portal, MANUFACTURER_ID)
    assert heads_of(south, north.id) == []
    assert anchor() == 0


def test_a_chain_that_has_grown_is_anchored_again_after_an_hour(committed, portal, north, taken, heads):
    send(north)
    courier.sweep()
    anchor()
    send(north)
    courier.sweep()
    assert anchor() == 0
    with owner(committed) as cursor:
        cursor.execute(f"UPDATE \"{north.schema}\".exchange_anchor SET at = at - interval '61 minutes'")
    assert anchor() == 1
    assert [number for number, _place, _hash in heads_of(portal, north.id)] == [1, 2]
    with owner(committed) as cursor:
        cursor.execute(f"UPDATE \"{north.schema}\".exchange_anchor SET at = at - interval '61 minutes'")
    assert anchor() == 0  # nothing new


def test_a_busy_chain_is_anchored_with_its_batches(committed, portal, north, taken, heads, monkeypatch):
    monkeypatch.setattr(anchors, "EVERY", 2)
    for _each in range(5):
        send(north)
        courier.sweep()
    assert [number for number, _place, _hash in heads_of(portal, north.id)] == [2, 4]


def test_every_day_there_is_one_signed_file_at_both_sides_and_in_the_folder(committed, portal, north, taken, heads):
    send(north)
    courier.sweep()
    anchor()
    send(north)
    courier.sweep()
    anchor()
    with north.bound():
        mine = Anchor.objects.get(chain=north.id)
    with portal.bound():
        theirs = Anchor.objects.get(chain=north.id)
    assert mine.document == theirs.document == signing.path_of(north.id, mine.day).read_text()
    said = signing.read(mine.document, key=signing.public_key())
    assert (said.member, said.name, said.day, said.number, said.place, said.hash) == (
        north.id, "north", mine.day, 1, 1, mine.hash)  # fmt: skip
    with owner(committed) as cursor:
        cursor.execute(f'UPDATE "{north.schema}".exchange_anchor SET day = day - 1')
    assert anchor() == 1
    assert len(signing.kept(north.id)) == 1  # the file of today was there
    with north.bound():
        assert set(Anchor.objects.filter(chain=north.id).values_list("day", flat=True)) == {
            mine.day, mine.day - timedelta(days=1)}  # fmt: skip


def test_a_clock_set_to_the_past_signs_no_other_day(committed, north, taken, heads):
    with clocks.at(datetime(2020, 1, 1, tzinfo=UTC)):
        send(north)
        courier.sweep()
        anchor()
    with north.bound():
        assert Anchor.objects.get().day.year > 2020


def test_an_outsider_checks_a_file_with_openssl(heads, tmp_path):
    signing.keep(HEAD)
    path = signing.path_of(HEAD.member, HEAD.day)
    *body, signature = path.read_text().splitlines(keepends=True)
    (tmp_path / "said").write_text("".join(body))
    (tmp_path / "signature").write_bytes(base64.b64decode(signature.removeprefix("signature: ")))
    openssl = shutil.which("openssl")
    assert openssl, "openssl is needed, as outsiders use it"
    command = [openssl, "pkeyutl", "-verify", "-pubin", "-inkey", str(heads / signing.PUBLIC_KEY), "-rawin"]
    command += ["-in", str(tmp_path / "said"), "-sigfile", str(tmp_path / "signature")]
    assert subprocess.run(command, check=False, capture_output=True).returncode == 0
    (tmp_path / "said").write_text("".join(body).replace("place: 9", "place: 8"))
    assert subprocess.run(command, check=False, capture_output=True).returncode == 1


def test_a_file_says_what_it_was_given_and_nothing_else_passes(heads):
    document = signing.sign(HEAD)
    assert signing.read(document) == HEAD
    for wrong in (
        "",
        "hello",
        document.replace("place: 9", "place: 8"),
        document.replace("signature: ", "signature: AAAA"),
        document.replace("public-key: ", "public-key: !"),
        f"{signing.TITLE}\nsignature: AAAA\n",
    ):
        with pytest.raises(signing.NotSigned):
            signing.read(wrong)
    with pytest.raises(signing.NotSigned, match="another key"):
        signing.read(document, key=b"0" * 32)


def test_a_file_that_is_there_stands_and_one_that_is_broken_is_made_anew(heads):
    document = signing.keep(HEAD)
    later = signing.SignedHead(**{**vars(HEAD), "number": 4})
    assert signing.keep(later) == document
    path = signing.path_of(HEAD.member, HEAD.day)
    path.write_text("half a fi")
    assert signing.read(signing.keep(later)).number == 4
    shutil.copy(path, signing.path_of(HEAD.member, date(2026, 5, 5)))
    other = signing.SignedHead(**{**vars(HEAD), "day": date(2026, 5, 5)})
    assert signing.read(signing.keep(other)).day == date(2026, 5, 5)
    assert signing.kept(HEAD.member) == [path, signing.path_of(HEAD.member, date(2026, 5, 5))]
    key = load_pem_public_key((heads / signing.PUBLIC_KEY).read_bytes())
    assert key.public_bytes_raw() == signing.public_key()


def test_a_folder_that_cannot_be_written_stops_nothing(committed, portal, north, taken, settings, tmp_path, caplog):
    (tmp_path / "file").write_text("no folder")
    settings.LEDGER_HEADS = Path(tmp_path / "file")
    send(north)
    courier.sweep()
    assert anchor() == 1
    assert "could not be written" in caplog.text
    assert len(heads_of(portal, north.id)) == 1


def test_a_second_note_of_the_same_day_has_no_effect(committed, portal, north, taken, heads):
    send(north)
    courier.sweep()
    anchor()
    with north.bound():
        before = Anchor.objects.get()
    everyone = parties()
    head = anchors.Head(before.number, before.place, before.hash)
    with bound(Courier()), connection.cursor() as cursor:
        anchors.put(cursor, everyone[north.id], head, [everyone[MANUFACTURER_ID]], day=before.day, document="x")
    assert len(heads_of(portal, north.id)) == 1
    with north.bound():
        assert str(Anchor.objects.get()) == f"{north.id} 1"
