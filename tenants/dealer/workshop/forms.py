"""Forms of the workshop."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from dealer.customers.models import Channel
from dealer.workshop import queries
from dealer.workshop.models import Kind, LabourRate, PayType
from kernel.accounts.models import User
from kernel.ui.forms import DateTimeInput, Form, MoneyInput, PillSelect, model_choice_field

DURATIONS = [
    (30, _("30 minutes")),
    (60, _("1 hour")),
    (90, _("1½ hours")),
    (120, _("2 hours")),
    (240, _("Half a day")),
    (480, _("A day")),
    (960, _("2 days")),
    (2400, _("5 days")),
]
#: How an appointment was agreed.
AGREED_BY = [
    (channel.value, channel.label)
    for channel in (Channel.PHONE, Channel.WECHAT, Channel.VISIT, Channel.WEBSITE, Channel.MESSAGE)
]


class PersonChoice(forms.ModelChoiceField):
    """One of the dealership's people, by name."""

    def __init__(self, **options: Any) -> None:
        super().__init__(queryset=User.objects.none(), **options)

    def label_from_instance(self, obj: Any) -> str:
        return obj.name or obj.login


class SiteChoice(forms.ModelChoiceField):
    def __init__(self, **options: Any) -> None:
        super().__init__(queryset=queries.active_sites().none(), **options)


def _promised() -> forms.DateTimeField:
    return forms.DateTimeField(label=_("Promised for"), widget=DateTimeInput, required=False)


def _kind(initial: str) -> forms.ChoiceField:
    return forms.ChoiceField(
        label=pgettext_lazy("visit", "Reason"), choices=Kind.choices, widget=PillSelect, initial=initial
    )


class _WithPeople(Form):
    """Fills the choices of advisers, technicians and sites, each one query when the form is drawn."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "adviser" in self.fields:
            model_choice_field(self, "adviser").queryset = queries.advisers()
        if "technician" in self.fields:
            model_choice_field(self, "technician").queryset = queries.technicians()
        if "site" in self.fields:
            site = model_choice_field(self, "site")
            site.queryset, site.empty_label = queries.active_sites(), None


class AppointmentForm(_WithPeople):
    starts_at = forms.DateTimeField(label=_("When"), widget=DateTimeInput)
    minutes = forms.TypedChoiceField(label=_("Expected duration"), choices=DURATIONS, coerce=int, initial=60)
    kind = _kind(Kind.MAINTENANCE)
    wish = forms.CharField(label=_("Wish"), widget=forms.Textarea, required=False, max_length=2000)
    promised_at = _promised()
    adviser = PersonChoice(label=_("Service adviser"), required=False)
    site = SiteChoice(label=_("Site"))
    channel = forms.ChoiceField(label=_("Agreed by"), choices=AGREED_BY, initial=Channel.PHONE)
    wide = ("kind", "wish")
    sections = [(_("More details"), ["promised_at", "adviser", "site", "channel"], "folded")]


class ChangeAppointmentForm(AppointmentForm):
    channel = None  # type: ignore[assignment]  # how Django leaves an inherited field out
    sections = [(_("More details"), ["promised_at", "adviser", "site"], "folded")]


class ArrivalForm(_WithPeople):
    """What is asked when a car is taken in: the mileage, and what the customer reports, a line for each complaint."""

    odometer_km = forms.IntegerField(label=_("Mileage (km)"), min_value=0, help_text=_("Read it from the car."))
    complaints = forms.CharField(
        label=_("What the customer reports"),
        widget=forms.Textarea,
        max_length=8000,
        help_text=_("One line for each complaint; each becomes a job."),
    )
    promised_at = _promised()
    adviser = PersonChoice(label=_("Service adviser"), required=False)
    wide: tuple[str, ...] = ("complaints",)

    def clean_complaints(self) -> list[str]:
        lines = [line.strip() for line in self.cleaned_data["complaints"].splitlines()]
        return [line for line in lines if line]


class OrderForm(ArrivalForm):
    kind = _kind(Kind.REPAIR)
    site = SiteChoice(label=_("Site"))
    wide = ("kind", "complaints")
    field_order = ("kind", "odometer_km", "promised_at", "complaints", "adviser", "site")


class ChangeOrderForm(_WithPeople):
    kind = _kind(Kind.REPAIR)
    promised_at = _promised()
    adviser = PersonChoice(label=_("Service adviser"), required=False)
    wide = ("kind",)


class NewJobForm(_WithPeople):
    complaint = forms.CharField(label=_("Complaint"), widget=forms.Textarea, max_length=2000)
    technician = PersonChoice(label=_("Technician"), required=False)
    wide = ("complaint",)


class JobForm(Form):
    """The three Cs and the fault code of a job."""

    complaint = forms.CharField(label=_("Complaint"), widget=forms.Textarea, max_length=2000)
    cause = forms.CharField(label=_("Cause"), widget=forms.Textarea, required=False, max_length=2000)
    correction = forms.CharField(label=_("Correction"), widget=forms.Textarea, required=False, max_length=2000)
    fault_code = forms.CharField(
        label=_("Fault code"), required=False, max_length=40, help_text=_("As read from the car, for example P0300.")
    )
    wide = ("complaint", "cause", "correction")


class TechnicianForm(_WithPeople):
    technician = PersonChoice(label=_("Technician"), required=False)


class LineForm(Form):
    """A line that exists."""

    description = forms.CharField(label=_("Description"), max_length=200)
    quantity = forms.DecimalField(label=_("Quantity or hours"), max_digits=8, decimal_places=2)
    unit_price = forms.DecimalField(label=_("Price of one"), max_digits=12, decimal_places=2, widget=MoneyInput)
    pay_type = forms.ChoiceField(label=_("Who pays"), choices=PayType.choices, widget=PillSelect)
    causal = forms.BooleanField(label=_("This part failed"), required=False)
    wide = ("description", "pay_type")


class FreeLineForm(Form):
    """A line that is not in the catalogue."""

    description = forms.CharField(label=_("Description"), max_length=200)
    code = forms.CharField(label=_("Code"), max_length=40, required=False)
    quantity = forms.DecimalField(label=_("Quantity or hours"), max_digits=8, decimal_places=2, initial=1)
    unit_price = forms.DecimalField(
        label=_("Price of one"), max_digits=12, decimal_places=2, widget=MoneyInput, required=False
    )
    wide = ("description",)


class ReasonForm(Form):
    reason = forms.CharField(label=_("Reason"), max_length=200)


class RatesForm(Form):
    """The price of an hour by who pays."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        known = {rate.pay_type: rate.hourly for rate in LabourRate.objects.all()}
        for pay in PayType:
            self.fields[pay.value] = forms.DecimalField(
                label=pay.label, max_digits=10, decimal_places=2, widget=MoneyInput, initial=known.get(pay.value)
            )
