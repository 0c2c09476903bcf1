"""Forms of warranty."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from dealer.warranty.models import ClaimType
from kernel.ui.forms import Form, MoneyInput, PillSelect


class ClaimForm(Form):
    """What stands in a claim beside its lines."""

    claim_type = forms.ChoiceField(label=_("Type"), choices=ClaimType.choices, widget=PillSelect)
    complaint = forms.CharField(label=_("Complaint"), widget=forms.Textarea, required=False, max_length=2000)
    cause = forms.CharField(label=_("Cause"), widget=forms.Textarea, required=False, max_length=2000)
    correction = forms.CharField(label=_("Correction"), widget=forms.Textarea, required=False, max_length=2000)
    fault_code = forms.CharField(label=_("Fault code"), required=False, max_length=40)
    wide = ("claim_type", "complaint", "cause", "correction")


class ClaimLineForm(Form):
    description = forms.CharField(label=_("Description"), max_length=200)
    quantity = forms.DecimalField(label=_("Quantity or hours"), max_digits=8, decimal_places=2)
    unit_price = forms.DecimalField(label=_("Price of one"), max_digits=12, decimal_places=2, widget=MoneyInput)
    causal = forms.BooleanField(label=_("This part failed"), required=False)
    wide = ("description",)
