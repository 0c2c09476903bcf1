"""Forms of the switchboard."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from dealer.sharing import words
from dealer.sharing.models import Agreement
from kernel.contracts import Level
from kernel.ui.forms import DateInput, Form, PillSelect


class BackfillForm(Form):
    """From which day on earlier records are shared."""

    since = forms.DateField(
        label=_("Share earlier records from"),
        widget=DateInput,
        help_text=_("Under the level in force. Records that have left before are not sent again."),
    )


class SignForm(Form):
    """Sign a version, with a ceiling for everything that is not required."""

    text_hash = forms.CharField(widget=forms.HiddenInput)
    read = forms.BooleanField(label=_("I have read the text and sign for the dealership."))

    def __init__(self, agreement: Agreement, present: dict[str, str], data: Any = None) -> None:
        super().__init__(data, initial={"text_hash": agreement.text_hash})
        self.open_contracts = [term["contract"] for term in agreement.terms if not term["required"]]
        for term in agreement.terms:
            if term["required"]:
                continue
            most = Level(term["level"])
            before = Level(present.get(term["contract"], Level.NOTHING))
            self.fields[term["contract"]] = forms.ChoiceField(
                label=words.contract_label(term["contract"]),
                choices=[(level.value, level.label) for level in Level if level <= most],
                initial=min(before, most).value,
                widget=PillSelect,
            )
        self.order_fields([*self.open_contracts, "read", "text_hash"])

    @property
    def ceilings(self) -> dict[str, str]:
        return {contract: self.cleaned_data[contract] for contract in self.open_contracts}
