"""Taking back: the question after a level was lowered, the request, the receipt, and what a law keeps."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest

from dealer.customers import actions as customers
from dealer.sharing import actions, queries
from dealer.sharing.models import Grant, Withdrawal, WithdrawalChoice
from dealer.sharing.takingback import actions as taking_back
from exchange import inbox
from exchange.models import Inbox, InboxPayload, Ledger
from exchange.operations import reconcile
from exchange.takingback import takes_back
from exchange.testing import drain_exchange
from kernel import clock
from kernel.accounts.actors import SYSTEM
from kernel.audit.models import Entry
from kernel.automotive.vin import make_vin
from kernel.contracts import Level, Purpose, ServiceVisit, VehicleSale, WithdrawalReceipt
from kernel.contracts import Withdrawal as Asked
from kernel.errors import Forbidden, IllegalTransition
from kernel.testing.clocks import at
from oem.aftersales.models import ServiceVisit as PortalVisit
from oem.owners.models import DailyCount, Owner, Sale
from oem.privacy import actions as privacy
from oem.privacy.models import Kept, Request

CARE, ANALYTICS, DELIVERY = Purpose.CUSTOMER_CARE, Purpose.ANALYTICS, Purpose.SALE_AND_DELIVERY


@pytest.fixture
def manager(committed, north):
    return north.actor("general_manager")


@pytest.fixture
def consultant(committed, north):
    return north.actor("sales_consultant")


def new_owner(actor, serial, *, name="欧阳明月", phone="13800138000", consent=True):
    person = customers.create_customer(actor=actor, name=name, phone=phone)
    given = None
    if consent:
        given = customers.record_consent(actor=actor, customer=person, purpose=CARE, recipient="manufacturer")
    vin = make_vin("LXH", "AB12C", 2024, "N", serial)
    car = customers.register_vehicle(actor=actor, vin=vin, brand="XH", series="XH-HF")
    customers.set_party(actor=actor, vehicle=car, customer=person)
    return person, car, given


def visit_of(car):
    now = clock.now()
    return ServiceVisit(
        visit_id=uuid4(), vin=car.vin, opened_at=now, closed_at=now, odometer_km=10, kind="repair", jobs=[],
        labour_total=Decimal("1.00"), parts_total=Decimal("2.00"), currency="CNY",
    )  # fmt: skip


def lower(manager, level, contract="Owner", purpose=CARE):
    return actions.change_level(actor=manager, contract=contract, purpose=purpose, level=level)


@pytest.fixture
def shared(committed, north, manager, consultant):
    """Two owners with their names at the manufacturer's."""
    with north.bound():
        lower(manager, "full")
        made = [new_owner(consultant, 1), new_owner(consultant, 2, name="李晓华", phone="13800138001")]
    drain_exchange()
    return made


def test_lowering_asks_in_the_same_moment_and_taking_back_deletes_names_at_the_portal(shared, north, portal, manager):
    with portal.bound():
        assert set(Owner.objects.values_list("name", flat=True)) == {"欧阳明月", "李晓华"}
    with north.bound():
        lower(manager, "pseudonymous")
        question = Withdrawal.objects.get()
        assert (question.state, question.records, question.why) == ("asked", 2, "lowered")
        taking_back.take_back(actor=manager, withdrawal=question)
    drain_exchange()
    with portal.bound():
        assert not Owner.objects.filter(level="full").exists()
        ours = Inbox.objects.filter(contract="Owner", level="full").values("id")
        assert len(ours) == 2
        assert not InboxPayload.objects.filter(id__in=ours).exists()
        assert Request.objects.get().settled_at is not None
    with north.bound():
        question.refresh_from_db()
        assert question.state == "done"
        assert question.receipt["deleted"] == 2
        assert question.receipt["kept"] == []
        assert set(Ledger.objects.filter(contract="Owner", level="full").values_list("reason", flat=True)) == {
            "withdrawn"
        }
        assert queries.sent_at_higher_levels(Grant.objects.all()) == {}
        assert Entry.objects.get(action="sharing.take_back").after["records"] == 2
    assert reconcile()["differences"] == []


def test_leaving_it_changes_nothing_there_and_can_be_thought_over(shared, north, portal, manager):
    with north.bound():
        lower(manager, "nothing")
        question = taking_back.leave_it(actor=manager, withdrawal=Withdrawal.objects.get())
        assert question.state == "left"
    drain_exchange()
    with portal.bound():
        assert Owner.objects.count() == 2
    with north.bound():
        taking_back.take_back(actor=manager, withdrawal=question)
        with pytest.raises(IllegalTransition):
            taking_back.take_back(actor=manager, withdrawal=question)
    drain_exchange()
    with portal.bound():
        assert Owner.objects.count() == 0


def test_raising_or_lowering_with_nothing_there_asks_nothing(committed, north, manager):
    with north.bound():
        for level in ("full", "pseudonymous", "nothing"):
            lower(manager, level)
        assert not Withdrawal.objects.exists()


def test_the_question_stands_once_however_often_the_level_is_lowered(shared, north, manager):
    with north.bound():
        for level in ("pseudonymous", "counts", "nothing"):
            lower(manager, level)
        assert Withdrawal.objects.get().records == 2


def test_ending_the_agreement_asks_too(shared, north, manager):
    with north.bound():
        actions.end_sharing(actor=manager, note="leaves")
        asked = {row.contract: row.records for row in Withdrawal.objects.all()}
    assert asked["Owner"] == 2


@pytest.mark.parametrize("role", ["crm_manager", "it_admin", "sales_manager"])
def test_only_the_general_manager_decides(shared, north, manager, role):
    with north.bound():
        lower(manager, "nothing")
        question = Withdrawal.objects.get()
        for decide in (taking_back.leave_it, taking_back.take_back):
            with pytest.raises(Forbidden):
                decide(actor=north.actor(role), withdrawal=question)


def test_what_a_law_demands_is_kept_named_and_deleted_when_its_time_is_over(shared, north, portal, manager, consultant):
    """Order 626 art. 9: the manufacturer keeps the records of a car's first sale for ten years."""
    delivered = clock.today("Asia/Shanghai")
    with north.bound():
        car = shared[0][1]
        sale = VehicleSale(sale_id=uuid4(), vin=car.vin, brand="XH", delivered_on=delivered)
        actions.share(sale, subject=car.pk, actor=consultant, event_at=clock.now())
        old = VehicleSale(sale_id=uuid4(), vin=car.vin, brand="XH", delivered_on=date(2010, 1, 1))
        actions.share(old, subject=car.pk, actor=consultant, event_at=clock.now())
    drain_exchange()
    with north.bound():
        actions.end_sharing(actor=manager, note="leaves")
        taking_back.take_back(actor=manager, withdrawal=Withdrawal.objects.get(contract="VehicleSale"))
    drain_exchange()
    until = delivered.replace(year=delivered.year + 10) if (delivered.month, delivered.day) != (2, 29) else None
    with portal.bound():
        kept = Kept.objects.get()
        assert (kept.law, kept.until) == ("cn.order626.9", until)
        assert Sale.objects.get().delivered_on == delivered
        assert Request.objects.get().settled_at is None
        assert privacy.delete_kept() == 0
    with north.bound():
        said = Withdrawal.objects.get(contract="VehicleSale").receipt
        assert said["deleted"] == 1
        assert said["kept"] == [
            {"law": "cn.order626.9", "article": kept.article, "until": until.isoformat(), "records": 1}
        ]
    with portal.bound():
        with at(clock.now() + timedelta(days=3660)):
            assert privacy.delete_kept() == 1
            assert privacy.delete_kept() == 0
        assert not Sale.objects.exists()
        assert Request.objects.get().settled_at is not None
    drain_exchange()
    with north.bound():
        receipts = Withdrawal.objects.get(contract="VehicleSale").receipts
        assert [(one["deleted"], one["kept"] == []) for one in receipts] == [(1, False), (2, True)]


def test_at_level_nothing_the_daily_counts_go_too(committed, north, portal, manager, consultant):
    with north.bound():
        lower(manager, "counts")
    drain_exchange()
    with portal.bound():
        assert DailyCount.objects.filter(of="Owner").count() == 1
    with north.bound():
        lower(manager, "full")
        new_owner(consultant, 1)
    drain_exchange()
    with north.bound():
        lower(manager, "nothing")
        taking_back.take_back(actor=manager, withdrawal=Withdrawal.objects.get())
    drain_exchange()
    with portal.bound():
        assert not DailyCount.objects.filter(of="Owner").exists()
        assert not Owner.objects.exists()
    with north.bound():
        assert set(Withdrawal.objects.values_list("contract", "state")) == {("Owner", "done"), ("DailyCounts", "done")}


def test_visits_are_taken_back_for_their_purpose_only(shared, north, portal, manager, consultant):
    with north.bound():
        lower(manager, "full", "ServiceVisit", ANALYTICS)
        car = shared[0][1]
        actions.share(visit_of(car), subject=car.pk, actor=consultant, event_at=clock.now())
    drain_exchange()
    with north.bound():
        lower(manager, "nothing", "ServiceVisit", ANALYTICS)
        taking_back.take_back(actor=manager, withdrawal=Withdrawal.objects.get())
    drain_exchange()
    with portal.bound():
        assert not PortalVisit.objects.exists()
        assert Owner.objects.count() == 2


# -- a customer's consent


def test_a_consent_withdrawn_takes_back_what_went_under_it_of_that_person_alone(shared, north, portal, consultant):
    person, _car, given = shared[0]
    with north.bound():
        customers.withdraw_consent(actor=consultant, consent=given)
        row = Withdrawal.objects.get()
        assert (row.state, row.why, row.customer_id) == ("sent", "consent", person.pk)
    drain_exchange()
    with portal.bound():
        assert list(Owner.objects.filter(level="full").values_list("name", flat=True)) == ["李晓华"]
        assert "欧阳明月" not in str(list(InboxPayload.objects.values_list("body", flat=True)))
    with north.bound():
        assert Withdrawal.objects.get().state == "done"


def test_with_the_standing_choice_to_leave_it_the_question_stands(shared, north, portal, manager, consultant):
    with north.bound():
        taking_back.choose(actor=manager, contract="Owner", purpose=CARE, takes_back=False)
        customers.withdraw_consent(actor=consultant, consent=shared[0][2])
        row = Withdrawal.objects.get()
        assert row.state == "asked"
        assert WithdrawalChoice.objects.get().changed_by_name
    drain_exchange()
    with portal.bound():
        assert Owner.objects.filter(level="full").count() == 2
    with north.bound():
        taking_back.take_back(actor=manager, withdrawal=row)
    drain_exchange()
    with portal.bound():
        assert Owner.objects.filter(level="full").count() == 1


def test_a_new_consent_later_is_not_touched_by_the_earlier_withdrawal(shared, north, portal, consultant):
    person, _car, given = shared[0]
    with north.bound():
        customers.withdraw_consent(actor=consultant, consent=given)
        customers.record_consent(actor=consultant, customer=person, purpose=CARE, recipient="manufacturer")
    drain_exchange()
    with portal.bound():
        assert Owner.objects.filter(level="full", name="欧阳明月").count() == 1


# -- twice, in the other order, not at all


def test_a_request_that_comes_twice_is_done_once(shared, north, portal, manager):
    with north.bound():
        lower(manager, "nothing")
        row = taking_back.take_back(actor=manager, withdrawal=Withdrawal.objects.get())
    drain_exchange()
    with portal.bound():
        message = Inbox.objects.get(contract="Withdrawal")
        body = InboxPayload.objects.get(id=message.id).body
        again = privacy.take_back(Asked.from_json(body), dealership=north.id, purpose=CARE, message=message.id)
        assert (again.pk, again.records, Request.objects.count()) == (row.pk, 2, 1)


def test_a_message_that_was_refused_before_is_set_aside_and_never_brings_the_name_back(shared, north, portal, manager):
    with portal.bound():
        waiting = Inbox.objects.filter(contract="Owner", level="full").first()
        Inbox.objects.filter(id=waiting.id).update(state="refused", reason="failed", detail="name: 欧阳明月")
        Owner.objects.all().delete()
    with north.bound():
        lower(manager, "nothing")
        taking_back.take_back(actor=manager, withdrawal=Withdrawal.objects.get())
    drain_exchange()
    with portal.bound():
        waiting.refresh_from_db()
        assert (waiting.state, waiting.reason, waiting.detail) == ("skipped", "withdrawn", "")
        inbox.drain()
        assert not Owner.objects.exists()


def test_what_was_sent_after_the_request_is_not_meant_by_it(shared, north, portal, manager, consultant):
    with north.bound():
        lower(manager, "nothing")
        row = taking_back.take_back(actor=manager, withdrawal=Withdrawal.objects.get())
        lower(manager, "full")
        new_owner(consultant, 3, name="赵一", phone="13800138003")
    drain_exchange()
    with portal.bound():
        assert list(Owner.objects.values_list("name", flat=True)) == ["赵一"]
    with north.bound():
        row.refresh_from_db()
        assert Ledger.objects.filter(contract="Owner", reason="withdrawn").count() == 2


def test_one_dealership_cannot_take_back_what_another_shared(shared, north, south, portal):
    with portal.bound():
        theirs = list(Inbox.objects.filter(contract="Owner").values_list("id", flat=True))
        asked = Asked(
            withdrawal_id=uuid4(), contract="Owner", levels=["full", "pseudonymous"], message_ids=theirs, place="CN"
        )
        request = privacy.take_back(asked, dealership=south.id, purpose=CARE, message=uuid4())
        assert request.records == 0
        assert Owner.objects.count() == 2


def test_a_receipt_for_nothing_that_was_asked_is_refused(committed, north):
    with north.bound(), pytest.raises(LookupError):
        taking_back.note_receipt(WithdrawalReceipt(withdrawal_id=uuid4(), at=clock.now(), deleted=1, kept=[]))


def test_the_same_receipt_again_changes_nothing(shared, north, manager):
    with north.bound():
        lower(manager, "nothing")
        row = taking_back.take_back(actor=manager, withdrawal=Withdrawal.objects.get())
        said = WithdrawalReceipt(withdrawal_id=row.pk, at=clock.now(), deleted=2, kept=[])
        for _twice in range(2):
            taking_back.note_receipt(said)
        row.refresh_from_db()
        assert len(row.receipts) == 1


def test_the_system_may_decide_for_a_dealership_that_leaves(shared, north):
    with north.bound():
        actions.end_sharing(actor=SYSTEM, note="")
        row = Withdrawal.objects.get(contract="Owner")
        assert taking_back.take_back(actor=SYSTEM, withdrawal=row).levels == [Level.PSEUDONYMOUS, Level.FULL]


def test_only_what_happened_before_a_time_and_a_contract_is_taken_back_in_one_way(shared, north, portal):
    with portal.bound():
        asked = Asked(
            withdrawal_id=uuid4(), contract="Owner", levels=["full"], place="CN", until=clock.now() - timedelta(days=9)
        )
        assert privacy.take_back(asked, dealership=north.id, purpose=CARE, message=uuid4()).messages == 0
        assert privacy._delete_kept_of(asked.withdrawal_id, SYSTEM) == 0
    with pytest.raises(RuntimeError, match="two ways"):
        takes_back("Owner")(object)
