"""Forms of the lead desk."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _

from kernel.automotive import phone, regions
from kernel.automotive.channel import Channel
from kernel.money import DEFAULT_CURRENCY
from kernel.reference import queries as reference
from kernel.ui.forms import DateInput, Form, MoneyInput, PhoneInput, PillSelect, choice_field
from kernel.ui.templatetags.ui import phone_text
from oem.leads import queries, routing, words
from oem.leads.models import Lead
from oem.network.queries import city_choices, dealership_names, province_choices

UNKNOWN = ("", _("Not known"))


def _follows(kind: str, *above: str) -> dict[str, Any]:
    """Attributes of a select whose options follow from others: fetched anew when one of them changes.

    Only those values travel in the address, so that no personal data ends up in a log.
    """
    controls = [f"#id_{name}" for name in above]
    return {
        "hx-get": reverse_lazy("leads:options", args=[kind]),
        "hx-trigger": ", ".join(f"change from:{control}" for control in controls),
        "hx-include": ", ".join(controls),
        "hx-target": "this",
        "hx-swap": "innerHTML",
    }


class LeadForm(Form):
    """What is known of a lead; used for a new one and for one that could not be read.

    `cleaned_data` holds what `actions.take_in_lead` and `actions.complete_lead` take: codes, E.164, ISO currency.
    """

    phone = forms.CharField(
        label=_("Phone"),
        max_length=64,
        required=False,
        widget=PhoneInput,
        help_text=_("Without one, give an e-mail address below."),
    )
    name = forms.CharField(label=_("Name"), max_length=120, required=False)
    brand = forms.ChoiceField(label=_("Brand"), required=False)
    series = forms.ChoiceField(
        label=_("Series"), required=False, widget=forms.Select(attrs=_follows("series", "brand"))
    )
    province = forms.ChoiceField(label=_("Province"), required=False)
    city = forms.ChoiceField(label=_("City"), required=False, widget=forms.Select(attrs=_follows("cities", "province")))
    interest = forms.ChoiceField(
        label=_("Wants to"), choices=words.Interest.choices, initial=words.Interest.BUY, widget=PillSelect
    )
    wish_text = forms.CharField(
        label=_("Wish in the customer's words"), max_length=4000, required=False, widget=forms.Textarea
    )
    email = forms.EmailField(label=_("E-mail"), max_length=254, required=False)
    preferred_time = forms.CharField(
        label=_("When to call"), max_length=40, required=False, help_text=_("For example: weekdays after 18:00.")
    )
    model = forms.ChoiceField(
        label=_("Model"), required=False, widget=forms.Select(attrs=_follows("models", "brand", "series"))
    )
    district = forms.ChoiceField(
        label=_("District"), required=False, widget=forms.Select(attrs=_follows("districts", "province", "city"))
    )
    vendor_name = forms.CharField(label=_("Dealership the customer named"), max_length=120, required=False)
    budget = forms.DecimalField(
        label=_("Budget (CNY)"), max_digits=14, decimal_places=2, min_value=0, required=False, widget=MoneyInput
    )
    window_from = forms.DateField(label=_("Buys from"), required=False, widget=DateInput)
    window_to = forms.DateField(label=_("Buys until"), required=False, widget=DateInput)
    sections = [
        (
            _("More about car, place and time"),
            ["model", "district", "vendor_name", "email", "preferred_time", "budget", "window_from", "window_to"],
            "folded",
        ),
    ]
    wide = ("interest", "wish_text")

    def __init__(self, *args: Any, lead: Lead | None = None, **kwargs: Any) -> None:
        if lead is not None:
            kwargs["initial"] = {name: getattr(lead, name) for name in LeadForm.base_fields}
            kwargs["initial"]["phone"] = phone_text(lead.phone)
        super().__init__(*args, **kwargs)
        brand, series, province, city = (self._now(name) for name in ("brand", "series", "province", "city"))
        self._offer("brand", reference.brand_choices())
        self._offer("series", series_options(brand))
        self._offer("model", model_options(brand, series))
        self._offer("province", province_choices())
        self._offer("city", city_choices(province))
        self._offer("district", words.districts_of(city if city.startswith(province) else ""))

    def _now(self, name: str) -> str:
        return str(self[name].value() or "")

    def _offer(self, name: str, choices: list[tuple[str, str]]) -> None:
        """Set the options of a select; a code that is kept but not offered any more stays possible."""
        kept = str(self.initial.get(name) or "")
        if kept and kept not in dict(choices):
            choices = [*choices, (kept, _code_name(name, kept))]
        choice_field(self, name).choices = [UNKNOWN, *choices]

    def clean_phone(self) -> str:
        """The number in E.164. Raises ValidationError with what to write instead."""
        text = self.cleaned_data["phone"]
        if not text.strip():
            return ""
        report = phone.normalise(text)
        if report.e164 is None:
            raise forms.ValidationError([str(problem.message) for problem in report.problems[:1]])
        return report.e164

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if not self.errors.get("phone") and not (data.get("phone") or data.get("email")):
            text = _("Give a phone number or an e-mail address, so that the dealership can answer.")
            self.add_error("phone", text)
        start, end = data.get("window_from"), data.get("window_to")
        if start and end and end < start:
            self.add_error("window_to", _("The end of the purchase window lies before its start."))
        data["budget_currency"] = DEFAULT_CURRENCY if data.get("budget") is not None else ""
        if data.get("city") and not data.get("province"):
            data["province"] = data["city"][:2]
        if data.get("series") and not data.get("brand"):
            data["brand"] = reference.catalogue().series[data["series"]].brand_id
        return data


def _code_name(name: str, code: str) -> str:
    tables = {"brand": reference.brand_name, "series": reference.series_name, "model": reference.model_name}
    if name in tables:
        return tables[name](code)
    region = regions.find_region(code)
    return region.name if region else code


def series_options(brand: str) -> list[tuple[str, str]]:
    """The series of a brand; without one all, each with its brand."""
    found = reference.series_choices(brand)
    return found if brand else [(code, reference.car_name(series=code)) for code, _name in found]


def model_options(brand: str, series: str) -> list[tuple[str, str]]:
    """The models of a series; none without one, or with one of another brand."""
    found = reference.catalogue().series.get(series)
    if found is None or (brand and found.brand_id != brand):
        return []
    return reference.model_choices(series)


def options(kind: str, given: dict[str, str]) -> list[tuple[str, str]] | None:
    """The options of a dependent select for what is chosen above it; None for an unknown kind."""
    brand, series, province, city = (given.get(name, "") for name in ("brand", "series", "province", "city"))
    match kind:
        case "series":
            return series_options(brand)
        case "models":
            return model_options(brand, series)
        case "cities":
            return city_choices(province)
        case "districts":
            return words.districts_of(city if city.startswith(province) else "")
    return None


class NewLeadForm(LeadForm):
    """A lead that somebody told the desk, by telephone or at an event."""

    channel = forms.ChoiceField(
        label=_("Channel"), choices=Channel.choices, initial=Channel.TELEPHONE_MARKETING, required=False
    )
    sections = [(label, ["channel", *fields], *more) for label, fields, *more in LeadForm.sections]


class AssignForm(Form):
    """Which dealership gets the lead, and why. Dealerships stand in the order in which routing would take them."""

    dealership = forms.ChoiceField(label=_("Dealership"))
    reason = forms.CharField(label=_("Reason"), max_length=400, widget=forms.Textarea)
    wide = ("dealership", "reason")

    def __init__(self, *args: Any, lead: Lead, reason_required: bool, holder: UUID | None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].required = reason_required
        choice_field(self, "dealership").choices = self._choices(lead, holder)

    def clean_dealership(self) -> UUID:
        return UUID(self.cleaned_data["dealership"])

    @staticmethod
    def _choices(lead: Lead, holder: UUID | None) -> list[Any]:
        names = {str(id_): name for id_, name in dealership_names().items()}
        marked = routing.decide(queries.wish_of(lead), queries.candidates_for(lead)).candidates
        fitting: list[tuple[str, Any]] = []
        others: list[tuple[str, Any]] = []
        for one in marked:
            if one["dealership"] == str(holder):
                continue
            name = names[one["dealership"]]
            if one["excluded"]:
                others.append((one["dealership"], f"{name} · {words.word(words.EXCLUSIONS, one['excluded'])}"))
            else:
                points = _("%(n)s points") % {"n": one["score"]}
                fitting.append((one["dealership"], f"{name} · {points}"))
        groups = [(_("May take it"), fitting), (_("Left out by the rules"), others)]
        return [("", _("Choose a dealership")), *((label, rows) for label, rows in groups if rows)]


class CloseForm(Form):
    """Why a lead ends at the desk."""

    reason = forms.CharField(
        label=_("Why does it end?"),
        max_length=200,
        widget=forms.Textarea,
        help_text=_("For example: a test, no enquiry, or withdrawn by the customer."),
    )
    wide = ("reason",)
