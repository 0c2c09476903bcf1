import pytest

from oem.leads.adf import comments


@pytest.mark.parametrize(
    ("comment", "text"),
    [
        ("one<br />two<BR>three", "one\ntwo\nthree"),
        ("one<br />\ntwo", "one\ntwo"),
        ("<p>a &amp; b</p><p>c</p>", "a & b\nc"),
        ("  many   blanks \t here ", "many blanks here"),
        ("a\n\n\n\nb", "a\n\nb"),
        ("2 < 3 and 5 > 4", "2 < 3 and 5 > 4"),
        ("", ""),
    ],
)
def test_html_becomes_text(comment, text):
    assert comments.as_text(comment) == text


def test_lines_of_key_and_value():
    text = (
        "Vehicle: 2026 Example\n- Email : a@example.com\n手机：138\nhttps://example.com\n10:30 call\nno colon\nEmail: b"
    )
    assert comments.key_values(text) == {"Vehicle": "2026 Example", "Email": "a@example.com", "手机": "138"}


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("Best Time to Call", "preferred_time"),
        ("E-mail", "email"),
        ("联系电话", "phone"),
        ("購車預算", "price"),
        ("Zip Code", "postal_code"),
    ],
)
def test_known_keys(key, name):
    assert comments.fields({key: "value"}) == {name: "value"}


@pytest.mark.parametrize("value", ["N/A", "none", "无", "-"])
def test_none_is_no_answer(value):
    assert comments.fields({"Email": value}) == {}


def test_unknown_keys_are_no_fields():
    assert comments.fields({"Favourite colour": "blue"}) == {}
