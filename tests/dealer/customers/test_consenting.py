"""Asking for a consent, signing it on the tablet, reading at a glance who may know what, and the paper to take home."""

from __future__ import annotations

import io
import json
import re
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfReader
from tests.dealer.speaking import speaking

from dealer.customers import actions, consent_texts, consenting, queries, signatures
from dealer.customers.models import Consent
from kernel import clock
from kernel.audit.models import Entry
from kernel.errors import Invalid

ANYTHING = st.recursive(st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x))
STROKES = {"width": 1200, "height": 400, "lines": [[[10, 20], [300, 220]], [[5, 5]]]}


@pytest.fixture
def wang(wall, north):
    with north.bound():
        return actions.create_customer(actor=north.actor("sales_consultant"), name="王小明", phone="13800138000")


def address(customer, purpose="customer_care", recipient="manufacturer"):
    return f"/customers/{customer.pk}/consents/ask/{purpose}/{recipient}/"


def text_of(pdf):
    return re.sub(r"\s+", "", "".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages))


# -- asking


def test_nothing_is_chosen_before_the_customer_chooses(wang, north):
    page = north.client("sales_consultant").get(address(wang)).content.decode()
    assert "checked" not in page
    # The customer speaks simplified Chinese, whoever holds the tablet.
    assert "提供给星河汽车" in page


@pytest.mark.parametrize(
    ("language", "words"), [("en", "I separately agree"), ("zh-hant", "我單獨同意"), ("zh-hans", "我单独同意")]
)
def test_the_text_is_read_and_kept_in_the_language_chosen(wang, north, language, words):
    client = north.client("sales_consultant")
    url = f"{address(wang)}?language={language}"
    assert words in client.get(url).content.decode()
    data = {"means": "signature", "signature": json.dumps(STROKES), "answer": "granted", "text_version": "2026-1"}
    assert client.post(url, data | {"channels": ["phone", "post"]}).status_code == 302
    with north.bound():
        consent = Consent.objects.get()
    assert consent.granted
    assert (consent.text_language, consent.channels) == (language, ["phone", "post"])
    assert words in consent.wording
    assert consent_texts.digest(consent.wording) == consent.text_hash
    assert consent.signature == STROKES


def test_a_name_can_be_typed_instead_of_drawn(wang, north):
    data = {"means": "signature", "signed_name": " 王小明 ", "answer": "granted"}
    assert north.client("sales_consultant").post(address(wang), data).status_code == 302
    with north.bound():
        assert Consent.objects.get().signature == {"name": "王小明"}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"means": "signature"}, "Let the customer sign"),
        ({"means": "signature", "signature": '{"lines": []}'}, "Let the customer sign"),
        ({"means": "signature", "signature": "<svg onload=alert(1)>"}, "cannot be read"),
        ({"means": "form"}, "Say where it can be found"),
        ({"means": "call"}, "Say where it can be found"),
        ({}, "How it is given"),
    ],
)
def test_a_consent_without_what_shows_it_is_not_written_down(wang, north, data, said):
    answer = speaking(north, "sales_consultant", "en").post(address(wang), data | {"answer": "granted"})
    assert answer.status_code == 422
    assert said in answer.content.decode()
    with north.bound():
        assert not Consent.objects.exists()


def test_a_refusal_needs_no_signature(wang, north):
    assert north.client("sales_consultant").post(
        address(wang), {"means": "signature", "answer": "refused"}
    ).status_code == (302)
    with north.bound():
        assert not Consent.objects.get().granted


def test_withdrawing_takes_no_more_steps_than_giving(wang, north):
    client = north.client("sales_consultant")
    client.post(address(wang), {"means": "in_person", "answer": "granted"})
    card = client.get(f"/customers/{wang.pk}/").content.decode()
    with north.bound():
        consent = Consent.objects.get()
    # One step to the dialog on the same card, one to withdraw; giving is one to the page and one to agree.
    assert 'data-dialog="consent-1"' in card
    assert f'action="/customers/consents/{consent.pk}/withdraw/"' in card
    url = f"/customers/consents/{consent.pk}/withdraw/"
    assert client.post(url, {"means": "call"}).status_code == 302
    with north.bound():
        consent.refresh_from_db()
    assert consent.withdrawn_means == "call"
    assert client.post(url, {"means": "call"}).status_code == 409


@pytest.mark.parametrize(
    ("purpose", "recipient"), [("warranty", "dealer"), ("marketing", "nobody"), ("x", "dealer"), ("marketing", "x")]
)
def test_there_is_no_page_without_a_text(wang, north, purpose, recipient):
    assert north.client("sales_consultant").get(address(wang, purpose, recipient)).status_code == 404


def test_an_unknown_language_gives_the_customers_own(wang, north):
    assert "我单独同意" in north.client("sales_consultant").get(address(wang) + "?language=xx").content.decode()


# -- signatures


@pytest.mark.parametrize(
    "given",
    [
        {"lines": [[[1, 1]]]},
        {**STROKES, "width": 0},
        {**STROKES, "width": 10**9},
        {**STROKES, "lines": "x"},
        {**STROKES, "lines": [[]]},
        {**STROKES, "lines": [5]},
        {**STROKES, "lines": [[[1, 2, 3]]]},
        {**STROKES, "lines": [[[1, -2]]]},
        {**STROKES, "lines": [[[1, 2.5]]]},
        {**STROKES, "lines": [[[True, 2]]]},
        {**STROKES, "lines": [[[1, 1]] * (signatures.MOST_POINTS + 1)]},
        {"name": " "},
        {"name": "x" * 121},
        {"name": "a\x00b"},
    ],
)
def test_what_is_no_signature_is_refused(given):
    with pytest.raises(Invalid):
        signatures.checked(given)


def test_only_lines_are_kept_of_a_signature():
    assert signatures.checked({**STROKES, "pressure": [1], "picture": "data:…"}) == STROKES
    assert signatures.svg_path(STROKES) == "M10 20L300 220M5 5L5 5"


@settings(max_examples=200)
@given(st.text(max_size=300) | ANYTHING.map(json.dumps))
def test_reading_a_signature_never_fails_otherwise_than_by_a_refusal(text):
    try:
        found = signatures.read(text)
    except Invalid:
        return
    assert found is None or found.keys() in ({"name"}, {"width", "height", "lines"})


def test_too_long_a_signature_is_refused_before_it_is_read():
    with pytest.raises(Invalid):
        signatures.read("[" * (signatures.MOST_CHARACTERS + 1))


# -- at a glance


def test_the_next_step_is_the_first_question_nobody_asked(wang, north):
    consultant = north.actor("sales_consultant")
    with north.bound():
        lines = queries.consent_lines(wang)
        first = consenting.next_step(lines)
        assert (first.purpose, first.recipient, first.state) == ("customer_care", "dealer", "unasked")
        for line in lines:
            actions.record_consent(
                actor=consultant, customer=wang, purpose=line.purpose, recipient=line.recipient, granted=False
            )
        # A refusal is an answer: nobody is asked again for it.
        assert consenting.next_step(queries.consent_lines(wang)) is None


def test_a_consent_that_has_run_out_is_asked_for_again(wang, north):
    consultant = north.actor("sales_consultant")
    with north.bound():
        for line in queries.consent_lines(wang):
            actions.record_consent(
                actor=consultant,
                customer=wang,
                purpose=line.purpose,
                recipient=line.recipient,
                granted=line.recipient == "dealer" and line.purpose == "marketing",
                given_at=clock.now() - timedelta(days=900),
            )
        step = consenting.next_step(queries.consent_lines(wang))
    assert (step.purpose, step.recipient, step.state) == ("marketing", "dealer", "expired")
    page = speaking(north, "sales_consultant", "en").get(f"/customers/{wang.pk}/").content.decode()
    assert "Ask again: This dealership · Marketing" in page


def test_the_card_says_who_may_know_what_by_which_way_since_when_and_by_which_text(wang, north):
    consultant = north.actor("sales_consultant")
    with north.bound():
        given_ = actions.record_consent(
            actor=consultant, customer=wang, purpose="marketing", recipient="dealer", channels=["wechat", "post", "x"]
        )
    page = speaking(north, "sales_consultant", "en").get(f"/customers/{wang.pk}/").content.decode()
    row = next(part for part in page.split("<tr ") if "This dealership · Marketing" in part)
    words = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", row))
    assert "Agreed" in words
    assert "WeChat, Post" in words
    assert given_.text_version in words


# -- the paper


@pytest.mark.parametrize(
    ("language", "title", "how"),
    [
        ("en", "What you have agreed to", "How to withdraw"),
        ("zh-hans", "", ""),
        ("zh-hant", "", ""),
    ],
)
def test_the_paper_has_what_was_agreed_to_word_for_word(wang, north, language, title, how):
    manager = north.actor("crm_manager")
    with north.bound():
        actions.update_customer(actor=manager, customer=wang, language=language)
        wang.refresh_from_db()
        consent = actions.record_consent(
            actor=manager, customer=wang, purpose="marketing", recipient="dealer", means="form", evidence="F-2026-#17"
        )
    answer = north.client("sales_consultant").get(f"/customers/{wang.pk}/consents/record/")
    assert answer["Content-Type"] == "application/pdf"
    text = text_of(answer.content)
    for part in (consent.wording, "王小明", "F-2026-#17", title, how, consent.text_version):
        assert re.sub(r"\s+", "", part) in text
    with north.bound():
        assert Entry.objects.filter(action="customers.print_consents", object_id=str(wang.pk)).exists()


def test_the_paper_of_somebody_who_was_never_asked_says_so(wang, north):
    with north.bound():
        actions.update_customer(actor=north.actor("crm_manager"), customer=wang, language="en")
        wang.refresh_from_db()
        assert "Nothinghasbeenagreedtoorrefusedyet." in text_of(consenting.record_pdf(wang))


def test_a_text_that_only_its_hash_is_known_of_is_worked_out_again_and_checked(wang, north):
    with north.bound():
        consent = actions.record_consent(
            actor=north.actor("crm_manager"), customer=wang, purpose="marketing", recipient="dealer"
        )
        wording = consent.wording
        consent.wording = None
        assert consenting.wording_of(consent) == (wording, True)
        consent.text_hash = "0" * 64
        assert consenting.wording_of(consent) == (wording, False)
        consent.text_version = "1999-1"
        assert consenting.wording_of(consent) == ("", False)


@pytest.mark.parametrize(("role", "status"), [("service_adviser", 404), ("technician", 403), ("receptionist", 200)])
def test_who_may_print_the_paper(wang, north, role, status):
    assert north.client(role).get(f"/customers/{wang.pk}/consents/record/").status_code == status
