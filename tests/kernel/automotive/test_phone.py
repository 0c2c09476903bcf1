import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernel.automotive import phone


@pytest.mark.parametrize(
    ("text", "e164", "kind"),
    [
        ("13812345678", "+8613812345678", "mobile"),
        ("+86 138-1234-5678", "+8613812345678", "mobile"),
        ("8613812345678", "+8613812345678", "mobile"),
        ("008613812345678", "+8613812345678", "mobile"),
        ("１３８００１３８０００", "+8613800138000", "mobile"),
        ("手机：138 0013 8000", "+8613800138000", "mobile"),
        ("021-55551234", "+862155551234", "landline"),
        ("(021) 5555 1234", "+862155551234", "landline"),
        ("+86(0)21 5555 1234", "+862155551234", "landline"),
        ("0755-12345678", "+8675512345678", "landline"),
        ("400-123-4567", "+864001234567", "toll_free"),
        ("8008201234", "+868008201234", "toll_free"),
        ("00852 2345 6789", "+85223456789", "landline"),
        ("85223456789", "+85223456789", "landline"),
        ("+1 206 555 0100", "+12065550100", "landline"),
        ("+44 7911 123456", "+447911123456", "mobile"),
    ],
)
def test_numbers_become_e164(text, e164, kind):
    report = phone.normalise(text)
    assert (report.e164, report.kind, report.problems) == (e164, kind, ())


@pytest.mark.parametrize(
    ("text", "extension"),
    [
        ("021-55551234-802", "802"),
        ("021-55551234转802", "802"),
        ("021-55551234 ext. 12", "12"),
        ("021-55551234", ""),
    ],
)
def test_extension_is_kept_apart(text, extension):
    report = phone.normalise(text)
    assert (report.e164, report.extension) == ("+862155551234", extension)


@pytest.mark.parametrize("text", ["13800138000/021-55551234", "abc, 13800138000", "13800138000 或 13900139000"])
def test_first_valid_of_several_counts(text):
    assert phone.normalise(text).e164 == "+8613800138000"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "phone_empty"),
        ("无", "phone_not_a_number"),
        (",,", "phone_not_a_number"),
        ("55551234", "phone_area_code"),
        ("393-999-3922", "phone_area_code"),
        ("1380013800", "phone_length"),
        ("138001380001", "phone_length"),
        ("12345678901", "phone_unknown_prefix"),
        ("1064712345678", "phone_machine"),
        ("10086", "phone_not_valid"),
        ("+999123", "phone_not_a_number"),
        ("1" * 65, "phone_too_long"),
    ],
)
def test_problems_say_what_is_wrong(text, code):
    report = phone.normalise(text)
    assert not report.is_valid
    assert [problem.code for problem in report.problems] == [code]


def test_region_decides_numbers_without_country_code():
    assert phone.normalise("425-555-0112", region="US").e164 == "+14255550112"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("13812345678", "138****5678"),
        ("+8613812345678", "138****5678"),
        ("021-55551234", "021****34"),
        ("+12065550100", "+1 206****00"),
        ("not a number", "****"),
        ("55551234", "****34"),
        ("12345", "****"),
    ],
)
def test_mask(text, masked):
    assert phone.mask_phone(text) == masked


@pytest.mark.parametrize(
    ("e164", "shown"),
    [("+8613812345678", "138 1234 5678"), ("+12065550100", "+1 206-555-0100"), ("free text", "free text")],
)
def test_display(e164, shown):
    assert phone.display(e164) == shown


@settings(deadline=None)
@given(st.text(max_size=80))
def test_any_text_gets_an_answer(text):
    report = phone.normalise(text)
    assert report.is_valid is not bool(report.problems)
    assert phone.mask_phone(text)
