import re

import pytest
from django import forms
from django.utils import translation

from kernel.automotive import phone
from kernel.errors import Invalid
from kernel.ui.forms import DateInput, Form, MoneyInput, PhoneInput, PillSelect, VinInput


class Wish(Form):
    phone = forms.CharField(widget=PhoneInput, help_text="Called back.")
    mobile = forms.CharField(required=False)
    email = forms.EmailField(required=False)
    day = forms.DateField(widget=DateInput, required=False)
    plain_day = forms.DateField(required=False)
    at = forms.DateTimeField(required=False)
    seats = forms.IntegerField(required=False)
    budget = forms.DecimalField(widget=MoneyInput, required=False)
    vin = forms.CharField(widget=VinInput, required=False)
    interest = forms.ChoiceField(choices=[("buy", "Buy"), ("lease", "Lease")], widget=PillSelect, required=False)
    agreed = forms.BooleanField(required=False)
    note = forms.CharField(widget=forms.Textarea, required=False)
    source = forms.CharField(widget=forms.HiddenInput, required=False)
    sections = [("More", ["note", "vin"], "folded")]


def tag(html, name):
    return re.search(rf'<(?:input|select|textarea)[^>]*name="{name}"[^>]*>', html)[0]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("phone", ('type="tel"', 'class="input"', "required", 'aria-describedby="id_phone_helptext"')),
        ("mobile", ('type="tel"', 'inputmode="tel"')),
        ("email", ('type="email"', 'class="input"')),
        ("day", ('type="date"',)),
        ("plain_day", ('type="date"',)),
        ("at", ('type="datetime-local"',)),
        ("seats", ('type="number"', 'inputmode="numeric"')),
        ("budget", ('type="number"', 'inputmode="decimal"', 'step="0.01"')),
        ("vin", ('maxlength="17"', 'autocapitalize="characters"', 'spellcheck="false"')),
        ("interest", ('type="radio"',)),
        ("agreed", ('type="checkbox"', "checkbox")),
        ("note", ('class="textarea"', 'rows="3"')),
    ],
)
def test_a_control_brings_up_the_right_keyboard(name, expected):
    found = tag(str(Wish()), name)
    for part in expected:
        assert part in found


@pytest.mark.parametrize(
    ("kept", "shown"),
    [
        ("+8613812345678", "138 1234 5678"),
        ("+861064710018", "010 6471 0018"),
        ("+864001234567", "400 123 4567"),
        ("+85223456789", "+852 2345 6789"),
    ],
)
def test_a_number_to_be_edited_is_shown_as_people_write_it_and_read_back_the_same(kept, shown):
    assert f'value="{shown}"' in tag(str(Wish(initial={"phone": kept})), "phone")
    assert phone.normalise(shown).e164 == kept


def test_a_number_that_was_refused_stays_as_it_was_typed():
    assert 'value="138 1234"' in tag(str(Wish({"phone": "138 1234"})), "phone")


def test_every_control_has_a_label():
    html = str(Wish())
    for name in ("phone", "mobile", "email", "day", "budget", "vin", "note", "agreed"):
        assert f'for="id_{name}"' in html


def test_optional_fields_say_so_and_required_ones_do_not():
    html = str(Wish())
    assert html.count("optional</span>") == 10


@pytest.mark.parametrize("language", ["zh-hans", "zh-hant", "en"])
def test_a_date_keeps_the_browsers_format_in_every_language(language):
    with translation.override(language):
        html = str(Wish({"phone": "1", "day": "2026-11-03", "plain_day": "2026-11-04"}))
        initial = str(Wish(initial={"plain_day": __import__("datetime").date(2026, 11, 5)}))
    assert 'value="2026-11-03"' in tag(html, "day")
    assert 'value="2026-11-04"' in tag(html, "plain_day")
    assert 'value="2026-11-05"' in tag(initial, "plain_day")


def test_a_refused_form_keeps_what_was_typed_and_links_its_summary_to_the_fields():
    form = Wish({"phone": "", "email": "not an address", "note": "Saturday", "seats": "many"})
    html = str(form)
    assert 'role="alert"' in html
    assert "data-error-summary" in html
    assert '<a href="#id_phone">' in html
    assert 'value="not an address"' in tag(html, "email")
    assert 'value="many"' in tag(html, "seats")
    assert "Saturday</textarea>" in html
    assert 'aria-invalid="true"' in tag(html, "email")
    assert 'id="id_email_error"' in html


def test_a_fresh_form_has_no_summary():
    assert "data-error-summary" not in str(Wish())


def test_a_folded_section_opens_for_its_error():
    class Short(Wish):
        vin = forms.CharField(max_length=3)

    assert '<details class="fieldset" >' in str(Wish())
    assert '<details class="fieldset" open>' in str(Short({"phone": "1", "vin": "LONG"}))


def test_fields_that_no_section_names_come_first():
    sections = Wish().section_list()
    assert [section.label for section in sections] == ["", "More"]
    assert sections[0].fields[0].name == "phone"
    assert [field.name for field in sections[1].fields] == ["note", "vin"]


def test_an_actions_refusal_is_shown_at_its_field_or_above():
    form = Wish({"phone": "+8613812345678"})
    assert form.is_valid()
    Invalid({"phone": "This number is blocked.", "car": "This car is sold."}).add_to(form)
    html = str(form)
    assert html.count("This number is blocked.") == 2
    assert html.count("This car is sold.") == 1


def test_what_was_typed_is_escaped():
    html = str(Wish({"phone": '"><script>alert(1)</script>'}))
    assert "<script>" not in html


def test_a_plain_django_form_renders_too():
    class Plain(forms.Form):
        name = forms.CharField(label="Name")

    assert 'class="input"' in str(Plain())
    assert "form-grid" in str(Plain())
