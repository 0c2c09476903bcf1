"""Nothing is lost, nothing doubled, order kept within a subject; a refused message blocks its subject alone."""

from __future__ import annotations

import os
import threading
import time
from datetime import UTC, date, datetime
from uuid import UUID, uuid4

import pytest
from django.db import connection, transaction

from exchange import courier, handlers, hints, inbox, operations
from exchange.gate import Policy
from exchange.handlers import Received
from exchange.models import Inbox, InboxPayload, InboxState, Ledger, LedgerState, Payload, Watermark
from exchange.outbound import commit_to, release, send_down, stop_undelivered
from exchange.testing import drain_exchange, exchange_drained
from kernel.accounts.actors import SYSTEM
from kernel.contracts import DailyCounts, Level, Purpose
from kernel.errors import Conflict, Forbidden
from kernel.tenancy.bindings import MANUFACTURER_ID, Courier, bound
from kernel.tenancy.pool import pool
from kernel.testing import clocks

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


def counts(day: int) -> DailyCounts:
    return DailyCounts(
        of="ServiceVisit", day=date(2026, 5, day), dimension="series", cells={"X1": 7, "X2": None}, total=None
    )


def send(side, *, subject: UUID, day: int = 1, level: Level = Level.FULL) -> Ledger:
    policy = Policy(
        contract="DailyCounts",
        purpose=Purpose.ANALYTICS,
        template=Level.FULL,
        ceiling=level,
        required=False,
        agreement_version="1",
    )
    with side.bound():
        return release(
            counts(day),
            to=MANUFACTURER_ID,
            subject=subject,
            purpose=Purpose.ANALYTICS,
            policy=policy,
            actor=SYSTEM,
            event_at=NOON,
            label=f"day {day}",
        )


def test_what_is_sent_arrives_once_in_order_and_is_answered(committed, portal, north, arrived):
    subject = uuid4()
    sent = [send(north, subject=subject, day=day) for day in (1, 2, 3)]
    with exchange_drained():
        pass
    assert [m.record.day.day for m in arrived] == [1, 2, 3]
    assert [m.seq for m in arrived] == [1, 2, 3]
    with north.bound():
        assert set(Ledger.objects.filter(id__in=[s.id for s in sent]).values_list("state", flat=True)) == {"applied"}
    assert drain_exchange() == 0
    assert len(arrived) == 3


def test_a_clock_set_to_the_past_moves_the_event_but_no_time_of_the_exchange(committed, portal, north, arrived):
    before = datetime.now(UTC)
    with clocks.at(NOON):
        sent = send(north, subject=uuid4())
        drain_exchange()
    with north.bound():
        row = Ledger.objects.get(id=sent.id)
    with portal.bound():
        came = Inbox.objects.get(id=sent.id)
    assert row.event_at == came.event_at == NOON
    assert before < row.recorded_at < row.delivered_at < row.applied_at
    assert row.delivered_at <= came.applied_at <= row.applied_at


def test_delivering_twice_has_no_second_effect(committed, portal, north, arrived):
    send(north, subject=uuid4())
    drain_exchange()
    with north.bound():
        row = Ledger.objects.get(contract="DailyCounts")
    with bound(Courier()):
        everyone = courier.parties()
    with committed._admin_cursor():
        pass
    assert operations.replay() == 0
    assert drain_exchange() == 0
    assert [m.message_id for m in arrived] == [row.id]
    assert everyone[MANUFACTURER_ID].is_portal


def test_a_refused_message_blocks_its_subject_alone_until_a_person_decides(committed, portal, north, arrived):
    stuck, free = uuid4(), uuid4()
    refused = send(north, subject=stuck, day=13)
    send(north, subject=stuck, day=14)
    send(north, subject=free, day=15)
    drain_exchange()
    assert [m.record.day.day for m in arrived] == [15]
    with north.bound():
        assert Ledger.objects.get(id=refused.id).state == LedgerState.REFUSED
        assert Ledger.objects.get(id=refused.id).reason == "unlucky"
    with portal.bound():
        with pytest.raises(Forbidden):
            inbox.skip(refused.id, reason="no", actor=_actor(portal, "lead_desk"))
        inbox.skip(refused.id, reason="never mind", actor=_actor(portal, "network_admin"))
        with pytest.raises(Conflict):
            inbox.skip(refused.id, reason="again", actor=_actor(portal, "network_admin"))
    drain_exchange()
    assert [m.record.day.day for m in arrived] == [15, 14]
    with north.bound():
        assert Ledger.objects.get(id=refused.id).state == LedgerState.SKIPPED


def _actor(side, role):
    from kernel.accounts.actors import Actor
    from kernel.accounts.models import User

    return Actor.of(User.objects.get(role=role))


def test_retrying_lets_a_refused_message_through(committed, portal, north, arrived, monkeypatch):
    refused = send(north, subject=uuid4(), day=13)
    drain_exchange()
    monkeypatch.setitem(handlers._handlers, (handlers.PORTAL, "DailyCounts"), arrived.extend)
    with portal.bound():
        inbox.retry(refused.id, actor=_actor(portal, "network_admin"))
    drain_exchange()
    assert [m.record.day.day for m in arrived] == [13]
    with north.bound():
        assert Ledger.objects.get(id=refused.id).state == LedgerState.APPLIED


def test_a_failing_handler_is_tried_again_and_then_shown_to_a_person(committed, portal, north, monkeypatch):
    def broken(messages):
        raise ZeroDivisionError

    monkeypatch.setitem(handlers._handlers, (handlers.PORTAL, "DailyCounts"), broken)
    sent = send(north, subject=uuid4())
    courier.sweep()
    with portal.bound():
        for attempt in range(1, inbox.TRIES + 1):
            inbox.drain()
            row = Inbox.objects.get(id=sent.id)
            assert row.attempts == attempt
        assert row.state == InboxState.REFUSED
        assert row.reason == "failed"


def test_an_unknown_contract_is_parked_not_dropped(committed, portal, north, arrived):
    sent = send(north, subject=uuid4())
    with north.bound(), pytest.raises(Exception, match="permission denied"), transaction.atomic():
        Ledger.objects.filter(id=sent.id).update(version=99)
    with committed_superuser(committed) as cursor:
        cursor.execute(f'UPDATE "{north.schema}".exchange_ledger SET version = 99 WHERE id = %s', [str(sent.id)])
    drain_exchange()
    with portal.bound():
        assert Inbox.objects.get(id=sent.id).state == InboxState.PARKED
        assert InboxPayload.objects.filter(id=sent.id).exists()


def committed_superuser(network):
    from contextlib import contextmanager

    from kernel.tenancy import steward

    @contextmanager
    def cursor():
        raw = steward.superuser(network.name)
        try:
            yield raw.cursor()
        finally:
            raw.close()

    return cursor()


def test_stopping_reaches_what_waits_undelivered_and_drops_its_payload(committed, north, arrived):
    sent = send(north, subject=uuid4())
    with north.bound():
        assert stop_undelivered(contract="DailyCounts", purpose=Purpose.ANALYTICS, reason="level lowered") == 1
        assert Ledger.objects.get(id=sent.id).state == LedgerState.STOPPED
        assert not Payload.objects.filter(id=sent.id).exists()
    drain_exchange()
    assert arrived == []


def test_at_level_nothing_a_row_says_what_stayed_and_no_payload_exists(wall, north):
    row = send(north, subject=uuid4(), level=Level.NOTHING)
    assert row.state == LedgerState.WITHHELD
    assert row.released == []
    assert set(row.withheld) == set(DailyCounts.spec.fields)
    with north.bound():
        assert not Payload.objects.filter(id=row.id).exists()


def test_the_commitment_proves_the_payload(wall, north):
    row = send(north, subject=uuid4())
    with north.bound():
        payload = Payload.objects.get(id=row.id)
    assert row.commitment == commit_to(payload.salt, payload.body)
    assert row.commitment != commit_to(payload.salt, {**payload.body, "total": 1})


def test_the_ledger_can_neither_be_deleted_nor_rewritten(wall, north):
    row = send(north, subject=uuid4())
    with north.bound():
        with pytest.raises(Exception, match="permission denied"), transaction.atomic():
            Ledger.objects.filter(id=row.id).delete()
        with pytest.raises(Exception, match="permission denied"), transaction.atomic():
            Ledger.objects.filter(id=row.id).update(released=[])


def test_a_rolled_back_action_sends_nothing(committed, north, arrived):
    with north.bound(), pytest.raises(ZeroDivisionError), transaction.atomic():
        release(
            counts(1),
            to=MANUFACTURER_ID,
            subject=uuid4(),
            purpose=Purpose.ANALYTICS,
            policy=Policy(
                contract="DailyCounts",
                purpose=Purpose.ANALYTICS,
                template=Level.FULL,
                ceiling=Level.FULL,
                required=False,
                agreement_version="1",
            ),
            actor=SYSTEM,
            event_at=NOON,
        )
        raise ZeroDivisionError
    drain_exchange()
    assert arrived == []


def test_down_and_up_cross_at_the_same_time(committed, portal, north, south, arrived, monkeypatch):
    down: list[Received] = []
    monkeypatch.setitem(handlers._handlers, (handlers.DEALER, "DailyCounts"), down.extend)
    with portal.bound():
        for side in (north, south):
            send_down(
                counts(5),
                to=side.id,
                subject=uuid4(),
                purpose=Purpose.ANALYTICS,
                actor=SYSTEM,
                event_at=NOON,
            )
    send(north, subject=uuid4(), day=6)
    drain_exchange()
    assert [m.record.day.day for m in down] == [5, 5]
    assert [m.record.day.day for m in arrived] == [6]


def test_a_watermark_says_that_a_mailbox_was_empty(committed, portal, north, arrived):
    courier.sweep()
    with portal.bound():
        before = Watermark.objects.get(sender=north.id).drained_at
    send(north, subject=uuid4())
    courier.sweep()
    with portal.bound():
        assert Watermark.objects.get(sender=north.id).drained_at == before
    courier.sweep()
    with portal.bound():
        assert Watermark.objects.get(sender=north.id).drained_at > before


def test_two_couriers_do_not_carry_the_same_sender_at_once(committed, north, arrived):
    send(north, subject=uuid4())
    from kernel.tenancy import steward

    other = steward.superuser(committed.name)
    other.autocommit = False
    cursor = other.cursor()
    cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"courier {north.id}"])
    assert courier.sweep() == 0
    other.rollback()
    other.close()
    assert courier.sweep() == 1


def test_reconciliation_finds_every_planted_difference(committed, portal, north, arrived):
    sent = [send(north, subject=uuid4(), day=day) for day in range(1, 9)]
    drain_exchange()
    assert operations.reconcile()["differences"] == []
    with committed_superuser(committed) as cursor:
        cursor.execute("DELETE FROM oem.exchange_inbox WHERE id = %s", [str(sent[0].id)])
        cursor.execute("UPDATE oem.exchange_inbox SET commitment = 'x' WHERE id = %s", [str(sent[1].id)])
        cursor.execute(
            f'UPDATE "{north.schema}".exchange_ledger SET state = %s WHERE id = %s', ["delivered", str(sent[2].id)]
        )
        cursor.execute(f'DELETE FROM "{north.schema}".exchange_ledger WHERE id = %s', [str(sent[3].id)])
    found = {(d["message"], d["difference"]) for d in operations.reconcile()["differences"]}
    assert found == {
        (str(sent[0].id), "missing_at_receiver"),
        (str(sent[1].id), "altered"),
        (str(sent[2].id), "not_answered"),
        (str(sent[3].id), "unknown_at_sender"),
    }


def test_status_counts_what_waits_and_what_is_stuck(committed, portal, north, arrived):
    send(north, subject=uuid4(), day=13)
    send(north, subject=uuid4(), day=2)
    before = operations.status()
    drain_exchange()
    after = operations.status()
    by_slug = {m["slug"]: m for m in before["members"]}
    assert by_slug["north"]["waiting"] == 2
    assert {m["slug"]: m["stuck"] for m in after["members"]}["portal"] == 1
    assert {m["slug"]: m["waiting"] for m in after["members"]}["north"] == 0


def test_a_long_backlog_is_applied_in_turns(committed, portal, north, arrived, monkeypatch):
    monkeypatch.setattr(inbox, "BATCH", 3)
    for _ in range(7):
        send(north, subject=uuid4())
    courier.sweep()
    with portal.bound():
        assert inbox.take_a_turn(0.0) is True  # the time is over after one batch
        assert len(arrived) == 3
        assert inbox.take_a_turn(60.0) is False
        assert len(arrived) == 7


def test_mail_for_a_member_that_is_not_ready_waits_and_holds_up_nobody(committed, portal, north, monkeypatch):
    monkeypatch.setattr(courier, "BATCH", 2)
    joining = uuid4()
    with portal.bound():
        rows = [
            send_down(counts(5), to=to, subject=uuid4(), purpose=Purpose.ANALYTICS, actor=SYSTEM, event_at=NOON)
            for to in (joining, joining, joining, north.id, north.id, north.id)
        ]
    assert courier.sweep() == 3
    with portal.bound():
        states = [Ledger.objects.get(id=row.id).state for row in rows]
    assert states == ["recorded"] * 3 + ["delivered"] * 3


def test_more_than_a_batch_is_carried_at_once(committed, portal, north, arrived, monkeypatch):
    monkeypatch.setattr(courier, "BATCH", 2)
    for _ in range(5):
        send(north, subject=uuid4())
    assert courier.sweep() == 5


def test_a_sweep_may_leave_watermarks_to_a_later_one(committed, portal, north):
    courier.sweep(watermarks=False)
    with portal.bound():
        assert not Watermark.objects.exists()
    courier.sweep()
    with portal.bound():
        assert set(Watermark.objects.values_list("sender", flat=True)) >= {north.id}


def test_the_portals_own_mailbox_needs_no_watermark(committed, portal, north, south, arrived):
    for side in (north, south):
        send(side, subject=uuid4())
    courier.sweep()
    with portal.bound():
        assert not Watermark.objects.exists()


def test_who_carries_is_waited_for_and_a_turn_outlasts_transactions(committed, north, south, arrived):
    send(north, subject=uuid4())
    with committed_superuser(committed) as cursor:
        lock = f"courier {north.id}"
        cursor.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [lock])
        left = threading.Timer(
            0.2, lambda: cursor.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [lock])
        )
        begun = time.monotonic()
        left.start()
        with bound(Courier()):
            everyone = courier.parties()
            courier.hold_turn(everyone)
            assert time.monotonic() - begun >= 0.15
            left.join()
            assert courier.carry(everyone[north.id], everyone) == 1
            cursor.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", [lock])
            assert cursor.fetchone() == (False,)
            courier.give_turn_back(everyone)
            cursor.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", [lock])
            assert cursor.fetchone() == (True,)


def test_what_nobody_applied_for_a_while_is_hinted_again(committed, portal, north, arrived, broker, monkeypatch):
    monkeypatch.setattr(courier, "HINT_AGAIN_AFTER", 3600)
    send(north, subject=uuid4())
    courier.sweep()
    assert broker(hints.PORTAL_INBOX) == [("exchange.drain_portal",)]  # and it gets lost
    courier.sweep()
    assert broker(hints.PORTAL_INBOX) == []
    monkeypatch.setattr(courier, "HINT_AGAIN_AFTER", 0)  # the while is over
    courier.sweep()
    assert broker(hints.PORTAL_INBOX) == [("exchange.drain_portal",)]
    drain_exchange()
    broker(hints.PORTAL_INBOX)
    courier.sweep()
    assert broker(hints.PORTAL_INBOX) == []


def passes(number: int):
    """A `stop` that lets the loop go round so many times."""
    turns = iter([False] * number)
    return lambda: next(turns, True)


def state_of(side, row) -> str:
    with side.bound():
        return Ledger.objects.get(id=row.id).state


def test_the_loop_carries_what_it_is_told_of_at_once(committed, portal, north, south, arrived, broker, monkeypatch):
    monkeypatch.setattr(courier, "SWEEP_EVERY", float("inf"))
    hinted, unheard = send(north, subject=uuid4()), send(south, subject=uuid4())
    broker(hints.COURIER_QUEUE)
    courier.run_forever(passes(1))
    assert state_of(north, hinted) == "recorded"
    with north.bound(), transaction.atomic():
        hints.after_commit_wake_courier(north.id)
        hints.after_commit_wake_courier(uuid4())  # of a member that is gone meanwhile
    courier.run_forever(passes(1))
    assert (state_of(north, hinted), state_of(south, unheard)) == ("delivered", "recorded")


def test_the_loop_finds_what_hints_lost(committed, portal, north, arrived):
    lost = send(north, subject=uuid4())
    courier.run_forever(passes(1))
    assert state_of(north, lost) == "delivered"


def test_the_loop_marks_watermarks_less_often_than_it_sweeps(committed, portal, north, arrived, monkeypatch):
    monkeypatch.setattr(courier, "SWEEP_EVERY", 0.0)
    monkeypatch.setattr(courier, "WATERMARK_EVERY", float("inf"))
    sent = []

    def stop() -> bool:
        sent.append(send(north, subject=uuid4()))
        return len(sent) == 3

    courier.run_forever(stop)
    assert [state_of(north, row) for row in sent] == ["delivered", "delivered", "recorded"]
    with portal.bound():
        assert not Watermark.objects.exists()


def test_the_loop_outlives_a_pass_that_fails(committed, portal, north, arrived, monkeypatch, caplog):
    sent = send(north, subject=uuid4())
    key = os.environ["DEALERNET_KEY_COURIER"]
    monkeypatch.delenv("DEALERNET_KEY_COURIER")
    pool.clear()
    turns = []

    def stop() -> bool:
        turns.append(state_of(north, sent))
        if len(turns) == 2:
            monkeypatch.setenv("DEALERNET_KEY_COURIER", key)
        return len(turns) == 3

    courier.run_forever(stop)
    assert turns == ["recorded", "recorded", "delivered"]
    assert "courier: pass failed" in caplog.text


# -- neighbours ------------------------------------------------------------------------------------------------


def test_much_mail_of_one_dealership_holds_up_anothers_for_one_batch(
    committed, portal, north, south, arrived, monkeypatch
):
    monkeypatch.setattr(courier, "BATCH", 2)
    flood = [send(north, subject=uuid4()) for _ in range(5)]
    single = send(south, subject=uuid4())
    with bound(Courier()):
        everyone = courier.parties()
        batches = []
        real = courier._carry_batch
        monkeypatch.setattr(
            courier, "_carry_batch", lambda sender, all_: batches.append(sender.id) or real(sender, all_)
        )
        carried, more = courier.carry_in_turns([everyone[north.id], everyone[south.id]], everyone)
    assert (carried, more) == (6, set())
    assert batches == [north.id, south.id, north.id, north.id]
    assert {state_of(north, row) for row in flood} | {state_of(south, single)} == {"delivered"}


def test_who_has_more_mail_than_a_turn_takes_goes_on_without_another_hint(
    committed, portal, north, arrived, broker, monkeypatch
):  # fmt: skip
    monkeypatch.setattr(courier, "SWEEP_EVERY", float("inf"))
    broker(hints.COURIER_QUEUE)
    rows = [send(north, subject=uuid4()) for _ in range(2)]
    broker(hints.COURIER_QUEUE)
    hints._WakeCourier(north.id)()
    seconds = iter([0.0, 5.0])
    real = courier.carry_in_turns
    monkeypatch.setattr(
        courier,
        "carry_in_turns",
        lambda named, everyone, seconds=None, of=seconds: real(named, everyone, seconds=next(of)),
    )
    courier.run_forever(passes(2))
    assert [state_of(north, row) for row in rows] == ["delivered", "delivered"]


def test_the_inbox_gives_every_sender_its_turn(committed, portal, north, south, arrived, monkeypatch):
    monkeypatch.setattr(inbox, "BATCH", 2)
    for day in (1, 2, 3, 4):
        send(north, subject=uuid4(), day=day)
    courier.sweep()
    send(south, subject=uuid4(), day=9)
    courier.sweep()
    with portal.bound():
        assert inbox.take_a_turn(-1)
        assert sorted(message.record.day.day for message in arrived) == [1, 9]
        inbox.drain()
    assert [message.record.day.day for message in arrived if message.sender == north.id] == [1, 2, 3, 4]


def test_a_sweep_over_many_members_uses_each_connection_for_some_of_them(committed, portal, north, south, monkeypatch):
    monkeypatch.setattr(courier, "MEMBERS_AT_ONCE", 1)
    monkeypatch.setattr(courier, "MEMBERS_A_CONNECTION", 1)
    seen: list[tuple[int, str]] = []

    def execute(run, sql, params, many, context):
        seen.extend(
            (connection.connection.info.backend_pid, side.schema)
            for side in (portal, north, south)
            if "exchange_ledger WHERE state = 'recorded'" in sql and f'"{side.schema}"' in sql
        )
        return run(sql, params, many, context)

    with connection.execute_wrapper(execute):
        courier.sweep()
    assert {schema for _pid, schema in seen} == {portal.schema, north.schema, south.schema}
    assert len({pid for pid, _schema in seen}) == len(seen) == 3


def test_a_sweep_over_few_members_keeps_its_connection(committed, portal, north, south):
    with bound(Courier()):
        before = connection.cursor().connection.info.backend_pid
    courier.sweep()
    with bound(Courier()):
        assert connection.cursor().connection.info.backend_pid == before
