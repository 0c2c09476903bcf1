"""The ledger as people check it: by customer, with its place in the chain, its check, and the signed file of a day."""

from __future__ import annotations

import csv
import io
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from tests.dealer.sharing.test_actions import set_level
from tests.dealer.speaking import speaking
from tests.exchange.chain.scenes import anchor, owner, parties

from dealer.customers import actions as customers
from dealer.customers.models import Customer
from exchange import courier
from exchange.chain import checking, signing
from exchange.models import Anchor, Ledger
from exchange.testing import drain_exchange
from kernel import clock
from kernel.automotive.vin import make_vin

LANGUAGES = ["en", "zh-hans", "zh-hant"]


def owner_of(side, serial):
    """A new customer with a car, told to the manufacturer."""
    consultant = side.actor("sales_consultant")
    person = customers.create_customer(actor=consultant, name=f"王{serial}", phone=f"1380013800{serial}")
    customers.record_consent(actor=consultant, customer=person, purpose="customer_care", recipient="manufacturer")
    vin = make_vin("LXH", "AB12C", 2024, "N", serial)
    car = customers.register_vehicle(actor=consultant, vin=vin, brand="XH", series="XH-HF")
    customers.set_party(actor=consultant, vehicle=car, customer=person)


@pytest.fixture
def sealed(committed, north, settings, tmp_path):
    """Messages about two customers, sealed, anchored, signed and checked."""
    settings.LEDGER_HEADS = tmp_path / "ledger-heads"
    with north.bound():
        set_level(north.actor("general_manager"), "full")
        for serial in (1, 2):
            owner_of(north, serial)
    drain_exchange()
    anchor()
    checking.check_what_is_due()
    return north


def people(north):
    with north.bound():
        return list(Customer.objects.order_by("number"))


@pytest.mark.parametrize(
    ("language", "said"),
    [("en", "Your ledger is whole"), ("zh-hans", 'class="notice tone-success"'), ("zh-hant", "tone-success")],
)
def test_the_page_says_that_the_ledger_was_checked_and_is_whole(sealed, language, said):
    page = speaking(sealed, "general_manager", language).get("/sharing/ledger/").content.decode()
    assert said in page
    day = signed_day(sealed)
    assert f"/sharing/ledger/heads/{day.isoformat()}/" in page


def signed_day(side):
    with side.bound():
        return Anchor.objects.get(chain=side.id, day__isnull=False).day


def test_before_the_first_check_the_page_says_when_it_comes(wall, north):
    client = speaking(north, "general_manager", "en")
    assert "follows within a day" in client.get("/sharing/ledger/").content.decode()
    heads = client.get("/api/v1/sharing/ledger/heads").json()
    assert heads == {"days": [], "checked_at": None, "findings": None}


def test_the_page_says_that_somebody_changed_the_ledger(sealed, committed):
    with owner(committed) as cursor:
        cursor.execute(f"UPDATE \"{sealed.schema}\".exchange_ledger SET level = 'counts' WHERE seal = 1")
    checking.check(parties()[sealed.id], parties())
    page = speaking(sealed, "general_manager", "en").get("/sharing/ledger/").content.decode()
    assert "Somebody has changed this ledger" in page
    assert 'role="alert"' in page


def test_a_message_shows_its_place_in_the_chain(sealed):
    with sealed.bound():
        message = Ledger.objects.order_by("number").first()
    page = speaking(sealed, "general_manager", "en").get(f"/sharing/ledger/{message.pk}/").content.decode()
    assert "place 1<" in page
    assert "anchored at the manufacturer <" in page
    answer = sealed.client("general_manager").get(f"/api/v1/sharing/ledger/{message.pk}").json()
    assert (answer["chain"]["place"], answer["chain"]["batch"]) == (1, 1)
    assert answer["chain"]["sealed_at"] <= answer["chain"]["anchored_at"]


def test_a_message_without_a_place_yet_says_so(wall, north):
    with north.bound():
        owner_of(north, 1)
        message = Ledger.objects.first()
    client = speaking(north, "general_manager", "en")
    assert "within a second" in client.get(f"/sharing/ledger/{message.pk}/").content.decode()
    assert client.get(f"/api/v1/sharing/ledger/{message.pk}").json()["chain"] is None


def test_a_message_that_is_sealed_and_not_anchored_says_so(committed, north):
    with north.bound():
        owner_of(north, 1)
    courier.sweep()
    with north.bound():
        message = Ledger.objects.first()
    page = speaking(north, "general_manager", "en").get(f"/sharing/ledger/{message.pk}/").content.decode()
    assert "anchored at the manufacturer within the hour" in page


def test_the_ledger_is_narrowed_to_one_customer_by_link_and_by_search(sealed):
    one, _other = people(sealed)
    client = speaking(sealed, "general_manager", "en")
    with sealed.bound():
        mine = set(Ledger.objects.filter(contract="Owner").values_list("id", flat=True))
    assert len(mine) == 2
    page = client.get(f"/sharing/ledger/?customer={one.pk}").content.decode()
    assert "Show all customers" in page
    export = client.get(f"/sharing/ledger/?customer={one.pk}&export=csv")
    rows = list(csv.reader(io.StringIO(b"".join(export.streaming_content).decode("utf-8-sig"))))
    assert len(rows) == 2
    found = client.get(f"/sharing/ledger/?q={one.phone[-8:]}").content.decode()
    assert one.name in found
    assert client.get("/sharing/ledger/?customer=00000000-0000-0000-0000-000000000000").status_code == 404


def test_the_api_narrows_by_customer_purpose_and_day(sealed):
    one, _other = people(sealed)
    client = sealed.client("general_manager")
    today = clock.today("Asia/Shanghai")

    def count(query):
        return len(client.get(f"/api/v1/sharing/ledger?{query}").json()["results"])

    assert count("") == 2
    assert count(f"customer={one.pk}") == 1
    assert count("purpose=customer_care") == 2
    assert count("purpose=warranty") == 0
    assert count(f"since={today - timedelta(days=1)}&until={today + timedelta(days=1)}") == 2
    assert count(f"until={today - timedelta(days=3)}") == 0
    for wrong in ("customer=x", "since=x", "purpose=x"):
        assert client.get(f"/api/v1/sharing/ledger?{wrong}").status_code == 422


def test_the_signed_file_of_a_day_is_downloaded(sealed):
    day = signed_day(sealed)
    client = sealed.client("general_manager")
    answer = client.get(f"/sharing/ledger/heads/{day}/")
    assert answer["Content-Disposition"] == f'attachment; filename="ledger-north-{day}.txt"'
    said = signing.read(answer.content.decode(), key=signing.public_key())
    assert (said.member, said.day, said.place) == (sealed.id, day, 2)
    heads = client.get("/api/v1/sharing/ledger/heads").json()
    assert (heads["days"], heads["findings"]) == ([str(day)], [])
    assert heads["checked_at"] is not None
    assert client.get(f"/api/v1/sharing/ledger/heads/{day}").content == answer.content
    for missing in ("2001-01-01", "nothing"):
        assert client.get(f"/sharing/ledger/heads/{missing}/").status_code == 404
        assert client.get(f"/api/v1/sharing/ledger/heads/{missing}").status_code == 404
    assert sealed.client("it_admin").get(f"/sharing/ledger/heads/{day}/").status_code == 403


def test_a_row_that_was_put_into_a_batch_has_no_place(sealed, committed):
    with owner(committed) as cursor:
        cursor.execute(f'UPDATE "{sealed.schema}".exchange_ledger SET id = gen_random_uuid() WHERE seal = 1')
    with sealed.bound():
        message = Ledger.objects.filter(seal=1).first()
    answer = sealed.client("general_manager").get(f"/api/v1/sharing/ledger/{message.pk}").json()
    assert answer["chain"] is None


def test_the_pages_cost_the_same_whatever_the_number_of_rows(sealed):
    client = sealed.client("general_manager")
    client.get("/sharing/ledger/")

    def queries():
        with CaptureQueriesContext(connection) as counted:
            assert client.get("/sharing/ledger/").status_code == 200
        return len(counted)

    before = queries()
    assert before <= 15
    with sealed.bound():
        for serial in (3, 4, 5):
            owner_of(sealed, serial)
    drain_exchange()
    assert queries() == before
