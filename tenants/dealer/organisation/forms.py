"""Forms of the dealership's settings."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from dealer.organisation.models import Department, DepartmentKind, Duty, Profile, Site
from kernel.accounts.models import LANGUAGES
from kernel.automotive.regions import provinces
from kernel.contracts import laws
from kernel.money import SYMBOLS
from kernel.ui.forms import DateInput, Form, PhoneInput, PillSelect, PillSelectMultiple, keep_choice

TIME_ZONES = (
    "Asia/Shanghai",
    "Asia/Urumqi",
    "Asia/Hong_Kong",
    "Asia/Macau",
    "Asia/Taipei",
    "Asia/Singapore",
    "Asia/Tokyo",
    "Europe/Berlin",
    "Europe/London",
    "America/New_York",
    "UTC",
)


def province_choices() -> list[tuple[str, str]]:
    """Names of provinces, with an empty choice."""
    return [("", "–"), *((region.name, region.name) for region in provinces())]


def place_choices() -> list[tuple[str, str]]:
    """Places with a law pack: code and whose law it is."""
    return [
        (place, f"{place} · {laws.packs_for(place)[-1].words}") for place in laws.places() if place != "EU"
    ]  # the union itself is no country


class ProfileForm(Form):
    """Name, address, language, money and colours. Rules live in the action."""

    name = forms.CharField(label=pgettext_lazy("thing", "Name"), max_length=120)
    short_name = forms.CharField(label=_("Short name"), max_length=40, required=False)
    phone = forms.CharField(label=_("Phone"), required=False, widget=PhoneInput)
    email = forms.CharField(label=_("E-mail"), required=False)
    province = forms.ChoiceField(label=_("Province"), choices=province_choices, required=False)
    city = forms.CharField(label=_("City"), max_length=40, required=False)
    address = forms.CharField(label=_("Address"), max_length=200, required=False)
    language = forms.ChoiceField(label=_("Language"), choices=LANGUAGES, widget=PillSelect)
    time_zone = forms.ChoiceField(label=_("Time zone"), choices=[(zone, zone) for zone in TIME_ZONES])
    currency = forms.ChoiceField(
        label=_("Currency"), choices=[(code, f"{code} {sign}") for code, sign in SYMBOLS.items()]
    )
    country = forms.ChoiceField(
        label=_("Country"),
        choices=place_choices,
        help_text=_("Its law applies to what is shared. Only the general manager changes it."),
    )
    primary_colour = forms.CharField(
        label=_("Main colour"), required=False, help_text=_("# and six digits. Empty: the colour of the product.")
    )
    accent_colour = forms.CharField(label=_("Second colour"), required=False)
    sections = [
        (_("Address"), ["phone", "email", "province", "city", "address"]),
        (_("Language, time and money"), ["country", "language", "time_zone", "currency"]),
        (_("Colours"), ["primary_colour", "accent_colour"]),
    ]

    @classmethod
    def of(cls, mine: Profile, data: Any = None) -> ProfileForm:
        """The form with what stands now; a time zone that is not in the list is offered too."""
        form = cls(data, initial={name: getattr(mine, name) for name in cls.base_fields})
        keep_choice(form, "time_zone", mine.time_zone)
        keep_choice(form, "country", mine.country)
        return form


class LogoForm(Form):
    logo = forms.FileField(
        label=_("Picture"),
        help_text=_("PNG, JPEG, WebP or GIF, 1 MB at most. It is shown 40 pixels high."),
        widget=forms.FileInput(attrs={"accept": "image/png,image/jpeg,image/webp,image/gif"}),
        error_messages={"empty": _("The file is empty. Choose another one."), "required": _("Choose a file.")},
    )


class SiteForm(Form):
    name = forms.CharField(label=pgettext_lazy("thing", "Name"), max_length=120)
    phone = forms.CharField(label=_("Phone"), max_length=32, required=False, widget=PhoneInput)
    province = forms.ChoiceField(label=_("Province"), choices=province_choices, required=False)
    city = forms.CharField(label=_("City"), max_length=40, required=False)
    address = forms.CharField(label=_("Address"), max_length=200, required=False)
    departments = forms.MultipleChoiceField(
        label=_("Departments"), choices=DepartmentKind.choices, required=False, widget=PillSelectMultiple
    )
    active = forms.BooleanField(label=pgettext_lazy("site", "Open"), required=False, initial=True)

    @classmethod
    def of(cls, site: Site | None, data: Any = None) -> SiteForm:
        if site is None:
            return cls(data)
        kinds = [department.kind for department in site.departments.all() if department.active]
        fields = ("name", "phone", "province", "city", "address", "active")
        return cls(data, initial={name: getattr(site, name) for name in fields} | {"departments": kinds})


class AddressForm(Form):
    host = forms.CharField(
        label=_("Host name"), max_length=260, help_text=_("For example www.our-dealership.cn. It must be registered.")
    )


class EmployeeForm(Form):
    department_id = forms.UUIDField(label=_("Department"), required=False, widget=forms.Select)
    job_title = forms.CharField(label=_("Job title"), max_length=80, required=False)
    duties = forms.MultipleChoiceField(
        label=_("Duties"), choices=Duty.choices, required=False, widget=PillSelectMultiple
    )
    joined_on = forms.DateField(label=_("Joined on"), required=False, widget=DateInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        rows = Department.objects.filter(active=True).select_related("site")
        self.fields["department_id"].widget.choices = [("", "–"), *((row.pk, f"{row.site} · {row}") for row in rows)]
