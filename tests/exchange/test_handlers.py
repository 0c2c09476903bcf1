"""One contract, one handler a tier; answers are believed from the receiver alone and never undo each other."""

from __future__ import annotations

from uuid import uuid4

import pytest
from tests.exchange.test_courier import NOON, send

from exchange import courier, handlers
from exchange.handlers import receives
from exchange.models import Ledger, LedgerState
from exchange.outbound import send_down
from exchange.testing import drain_exchange, exchange_drained
from kernel.accounts.actors import EXCHANGE
from kernel.contracts import Purpose, Receipt, ReceiptOutcome


def test_two_handlers_of_one_contract_in_a_tier_are_refused():
    before = dict(handlers._handlers)
    with pytest.raises(RuntimeError, match="Receipt has two handlers in the both tier"):

        @receives(Receipt)
        def another(messages):
            raise AssertionError

    assert handlers._handlers == before


def answer(portal, north, *, message, outcome, reason=None):
    """The portal answers a message of north's."""
    with portal.bound():
        send_down(
            Receipt(outcome=outcome, message_ids=[message], reason=reason),
            to=north.id,
            subject=uuid4(),
            purpose=Purpose.ANALYTICS,
            actor=EXCHANGE,
            event_at=NOON,
        )


def test_a_refusal_is_superseded_by_a_later_answer_and_what_is_applied_stays(committed, portal, north, monkeypatch):
    monkeypatch.setitem(handlers._handlers, (handlers.PORTAL, "DailyCounts"), lambda messages: None)
    sent = send(north, subject=uuid4())
    courier.sweep()
    seen = []
    for outcome, reason in ((ReceiptOutcome.REFUSED, "unlucky"), (ReceiptOutcome.APPLIED, None)):
        answer(portal, north, message=sent.id, outcome=outcome, reason=reason)
        drain_exchange()
        with north.bound():
            row = Ledger.objects.get(id=sent.id)
        seen.append((row.state, row.reason, row.applied_at is not None))
    answer(portal, north, message=sent.id, outcome=ReceiptOutcome.SKIPPED, reason="too late")
    drain_exchange()
    with north.bound():
        row = Ledger.objects.get(id=sent.id)
    assert seen[-1] == (LedgerState.APPLIED, "", True)
    assert (row.state, row.reason) == (LedgerState.APPLIED, "")


def test_the_kit_says_when_the_exchange_does_not_come_to_rest(committed, portal, north, monkeypatch):
    def again(messages):
        for message in messages:
            with_subject = message.subject
            send_down(
                message.record,
                to=message.sender,
                subject=with_subject,
                purpose=Purpose.ANALYTICS,
                actor=EXCHANGE,
                event_at=NOON,
            )

    for tier in (handlers.PORTAL, handlers.DEALER):
        monkeypatch.setitem(handlers._handlers, (tier, "DailyCounts"), again)
    send(north, subject=uuid4())
    with pytest.raises(AssertionError, match="does not come to rest"), exchange_drained():
        pass
