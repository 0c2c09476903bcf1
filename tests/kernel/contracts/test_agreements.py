"""Agreements as data: their digests, what is wrong with terms, and the difference between two versions in words."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from django.utils import translation

from kernel.contracts import BOOKKEEPING, Level, Purpose
from kernel.contracts.agreements import Term, agreement, askable, default_agreement, problems_of, subject_of
from kernel.contracts.comparing import Change, compare, counted
from kernel.tenancy.bindings import MANUFACTURER_ID

OWNER = Term("Owner", Purpose.CUSTOMER_CARE, Level.PSEUDONYMOUS, False, Level.NOTHING)
CLAIM = Term("WarrantyClaim", Purpose.WARRANTY, Level.FULL, True, Level.FULL)
#: What dealerships signed under release 0.1.0 must stay what they signed.
FIRST_DIGEST = "5491c2b3d731aaa78ccdfc68f46919051e19563abf385116ab542d94960b48a8"


def test_the_first_agreement_is_still_the_text_that_was_signed():
    first = agreement("2026-1")
    assert first is not None
    assert first.digest == FIRST_DIGEST


def test_every_change_of_what_is_signed_changes_the_digest():
    text = replace(default_agreement(), valid_from=date(2027, 1, 1))
    term = text.terms[0]
    others = [
        replace(text, version="2027-1"),
        replace(text, notice_days=30),
        replace(text, valid_from=date(2027, 1, 2)),
        replace(text, text=text.text | {"en": "Something else."}),
        replace(text, terms=(replace(term, retention_days=30), *text.terms[1:])),
        replace(text, terms=(replace(term, recipients=("Call centre",)), *text.terms[1:])),
        replace(text, terms=(replace(term, fields_denied=("email",)), *text.terms[1:])),
    ]
    assert len({one.digest for one in [text, *others]}) == len(others) + 1


def test_a_term_comes_back_from_what_it_wrote():
    term = replace(OWNER, fields_denied=("email",), retention_days=365, recipients=("Call centre",))
    assert Term.from_json(term.to_json()) == term
    assert Term.from_json(OWNER.to_json()) == OWNER
    assert "recipients" not in OWNER.to_json()


def test_what_can_be_asked_is_what_goes_up_as_records():
    names = {spec.name for spec in askable()}
    assert names == {term.contract for term in default_agreement().terms}
    assert not names & BOOKKEEPING


@pytest.mark.parametrize(
    ("term", "codes"),
    [
        (OWNER, None),
        (CLAIM, None),
        (replace(CLAIM, contract="Prospect"), ["no_contract"]),
        (replace(CLAIM, contract="SharingDecision"), ["no_contract"]),
        (replace(CLAIM, purpose=Purpose.MARKETING, required=False), ["no_purpose"]),
        (replace(OWNER, required=True), ["not_requirable"]),
        (replace(OWNER, fields_denied=("shoe_size",)), ["no_field"]),
        (replace(CLAIM, fields_denied=("claim_id",)), ["order_field"]),
        (replace(OWNER, retention_days=0), ["retention"]),
        (replace(OWNER, retention_days=7301), ["retention"]),
        (replace(OWNER, recipients=(" ",)), ["recipients"]),
        (replace(OWNER, recipients=tuple("abcdef")), ["recipients"]),
    ],
)
def test_what_is_wrong_with_a_term_is_named(term, codes):
    assert problems_of([term]) == ({term.key: codes} if codes else {})


def test_a_line_stands_once():
    assert problems_of([OWNER, OWNER]) == {OWNER.key: ["twice"]}


def test_both_sides_reckon_the_same_subject():
    assert subject_of(MANUFACTURER_ID) == subject_of(MANUFACTURER_ID)


@pytest.mark.parametrize(
    ("before", "after", "change", "says"),
    [
        (None, OWNER, Change.NEW, "not asked for until now"),
        (replace(OWNER, level=Level.NOTHING), OWNER, Change.NEW, "not asked for until now"),
        (OWNER, OWNER, Change.SAME, "Nothing changes"),
        (OWNER, replace(OWNER, level=Level.FULL), Change.MORE, "At most “Full”, until now “Pseudonymous”"),
        (OWNER, replace(OWNER, level=Level.COUNTS), Change.LESS, "At most “Counts only”"),
        (OWNER, replace(OWNER, level=Level.NOTHING), Change.GONE, "not asked for any more"),
        (OWNER, None, Change.GONE, "not asked for any more"),
        (replace(CLAIM, required=False), CLAIM, Change.MORE, "required now"),
        (CLAIM, replace(CLAIM, required=False), Change.LESS, "not required any more"),
        (OWNER, replace(OWNER, fields_denied=("email",)), Change.LESS, "Not asked any more: E-mail"),
        (replace(OWNER, fields_denied=("email",)), OWNER, Change.MORE, "Asked for now: E-mail"),
        (OWNER, replace(OWNER, retention_days=30), Change.LESS, "kept 30 days"),
        (replace(OWNER, retention_days=30), OWNER, Change.MORE, "as long as the purpose lasts"),
        (replace(OWNER, retention_days=30), replace(OWNER, retention_days=1), Change.LESS, "kept 1 day."),
        (OWNER, replace(OWNER, recipients=("Call centre",)), Change.MORE, "somebody new: Call centre"),
        (replace(OWNER, recipients=("Call centre",)), OWNER, Change.LESS, "no more by: Call centre"),
    ],
)
def test_the_difference_is_said_in_words(before, after, change, says):
    with translation.override("en"):
        (line,) = compare([before] if before else [], [after] if after else [])
        assert line.change is change
        assert any(says in sentence for sentence in line.words), line.words


def test_what_is_more_in_one_way_and_less_in_another_is_more():
    wider = replace(OWNER, level=Level.FULL, fields_denied=("email",))
    (line,) = compare([OWNER], [wider])
    assert line.change is Change.MORE
    assert len(line.words) == 2


def test_a_new_line_says_everything_it_brings():
    term = replace(CLAIM, fields_denied=("jobs",), retention_days=90, recipients=("Lab",))
    with translation.override("en"):
        (line,) = compare([], [term])
    said = " ".join(line.words)
    assert all(words in said for words in ("Full", "required", "Not asked: ", "90 days", "Lab"))


def test_lines_come_in_the_order_of_the_new_version_and_are_counted():
    sale = Term("VehicleSale", Purpose.SALE_AND_DELIVERY, Level.FULL, True, Level.FULL)
    lines = compare([OWNER, sale], [CLAIM, sale])
    assert [line.contract for line in lines] == ["WarrantyClaim", "VehicleSale", "Owner"]
    assert [(one["change"], one["number"]) for one in counted(lines)] == [
        (Change.NEW, 1),
        (Change.GONE, 1),
        (Change.SAME, 1),
    ]
