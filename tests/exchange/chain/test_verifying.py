"""A check finds what the owner of the database did to a ledger: each kind as what it is, and where."""

from __future__ import annotations

from uuid import UUID

import pytest
from django.db import connection
from tests.exchange.chain.scenes import anchor, owner, parties, send, send_to

from dealernet.proofs import tampering
from exchange import courier
from exchange.chain import anchors, verifying
from exchange.chain.verifying import Found
from exchange.models import Ledger, Seal
from exchange.testing import drain_exchange
from kernel.tenancy.bindings import MANUFACTURER_ID, Courier, bound


def check(side, *, files=()):
    everyone = parties()
    member = everyone[side.id]
    with bound(Courier()), connection.cursor() as cursor:
        return verifying.verify(cursor, member, anchors.other_side(member, everyone), files=files)


def brief(found):
    return [(finding.found, finding.place, finding.batch) for finding in found.findings]


def test_a_healthy_chain_gives_no_finding(chained, portal, north):
    found = check(north)
    assert found.findings == []
    assert (found.rows, found.batches, found.number, found.payloads, found.unprovable) == (9, 3, 3, 6, 0)
    assert found.anchors == 1
    assert found.waiting == 0
    theirs = check(portal)
    assert theirs.findings == []
    assert theirs.rows == 3  # a receipt a batch
    assert theirs.anchors == 2  # one at each dealership


@pytest.mark.parametrize(
    ("kind", "places"),
    [
        (Found.EDITED, [(5, 2)]),
        (Found.DELETED, [(5, 2)]),
        (Found.REORDERED, [(1, 1), (2, 1)]),
        (Found.INSERTED, [(4, 2)]),
        (Found.TRUNCATED, [(7, 3)]),
        (Found.REWRITTEN, [(1, 3)]),
    ],
)
def test_each_kind_of_tampering_is_found_as_what_it_is(chained, north, kind, places):
    everyone = parties()
    member = everyone[north.id]
    others = anchors.other_side(member, everyone)
    found = tampering.findings_after(tampering.KINDS[kind], chained.name, member, others)
    assert [(one.found, one.place, one.batch) for one in found] == [(kind, *place) for place in places]
    assert all(one.detail for one in found)
    assert tampering.findings_after(None, chained.name, member, others) == []


def test_the_proof_names_every_kind(chained, portal, north):
    kinds = {str(kind): [str(kind)] for kind in tampering.KINDS}
    assert tampering.found_kinds(chained.name, north.schema) == {"none": [], **kinds}


def test_the_message_that_was_deleted_is_named(chained, north):
    with north.bound():
        gone = Ledger.objects.get(seal=2, subject_label="day 5")
    with owner(chained) as cursor:
        cursor.execute(f'DELETE FROM "{north.schema}".exchange_ledger WHERE id = %s', [gone.id])
    (finding,) = check(north).findings
    assert finding.message == gone.id
    assert finding.to_json() == {
        "found": "deleted",
        "place": 5,
        "batch": 2,
        "message": str(gone.id),
        "detail": "the row at place 5 is gone",
    }


def test_a_batch_that_is_gone_from_the_middle_is_named_with_its_places(chained, north):
    with owner(chained) as cursor:
        cursor.execute(f'DELETE FROM "{north.schema}".exchange_ledger WHERE seal = 2')
        cursor.execute(f'DELETE FROM "{north.schema}".exchange_seal WHERE number = 2')
    (finding,) = check(north).findings
    assert (finding.found, finding.place, finding.batch) == (Found.DELETED, 4, 2)
    assert "places 4 to 6" in finding.detail


def test_rows_that_outlived_their_cut_off_batch_tell_of_it(chained, north):
    with owner(chained) as cursor:
        cursor.execute(f'DELETE FROM "{north.schema}".exchange_seal WHERE number = 3')
    assert brief(check(north)) == [(Found.TRUNCATED, 7, 3)]


def test_what_was_received_and_cut_off_before_it_was_anchored_is_missed(chained, north):
    send(north, day=10)
    drain_exchange()
    with owner(chained) as cursor:
        cursor.execute(f'DELETE FROM "{north.schema}".exchange_ledger WHERE seal = 4')
        cursor.execute(f'DELETE FROM "{north.schema}".exchange_seal WHERE number = 4')
    (finding,) = check(north).findings
    assert (finding.found, finding.place) == (Found.TRUNCATED, 10)
    assert finding.message is not None


def test_a_row_that_says_it_stood_before_the_chain_was_put_in(chained, north):
    with owner(chained) as cursor:
        cursor.execute(
            f'UPDATE "{north.schema}".exchange_ledger SET seal = 0, id = gen_random_uuid() WHERE subject_label = %s',
            ["day 3"],
        )
    assert brief(check(north)) == [(Found.DELETED, 3, 1), (Found.INSERTED, None, 0)]


def test_a_row_in_another_batch_was_moved(chained, north):
    with owner(chained) as cursor:
        cursor.execute(f'UPDATE "{north.schema}".exchange_ledger SET seal = 3 WHERE subject_label = %s', ["day 4"])
    assert brief(check(north)) == [(Found.REORDERED, 4, 2)]


def test_a_batch_whose_hash_does_not_fit_and_one_that_does_not_follow_are_named(chained, north):
    with owner(chained) as cursor:
        cursor.execute(f"UPDATE \"{north.schema}\".exchange_seal SET hash = repeat('0', 64) WHERE number = 2")
    found = brief(check(north))
    assert found == [(Found.EDITED, 4, 2), (Found.REWRITTEN, 7, 3)]


def test_a_content_that_is_not_what_left_is_found(chained, north):
    with north.bound():
        row = Ledger.objects.get(subject_label="day 2")
    with owner(chained) as cursor:
        cursor.execute(
            f'UPDATE "{north.schema}".exchange_payload SET body = body || \'{{"total": 9}}\' WHERE id = %s', [row.id]
        )
    (finding,) = check(north).findings
    assert (finding.found, finding.message) == (Found.PAYLOAD, row.id)


def test_a_content_that_came_back_from_the_other_side_cannot_be_proved_and_is_counted(chained, north):
    with owner(chained) as cursor:
        cursor.execute(f"UPDATE \"{north.schema}\".exchange_payload SET salt = ''")
    found = check(north)
    assert (found.findings, found.payloads, found.unprovable) == ([], 6, 6)


def test_erased_contents_and_labels_leave_the_chain_whole(chained, north):
    with north.bound():
        Ledger.objects.update(subject_label="")
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM exchange_payload")
    found = check(north)
    assert (found.findings, found.payloads) == ([], 0)


def test_many_findings_of_a_kind_are_counted(chained, north, monkeypatch):
    monkeypatch.setattr(verifying, "NAMED", 2)
    with owner(chained) as cursor:
        cursor.execute(f"UPDATE \"{north.schema}\".exchange_ledger SET level = 'counts'")
    found = check(north).findings
    assert [(one.found, one.place) for one in found] == [(Found.EDITED, 1), (Found.EDITED, 2), (Found.EDITED, None)]
    assert found[-1].detail == "and 7 more rows were edited"


def test_large_ledgers_are_read_in_parts(chained, portal, north, monkeypatch):
    monkeypatch.setattr(verifying, "ROWS_AT_ONCE", 2)
    monkeypatch.setattr(verifying, "BATCHES_AT_ONCE", 2)
    found = check(north)
    assert (found.findings, found.rows, found.payloads) == ([], 9, 6)


def test_a_batch_sealed_while_the_check_reads_is_no_finding(chained, north, monkeypatch):
    first = verifying._rows

    def in_between(cursor, result, member, batches):
        send(north, day=11)
        with bound(Courier()):
            courier.carry(member, courier.parties())
        first(cursor, result, member, batches)

    monkeypatch.setattr(verifying, "_rows", in_between)
    everyone = parties()
    with owner(chained) as cursor:
        found = verifying.verify(cursor, everyone[north.id], [everyone[MANUFACTURER_ID]])
    assert found.findings == []
    assert found.rows == 9
    with north.bound():
        assert Seal.objects.count() == 4


def test_a_forged_anchor_history_is_found_by_the_signed_file(chained, heads, portal, north):
    with owner(chained) as cursor:
        tampering.rewrite(cursor, north.schema)
        for schema in (portal.schema, north.schema):
            cursor.execute(
                f'UPDATE "{schema}".exchange_anchor a SET hash = s.hash FROM "{north.schema}".exchange_seal s '
                f"WHERE s.number = a.number AND a.chain = %s",
                [north.id],
            )
    files = sorted((heads / str(north.id)).iterdir())
    assert check(north).findings == []
    (finding,) = check(north, files=files).findings
    assert finding.found == Found.REWRITTEN
    assert "the signed file of" in finding.detail
    files[0].write_text(files[0].read_text().replace("place: 9", "place: 8"))
    (finding,) = check(north, files=files).findings
    assert "signature does not fit" in finding.detail
    assert check(portal, files=[heads / "nothing.txt"]).findings[0].found == Found.REWRITTEN


def test_a_file_of_another_member_says_nothing(chained, heads, portal, north):
    files = sorted((heads / str(north.id)).iterdir())
    assert check(portal, files=files).findings == []


def test_the_manufacturers_chain_is_held_against_what_dealerships_know(chained, portal, north):
    send_to(portal, north)
    drain_exchange()
    anchor()
    with owner(chained) as cursor:
        tampering.edit(cursor, portal.schema)
    (finding,) = check(portal).findings
    assert finding.found == Found.EDITED
    assert isinstance(finding.message, UUID)
