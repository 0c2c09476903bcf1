"""Forms of sales, made for a thumb: pills first, the telephone number before everything else."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any, TypedDict

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from dealer.customers.models import Kind, Sex
from dealer.sales import derive
from dealer.sales.actions.quotations import Line
from dealer.sales.models import (
    ChecklistItem,
    ContactChannel,
    ContactResult,
    CustomerType,
    DeclineReason,
    LineKind,
    LostReason,
    Prospect,
    SalesContract,
    TestDriveResult,
)
from dealer.sales.queries import cars_to_deliver, cars_to_offer, consultants
from dealer.stock.models import StockVehicle
from kernel import clock
from kernel.automotive.channel import Channel
from kernel.automotive.qualification import Item
from kernel.reference.queries import brand_choices, model_choices, series_choices, variant_choices
from kernel.ui.forms import DateInput, DateTimeInput, Form, MoneyInput, PhoneInput, PillSelect, choice_field

NONE = [("", "–")]
YES_NO = [("", _("Not known")), ("True", _("Yes")), ("False", _("No"))]
#: Cars offered in one select; the whole stock has its own list.
MOST_CARS = 60
#: `fit` of `cars_to_offer` up to which a car is of the series that is wanted.
SERIES_FITS = 2


def yes_no(label: Any) -> forms.TypedChoiceField:
    """Yes, no, or not asked yet."""
    return forms.TypedChoiceField(
        label=label,
        choices=YES_NO,
        required=False,
        coerce=lambda value: value == "True",
        empty_value=None,
        widget=PillSelect,
    )


def car_label(vehicle: StockVehicle) -> str:
    parts = (vehicle.car, vehicle.colour_name, vehicle.vin[-6:], vehicle.location, vehicle.get_state_display())
    return " · ".join(str(part) for part in parts if part)


class DeclineForm(Form):
    reason = forms.ChoiceField(label=_("Reason"), choices=DeclineReason.choices, widget=PillSelect)
    text = forms.CharField(label=_("In your words"), required=False, max_length=300)


class ConsultantForm(Form):
    consultant = forms.TypedChoiceField(label=_("Consultant"), coerce=str)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choice_field(self, "consultant").choices = [(str(user.pk), user.name) for user in consultants()]


class ItemsMixin(Form):
    """The eleven items of a prospect that a person tells (R-LEAD-10)."""

    customer_type = forms.ChoiceField(
        label=_("Customer type"), choices=CustomerType.choices, required=False, widget=PillSelect
    )
    channel = forms.ChoiceField(label=_("Customer source"), choices=[*NONE, *Channel.choices], required=False)
    kind = forms.ChoiceField(label=_("Individual or company"), choices=Kind.choices, required=False, widget=PillSelect)
    sex = forms.ChoiceField(label=_("Sex"), choices=Sex.choices, required=False, widget=PillSelect)
    surname = forms.CharField(label=_("Surname"), max_length=60, required=False)
    given_name = forms.CharField(label=_("Given name"), max_length=60, required=False)
    phone = forms.CharField(label=_("Telephone number"), max_length=64, required=False, widget=PhoneInput)
    likes_brand = yes_no(_("Likes the brand"))
    intended_on = forms.DateField(label=_("Intended purchase date"), required=False, widget=DateInput)
    series = forms.ChoiceField(label=_("Series of interest"), required=False)
    model = forms.ChoiceField(label=_("Model of interest"), required=False)
    no_present_vehicle = forms.BooleanField(label=_("Has no car at present"), required=False)
    present_brand = forms.CharField(label=_("Brand of the present car"), max_length=80, required=False)
    present_model = forms.CharField(label=_("Model of the present car"), max_length=80, required=False)

    #: Which fields answer which item.
    FIELDS_OF = {
        Item.CUSTOMER_TYPE: ("customer_type",),
        Item.CUSTOMER_SOURCE: ("channel",),
        Item.PARTY_KIND: ("kind",),
        Item.SEX: ("sex",),
        Item.SURNAME: ("surname", "given_name"),
        Item.PHONE: ("phone",),
        Item.INTENDED_ON: ("likes_brand", "intended_on"),
        Item.WANTED_VEHICLE: ("series", "model"),
        Item.PRESENT_VEHICLE: ("no_present_vehicle", "present_brand", "present_model"),
    }
    ITEM_FIELDS = tuple(name for names in FIELDS_OF.values() for name in names)
    CUSTOMER_FIELDS = ("kind", "sex", "surname", "given_name", "phone")

    def __init__(self, prospect: Prospect, *args: Any, **kwargs: Any) -> None:
        self.prospect = prospect
        customer = prospect.customer
        known = {name: getattr(customer, name) for name in self.CUSTOMER_FIELDS}
        known |= {name: getattr(prospect, name) for name in self.ITEM_FIELDS if name not in self.CUSTOMER_FIELDS}
        known["likes_brand"] = "" if prospect.likes_brand is None else str(prospect.likes_brand)
        kwargs["initial"] = known | kwargs.get("initial", {})
        super().__init__(*args, **kwargs)
        for name, choices in (("series", series_choices()), ("model", model_choices())):
            offered = NONE + choices
            now = known.get(name) or ""
            if now and now not in dict(choices):
                offered.append((now, now))
            choice_field(self, name).choices = offered

    def learnt(self) -> dict[str, Any]:
        """What this form asked for, in the shape of the actions: fields of the prospect and of the customer."""
        given = {name: self.cleaned_data[name] for name in self.ITEM_FIELDS if name in self.fields}
        customer = {name: given.pop(name) for name in self.CUSTOMER_FIELDS if name in given}
        customer = {name: value for name, value in customer.items() if value or name in ("given_name",)}
        return given | ({"customer": customer} if customer else {})


class ProspectForm(ItemsMixin):
    """Everything that is known of a prospect."""

    brand = forms.ChoiceField(label=_("Brand"), required=False)
    variant = forms.ChoiceField(label=_("Variant"), required=False)
    budget = forms.DecimalField(label=_("Budget"), required=False, max_digits=14, decimal_places=2, widget=MoneyInput)
    wish = forms.CharField(label=_("Wish"), required=False, max_length=4000, widget=forms.Textarea)
    field_order = ("phone", "surname", "given_name")
    sections = [
        (_("Customer"), ["phone", "surname", "given_name", "kind", "sex", "customer_type", "channel"]),
        (_("Wish"), ["likes_brand", "intended_on", "brand", "series", "model", "variant", "budget", "wish"]),
        (_("Present car"), ["no_present_vehicle", "present_brand", "present_model"]),
    ]
    ITEM_FIELDS = (*ItemsMixin.ITEM_FIELDS, "brand", "variant", "budget", "wish")

    def __init__(self, prospect: Prospect, *args: Any, **kwargs: Any) -> None:
        super().__init__(prospect, *args, **kwargs)
        for name, choices in (("brand", brand_choices()), ("variant", variant_choices())):
            offered = NONE + choices
            now = getattr(prospect, name)
            if now and now not in dict(choices):
                offered.append((now, now))
            choice_field(self, name).choices = offered


class NewProspectForm(Form):
    """Somebody who walked in or called: the telephone number, a name, what he wants. The rest comes with follow-ups."""

    phone = forms.CharField(
        label=_("Telephone number"),
        max_length=64,
        widget=PhoneInput(
            attrs={
                "hx-get": "/customers/duplicates/",
                "hx-trigger": "input changed delay:400ms",
                "hx-target": "#duplicates",
                "hx-swap": "innerHTML",
            }
        ),
    )
    name = forms.CharField(label=_("Name"), max_length=120)
    channel = forms.ChoiceField(
        label=_("Customer source"), choices=Channel.choices, initial=Channel.SHOWROOM_VISIT, widget=forms.Select
    )
    series = forms.ChoiceField(label=_("Series of interest"), required=False, choices=lambda: NONE + series_choices())
    kind = forms.ChoiceField(
        label=_("Individual or company"), choices=Kind.choices, initial=Kind.INDIVIDUAL, widget=PillSelect
    )
    wish = forms.CharField(label=_("Wish"), required=False, max_length=4000, widget=forms.Textarea)
    sections = [(_("More"), ["kind", "wish"], "folded")]


class FollowUpForm(ItemsMixin):
    """One contact: result, next day, save. What is still missing of the eleven items stands below, folded."""

    RHYTHM, ANOTHER_DAY = "rhythm", "day"
    PLANS = (_("Call again"), _("Visit to the showroom"), _("Test drive"), _("Quotation"), _("Sign the contract"))

    by = forms.ChoiceField(
        label=_("By"), choices=ContactChannel.choices, initial=ContactChannel.PHONE, widget=PillSelect
    )
    result = forms.ChoiceField(label=_("Result"), choices=ContactResult.choices, widget=PillSelect)
    when = forms.ChoiceField(label=_("Next contact"), required=False, widget=PillSelect)
    next_on = forms.DateField(label=_("Another day"), required=False, widget=DateInput)
    plan = forms.ChoiceField(label=_("Plan"), required=False, widget=PillSelect)
    next_plan = forms.CharField(label=_("Another plan"), required=False, max_length=200)
    note = forms.CharField(label=_("Note"), required=False, max_length=4000, widget=forms.Textarea)
    wide = ("by", "result", "when", "plan", "note")

    def __init__(self, prospect: Prospect, *args: Any, **kwargs: Any) -> None:
        super().__init__(prospect, *args, **kwargs)
        today = derive.today()
        rhythm = derive.next_contact(prospect, today)
        days = [(str(n), label) for n, label in ((1, _("Tomorrow")), (3, _("In 3 days")), (7, _("In a week")))]
        days += [("30", _("In a month")), (self.ANOTHER_DAY, _("Another day"))]
        choice_field(self, "when").choices = [(self.RHYTHM, _("As usual")), *days]
        self.fields["when"].initial = self.RHYTHM
        self.fields["when"].help_text = _("As usual: %(day)s") % {"day": rhythm.isoformat()}
        choice_field(self, "plan").choices = [("", _("None")), *((str(plan), plan) for plan in self.PLANS)]
        asked = [name for item in prospect.missing if item in self.FIELDS_OF for name in self.FIELDS_OF[Item(item)]]
        first = ["by", "result", "when", "next_on", "plan", "next_plan", "note"]
        if prospect.likes_brand is None:
            # Without the answer nobody knows how warm he is (R-LEAD-05), so it is not folded away.
            first.insert(2, "likes_brand")
        asked = [name for name in asked if name not in first]
        for name in set(self.ITEM_FIELDS) - set(asked) - set(first):
            del self.fields[name]
        self.sections = [("", first), (_("Still missing: what did you learn?"), asked, "folded")]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if data.get("when") == self.ANOTHER_DAY and not data.get("next_on") and "next_on" not in self.errors:
            self.add_error("next_on", _("Choose the day of the next contact."))
        return data

    def planned(self) -> tuple[date | None, str]:
        """Day and plan of the next contact; None leaves the day to the rhythm."""
        data = self.cleaned_data
        day = data["next_on"]
        if day is None and data["when"].isdigit():
            day = derive.today() + timedelta(days=int(data["when"]))
        return day, data["next_plan"] or data["plan"]

    def learnt(self) -> dict[str, Any]:
        found = super().learnt()
        if "channel" in found:
            found["source"] = found.pop("channel") or None
        return {name: value for name, value in found.items() if value not in (None, "")}


class LoseForm(Form):
    reason = forms.ChoiceField(label=_("Reason"), choices=LostReason.choices, widget=PillSelect)
    text = forms.CharField(label=_("In your words"), required=False, max_length=300)


class CarsMixin(Form):
    """A select over cars of the stock; its choices are the rows that a query gave."""

    def offer(self, field: str, cars: Any, none: Any) -> None:
        rows = list(cars[:MOST_CARS])
        self.cars = {str(row.pk): row for row in rows}
        choice_field(self, field).choices = ([("", none)] if none else []) + [
            (str(row.pk), car_label(row)) for row in rows
        ]

    def suggest(self, field: str) -> None:
        """Choose the first car that is of the series wanted, if there is one: a click less."""
        first = next(iter(self.cars.values()), None)
        if first is not None and first.fit <= SERIES_FITS:
            self.fields[field].initial = str(first.pk)


class TestDriveForm(CarsMixin):
    __test__ = False

    vehicle = forms.ChoiceField(label=_("Car"), required=False)
    scheduled_at = forms.DateTimeField(label=_("Time"), widget=DateTimeInput)
    minutes = forms.IntegerField(label=_("Minutes"), initial=45, min_value=10, max_value=480)
    route = forms.CharField(label=_("Route"), required=False, max_length=120)
    note = forms.CharField(label=_("Note"), required=False, max_length=4000, widget=forms.Textarea)
    sections = [(_("More"), ["minutes", "route", "note"], "folded")]

    def __init__(self, prospect: Prospect, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("initial", {"scheduled_at": _next_hour()})
        super().__init__(*args, **kwargs)
        self.offer("vehicle", cars_to_offer(prospect), _("Another car"))
        self.suggest("vehicle")


def _next_hour() -> Any:
    soon = timezone.localtime(clock.now() + timedelta(hours=1))
    return soon.replace(minute=0, second=0, microsecond=0)


class TestDriveDoneForm(Form):
    __test__ = False

    licence_seen = forms.BooleanField(label=_("I have seen the driving licence."), required=False)
    result = forms.ChoiceField(
        label=_("Impression"), choices=TestDriveResult.choices, required=False, widget=PillSelect
    )
    route = forms.CharField(label=_("Route"), required=False, max_length=120)
    note = forms.CharField(label=_("Note"), required=False, max_length=4000, widget=forms.Textarea)


class Amounts(TypedDict):
    """What a quotation takes off and adds besides its lines."""

    discount: Decimal
    insurance: Decimal


class QuotationForm(CarsMixin):
    """A car of the stock or a variant to be ordered, its price, three lines of extras, discount and insurance."""

    EXTRAS = 3

    vehicle = forms.ChoiceField(label=_("Car in stock"), required=False)
    variant = forms.ChoiceField(label=_("Or to be ordered"), required=False)
    list_price = forms.DecimalField(
        label=_("List price"), required=False, max_digits=14, decimal_places=2, widget=MoneyInput
    )
    discount = forms.DecimalField(
        label=_("Discount"), required=False, max_digits=14, decimal_places=2, widget=MoneyInput
    )
    insurance = forms.DecimalField(
        label=_("Insurance"), required=False, max_digits=14, decimal_places=2, widget=MoneyInput
    )
    valid_until = forms.DateField(label=_("Valid until"), required=False, widget=DateInput)
    note = forms.CharField(label=_("Note"), required=False, max_length=4000, widget=forms.Textarea)

    def __init__(self, prospect: Prospect, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.offer("vehicle", cars_to_offer(prospect), _("None of the stock"))
        self.suggest("vehicle")
        choice_field(self, "variant").choices = NONE + variant_choices()
        if prospect.variant in dict(variant_choices()):
            self.fields["variant"].initial = prospect.variant
        self.fields["list_price"].help_text = _("Empty: the price of the car or of the list.")
        extras = []
        for n in range(self.EXTRAS):
            self.fields[f"extra_{n}_kind"] = forms.ChoiceField(
                label=_("Kind"),
                required=False,
                choices=[(kind.value, kind.label) for kind in (LineKind.OPTION, LineKind.SERVICE, LineKind.GIFT)],
            )
            self.fields[f"extra_{n}_text"] = forms.CharField(label=_("For what"), required=False, max_length=200)
            self.fields[f"extra_{n}_amount"] = forms.DecimalField(
                label=_("Amount"), required=False, max_digits=14, decimal_places=2, widget=MoneyInput
            )
            extras += [f"extra_{n}_kind", f"extra_{n}_text", f"extra_{n}_amount"]
        self.sections = [
            (_("Car"), ["vehicle", "variant", "list_price"]),
            (_("Price"), ["discount", "insurance"]),
            (_("Options, services and gifts"), extras, "folded"),
            (_("More"), ["valid_until", "note"], "folded"),
        ]

    def amounts(self) -> Amounts:
        """Discount and insurance as far as they can be read; zero for the rest."""
        read = self.cleaned_data.get
        return {"discount": read("discount") or Decimal(0), "insurance": read("insurance") or Decimal(0)}

    def extras(self) -> list[Line]:
        """The lines with something in them."""
        found = []
        for n in range(self.EXTRAS):
            text = (self.cleaned_data.get(f"extra_{n}_text") or "").strip()
            amount = self.cleaned_data.get(f"extra_{n}_amount")
            if text or amount is not None:
                kind = self.cleaned_data.get(f"extra_{n}_kind") or LineKind.OPTION
                found.append(Line(kind, text, amount or Decimal(0)))
        return found


class SignForm(Form):
    signed_on = forms.DateField(label=_("Signed on"), widget=DateInput)
    delivery_planned_on = forms.DateField(label=_("Delivery planned on"), required=False, widget=DateInput)
    deposit = forms.DecimalField(
        label=_("Deposit"), required=False, max_digits=14, decimal_places=2, min_value=0, widget=MoneyInput
    )
    loan = forms.DecimalField(
        label=_("Loan"), required=False, max_digits=14, decimal_places=2, min_value=0, widget=MoneyInput
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["signed_on"].initial = derive.today()
        self.fields["deposit"].help_text = _("The rest is due at the delivery.")


class NoteForm(Form):
    note = forms.CharField(label=_("Reason"), max_length=300, widget=forms.Textarea(attrs={"rows": "3"}))


class DeliveryForm(CarsMixin):
    """The car by its VIN, the day, the odometer, and everything on the list done."""

    vehicle = forms.ChoiceField(label=_("Car"), widget=forms.RadioSelect)
    delivered_on = forms.DateField(label=_("Delivered on"), widget=DateInput)
    odometer_km = forms.IntegerField(label=_("Odometer, km"), initial=10)
    plate = forms.CharField(label=_("Plate"), required=False, max_length=16)
    checklist = forms.MultipleChoiceField(
        label=_("Done"),
        choices=ChecklistItem.choices,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Do everything on the list before the car leaves.")},
    )
    note = forms.CharField(label=_("Note"), required=False, max_length=4000, widget=forms.Textarea)

    def __init__(self, contract: SalesContract, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.offer("vehicle", cars_to_deliver(contract), "")
        rows = list(self.cars)
        self.fields["vehicle"].initial = str(contract.vehicle_id) if contract.vehicle_id else rows[0] if rows else None
        self.fields["delivered_on"].initial = derive.today()


class PolicyForm(Form):
    approval_limit = forms.DecimalField(
        label=_("A sales manager approves contracts up to"), max_digits=14, decimal_places=2, widget=MoneyInput
    )
    hot_months = forms.IntegerField(label=_("Hot: buys within months"))
    warm_months = forms.IntegerField(label=_("Warm: buys within months"))
    quotation_days = forms.IntegerField(label=_("Days a quotation is valid"))
