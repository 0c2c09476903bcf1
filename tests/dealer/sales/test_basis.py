"""Under what a lead was collected stands on its page and on the customer's card; and so does that nothing did."""

from __future__ import annotations

import html
import re

import pytest
from django.utils import translation
from tests.dealer.sales.makers import accepted, offered
from tests.dealer.speaking import speaking

from dealer.sales import basis


def plain(client, path):
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", client.get(path).content.decode())))


@pytest.mark.parametrize(
    ("fields", "known", "said"),
    [
        ({"consent_text_version": "V7"}, True, r"under the text \S+\. Legal basis: the person's consent\."),
        ({}, True, r"for “Lead handling”\. Legal basis: the person's consent\."),
        ({"consent_basis": "dealer law 7"}, True, r"Legal basis: dealer law 7\."),
        ({"consent_basis": None, "source": None, "collected_at": None}, False, "by somebody unnamed on –. No legal"),
    ],
)
def test_the_basis_is_said_in_words(wall, north, fields, known, said):
    with north.bound(), translation.override("en"):
        found = basis.of(offered(**fields))
    assert found.known is known
    assert re.search(said, found.text)


def test_a_lead_without_a_legal_basis_is_shown_as_such(wall, north):
    with north.bound():
        lead = offered(consent_basis=None)
    assert "No legal basis came with it" in plain(speaking(north, "sales_manager", "en"), f"/leads/{lead.pk}/")


def test_the_customers_card_says_under_what_the_wish_came(wall, north):
    with north.bound():
        customer = accepted(actor=north.actor("sales_consultant")).customer
    card = plain(speaking(north, "sales_manager", "en"), f"/customers/{customer.pk}/")
    assert "Legal basis: the person's consent." in card
