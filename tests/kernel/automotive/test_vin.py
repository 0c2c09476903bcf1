import csv
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernel.automotive import vin
from kernel.errors import Invalid

DATA = Path(__file__).parent / "data"


def _rows(name):
    with (DATA / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


VECTORS = _rows("vin_vectors.csv")
SYNTHETIC = _rows("synthetic_cn_vins.csv")
# Not one of its digits is out of form, and for a British WMI the check digit is only a warning.
INVALID_BUT_NOT_BOUND = {"SGZCZ43D13S812715"}
ACCEPTABLE = {"valid", "valid_no_check", "valid_no_year", "unchecked"}


@pytest.mark.parametrize("row", VECTORS, ids=lambda row: row["vin"])
def test_published_vectors(row):
    expected = row["expected"] in ACCEPTABLE or row["vin"] in INVALID_BUT_NOT_BOUND
    assert vin.is_acceptable(row["vin"]) is expected


@pytest.mark.parametrize("row", [r for r in VECTORS if r["format_ok"] == "1"], ids=lambda row: row["vin"])
def test_computed_check_digits_of_the_vectors(row):
    assert vin.check_digit(vin.normalise(row["vin"])) == row["computed_check"]


@pytest.mark.parametrize("row", SYNTHETIC, ids=lambda row: row["vin"])
def test_chinese_vins(row):
    report = vin.inspect(row["vin"])
    assert report.is_acceptable is (row["expected"] == "valid")
    assert row["maker"].startswith(report.maker)
    assert int(row["model_year"]) in report.model_years


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "vin_empty"),
        ("  ", "vin_empty"),
        ("WVWUK63B92P54681", "vin_length"),
        ("LSVAM4187C218484O", "vin_characters"),
        ("LSVAM4187C21848中", "vin_characters"),
        ("LSVAM4187C218484\x00", "vin_characters"),
        # One character that upper-cases to two must not stretch a short number to 17.
        ("LSVAM4187C21848\u00df", "vin_characters"),
        ("LSVAM4188C2184847", "vin_check_digit"),
    ],
)
def test_error_codes(text, code):
    report = vin.inspect(text)
    assert [problem.code for problem in report.errors] == [code]
    assert all(problem.severity == "error" for problem in report.errors)


@pytest.mark.parametrize(
    "text",
    ["lsvam4187c2184847", " LSVAM4187C2184847\n", "LSVAM4187-C2184847", "ＬＳＶＡＭ４１８７Ｃ２１８４８４７"],
)
def test_spelling_is_normalised(text):
    assert vin.inspect(text).vin == "LSVAM4187C2184847"
    assert vin.is_acceptable(text)


def test_year_code_is_an_error_only_where_the_standard_binds():
    european = vin.inspect("WBY21CF090CU47924")
    assert european.is_acceptable
    assert [problem.code for problem in european.warnings] == ["vin_year_code"]
    draft = "LSVAM4180U2184847"
    chinese = vin.inspect(f"{draft[:8]}{vin.check_digit(draft)}{draft[9:]}")
    assert [problem.code for problem in chinese.errors] == ["vin_year_code"]


def test_wrong_check_digit_warns_outside_north_america_and_china():
    report = vin.inspect("VF14SRAP451234567")
    assert [problem.code for problem in report.warnings] == ["vin_check_digit"]
    assert report.warnings[0].severity == "warning"


def test_numbers_before_1981_need_the_flag():
    assert [problem.code for problem in vin.inspect("9111121907").errors] == ["vin_length"]
    report = vin.inspect("9111121907", allow_pre_1981=True)
    assert report.is_acceptable
    assert [problem.code for problem in report.warnings] == ["vin_pre_1981"]
    assert not vin.inspect("WVWUK63B92P54681", allow_pre_1981=True).is_acceptable


def test_report_names_maker_and_years():
    report = vin.inspect("LSVAM4187C2184847")
    assert (report.wmi, report.maker, report.model_years) == ("LSV", "SAIC Volkswagen", (1982, 2012))


def test_small_makers_have_six_characters():
    assert vin.wmi_of("1M9GDM9AXKP042788") == "1M9042"


def test_unknown_maker_is_none():
    report = vin.inspect(vin.make_vin("LXX", "ABCDE", 2024, "A", 1))
    assert (report.errors, report.maker) == ((), None)


@settings(deadline=None)
@given(
    st.text(alphabet=vin.ALPHABET, min_size=5, max_size=5),
    st.integers(1980, 2039),
    st.integers(0, 999_999),
)
def test_made_vins_are_acceptable_and_carry_their_year(vds, year, serial):
    made = vin.make_vin("LSV", vds, year, "2", serial)
    report = vin.inspect(made)
    assert not report.errors
    assert not report.warnings
    assert year in report.model_years


@settings(deadline=None)
@given(st.integers(0, 16), st.sampled_from(vin.ALPHABET))
def test_one_changed_character_is_found_unless_it_has_the_same_value(position, character):
    good = "LSVAM4187C2184847"
    changed = good[:position] + character + good[position + 1 :]
    same_digit = vin.check_digit(changed) == changed[8]
    bound = changed[0] in vin.BINDING_FIRST_CHARACTERS
    assert vin.is_acceptable(changed) is (not bound or (same_digit and vin.model_years(changed[9]) != ()))


@pytest.mark.parametrize(
    "parts",
    [
        ("LS", "AM418", 2012, "2", 1),
        ("LSV", "AM41O", 2012, "2", 1),
        ("LSV", "AM418", 1979, "2", 1),
        ("LSV", "AM418", 2040, "2", 1),
        ("LSV", "AM418", 2012, "22", 1),
        ("LSV", "AM418", 2012, "2", 1_000_000),
    ],
)
def test_make_vin_refuses_wrong_parts(parts):
    with pytest.raises(ValueError, match=r"must be|no year code"):
        vin.make_vin(*parts)


def test_a_vin_is_stored_normalised_and_a_wrong_one_names_its_field():
    good = vin.make_vin("LSV", "AM418", 2012, "2", 1)
    assert vin.checked(f" {good.lower()} ") == good
    with pytest.raises(Invalid) as caught:
        vin.checked(good[:-1], field="car")
    assert [error.field for error in caught.value.errors] == ["car"]
    assert caught.value.errors[0].code == vin.inspect(good[:-1]).errors[0].code


@settings(deadline=None)
@given(st.text(max_size=40))
def test_any_text_gets_an_answer(text):
    report = vin.inspect(text, allow_pre_1981=True)
    assert report.is_acceptable is (not report.errors)
