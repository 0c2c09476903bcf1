"""The page on which a version is compared with today, shown on the dealership's own data, and signed or ended."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from tests.dealer.sharing.test_actions import new_owner, set_level
from tests.dealer.sharing.test_agreements import later, proposal
from tests.dealer.speaking import speaking

from dealer.customers import actions as customers
from dealer.customers.models import Customer
from dealer.sharing import actions, previews, queries
from dealer.sharing.forms import SignForm
from dealer.sharing.models import Agreement, Grant
from exchange.models import Ledger, Payload
from kernel import clock
from kernel.contracts import Level, Purpose
from kernel.contracts.agreements import Term, default_agreement
from kernel.testing.clocks import at

NAME = "欧阳明月"
CARE = Purpose.CUSTOMER_CARE
DAY = timedelta(days=1)
#: What a dealership signs on joining.
NOW_SIGNED = default_agreement().version


@pytest.fixture
def waiting(wall, north):
    """North shares owners as codes; a version waits that asks for them in full, but not for their e-mail."""
    with north.bound():
        set_level(north.actor("general_manager"), "pseudonymous")
        new_owner(north.actor("sales_consultant"))
        new_owner(north.actor("sales_consultant"), serial=2, consent=False)
        text = later(
            Owner={"fields_denied": ("email",), "retention_days": 365, "recipients": ("Call centre",)},
            ServiceVisit={"level": Level.COUNTS},
        )
        return actions.receive_proposal(proposal(text))


def page_of(north, agreement, language="en"):
    return speaking(north, "general_manager", language).get(f"/sharing/agreements/{agreement.pk}/").content.decode()


def preview_of(north, agreement, line="Owner/customer_care", level="full"):
    client = speaking(north, "general_manager", "en")
    return client.get(f"/sharing/agreements/{agreement.pk}/preview/?line={line}&level={level}")


def test_the_switchboard_says_that_a_version_waits_and_how_long_today_holds(waiting, north):
    page = speaking(north, "general_manager", "en").get("/sharing/").content.decode()
    assert "A new agreement waits for a signature" in page
    assert f"Version {NOW_SIGNED} stays in force for 90 days more; unsigned, nothing leaves from then on." in page


def test_the_difference_is_said_in_words(waiting, north):
    page = page_of(north, waiting)
    assert "More than today: 1" in page
    assert "Less than today: 1" in page
    assert f"As today: {len(waiting.terms) - 2}" in page
    assert "Received by somebody new: Call centre." in page
    assert "Not asked any more: E-mail." in page
    assert "It is kept 365 days." in page
    assert "At most “Counts only”, until now “Full”." in page
    assert "stays in force for 90 days more" in page
    assert waiting.text_hash in page


@pytest.mark.parametrize("language", ["zh-hans", "zh-hant", "en"])
def test_the_page_opens_in_every_language(waiting, north, language):
    assert waiting.text[language].splitlines()[0][:10] in page_of(north, waiting, language)


def test_the_preview_names_records_people_fields_and_reasons(waiting, north):
    page = preview_of(north, waiting).content.decode()
    assert "At “Full”, on our own last 90 days:" in page
    assert "People it would name: " + NAME in page
    assert "Phone (1)" in page
    # The other has not consented, and nobody's e-mail is asked for.
    assert "Phone (1): The customer has given no consent." in page
    assert "E-mail (2): The agreement keeps this field back." in page
    assert NAME not in preview_of(north, waiting, level="pseudonymous").content.decode()
    assert "There was no record of this kind." in preview_of(north, waiting, "WarrantyClaim/warranty").content.decode()
    assert preview_of(north, waiting, "Owner/marketing").status_code == 404
    assert preview_of(north, waiting, level="everything").status_code == 200


def test_what_the_preview_shows_is_what_is_then_sent(waiting, north):
    with north.bound():
        term = next(term for term in waiting.asked if term.contract == "Owner")
        shown = previews.preview_of_term(waiting, term, Level.FULL)
        manager = north.actor("general_manager")
        actions.sign_agreement(actor=manager, agreement=waiting, ceilings={"Owner": "full"})
        for customer in Customer.objects.order_by("created_at"):
            for ownership in customer.ownerships.all():
                actions.share_owner(ownership, manager, clock.now())
        rows = Ledger.objects.filter(contract="Owner", agreement_version=waiting.version)
        assert rows.count() == shown.found.sent == 2
        sent = [row.body for row in Payload.objects.filter(id__in=rows.values("id"))]
        told = {name: sum(body.get(name) is not None for body in sent) for name in shown.found.released}
        assert told == dict(shown.found.released)
        withheld = {path: len([row for row in rows if path in row.withheld]) for path in shown.found.withheld}
        assert withheld == {path: sum(reasons.values()) for path, reasons in shown.found.withheld.items()}


def test_the_preview_looks_back_ninety_days_and_no_further(waiting, north):
    with at(clock.now() + 100 * DAY):
        # `recorded_at` is the database's own clock, so the window is moved instead of the record.
        page = preview_of(north, waiting).content.decode()
    assert "There was no record of this kind." in page


def test_the_preview_costs_the_same_however_many_records_there_are(waiting, north):
    client = speaking(north, "general_manager", "en")
    address = f"/sharing/agreements/{waiting.pk}/preview/?line=Owner/customer_care&level=full"

    def cost():
        with CaptureQueriesContext(connection) as captured:
            assert client.get(address).status_code == 200
        return len(captured)

    cost()
    few = cost()
    with north.bound():
        for serial in range(10, 16):
            new_owner(north.actor("sales_consultant"), serial=serial)
    assert cost() == few


def test_only_so_many_records_are_looked_at_and_people_named(waiting, north, monkeypatch):
    monkeypatch.setattr(previews, "MOST_IN_DAYS", 1)
    with north.bound():
        term = next(term for term in waiting.asked if term.contract == "Owner")
        shown = previews.preview_of_term(waiting, term, Level.FULL)
    assert (shown.found.records, shown.cut) == (1, True)
    assert "There are more records; these are the latest." in preview_of(north, waiting).content.decode()


def test_signing_on_the_page_with_a_lower_ceiling_and_a_refused_line(waiting, north):
    client = speaking(north, "general_manager", "en")
    data = {term.contract: "nothing" for term in waiting.asked if not term.required}
    data |= {"text_hash": waiting.text_hash, "Owner": "counts", "LeadOutcome": "full"}
    address = f"/sharing/agreements/{waiting.pk}/"
    assert client.post(address, data).status_code == 422
    assert client.post(address, data | {"read": "on"}).status_code == 302
    with north.bound():
        levels = {grant.contract: grant.level for grant in Grant.objects.all()}
        assert levels["Owner"] is Level.COUNTS
        assert levels["ServiceVisit"] is Level.NOTHING
        assert levels["WarrantyClaim"] is Level.FULL
    page = client.get("/sharing/").content.decode()
    assert "It is kept 365 days. Also received by: Call centre" in page
    assert "A new agreement waits" not in page


def test_several_purposes_of_one_kind_are_chosen_apart(wall, north):
    term = Term("Owner", CARE, Level.FULL, False, Level.NOTHING).to_json()
    both = Agreement(version="x", terms=[term, term | {"purpose": "marketing", "level": "counts"}], text_hash="0" * 64)
    form = SignForm(both, {("Owner", "customer_care"): "counts"})
    assert [name for name in form.fields if "/" in name] == ["Owner/customer_care", "Owner/marketing"]
    assert form.fields["Owner/customer_care"].initial == "counts"
    assert form.fields["Owner/marketing"].initial == "nothing"


def test_given_notice_and_taken_back_on_the_page(wall, north):
    client = speaking(north, "general_manager", "en")
    with north.bound():
        agreement = queries.current_agreement()
    address = f"/sharing/agreements/{agreement.pk}/"
    assert "What is required ends in 90 days." in client.get(address).content.decode()
    assert client.post(f"{address}keep/").status_code == 409
    assert client.post(f"{address}end/", {"note": "we leave"}).status_code == 302
    assert client.post(f"{address}end/").status_code == 409
    page = client.get(address).content.decode()
    assert "This agreement ends in 90 days" in page
    assert "Take the notice back" in page
    assert "This agreement ends in 90 days" in client.get("/sharing/").content.decode()
    assert client.post(f"{address}keep/").status_code == 302
    assert "This agreement ends in" not in client.get("/sharing/").content.decode()


def test_when_it_has_ended_the_switchboard_says_that_nothing_leaves(wall, north):
    start = clock.now()
    with north.bound():
        actions.end_agreement(actor=north.actor("general_manager"), agreement=queries.current_agreement())
        with at(start + 91 * DAY):
            actions.end_due()
        agreement = Agreement.objects.get()
    client = speaking(north, "general_manager", "en")
    assert "No agreement is in force. Nothing leaves." in client.get("/sharing/").content.decode()
    page = client.get(f"/sharing/agreements/{agreement.pk}/").content.decode()
    assert f"New: {len(agreement.terms)}" in page
    assert "I have read the text and sign for the dealership." in page


@pytest.mark.parametrize(("role", "status"), [("crm_manager", 403), ("it_admin", 403), ("sales_manager", 403)])
def test_only_the_general_manager_ends(wall, north, role, status):
    with north.bound():
        agreement = queries.current_agreement()
    client = north.client(role)
    assert client.post(f"/sharing/agreements/{agreement.pk}/end/").status_code == status
    assert client.post(f"/sharing/agreements/{agreement.pk}/keep/").status_code == status


def test_the_crm_manager_reads_the_difference_but_does_not_sign(waiting, north):
    page = speaking(north, "crm_manager", "en").get(f"/sharing/agreements/{waiting.pk}/").content.decode()
    assert "What would change" in page
    assert "I have read the text" not in page
    assert "End this agreement" not in page


def test_the_law_of_the_place_stands_on_the_page(waiting, north):
    page = page_of(north, waiting)
    assert "PIPL art. 23" in page
    assert "https://flk.npc.gov.cn/" in page


def test_a_consent_that_was_withdrawn_shows_in_the_preview_at_once(waiting, north):
    with north.bound():
        person = Customer.objects.filter(consents__granted=True).get()
        actor = north.actor("sales_consultant")
        customers.withdraw_consent(actor=actor, consent=person.consents.get())
    assert NAME not in preview_of(north, waiting).content.decode()
