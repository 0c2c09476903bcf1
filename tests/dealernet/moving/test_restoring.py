"""One dealership goes back to its backup; what was exchanged since stays true, and nobody else notices."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from tests.dealernet.moving.scenes import (
    ask,
    can_sign_in,
    differences,
    live_a_little,
    offer,
    rows_of,
    schemas,
    work_off,
)
from tests.service import car_of, set_level, warranty_repair

from dealer.customers.actions import create_customer, record_consent, set_party, withdraw_consent
from dealer.customers.models import Consent, Customer
from dealer.organisation import logos
from dealer.sales.actions import accept_lead, decline_lead, record_outcome
from dealer.sales.models import Lead, LeadMilestone, Prospect
from dealer.sharing import queries
from dealer.sharing.actions import (
    change_level,
    end_agreement,
    receive_agreement,
    sign_agreement,
    tell_what_changed,
)
from dealer.sharing.erasing.actions import erase_customer
from dealer.sharing.models import Agreement, Grant
from dealer.warranty import actions as warranty
from dealernet.moving import backups, restoring
from dealernet.moving.backups import Backup
from dealernet.moving.restoring import RestoreRefused, restore
from exchange.chain.anchors import anchor_what_is_due
from exchange.courier import parties
from exchange.models import Inbox, Ledger, Payload, Subject
from exchange.operations import verify_ledgers
from exchange.testing import drain_exchange
from kernel.accounts.actors import SYSTEM
from kernel.accounts.models import Session, Token, User
from kernel.contracts import Level
from kernel.contracts.agreements import default_agreement
from kernel.moving.bundles import BundleError
from kernel.tenancy.bindings import Courier, Owner, bound
from kernel.tenancy.models import Move, RequestState, State, Tenant
from oem.aftersales.actions import decide_claim
from oem.aftersales.models import Claim as HubClaim
from oem.aftersales.queries import lines_of
from oem.leads.models import Event
from oem.leads.models import Lead as HubLead
from oem.owners.models import Owner as HubOwner


@pytest.fixture(autouse=True)
def heads(settings, tmp_path) -> None:
    settings.LEDGER_HEADS = tmp_path / "ledger-heads"


@pytest.fixture
def lived(committed, portal, north) -> Any:
    live_a_little(north)
    return north


def backup(side: Any, tmp_path: Path, name: str = "north.backup") -> Path:
    path = tmp_path / name
    backups.write(side.slug, path)
    return path


def arguments(path: Path, slug: str = "north", **given: Any) -> dict[str, Any]:
    return {"file": str(path), "slug": slug, "move": str(uuid4())} | given


def states(side: Any) -> dict[UUID, str]:
    with side.bound():
        return dict(Lead.objects.values_list("id", "state"))


def hub(portal: Any, lead: UUID) -> tuple[str, int]:
    """The lead's state at the manufacturer and how many things its timeline tells."""
    with portal.bound():
        return HubLead.objects.get(id=lead).state, Event.objects.filter(lead_id=lead).count()


def test_rows_go_back_and_the_others_are_untouched(lived, committed, portal, south, tmp_path):
    path = backup(lived, tmp_path)
    before = rows_of(south.schema)
    with lived.bound():
        create_customer(actor=SYSTEM, name="后来", department="sales", phone="13900139009")
        Customer.objects.filter(phone="+8613900139002").update(note="changed")
    request = ask("restore", **arguments(path))
    work_off()
    with bound(Owner()):
        request.refresh_from_db()
        assert (request.state, request.error) == (RequestState.DONE, "")
        move = Move.objects.get()
    table = {row["table"]: row for row in move.figures["tables"]}["customers_customer"]
    assert (table["only_now"], table["only_in_backup"], table["changed"]) == (1, 0, 1)
    with lived.bound():
        assert sorted(Customer.objects.values_list("note", flat=True))[-1] == "plain"
        assert Customer.objects.count() == 2
        # A login of before signs in nobody now.
        assert not Session.objects.exists()
    assert rows_of(south.schema) == before
    assert move.kept_schema in schemas()
    with bound(Owner()), connection.cursor() as cursor:
        cursor.execute(f'SELECT count(*) FROM "{move.kept_schema}".customers_customer')
        assert cursor.fetchone() == (3,)
    with lived.bound(), connection.cursor() as cursor, pytest.raises(Exception, match="permission denied"):
        cursor.execute(f'SELECT * FROM "{move.kept_schema}".customers_customer')
    assert can_sign_in(lived.schema)
    assert differences() == []
    ask("drop_kept", slug="north")
    work_off()
    assert move.kept_schema not in schemas()
    assert lived.client("general_manager").get("/today/").status_code == 200


def test_leads_that_were_answered_since_the_backup_stay_answered_as_the_manufacturer_knows(
    lived, committed, portal, tmp_path
):
    waiting = offer(portal, lived, name="周一")
    path = backup(lived, tmp_path)
    accepted = offer(portal, lived, name="周二", phone="13700000002")
    declined = offer(portal, lived, name="周三", phone="13700000003")
    manager = lived.actor("sales_manager")
    with lived.bound():
        accept_lead(actor=manager, lead_id=waiting)
        accept_lead(actor=manager, lead_id=accepted)
        record_outcome(actor=manager, lead_id=accepted, event="contacted")
        decline_lead(actor=manager, lead_id=declined, reason="no_capacity")
    drain_exchange()
    later = offer(portal, lived, name="周四", phone="13700000004")
    known = {lead: hub(portal, lead) for lead in (waiting, accepted, declined, later)}
    expected = states(lived)
    with lived.bound():
        told = LeadMilestone.objects.count()

    move = restore(arguments(path))

    assert states(lived) == expected
    assert (move.figures["retold"], move.figures["delivered_again"]) == (4, move.figures["delivered_again"])
    with lived.bound():
        assert LeadMilestone.objects.count() == told
        prospect = Prospect.objects.get(lead_id=accepted)
        assert prospect.customer.phone == "+8613700000002"
        assert prospect.stage == "contacted"
    drain_exchange()
    # Nothing of it was told twice, and nothing was contradicted.
    assert {lead: hub(portal, lead) for lead in known} == known
    assert differences() == []


def test_messages_after_a_restore_go_on_in_their_order(lived, committed, portal, tmp_path):
    lead = offer(portal, lived)
    path = backup(lived, tmp_path)
    manager = lived.actor("sales_manager")
    with lived.bound():
        accept_lead(actor=manager, lead_id=lead)
        record_outcome(actor=manager, lead_id=lead, event="contacted")
    drain_exchange()
    with lived.bound():
        last = Subject.objects.get(subject=lead).last
        ledger = set(Ledger.objects.values_list("id", "seq", "commitment", "number", "seal"))
        payloads = set(Payload.objects.values_list("id", flat=True))
    restore(arguments(path))
    with lived.bound():
        assert Subject.objects.get(subject=lead).last == last
        assert ledger <= set(Ledger.objects.values_list("id", "seq", "commitment", "number", "seal"))
        assert payloads <= set(Payload.objects.values_list("id", flat=True))
        record_outcome(actor=manager, lead_id=lead, event="test_drive")
        assert Ledger.objects.get(subject=lead, state="recorded").seq == last + 1
    drain_exchange()
    assert hub(portal, lead)[0] == "test_drive"
    assert differences() == []
    assert verify_ledgers()["whole"]


def test_without_the_schema_of_before_the_manufacturers_side_is_enough(lived, committed, portal, tmp_path):
    path = backup(lived, tmp_path)
    lead = offer(portal, lived)
    with lived.bound():
        accept_lead(actor=lived.actor("sales_manager"), lead_id=lead)
    drain_exchange()
    with bound(Courier()):
        assert anchor_what_is_due(parties()) == 2
    with bound(Owner()), connection.cursor() as cursor:
        cursor.execute(f'DROP SCHEMA "{lived.schema}" CASCADE')
        cursor.execute(f'CREATE SCHEMA "{lived.schema}"')
        cursor.execute(f'DROP SCHEMA "{lived.schema}"')
    move = restore(arguments(path))
    assert move.kept_schema == ""
    assert states(lived) == {lead: "accepted"}
    drain_exchange()
    assert hub(portal, lead)[0] == "accepted"
    assert differences() == []
    # The chain goes on after the backup; what was known of the one that was lost is set aside, and said.
    assert verify_ledgers()["whole"]
    (member,) = verify_ledgers(lived.slug, files=[])["members"]
    assert member["set_aside"] == 1


def test_what_was_denied_since_the_backup_stays_denied(lived, committed, tmp_path):
    manager = lived.actor("general_manager")
    with lived.bound():
        customer = Customer.objects.get(phone="+8613900139002")
        consent = record_consent(actor=SYSTEM, customer=customer, purpose="marketing", recipient="dealer")
        grant = Grant.objects.filter(required=False, ceiling="full").first()
        wanted = grant.contract, grant.purpose
    path = backup(lived, tmp_path)
    with lived.bound():
        withdraw_consent(actor=SYSTEM, consent=Consent.objects.get(pk=consent.pk))
        change_level(actor=manager, contract=wanted[0], purpose=wanted[1], level="nothing")
        Token.objects.update(revoked_at="2026-01-01T00:00:00Z")
        User.objects.filter(role="technician").update(is_active=False)
        User.objects.filter(role="receptionist").update(password="new", password_changed_at="2099-01-01T00:00:00Z")
    restore(arguments(path))
    with lived.bound():
        assert Consent.objects.get(pk=consent.pk).withdrawn_at is not None
        assert Grant.objects.get(contract=wanted[0], purpose=wanted[1]).level == "nothing"
        assert Token.objects.get().revoked_at is not None
        assert not User.objects.get(role="technician").is_active
        assert User.objects.get(role="receptionist").password == "new"


def test_what_was_signed_and_ended_since_the_backup_stays_so(lived, committed, tmp_path):
    manager = lived.actor("general_manager")
    path = backup(lived, tmp_path)
    with lived.bound():
        before = queries.current_agreement()
        text = replace(default_agreement(), version="2031-1", terms=default_agreement().terms[:-1])
        made = receive_agreement(actor=SYSTEM, text=text)
        sign_agreement(actor=manager, agreement=made, ceilings={"LeadOutcome": "counts"})
        end_agreement(actor=manager, agreement=made)
    restore(arguments(path))
    with lived.bound():
        agreement = queries.current_agreement()
        assert (agreement.version, agreement.end_reason) == ("2031-1", "dealership")
        assert agreement.ends_at is not None
        assert Agreement.objects.get(pk=before.pk).state == "replaced"
        assert set(Grant.objects.values_list("agreement__version", flat=True)) == {"2031-1"}
        assert {grant.level for grant in Grant.objects.filter(required=False)} == {Level.NOTHING}
        # The manufacturer is told again what stands, once.
        assert tell_what_changed() == 1


def test_files_come_back(lived, committed, tmp_path):
    folder = logos.folder(lived.id)
    (picture,) = [path for path in folder.iterdir() if path.is_file()]
    path = backup(lived, tmp_path)
    picture.unlink()
    restore(arguments(path))
    assert picture.read_bytes() == b"\x89PNG picture"


def test_numbers_that_were_given_out_are_not_given_again(lived, committed, tmp_path):
    path = backup(lived, tmp_path)
    with lived.bound():
        for index in range(3):
            create_customer(actor=SYSTEM, name=f"新{index}", department="sales", phone=f"1390013911{index}")
        from kernel.audit.models import Entry

        last = Entry.objects.order_by("-number").first().number
    restore(arguments(path))
    with lived.bound():
        assert Entry.objects.order_by("-number").first().number > last


def test_owners_go_on_from_the_version_that_the_manufacturer_has_seen(lived, committed, portal, tmp_path):
    with lived.bound():
        customer, vehicle = car_of(lived)
        set_level(lived, "Owner", "customer_care", "full")
        for purpose in ("customer_care",):
            record_consent(actor=SYSTEM, customer=customer, purpose=purpose, recipient="manufacturer")
    drain_exchange()
    path = backup(lived, tmp_path)
    with lived.bound():
        other = create_customer(actor=SYSTEM, name="新主人", department="service", phone="13900139777")
        record_consent(actor=SYSTEM, customer=other, purpose="customer_care", recipient="manufacturer")
        set_party(actor=SYSTEM, vehicle=vehicle, customer=other)
        vehicle.refresh_from_db()
        seen = vehicle.party_version
    drain_exchange()
    move = restore(arguments(path))
    drain_exchange()
    with lived.bound():
        vehicle.refresh_from_db()
        assert vehicle.party_version == seen + 1
        assert vehicle.ownerships.get(until=None).customer_id == customer.pk
    assert move.figures["owners_told"] == 1
    with portal.bound():
        present = HubOwner.objects.filter(until=None).order_by("-version").first()
        assert (present.name, present.version) == ("王小明", seen + 1)
    assert differences() == []


def test_a_claim_that_was_sent_and_decided_since_the_backup_is_so_again(lived, committed, portal, tmp_path):
    with lived.bound():
        _order, claim = warranty_repair(lived)
    drain_exchange()
    path = backup(lived, tmp_path)
    with lived.bound():
        warranty.submit_claim(actor=lived.actor("service_adviser"), claim=claim)
    drain_exchange()
    with portal.bound():
        seen = HubClaim.objects.get()
        decide_claim(
            actor=portal.actor("warranty_analyst"),
            claim_id=seen.pk,
            lines=[{"line_id": line.line_id, "outcome": "approved"} for line in lines_of(seen)],
            revision=1,
        )
    with lived.bound():
        _later, other = warranty_repair(lived, serial=2, phone="13800138222", plate="")
        warranty.submit_claim(actor=lived.actor("service_adviser"), claim=other)
    drain_exchange()
    with portal.bound():
        unknown = HubClaim.objects.exclude(pk=seen.pk).get()
        decide_claim(
            actor=portal.actor("warranty_analyst"),
            claim_id=unknown.pk,
            lines=[{"line_id": line.line_id, "outcome": "approved"} for line in lines_of(unknown)],
            revision=1,
        )
    drain_exchange()
    move = restore(arguments(path))
    drain_exchange()
    with lived.bound():
        claim.refresh_from_db()
        assert (claim.state, claim.revision) == ("approved", 1)
        # The other one was made after the backup: its decision is left aside, and people are told to enter it again.
        skipped = Inbox.objects.get(contract="ClaimDecision", state="skipped")
        assert (skipped.reason, skipped.detail) == ("skipped", "restored")
    assert set(move.figures["only_there"]) >= {"WarrantyClaim"}
    assert differences() == []


class Killed(BaseException):
    """The steward ends in the middle of its work."""


def test_a_restore_that_is_killed_at_any_step_ends_whole_when_it_is_run_again(lived, committed, portal, tmp_path):
    path = backup(lived, tmp_path)
    lead = offer(portal, lived)
    with lived.bound():
        accept_lead(actor=lived.actor("sales_manager"), lead_id=lead)
        create_customer(actor=SYSTEM, name="后来", department="sales", phone="13900139009")
    drain_exchange()
    given, steps = arguments(path), []

    def killed_at(last: int) -> None:
        steps.clear()

        def progress(step: str) -> None:
            steps.append(step)
            if len(steps) == last:
                raise Killed

        restore(given, progress)

    for reached in range(1, 20):
        try:
            killed_at(reached)
        except Killed:
            with bound(Owner()):
                assert Tenant.objects.get(slug="north").state == State.ACTIVE
        else:
            break
    assert reached >= 6
    with lived.bound():
        assert Customer.objects.filter(surname__startswith="后").count() == 0
    assert states(lived) == {lead: "accepted"}
    drain_exchange()
    assert differences() == []
    assert can_sign_in(lived.schema)
    assert not [name for name in schemas() if name.endswith("_restore")]


def test_backups_that_cannot_be_used_say_why_and_change_nothing(lived, committed, south, tmp_path):
    path = backup(lived, tmp_path)
    before = rows_of(lived.schema)
    nothing = tmp_path / "nothing"
    nothing.write_bytes(b"no zip")
    altered = tmp_path / "altered"
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(altered, "w") as out:
        for name in source.namelist():
            body = source.read(name)
            out.writestr(name, body[:-1] if name == "schema.dump" else body)
    with pytest.raises(BundleError, match="not a backup"):
        Backup(nothing)
    with pytest.raises(BundleError, match=r"schema\.dump is not what the manifest says"):
        restore(arguments(altered))
    with pytest.raises(RestoreRefused, match="of north, not of south"):
        restore(arguments(path, slug="south"))
    assert rows_of(lived.schema) == before
    assert can_sign_in(lived.schema)
    assert not [name for name in schemas() if name.endswith("_restore")]


def test_a_comparison_changes_nothing(lived, committed, tmp_path):
    path = backup(lived, tmp_path)
    with lived.bound():
        create_customer(actor=SYSTEM, name="后来", department="sales", phone="13900139009")
    before = rows_of(lived.schema)
    found = Backup(path)
    tenant = restoring.access_tenant(found)
    with found.unpacked() as folder:
        rows = restoring.prepare(found, folder, tenant)
    restoring.forget_preparation(tenant)
    assert {row["table"] for row in rows} >= {"customers_customer", "audit_entry"}
    assert rows_of(lived.schema) == before


@pytest.mark.parametrize("schema_stands", [True, False])
def test_a_person_erased_since_the_backup_is_erased_again(lived, committed, portal, tmp_path, schema_stands):
    """By what the dealership itself remembers, and without its schema by the request that the manufacturer holds."""
    manager = lived.actor("general_manager")
    with lived.bound():
        change_level(actor=manager, contract="Owner", purpose="customer_care", level="full")
        person, _vehicle = car_of(lived, serial=9, name="瑶光璇玑", phone="13900139999")
        record_consent(
            actor=lived.actor("service_adviser"), customer=person, purpose="customer_care", recipient="manufacturer"
        )
    drain_exchange()
    path = backup(lived, tmp_path)
    with lived.bound():
        erase_customer(actor=manager, customer=person, typed=str(person.number))
    drain_exchange()
    if not schema_stands:
        with bound(Owner()), connection.cursor() as cursor:
            cursor.execute(f'DROP SCHEMA "{lived.schema}" CASCADE')
    move = restore(arguments(path))
    assert move.figures["erased_again"] == 1

    with lived.bound():
        person.refresh_from_db()
        assert (person.name, person.phone) == (f"#{person.number}", "")
    with portal.bound():
        assert not HubOwner.objects.filter(name="瑶光璇玑").exists()
