"""Sharing: what leaves, what stops, what is signed and counted."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.utils import timezone

from dealer.customers import actions as customers
from dealer.sharing import actions, queries
from dealer.sharing.actions import counting
from dealer.sharing.models import Agreement, CountReport, Disclosure, Grant, LevelChange
from exchange.models import Inbox, Ledger, LedgerState, Payload
from exchange.testing import drain_exchange
from kernel import clock
from kernel.accounts.actors import SYSTEM
from kernel.audit.models import Entry
from kernel.automotive.vin import make_vin
from kernel.contracts import (
    FLOOR,
    LeadEvent,
    LeadOutcome,
    Level,
    Purpose,
    ServiceVisit,
    VehicleSale,
    all_contracts,
)
from kernel.contracts.agreements import default_agreement
from kernel.errors import Conflict, Forbidden, Invalid
from kernel.testing.clocks import at

CARE, ANALYTICS = Purpose.CUSTOMER_CARE, Purpose.ANALYTICS
NAME, PHONE = "欧阳明月", "13800138000"


@pytest.fixture
def at_north(wall, north):
    with north.bound():
        yield north


@pytest.fixture
def manager(wall, north):
    return north.actor("general_manager")


@pytest.fixture
def consultant(wall, north):
    return north.actor("sales_consultant")


def new_owner(actor, *, serial=1, consent=True, series="X5"):
    """A customer who has just become the owner of a car, with or without consent for the manufacturer."""
    person = customers.create_customer(actor=actor, name=NAME, phone=PHONE)
    if consent:
        customers.record_consent(actor=actor, customer=person, purpose=CARE, recipient="manufacturer")
    vin = make_vin("LXH", "AB12C", 2024, "N", serial)
    car = customers.register_vehicle(actor=actor, vin=vin, brand="Xingyun", series=series)
    customers.set_party(actor=actor, vehicle=car, customer=person)
    return person, car


def set_level(actor, level, contract="Owner", purpose=CARE):
    return actions.change_level(actor=actor, contract=contract, purpose=purpose, level=level)


def visit(car, kind="maintenance"):
    now = clock.now()
    return ServiceVisit(
        visit_id=uuid4(),
        vin=car.vin,
        opened_at=now,
        closed_at=now,
        odometer_km=10,
        kind=kind,
        jobs=[],
        labour_total=Decimal("1.00"),
        parts_total=Decimal("2.00"),
        currency="CNY",
    )


def sale(car):
    return VehicleSale(sale_id=uuid4(), vin=car.vin, brand="Xingyun", series="X5", delivered_on=date(2025, 1, 2))


# -- joining


def test_a_dealership_that_joins_has_signed_and_shares_no_opt_in(at_north):
    agreement = queries.current_agreement()
    assert agreement.text_hash == default_agreement().digest
    levels = {grant.contract: (grant.level, grant.required) for grant in queries.switchboard()}
    assert levels == {
        "VehicleSale": (Level.FULL, True),
        "WarrantyClaim": (Level.FULL, True),
        "LeadOutcome": (Level.FULL, False),
        "Owner": (Level.NOTHING, False),
        "ServiceVisit": (Level.NOTHING, False),
        "KnownCustomer": (Level.NOTHING, False),
        "BenchmarkFigures": (Level.NOTHING, False),
    }


def test_what_no_agreement_names_has_no_way_up(at_north):
    granted = set(Grant.objects.values_list("contract", flat=True))
    upward = set(queries.upward_contracts())
    assert granted == upward - {"DailyCounts"}
    assert not any("rospect" in owner.spec.name for owner in all_contracts())
    assert queries.policy_for("SalesLead", Purpose.LEAD_HANDLING) is None


# -- owners


def test_at_level_nothing_an_owner_stays_and_the_ledger_says_why(at_north, consultant):
    new_owner(consultant)
    row = Ledger.objects.get(contract="Owner")
    assert (row.state, row.level, row.released) == ("withheld", "nothing", [])
    assert row.withheld["name"] == "ceiling"
    assert not Payload.objects.exists()


def test_with_consent_the_owner_leaves_in_full(at_north, consultant, manager):
    set_level(manager, "full")
    person, car = new_owner(consultant)
    row = Ledger.objects.get(contract="Owner")
    assert (row.state, row.level, row.subject_label) == ("recorded", "full", car.vin)
    body = Payload.objects.get(id=row.id).body
    assert (body["name"], body["phone"], body["vin"]) == (NAME, "+8613800138000", car.vin)
    assert body["consent_version"] == "2026-1"
    assert Disclosure.objects.get(id=row.id).customer_id == person.pk


def test_without_consent_no_name_leaves_even_at_full(at_north, consultant, manager):
    set_level(manager, "full")
    person, car = new_owner(consultant, consent=False)
    row = Ledger.objects.get(contract="Owner")
    assert row.level == "pseudonymous"
    assert row.withheld["name"] == row.withheld["phone"] == "no_consent"
    text = str(Payload.objects.get(id=row.id).body)
    assert all(secret not in text for secret in (NAME, "13800138000", car.vin, str(person.pk)))


def test_a_car_has_another_subject_for_each_purpose(at_north, consultant, manager):
    set_level(manager, "pseudonymous")
    set_level(manager, "full", "ServiceVisit", ANALYTICS)
    person, car = new_owner(consultant)
    actions.share(visit(car), subject=car.pk, customer=person, actor=consultant, event_at=clock.now())
    actions.share(sale(car), subject=car.pk, customer=person, actor=consultant, event_at=clock.now())
    subjects = list(Ledger.objects.values_list("subject", flat=True))
    assert len(subjects) == len({*subjects, car.pk}) - 1 == 3


def test_giving_consent_tells_the_name_and_withdrawing_takes_it_back(at_north, consultant, manager):
    set_level(manager, "full")
    person, _car = new_owner(consultant, consent=False)
    given = customers.record_consent(actor=consultant, customer=person, purpose=CARE, recipient="manufacturer")
    customers.withdraw_consent(actor=consultant, consent=given)
    rows = list(Ledger.objects.filter(contract="Owner").order_by("number"))
    assert [(row.level, row.state) for row in rows] == [
        ("pseudonymous", "recorded"),
        ("full", "stopped"),
        ("pseudonymous", "recorded"),
    ]
    assert rows[1].reason == "consent_withdrawn"
    assert rows[2].withheld["name"] == "consent_withdrawn"
    assert NAME not in str(list(Payload.objects.values_list("body", flat=True)))
    versions = [Payload.objects.get(id=row.id).body["version"] for row in (rows[0], rows[2])]
    assert versions == sorted(set(versions))


def test_withdrawing_marketing_stops_nothing_of_customer_care(at_north, consultant, manager):
    set_level(manager, "full")
    person, _car = new_owner(consultant)
    other = customers.record_consent(actor=consultant, customer=person, purpose="marketing", recipient="manufacturer")
    customers.withdraw_consent(actor=consultant, consent=other)
    assert [row.state for row in Ledger.objects.filter(contract="Owner")] == ["recorded"]


# -- levels


def test_lowering_stops_what_waits_and_only_that(at_north, consultant, manager):
    set_level(manager, "full")
    set_level(manager, "full", "ServiceVisit", ANALYTICS)
    person, car = new_owner(consultant)
    actions.share(visit(car), subject=car.pk, customer=person, actor=consultant, event_at=clock.now())
    change = set_level(manager, "counts")
    assert (change.before, change.after, change.stopped) == ("full", "counts", 1)
    states = dict(Ledger.objects.values_list("contract", "state"))
    assert states == {"Owner": "stopped", "ServiceVisit": "recorded", "DailyCounts": "recorded"}
    waiting = Ledger.objects.filter(state="recorded").values("id")
    assert set(Payload.objects.values_list("id", flat=True)) == {row["id"] for row in waiting}
    assert Entry.objects.get(action="sharing.change_level", after__stopped=1).before == {"level": "full"}


def test_from_the_next_moment_names_stop_at_the_portal_too(committed, north, portal):
    manager, consultant = north.actor("general_manager"), north.actor("sales_consultant")
    with north.bound():
        set_level(manager, "full")
        new_owner(consultant, serial=1)
    drain_exchange()
    with north.bound():
        new_owner(consultant, serial=2)
        set_level(manager, "counts")
        new_owner(consultant, serial=3)
    drain_exchange()
    with portal.bound():
        assert Inbox.objects.filter(contract="Owner").count() == 1
    with north.bound():
        states = list(Ledger.objects.filter(contract="Owner").order_by("number").values_list("state", flat=True))
    assert states[1:] == ["stopped", "withheld"]
    assert states[0] != "recorded"


def test_raising_stops_nothing(at_north, consultant, manager):
    set_level(manager, "pseudonymous")
    new_owner(consultant)
    assert set_level(manager, "full").stopped == 0
    assert Ledger.objects.get(contract="Owner").state == LedgerState.RECORDED


def test_history_is_kept_in_order(at_north, manager):
    for level in ("counts", "full", "nothing"):
        set_level(manager, level)
    grant = Grant.objects.get(contract="Owner")
    assert list(grant.changes.values_list("before", "after")) == [
        ("full", "nothing"),
        ("counts", "full"),
        ("nothing", "counts"),
        ("", "nothing"),
    ]


@pytest.mark.parametrize("contract", ["VehicleSale", "WarrantyClaim"])
def test_what_is_required_cannot_be_lowered_and_says_why(at_north, manager, contract):
    grant = Grant.objects.get(contract=contract)
    with pytest.raises(Conflict) as caught:
        set_level(manager, "nothing", contract, grant.purpose)
    assert caught.value.code == "required"
    assert default_agreement().version in str(caught.value)
    assert str(Purpose(grant.purpose).label) in str(caught.value)


@pytest.mark.parametrize(
    ("change", "error", "code"),
    [
        ({"level": "everything"}, Invalid, "choice"),
        ({"contract": "Prospect"}, Invalid, "unknown_contract"),
        ({"purpose": "marketing"}, Invalid, "unknown_contract"),
        ({"level": "nothing"}, Conflict, "unchanged"),
    ],
)
def test_a_change_that_cannot_be_is_refused(at_north, manager, change, error, code):
    wanted = {"contract": "Owner", "purpose": "customer_care", "level": "full"} | change
    with pytest.raises(error) as caught:
        actions.change_level(actor=manager, **wanted)
    found = caught.value.errors[0].code if error is Invalid else caught.value.code
    assert found == code
    assert LevelChange.objects.count() == len(default_agreement().terms)


def test_no_more_than_the_agreement_asks(at_north, manager):
    Grant.objects.filter(contract="Owner").update(template="counts")
    with pytest.raises(Invalid) as caught:
        set_level(manager, "full")
    assert caught.value.errors[0].code == "above_template"


@pytest.mark.parametrize("role", ["crm_manager", "sales_manager", "it_admin", "sales_consultant"])
def test_only_the_general_manager_changes_levels(at_north, role):
    with pytest.raises(Forbidden):
        set_level(at_north.actor(role), "full")


def test_one_dealership_decides_for_itself_alone(wall, north, south, manager):
    with north.bound():
        set_level(manager, "full")
    with south.bound():
        assert Grant.objects.get(contract="Owner").level == Level.NOTHING


# -- leads


def outcome(event):
    return LeadOutcome(lead_id=uuid4(), fence=1, event=event, at=clock.now(), reason_text="told my colleague Li")


def test_answers_to_leads_leave_and_name_nobody(at_north, consultant):
    record = outcome(LeadEvent.ACCEPTED)
    (row,) = actions.share(record, subject=record.lead_id, actor=consultant, event_at=clock.now())
    assert (row.state, row.subject) == ("recorded", record.lead_id)


def test_without_results_no_lead_is_accepted(at_north, consultant, manager):
    set_level(manager, "counts", "LeadOutcome", Purpose.LEAD_HANDLING)
    assert not queries.may_take_leads()
    record = outcome(LeadEvent.ACCEPTED)
    with pytest.raises(Conflict) as caught:
        actions.share(record, subject=record.lead_id, actor=consultant, event_at=clock.now())
    assert caught.value.code == "lead_answers_off"
    lost = outcome(LeadEvent.LOST)
    (row,) = actions.share(lost, subject=lost.lead_id, actor=consultant, event_at=clock.now())
    assert row.state == "withheld"


# -- agreements


def another_version(**changes):
    text = default_agreement()
    terms = tuple(replace(term, **changes.get(term.contract, {})) for term in text.terms)
    return replace(text, version="2027-1", terms=terms)


def test_a_new_version_waits_for_a_signature_and_then_replaces(at_north, manager, consultant):
    set_level(manager, "full")
    new_owner(consultant)
    before = queries.current_agreement()
    made = actions.receive_agreement(actor=SYSTEM, text=another_version(Owner={"level": Level.COUNTS}))
    assert queries.current_agreement() == before
    assert Grant.objects.get(contract="Owner").level == Level.FULL
    actions.sign_agreement(actor=manager, agreement=made, text_hash=made.text_hash)
    before.refresh_from_db()
    assert (before.state, queries.current_agreement().version) == ("replaced", "2027-1")
    assert Grant.objects.get(contract="Owner").level == Level.COUNTS
    assert Ledger.objects.get(contract="Owner").state == "stopped"
    assert (queries.current_agreement().signed_by_name, queries.current_agreement().signed_by_role) == (
        manager.name,
        "general_manager",
    )


def test_a_version_that_leaves_a_flow_out_ends_it(at_north, manager):
    text = another_version()
    short = replace(text, terms=tuple(term for term in text.terms if term.contract != "LeadOutcome"))
    made = actions.receive_agreement(actor=SYSTEM, text=short)
    actions.sign_agreement(actor=manager, agreement=made)
    assert Grant.objects.get(contract="LeadOutcome").level == Level.NOTHING


@pytest.mark.parametrize(
    ("ceilings", "code"),
    [
        ({"VehicleSale": "nothing"}, "required"),
        ({"Prospect": "full"}, "unknown_contract"),
        ({"Owner": "some"}, "choice"),
    ],
)
def test_ceilings_that_cannot_be_are_refused(at_north, manager, ceilings, code):
    made = actions.receive_agreement(actor=SYSTEM, text=another_version())
    with pytest.raises(Invalid) as caught:
        actions.sign_agreement(actor=manager, agreement=made, ceilings=ceilings)
    assert caught.value.errors[0].code == code
    assert Agreement.objects.get(pk=made.pk).state == "proposed"


def test_nobody_signs_for_more_than_the_agreement_asks(at_north, manager):
    made = actions.receive_agreement(actor=SYSTEM, text=another_version(Owner={"level": Level.COUNTS}))
    with pytest.raises(Invalid) as caught:
        actions.sign_agreement(actor=manager, agreement=made, ceilings={"Owner": "full"})
    assert [(error.field, error.code) for error in caught.value.errors] == [("Owner", "above_template")]
    assert Agreement.objects.get(pk=made.pk).state == "proposed"


def test_what_was_shown_is_what_is_signed(at_north, manager):
    made = actions.receive_agreement(actor=SYSTEM, text=another_version())
    with pytest.raises(Conflict) as caught:
        actions.sign_agreement(actor=manager, agreement=made, text_hash="0" * 64)
    assert caught.value.code == "other_text"
    actions.sign_agreement(actor=manager, agreement=made)
    with pytest.raises(Conflict) as caught:
        actions.sign_agreement(actor=manager, agreement=made)
    assert caught.value.code == "not_proposed"


# -- counts


def later(days=1):
    return at(clock.now() + timedelta(days=days))


def share_visits(actor, car, number, kind="maintenance"):
    for _turn in range(number):
        actions.share(visit(car, kind), subject=car.pk, actor=actor, event_at=clock.now())


def test_a_closed_day_is_counted_once(at_north, consultant, manager):
    set_level(manager, "counts", "ServiceVisit", ANALYTICS)
    _person, car = new_owner(consultant)
    for kind, number in {"maintenance": 12, "repair": 10, "recall": 4, "accident": 4}.items():
        share_visits(consultant, car, number, kind=kind)
    day = clock.today("Asia/Shanghai")
    assert actions.send_due_counts() == 0
    with later():
        assert actions.send_due_counts() == 1
        assert actions.send_due_counts() == 0
    row = Ledger.objects.get(contract="DailyCounts", subject_label=f"ServiceVisit {day}")
    body = Payload.objects.get(id=row.id).body
    assert row.purpose == "analytics"
    small = dict.fromkeys(("recall", "accident", "warranty", "other"))
    assert body["cells"] == {"maintenance": 12, "repair": 10, **small}
    assert body["total"] == 30


def test_an_open_day_is_not_counted(at_north, manager):
    with pytest.raises(Invalid) as caught:
        actions.send_counts(actor=SYSTEM, contract="Owner", purpose=CARE, day=clock.today("Asia/Shanghai"))
    assert caught.value.errors[0].code == "open_day"


def test_a_day_without_anything_is_told_like_any_other_small_day(at_north, manager):
    set_level(manager, "counts")
    with later():
        assert actions.send_due_counts() == 1
    body = Payload.objects.get(id=Ledger.objects.latest("number").id).body
    assert (body["of"], body["total"]) == ("Owner", None)
    assert body["cells"] == dict.fromkeys(("XH-HF", "XH-TL", "YC-QC", "other"))


def test_at_level_nothing_counts_do_not_leave_either(at_north, consultant, manager):
    set_level(manager, "counts", "ServiceVisit", ANALYTICS)
    _person, car = new_owner(consultant)
    share_visits(consultant, car, FLOOR)
    set_level(manager, "nothing", "ServiceVisit", ANALYTICS)
    with later():
        actions.send_due_counts()
    assert Ledger.objects.filter(contract="DailyCounts").latest("number").state == "withheld"


def test_a_change_to_counts_is_told_at_once_by_the_report_of_yesterday(at_north, consultant, manager):
    set_level(manager, "full")
    new_owner(consultant)
    set_level(manager, "counts")
    report = CountReport.objects.get()
    assert (report.contract, report.day) == ("Owner", clock.today("Asia/Shanghai") - timedelta(days=1))
    row = Ledger.objects.get(id=report.ledger_id)
    assert (row.level, row.state) == ("counts", "recorded")
    assert Payload.objects.get(id=row.id).body["total"] is None
    set_level(manager, "full")
    set_level(manager, "counts")
    assert CountReport.objects.count() == 1


def test_lowering_to_nothing_stops_waiting_counts(at_north, manager):
    set_level(manager, "counts")
    assert set_level(manager, "nothing").stopped == 1
    assert Ledger.objects.get(contract="DailyCounts").state == "stopped"


def reports(contract="ServiceVisit"):
    """The payloads of the daily counts that left, by purpose and day."""
    found = {}
    for row in CountReport.objects.filter(contract=contract):
        payload = Payload.objects.filter(id=row.ledger_id).first()
        found[row.purpose, row.day] = payload and (payload.body["cells"], payload.body["total"])
    return found


def test_after_a_standstill_the_days_without_anything_are_told_too(at_north, consultant, manager):
    """Or the days that are missing would be known to have had nothing: a number below the floor."""
    set_level(manager, "counts", "ServiceVisit", ANALYTICS)
    _person, car = new_owner(consultant)
    with later(days=2):
        share_visits(consultant, car, 1)
    with later(days=4):
        assert actions.send_due_counts() == 4
        assert actions.send_due_counts() == 0
    assert len(set(map(str, reports().values()))) == 1


def test_days_at_counts_end_with_the_level_and_nothing_is_told_of_them_any_more(at_north, manager):
    set_level(manager, "counts", "ServiceVisit", ANALYTICS)
    with later(days=2):
        set_level(manager, "nothing", "ServiceVisit", ANALYTICS)
    with later(days=5):
        assert actions.send_due_counts() == 3
    assert set(reports().values()) == {None}


def test_what_was_not_counted_in_two_months_is_never_counted(at_north, consultant, manager):
    set_level(manager, "counts", "ServiceVisit", ANALYTICS)
    _person, car = new_owner(consultant)
    share_visits(consultant, car, 12)
    with later(days=70):
        assert actions.send_due_counts() == 60
    assert (ANALYTICS, clock.today("Asia/Shanghai")) not in reports()


@pytest.fixture
def second_purpose(at_north, monkeypatch):
    """Two purposes for service visits in the agreement, as a later version of the contract might have them."""
    purposes = ServiceVisit.spec.purposes | {Purpose.MARKETING}
    monkeypatch.setattr(ServiceVisit, "spec", replace(ServiceVisit.spec, purposes=purposes))
    first = Grant.objects.get(contract="ServiceVisit")
    second = Grant.objects.get(contract="ServiceVisit")
    second.pk, second.purpose, second._state.adding = uuid4(), "marketing", True
    second.save(force_insert=True)
    return first, second


def test_two_purposes_that_cover_the_same_records_are_both_told(at_north, consultant, manager, second_purpose):
    for grant in second_purpose:
        set_level(manager, "counts", "ServiceVisit", grant.purpose)
    _person, car = new_owner(consultant)
    with later(days=1):
        share_visits(consultant, car, 12)
        share_visits(consultant, car, 8, kind="repair")
    with later(days=2):
        actions.send_due_counts()
    day = clock.today("Asia/Shanghai") + timedelta(days=1)
    told = reports()
    assert told[ANALYTICS, day] == told["marketing", day]
    assert told[ANALYTICS, day][1] == 20


@pytest.mark.parametrize("other", ["counts", "full"])
def test_a_day_that_two_purposes_cover_differently_is_told_by_neither(
    at_north, consultant, manager, second_purpose, other
):
    """12 in all less the 9 of the morning would be 3: a number below the floor."""
    set_level(manager, "counts", "ServiceVisit", ANALYTICS)
    set_level(manager, other, "ServiceVisit", "marketing")
    _person, car = new_owner(consultant)
    with later(days=1):
        share_visits(consultant, car, 9)
        set_level(manager, "nothing", "ServiceVisit", "marketing")
        share_visits(consultant, car, 3)
    with later(days=2):
        actions.send_due_counts()
    cells, total = reports()[ANALYTICS, clock.today("Asia/Shanghai") + timedelta(days=1)]
    assert (set(cells.values()), total) == ({None}, None)


def test_a_law_that_begins_within_a_day_makes_it_unsteady_for_two_purposes(
    at_north, consultant, manager, second_purpose, monkeypatch
):
    for grant in second_purpose:
        set_level(manager, "counts", "ServiceVisit", grant.purpose)
    before = counting.effective_level
    day = clock.today("Asia/Shanghai") + timedelta(days=1)

    def forbidden_from_noon(contract, policy, consent, *, at):
        level = before(contract, policy, consent, at=at)
        return Level.NOTHING if policy.purpose == "marketing" and timezone.localdate(at) > day else level

    monkeypatch.setattr(counting, "effective_level", forbidden_from_noon)
    _person, car = new_owner(consultant)
    with later(days=1):
        share_visits(consultant, car, 12)
    with later(days=2):
        actions.send_due_counts()
    assert reports()[ANALYTICS, day][1] is None


# -- the end ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("anew", [False, True])
def test_when_sharing_ends_nothing_leaves_and_what_waits_is_stopped(at_north, consultant, manager, anew):
    set_level(manager, "full")
    new_owner(consultant)
    assert Ledger.objects.filter(contract="Owner", state=LedgerState.RECORDED).count() == 1
    assert actions.end_sharing(actor=SYSTEM, note="left", propose_anew=anew) == 1
    assert actions.end_sharing(actor=SYSTEM, note="left", propose_anew=anew) == 0
    assert not Ledger.objects.filter(state=LedgerState.RECORDED).exists()
    assert {grant.level for grant in Grant.objects.all()} == {Level.NOTHING}
    new_owner(consultant, serial=2)
    assert not Ledger.objects.filter(state=LedgerState.RECORDED).exists()
    agreement = Agreement.objects.get()
    assert (agreement.state, agreement.signed_at is None) == ("proposed" if anew else "replaced", anew)
    assert Entry.objects.filter(action="sharing.end", note="left").count() == 1
    if anew:
        actions.sign_agreement(actor=manager, agreement=agreement, ceilings={"LeadOutcome": "full"})
        assert queries.may_take_leads()


def test_only_the_general_manager_ends_sharing(at_north, consultant):
    with pytest.raises(Forbidden):
        actions.end_sharing(actor=consultant, note="")
