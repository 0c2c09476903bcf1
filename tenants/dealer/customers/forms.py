"""Forms of customers. Rules live in the actions; forms ask in the order of the work: the telephone number first."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS
from django.utils.translation import gettext_lazy as _

from dealer.customers.models import Channel, Customer, Kind, Means, PartyRole, Sex
from dealer.organisation.forms import province_choices
from kernel.accounts.models import LANGUAGES
from kernel.errors import Invalid
from kernel.ui.forms import DateInput, Form, PhoneInput, PillSelect, VinInput, keep_choice

#: Fields of the action that this form asks for in one: the whole name.
_NAME = frozenset({"surname", "given_name", "company_name"})
_DUPLICATES = {
    "hx-get": "/customers/duplicates/",
    "hx-trigger": "input changed delay:400ms",
    "hx-include": "[name=phone],[name=email],[name=besides]",
    "hx-target": "#duplicates",
    "hx-swap": "innerHTML",
}


class CustomerForm(Form):
    phone = forms.CharField(
        label=_("Phone"),
        required=False,
        max_length=64,
        widget=PhoneInput(attrs=_DUPLICATES),
        help_text=_("Without one an e-mail address is needed."),
    )
    name = forms.CharField(
        label=_("Name"),
        max_length=200,
        error_messages={"required": _("Enter the whole name, or that of the company.")},
    )
    kind = forms.ChoiceField(
        label=_("Person or company"), choices=Kind.choices, initial=Kind.INDIVIDUAL, widget=PillSelect
    )
    sex = forms.ChoiceField(label=_("Sex"), choices=Sex.choices, initial=Sex.UNKNOWN, widget=PillSelect)
    email = forms.CharField(
        label=_("E-mail"),
        required=False,
        max_length=254,
        widget=forms.EmailInput(attrs={**_DUPLICATES, "autocomplete": "off"}),
    )
    other_phone = forms.CharField(label=_("Other phone"), required=False, max_length=64, widget=PhoneInput)
    birthday = forms.DateField(label=_("Birthday"), required=False, widget=DateInput)
    contact_person = forms.CharField(label=_("Contact person of the company"), required=False, max_length=120)
    province = forms.ChoiceField(label=_("Province"), required=False, choices=province_choices)
    city = forms.CharField(label=_("City"), required=False, max_length=40)
    district = forms.CharField(label=_("District"), required=False, max_length=40)
    address = forms.CharField(label=_("Address"), required=False, max_length=300)
    occupation = forms.CharField(label=_("Occupation"), required=False, max_length=80)
    hobbies = forms.CharField(label=_("Hobbies"), required=False, max_length=200)
    language = forms.ChoiceField(label=_("Language"), choices=LANGUAGES, initial="zh-hans", widget=PillSelect)
    note = forms.CharField(label=_("Note"), required=False, max_length=2000, widget=forms.Textarea)
    sections = [
        (_("Address"), ["province", "city", "district", "address"], "folded"),
        (
            _("More"),
            ["other_phone", "birthday", "contact_person", "occupation", "hobbies", "language", "note"],
            "folded",
        ),
    ]
    wide = ["note"]

    @classmethod
    def of(cls, customer: Customer, data: Any = None) -> CustomerForm:
        """The form with what is known."""
        form = cls(data, initial={name: getattr(customer, name) for name in cls.base_fields})
        keep_choice(form, "province", customer.province)
        return form

    def refuse(self, refusal: Invalid) -> None:
        """Show what the action refused, beside the field that asks for it."""
        for error in refusal.errors:
            field = "name" if error.field in _NAME else error.field
            self.add_error(field if field in self.fields else NON_FIELD_ERRORS, str(error.message))


class InteractionForm(Form):
    channel = forms.ChoiceField(label=_("Channel"), choices=Channel.choices, initial=Channel.PHONE, widget=PillSelect)
    content = forms.CharField(label=_("What was said"), max_length=2000, widget=forms.Textarea(attrs={"rows": 2}))
    result = forms.CharField(label=_("Result"), max_length=200, required=False)
    from_customer = forms.BooleanField(label=_("The customer came to us"), required=False)


class ConsentForm(Form):
    """How a consent was taken back."""

    means = forms.ChoiceField(label=_("How"), choices=Means.choices, initial=Means.IN_PERSON, widget=PillSelect)
    evidence = forms.CharField(
        label=_("Where it is kept"),
        max_length=300,
        required=False,
        help_text=_("Number of the form, or a note of the call."),
    )


class VehicleForm(Form):
    vin = forms.CharField(label=_("VIN"), widget=VinInput)
    brand = forms.CharField(label=_("Brand"), max_length=60)
    series = forms.CharField(label=_("Series"), max_length=60, required=False)
    model = forms.CharField(label=_("Model"), max_length=80, required=False)
    plate = forms.CharField(label=_("Plate"), max_length=16, required=False)
    role = forms.ChoiceField(
        label=_("The customer is"), choices=PartyRole.choices, initial=PartyRole.OWNER, widget=PillSelect
    )
    since = forms.DateField(label=_("Since"), widget=DateInput)
    odometer_km = forms.IntegerField(label=_("Mileage in km"), required=False, min_value=0)


class EndPartyForm(Form):
    until = forms.DateField(label=_("Last day"), widget=DateInput)
