"""The question to a dealership."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from kernel.contracts.support import AREA_WORDS, MAY_WORDS, MOST_HOURS, SupportArea, SupportMay
from kernel.ui.forms import Form, PillSelect
from oem.support.models import PURPOSES


class AskForm(Form):
    purpose = forms.ChoiceField(label=_("What it is about"), choices=[(one.value, one.label) for one in PURPOSES])
    reason = forms.CharField(
        label=pgettext_lazy("support", "Why"),
        widget=forms.Textarea,
        max_length=4000,
        help_text=_("The dealership's general manager reads this. Name no customer."),
    )
    hours = forms.IntegerField(label=_("For how many hours"), min_value=1, max_value=MOST_HOURS, initial=4)
    may = forms.ChoiceField(
        label=pgettext_lazy("support", "What you may"),
        choices=[(str(value), label) for value, label in MAY_WORDS.items()],
        initial=SupportMay.READ,
        widget=PillSelect,
    )
    area = forms.ChoiceField(
        label=pgettext_lazy("support", "What you see"),
        choices=[(str(value), label) for value, label in AREA_WORDS.items()],
        initial=SupportArea.TECHNICAL,
        widget=PillSelect,
    )
