"""Forms of the stock."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from kernel.reference.queries import brand_choices, model_choices, series_choices, variant_choices
from kernel.ui.forms import DateInput, Form, MoneyInput, VinInput

NONE = [("", "–")]


class VehicleForm(Form):
    """A car that arrives or is announced. The variant is enough: brand, series and model follow from it."""

    vin = forms.CharField(label=_("VIN"), max_length=40, widget=VinInput(attrs={"maxlength": "24"}))
    variant = forms.ChoiceField(label=_("Variant"), required=False, choices=lambda: NONE + variant_choices())
    colour = forms.CharField(label=_("Colour"), required=False, max_length=40)
    list_price = forms.DecimalField(
        label=_("List price"), required=False, max_digits=14, decimal_places=2, widget=MoneyInput
    )
    arrived_on = forms.DateField(label=_("Arrived on"), required=False, widget=DateInput)
    location = forms.CharField(label=_("Location"), required=False, max_length=80)
    in_transit = forms.BooleanField(label=_("Still on its way"), required=False)
    brand = forms.ChoiceField(label=_("Brand"), required=False, choices=lambda: NONE + brand_choices())
    series = forms.ChoiceField(label=_("Series"), required=False, choices=lambda: NONE + series_choices())
    model = forms.ChoiceField(label=_("Model"), required=False, choices=lambda: NONE + model_choices())
    sections = [(_("Not a variant of the list"), ["brand", "series", "model"], "folded")]


class MoveForm(Form):
    location = forms.CharField(label=_("Location"), max_length=80)
    note = forms.CharField(label=_("Note"), required=False, max_length=200)


class ImportForm(Form):
    """A CSV file, or the rows themselves to correct them in place."""

    file = forms.FileField(label=_("CSV file"), required=False)
    text = forms.CharField(
        label=pgettext_lazy("table", "Rows"),
        required=False,
        max_length=1_000_000,
        strip=False,
        widget=forms.Textarea(attrs={"rows": "10", "spellcheck": "false", "class": "textarea font-mono w-full"}),
    )
