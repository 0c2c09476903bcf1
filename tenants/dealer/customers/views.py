"""Pages of customers: list, card, forms."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse, reverse_lazy
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from dealer.customers import actions, consenting, queries, subject_access
from dealer.customers.cards import sections_for
from dealer.customers.forms import ConsentForm, CustomerForm, EndPartyForm, InteractionForm, VehicleForm
from dealer.customers.models import Channel, Customer, Interaction, Kind, Means, Ownership
from dealer.organisation.forms import province_choices
from dealer.organisation.queries import profile
from kernel import audit, clock
from kernel.accounts.access import find, may_open, requires
from kernel.accounts.actors import Actor
from kernel.accounts.models import User
from kernel.accounts.roles import Right
from kernel.errors import Conflict, Invalid
from kernel.ui.lists import Bound, Choice, Column, DateRange, ListPage, Search, Toggle

page = require_http_methods(["GET", "HEAD", "POST"])
_READ = requires(Right.CUSTOMERS_READ)
_WRITE = requires(Right.CUSTOMERS_WRITE)

CHANNEL_ICONS = {
    Channel.VISIT: "store",
    Channel.PHONE: "phone",
    Channel.MESSAGE: "message-square",
    Channel.WECHAT: "message-square",
    Channel.EMAIL: "mail",
    Channel.HOME_VISIT: "house",
    Channel.EVENT: "calendar",
    Channel.WEBSITE: "globe",
    Channel.WORKSHOP: "wrench",
}


# -- list


class CustomerSearch(Search):
    """Searches by what has an index, never by `LIKE '%…%'`."""

    def bind(self, params: QueryDict) -> Bound:
        text = params.get(self.key, "").replace("\x00", "").strip()[:60]
        bound = Bound(self, value=text, shown=text)
        if text:
            bound.q = queries.matching(text)
        return bound


def _cars(customer: Customer) -> SafeString | str:
    return format_html_join(", ", "{}", ((row.vehicle.title or row.vehicle.vin,) for row in vars(customer)["cars"]))


class CustomerList(ListPage):
    """The customers of one's department."""

    title = gettext_lazy("Customers")
    columns = [
        Column("name", gettext_lazy("Name"), sort="pinyin", phone="title"),
        Column(
            "cars", gettext_lazy("Cars"), value=_cars, kind="html", phone="subtitle", export=lambda row: str(_cars(row))
        ),
        Column("kind", gettext_lazy("Kind"), export_only=True),
        Column("city", gettext_lazy("City"), sort=("province", "city")),
        Column("number", gettext_lazy("Number"), kind="number", sort="number"),
        Column("created_at", gettext_lazy("Known since"), kind="date", sort="created_at"),
        Column("phone", gettext_lazy("Phone"), kind="phone", phone="call"),
        Column("email", gettext_lazy("E-mail"), export_only=True),
    ]
    filters = [
        CustomerSearch(placeholder=gettext_lazy("Name, pinyin, phone, plate or VIN")),
        Choice("kind", gettext_lazy("Kind"), choices=Kind),
        Choice("province", gettext_lazy("Province"), choices=lambda: province_choices()[1:]),
        DateRange("created_at", gettext_lazy("Known since")),
        Toggle("without_phone", gettext_lazy("Without telephone number"), where=queries.without_phone()),
    ]
    ordering = ("-created_at", "id")
    export_right = Right.CUSTOMERS_EXPORT
    export_name = "customers"
    empty_icon = "users"
    empty_title = gettext_lazy("No customers yet")
    empty_text = gettext_lazy("Take the first one in with a telephone number and a name.")
    empty_action = gettext_lazy("New customer")
    empty_url = reverse_lazy("customers:new")

    def get_queryset(self) -> Any:
        return queries.with_cars(queries.visible_customers(self.request.user))

    def row_url(self, row: Customer) -> str:
        return reverse("customers:card", args=[row.pk])

    @property
    def actions(self) -> Any:
        if not self.request.user.has(Right.CUSTOMERS_WRITE):
            return []
        return [{"label": _("New customer"), "url": reverse("customers:new"), "icon": "user-plus"}]

    def on_export(self, form: str, rows: int) -> None:
        after = {"format": form, "rows": rows, "filters": self.request.GET.urlencode()[:500]}
        audit.record(actor=Actor.of(self.request.user), action="customers.export", obj=profile(), after=after)


listing = _READ(CustomerList.as_view())


# -- card


def _timeline(rows: list[Interaction], user: User) -> list[dict[str, Any]]:
    return [
        {
            "icon": CHANNEL_ICONS.get(Channel(row.channel), "circle"),
            "title": row.get_channel_display() + (f" · {row.result}" if row.result else ""),
            "text": row.content,
            "at": row.at,
            "who": row.person_name,
            "url": row.url if row.url and may_open(user, row.url) else "",
            "tone": "info" if row.from_customer else "neutral",
        }
        for row in rows
    ]


def _card(request: HttpRequest, customer: Customer, status: int = 200, **forms: Any) -> HttpResponseBase:
    may_write = request.user.has(Right.CUSTOMERS_WRITE)
    names = actions.text_names(customer.language)
    lines = queries.consent_lines(customer)
    next_line = consenting.next_step(lines)
    consents = [
        {
            "line": line,
            "text": line.text.filled(customer.language, names),
            "id": f"consent-{position}",
            "state": consenting.STATES[line.state],
            "ways": consenting.ways(line.latest) if line.latest else "",
            "ask": consenting.ask_url(customer, line.text),
        }
        for position, line in enumerate(lines)
    ]
    context = {
        "customer": customer,
        "ownerships": queries.ownerships_of(customer),
        "timeline": _timeline(queries.interactions_of(customer), request.user),
        "consents": consents,
        "next": next_line,
        "next_url": consenting.ask_url(customer, next_line.text) if next_line else "",
        "given": sum(line.state == "given" for line in lines),
        "sections": sections_for(customer, request.user),
        "interaction_form": InteractionForm(),
        "means": Means.choices,
        "may_write": may_write,
        "may_copy": request.user.has(subject_access.RIGHT),
        **forms,
    }
    return render(request, "customers/card.html", context, status=status)


@_READ
@require_GET
def card(request: HttpRequest, id: str) -> HttpResponseBase:
    """Everything about one customer."""
    return _card(request, queries.access_customer_for_reading(id, request.user))


@_WRITE
@require_POST
def interaction(request: HttpRequest, id: str) -> HttpResponseBase:
    """Write down a contact."""
    customer = queries.access_customer_for_writing(id, request.user)
    form = InteractionForm(request.POST)
    if form.is_valid():
        try:
            actions.log_interaction(actor=Actor.of(request.user), customer=customer, **form.cleaned_data)
        except Invalid as refusal:
            refusal.add_to(form)
        else:
            messages.success(request, _("Written down."))
            return redirect("customers:card", customer.pk)
    return _card(request, customer, 422, interaction_form=form)


# -- taking in and changing


@_WRITE
@page
def new(request: HttpRequest) -> HttpResponseBase:
    """Take a customer in, telephone number first."""
    wanted = request.GET.get("phone", "")[:64]
    form = CustomerForm(request.POST or None, initial={"phone": wanted} if wanted else None)
    if request.method == "POST" and form.is_valid():
        try:
            customer = actions.create_customer(actor=Actor.of(request.user), **form.cleaned_data)
        except Invalid as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, _("The customer has been taken in."))
            return redirect("customers:card", customer.pk)
    return _form(request, form, None)


@_WRITE
@page
def edit(request: HttpRequest, id: str) -> HttpResponseBase:
    """Change what is known of a customer."""
    customer = queries.access_customer_for_writing(id, request.user)
    form = CustomerForm.of(customer, request.POST or None)
    if request.method == "POST" and form.is_valid():
        given = dict(form.cleaned_data)
        if given["name"] == customer.name and given["kind"] == customer.kind:
            del given["name"]  # as it was: how it is parted stays as it was, too
        try:
            actions.update_customer(actor=Actor.of(request.user), customer=customer, **given)
        except Invalid as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, _("Saved."))
            return redirect("customers:card", customer.pk)
    return _form(request, form, customer)


def _form(request: HttpRequest, form: CustomerForm, customer: Customer | None) -> HttpResponseBase:
    found = []
    if form.is_bound:
        found = queries.duplicates(
            request.user,
            phone_number=form.data.get("phone", ""),
            email=form.data.get("email", ""),
            besides=customer.pk if customer else None,
        )
    context = {"form": form, "customer": customer, "duplicates": found}
    return render(request, "customers/form.html", context, status=422 if form.is_bound and form.errors else 200)


@_WRITE
@require_GET
def duplicates(request: HttpRequest) -> HttpResponseBase:
    """The hint while typing: who has this number or address already."""
    besides = request.GET.get("besides", "")
    own = queries.access_customer_for_writing(besides, request.user).pk if besides else None
    found = queries.duplicates(
        request.user,
        phone_number=request.GET.get("phone", "")[:64],
        email=request.GET.get("email", "")[:254],
        besides=own,
    )
    return render(request, "customers/_duplicates.html", {"duplicates": found})


@_WRITE
@require_POST
def meet(request: HttpRequest, id: str) -> HttpResponseBase:
    """Go on with a customer whom another department knows already."""
    customer = queries.access_customer_for_meeting(id, request.user)
    actions.meet_customer(actor=Actor.of(request.user), customer=customer)
    return redirect("customers:card", customer.pk)


# -- consents


@_WRITE
@require_POST
def withdraw_consent(request: HttpRequest, id: str) -> HttpResponseBase:
    """Take a consent back: as easy as giving it (PIPL art. 15)."""
    consent = queries.access_consent_for_withdrawing(id, request.user)
    form = ConsentForm(request.POST)
    if not form.is_valid():
        raise Invalid({name: [str(error) for error in errors] for name, errors in form.errors.items()})
    actions.withdraw_consent(
        actor=Actor.of(request.user),
        consent=consent,
        means=form.cleaned_data["means"],
        note=form.cleaned_data["evidence"],
    )
    messages.success(request, _("Withdrawn. Nothing more leaves under this consent."))
    return redirect(reverse("customers:card", args=[consent.customer_id]) + "#consents")


# -- cars


@_WRITE
@page
def add_vehicle(request: HttpRequest, id: str) -> HttpResponseBase:
    """Put a car to a customer."""
    customer = queries.access_customer_for_writing(id, request.user)
    form = VehicleForm(request.POST or None, initial={"since": clock.today(profile().time_zone)})
    if request.method == "POST" and form.is_valid():
        try:
            _put_vehicle(Actor.of(request.user), customer, dict(form.cleaned_data))
        except Invalid as refusal:
            refusal.add_to(form)
        else:
            messages.success(request, _("The car stands on the card."))
            return redirect("customers:card", customer.pk)
    context = {"form": form, "customer": customer}
    return render(request, "customers/vehicle_form.html", context, status=422 if form.errors else 200)


@transaction.atomic
def _put_vehicle(actor: Actor, customer: Customer, given: dict[str, Any]) -> None:
    role, since, km = given.pop("role"), given.pop("since"), given.pop("odometer_km")
    vehicle = actions.register_vehicle(actor=actor, **given)
    actions.set_party(actor=actor, vehicle=vehicle, customer=customer, role=role, since=since)
    if km is not None:
        today = clock.today(profile().time_zone)
        actions.record_odometer(actor=actor, vehicle=vehicle, km=km, on=today, source="customer")


@_WRITE
@page
def end_party(request: HttpRequest, id: str) -> HttpResponseBase:
    """The customer has this car no more."""
    visible = Ownership.objects.filter(customer__in=queries.visible_customers(request.user))
    ownership = find(visible.select_related("vehicle", "customer"), id)
    form = EndPartyForm(request.POST or None, initial={"until": clock.today(profile().time_zone)})
    if request.method == "POST" and form.is_valid():
        try:
            actions.end_party(actor=Actor.of(request.user), ownership=ownership, until=form.cleaned_data["until"])
        except Invalid as refusal:
            refusal.add_to(form)
        except Conflict as refusal:
            messages.warning(request, str(refusal))
            return redirect("customers:card", ownership.customer_id)
        else:
            messages.success(request, _("Saved."))
            return redirect("customers:card", ownership.customer_id)
    context = {"form": form, "ownership": ownership}
    return render(request, "customers/end_party.html", context, status=422 if form.errors else 200)
