"""Forms of the switchboard."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.forms.boundfield import BoundField
from django.utils.translation import gettext_lazy as _

from dealer.sharing import words
from dealer.sharing.models import Agreement
from kernel.contracts import Level
from kernel.contracts.agreements import Term
from kernel.ui.forms import DateInput, Form, PillSelect


class BackfillForm(Form):
    """From which day on earlier records are shared."""

    since = forms.DateField(
        label=_("Share earlier records from"),
        widget=DateInput,
        help_text=_("Under the level in force. Records that have left before are not sent again."),
    )


class SignForm(Form):
    """Sign a version, with a ceiling for everything that is not required; a line at nothing is refused.

    `present` holds the ceilings of today by contract and purpose. A line is called by its contract, and where the
    agreement names several purposes of one, by both: ``Owner/customer_care``.
    """

    text_hash = forms.CharField(widget=forms.HiddenInput)
    read = forms.BooleanField(label=_("I have read the text and sign for the dealership."))

    def __init__(self, agreement: Agreement, present: Mapping[tuple[str, str], str], data: Any = None) -> None:
        super().__init__(data, initial={"text_hash": agreement.text_hash})
        terms = agreement.asked
        contracts = [term.contract for term in terms]
        self._names = {
            term.key: term.contract if contracts.count(term.contract) == 1 else "/".join(term.key)
            for term in terms
            if not term.required
        }
        for term in terms:
            if term.required:
                continue
            before = Level(present.get(term.key, Level.NOTHING))
            self.fields[self._names[term.key]] = forms.ChoiceField(
                label=words.contract_label(term.contract),
                choices=[(level.value, level.label) for level in Level if level <= term.level],
                initial=min(before, term.level).value,
                widget=PillSelect,
            )
        self.order_fields([*self._names.values(), "read", "text_hash"])

    def field_of(self, term: Term) -> BoundField | None:
        """Where the ceiling of a line is chosen; None for one that is required."""
        name = self._names.get(term.key)
        return self[name] if name else None

    @property
    def ceilings(self) -> dict[str, str]:
        return {name: self.cleaned_data[name] for name in self._names.values()}
