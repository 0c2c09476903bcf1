"""Forms of the network's pages. They check shapes; what makes sense is checked by the actions."""

from __future__ import annotations

from typing import Any, cast

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from kernel.accounts.models import LANGUAGES, User
from kernel.accounts.roles import Role
from kernel.reference import queries as reference
from kernel.ui.forms import DateInput, Form, PhoneInput
from oem.network.models import Capability, Dealership, Site
from oem.network.queries import province_choices, region_name

NOTHING = ("", "—")


def _offer(form: forms.Form, name: str, choices: list[tuple[str, str]]) -> None:
    cast(forms.ChoiceField, form.fields[name]).choices = choices


class PlaceMixin:
    """Province by choice, city and district as people write them; codes are shown as names."""

    def show_places(self, initial: dict[str, Any]) -> dict[str, Any]:
        """The initial values with names of city and district in place of their codes."""
        return initial | {name: region_name(initial.get(name) or "") for name in ("city", "district")}


class DealershipForm(PlaceMixin, Form):
    """Master data of a dealership."""

    name = forms.CharField(label=_("Company name"), max_length=120)
    short_name_zh_hans = forms.CharField(label=_("Short name in simplified Chinese"), max_length=40, required=False)
    short_name_zh_hant = forms.CharField(label=_("Short name in traditional Chinese"), max_length=40, required=False)
    short_name_en = forms.CharField(label=_("Short name in English"), max_length=40, required=False)
    province = forms.ChoiceField(label=_("Province"), required=False)
    city = forms.CharField(label=_("City"), max_length=40, required=False)
    district = forms.CharField(label=_("District"), max_length=40, required=False)
    address = forms.CharField(label=_("Street address"), max_length=200, required=False)
    phone = forms.CharField(label=_("Phone"), max_length=32, required=False, widget=PhoneInput)
    opened_on = forms.DateField(label=_("Opened on"), required=False, widget=DateInput)
    sales_target = forms.IntegerField(label=_("Sales target a year"), min_value=0, max_value=1_000_000, required=False)
    network_manager = forms.ModelChoiceField(User.objects.none(), label=_("Network manager"), required=False)
    field_representative = forms.ModelChoiceField(User.objects.none(), label=_("Field representative"), required=False)
    sections = [
        (_("Names in short"), ["short_name_zh_hans", "short_name_zh_hant", "short_name_en"]),
        (_("Place"), ["province", "city", "district", "address", "phone"]),
        (_("Responsible"), ["network_manager", "field_representative", "opened_on", "sales_target"]),
    ]

    def __init__(self, *args: Any, dealership: Dealership | None = None, **kwargs: Any) -> None:
        if dealership is not None:
            values = {name: getattr(dealership, name) for name in DealershipForm.base_fields}
            kwargs["initial"] = self.show_places(values)
        super().__init__(*args, **kwargs)
        _offer(self, "province", [NOTHING, *province_choices()])
        for name, role in (
            ("network_manager", Role.NETWORK_MANAGER),
            ("field_representative", Role.FIELD_REPRESENTATIVE),
        ):
            cast(Any, self.fields[name]).queryset = User.objects.filter(role=role, is_active=True)


class NewDealershipForm(DealershipForm):
    """A dealership that joins, with its first person."""

    slug = forms.CharField(
        label=_("Address name"), max_length=40, help_text=_("The first part of its web address. It cannot be changed.")
    )
    brands = forms.MultipleChoiceField(
        label=_("Brands it sells and services"), required=False, widget=forms.CheckboxSelectMultiple
    )
    manager_name = forms.CharField(label=_("Name"), max_length=120, required=False)
    manager_login = forms.CharField(label=_("Sign-in name"), max_length=64, initial="manager")
    manager_email = forms.EmailField(label=_("E-mail"), required=False)
    language = forms.ChoiceField(label=_("Language"), choices=LANGUAGES)
    field_order = ["slug", "name", "brands"]
    sections = [
        (_("First person: general manager"), ["manager_name", "manager_login", "manager_email", "language"]),
        *((label, fields, "folded") for label, fields in DealershipForm.sections),
    ]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _offer(self, "brands", reference.brand_choices())

    def clean_brands(self) -> tuple[str, ...]:
        return tuple(self.cleaned_data["brands"])


class SiteForm(PlaceMixin, Form):
    """A building of a dealership."""

    name = forms.CharField(label=pgettext_lazy("thing", "Name"), max_length=120)
    sells = forms.BooleanField(label=_("Sells cars"), required=False, initial=True)
    services = forms.BooleanField(label=_("Services cars"), required=False, initial=True)
    city = forms.CharField(label=_("City"), max_length=40, required=False)
    district = forms.CharField(label=_("District"), max_length=40, required=False)
    address = forms.CharField(label=_("Street address"), max_length=200, required=False)
    phone = forms.CharField(label=_("Phone"), max_length=32, required=False, widget=PhoneInput)
    workshop_bays = forms.IntegerField(label=_("Workshop bays"), min_value=0, max_value=999, initial=0)
    opened_on = forms.DateField(label=_("Opened on"), required=False, widget=DateInput)
    closed_on = forms.DateField(label=_("Closed on"), required=False, widget=DateInput)

    def __init__(self, *args: Any, site: Site | None = None, **kwargs: Any) -> None:
        if site is not None:
            kwargs["initial"] = self.show_places({name: getattr(site, name) for name in SiteForm.base_fields})
        super().__init__(*args, **kwargs)


class CapabilityForm(Form):
    """What a dealership may do for a brand or a series."""

    brand = forms.ChoiceField(label=_("Brand"))
    series = forms.ChoiceField(
        label=_("Series"), required=False, help_text=_("Leave empty for all series of the brand.")
    )
    sells = forms.BooleanField(label=_("May sell"), required=False, initial=True)
    services = forms.BooleanField(label=_("May service"), required=False, initial=True)
    valid_from = forms.DateField(label=_("From"), widget=DateInput)
    valid_until = forms.DateField(label=_("Until"), required=False, widget=DateInput)

    def __init__(self, *args: Any, capability: Capability | None = None, **kwargs: Any) -> None:
        if capability is not None:
            kwargs["initial"] = {name: getattr(capability, name) for name in CapabilityForm.base_fields}
        super().__init__(*args, **kwargs)
        tree = reference.catalogue()
        _offer(self, "brand", [(b.code, b.name) for b in tree.brands.values()])
        _offer(self, "series", [NOTHING, *((s.code, f"{s.brand.name} {s.name}") for s in tree.series.values())])


class TerritoryForm(Form):
    """A province or a city that a dealership looks after."""

    region = forms.CharField(
        label=_("Province or city"), max_length=40, help_text=_("As in 广东, Guangdong, 深圳 or 4403.")
    )
    rank = forms.IntegerField(
        label=_("Rank"),
        min_value=1,
        max_value=99,
        initial=1,
        help_text=_("1 comes before 2 when several look after it."),
    )


class RetireForm(Form):
    """Confirms that a dealership shall be closed."""

    confirmation = forms.CharField(label=_("Address name"), max_length=40, help_text=_("Type it to confirm."))
