"""The answer to a support request."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from dealer.support.models import Access
from kernel.contracts.support import AREA_WORDS, MAY_WORDS, SupportArea, SupportMay
from kernel.ui.forms import Form, PillSelect


class ApproveForm(Form):
    """For how long, what and where; not more than was asked for is offered."""

    hours = forms.IntegerField(label=_("For how many hours, from now"), min_value=1)
    may = forms.ChoiceField(label=pgettext_lazy("support", "What they may"), widget=PillSelect)
    area = forms.ChoiceField(label=pgettext_lazy("support", "What they see"), widget=PillSelect)

    def __init__(self, access: Access, data: Any = None) -> None:
        asked = {"hours": access.hours, "may": access.asked_may, "area": access.asked_area}
        super().__init__(data, initial=asked)
        self._offer("may", MAY_WORDS, list(SupportMay), access.asked_may)
        self._offer("area", AREA_WORDS, list(SupportArea), access.asked_area)
        self.fields["hours"].widget.attrs["max"] = access.hours

    def _offer(self, name: str, labels: dict[Any, Any], order: list[Any], asked: str) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [(str(value), labels[value]) for value in order[: order.index(asked) + 1]]
