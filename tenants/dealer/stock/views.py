"""Pages of the stock of cars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from django.contrib import messages
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from dealer.organisation.queries import profile
from dealer.stock import actions, importing, queries
from dealer.stock.forms import ImportForm, MoveForm, VehicleForm
from dealer.stock.models import StockVehicle, VehicleState
from kernel import audit
from kernel.accounts.access import requires
from kernel.accounts.actors import Actor
from kernel.accounts.roles import Right
from kernel.automotive import vin as vins
from kernel.errors import Conflict, Invalid
from kernel.reference.queries import brand_choices, catalogue, series_choices
from kernel.tenancy.limits import StorageFull, check_storage
from kernel.tenancy.middleware import MembersRequest
from kernel.ui.lists import Choice, Column, DateRange, ListPage, Search

page = require_http_methods(["GET", "HEAD", "POST"])


class VehicleList(ListPage):
    """The cars for sale, the newest movement first."""

    title = gettext_lazy("Cars in stock")
    columns = [
        Column("car", gettext_lazy("Car"), phone="title"),
        Column("vin", gettext_lazy("VIN"), kind="vin", sort="vin", phone="subtitle"),
        Column("state", gettext_lazy("State"), kind="state", sort="state", phone="badge"),
        Column("colour", gettext_lazy("Colour"), value="colour_name", sort="colour"),
        Column("location", gettext_lazy("Location"), sort="location"),
        Column("list_price", gettext_lazy("List price"), kind="money", currency="currency", sort="list_price"),
        Column("arrived_on", gettext_lazy("Arrived on"), kind="date", sort="arrived_on"),
        Column("brand", gettext_lazy("Brand"), export_only=True),
        Column("series", gettext_lazy("Series"), export_only=True),
        Column("model", gettext_lazy("Model"), export_only=True),
        Column("variant", gettext_lazy("Variant"), export_only=True),
    ]
    filters = [
        Search(fields=("vin", "location", "variant"), placeholder=gettext_lazy("VIN or location")),
        Choice("state", gettext_lazy("State"), choices=VehicleState),
        Choice("brand", gettext_lazy("Brand"), choices=brand_choices),
        Choice("series", gettext_lazy("Series"), choices=series_choices),
        DateRange("arrived_on", gettext_lazy("Arrived on"), is_datetime=False),
    ]
    ordering = ("-updated_at", "id")
    export_right = Right.STOCK_READ
    export_name = "cars"
    empty_icon = "car"
    empty_title = gettext_lazy("No cars yet")
    empty_text = gettext_lazy("Take one in, or import a table.")

    def get_queryset(self) -> Any:
        return queries.visible_vehicles(self.request.user)

    def row_url(self, row: StockVehicle) -> str:
        return reverse("stock:vehicle", args=[row.pk])

    def on_export(self, form: str, rows: int) -> None:
        after = {"format": form, "rows": rows, "filters": self.request.GET.urlencode()[:500]}
        audit.record(actor=Actor.of(self.request.user), action="stock.export", obj=profile(), after=after)

    @property
    def actions(self) -> Sequence[Mapping[str, Any]]:
        if not self.request.user.has(Right.STOCK_WRITE):
            return ()
        return (
            {"label": _("Take a car in"), "url": reverse("stock:new"), "icon": "plus"},
            {"label": _("Import"), "url": reverse("stock:import"), "icon": "upload", "variant": "plain"},
        )


listing = requires(Right.STOCK_READ)(VehicleList.as_view())


@requires(Right.STOCK_WRITE)
@page
def new(request: HttpRequest) -> HttpResponseBase:
    """Take one car in."""
    form = VehicleForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            found = actions.receive_vehicle(actor=Actor.of(request.user), **_with_parents(form.cleaned_data))
        except Invalid as refusal:
            refusal.add_to(form)
        except Conflict as refusal:
            form.add_error("vin", str(refusal.message))
        else:
            for warning in vins.inspect(found.vin).warnings:
                messages.warning(request, str(warning.message))
            messages.success(request, _("The car stands in the list."))
            return redirect("stock:vehicle", found.pk)
    return render(request, "stock/new.html", {"form": form}, status=422 if form.errors else 200)


def _with_parents(data: dict[str, Any]) -> dict[str, Any]:
    """Fill brand, series and model in from the variant, and its price where none was typed."""
    listed = catalogue().variants.get(data["variant"])
    if listed is None:
        return data
    filled: dict[str, Any] = {
        "brand": listed.model.series.brand_id,
        "series": listed.model.series_id,
        "model": listed.model_id,
    }
    if data["list_price"] is None:
        filled |= {"list_price": listed.list_price, "currency": listed.currency}
    return data | filled


@requires(Right.STOCK_READ)
@require_safe
def vehicle(request: HttpRequest, id: str) -> HttpResponseBase:
    """One car with its movements."""
    found = queries.access_vehicle_for_reading(id, request.user)
    return _vehicle_page(request, found, MoveForm(initial={"location": found.location}))


def _vehicle_page(request: HttpRequest, found: StockVehicle, form: MoveForm, status: int = 200) -> HttpResponseBase:
    movements = [
        {
            "icon": "truck",
            "title": movement.get_kind_display(),
            "text": " · ".join(part for part in (movement.location, movement.note) if part),
            "at": movement.at,
            "who": movement.by_name,
        }
        for movement in found.movements.all()[:50]
    ]
    context = {
        "vehicle": found,
        "movements": movements,
        "form": form,
        "warnings": vins.inspect(found.vin).warnings,
        "may_write": request.user.has(Right.STOCK_WRITE) and found.state != VehicleState.DELIVERED,
    }
    return render(request, "stock/vehicle.html", context, status=status)


@requires(Right.STOCK_WRITE)
@require_POST
def move(request: HttpRequest, id: str) -> HttpResponseBase:
    """Note where a car stands."""
    found = queries.access_vehicle_for_writing(id, request.user)
    form = MoveForm(request.POST)
    if not form.is_valid():
        return _vehicle_page(request, found, form, status=422)
    actions.move_vehicle(actor=Actor.of(request.user), vehicle_id=found.pk, **form.cleaned_data)
    messages.success(request, _("Saved."))
    return redirect("stock:vehicle", found.pk)


@requires(Right.STOCK_WRITE)
@page
def import_cars(request: HttpRequest) -> HttpResponseBase:
    """Cars from a table: first a dry run that shows every row, then those that are good are taken in.

    Rows that are not good stay on the page, to be corrected and sent again.
    """
    form = ImportForm(request.POST or None, request.FILES or None)
    sheet: importing.Sheet | None = None
    if request.method == "POST" and form.is_valid():
        try:
            sheet = importing.read(_given_text(request, form))
        except Invalid as refusal:
            refusal.add_to(form)
        if sheet is not None and sheet.problem:
            form.add_error(None, sheet.problem)
        elif sheet is not None and request.POST.get("step") == "take_in" and _has_room(request):
            taken = importing.take_in(actor=Actor.of(request.user), sheet=sheet)
            if taken:
                done = ngettext("%(n)s car has been taken in.", "%(n)s cars have been taken in.", len(taken))
                messages.success(request, done % {"n": len(taken)})
            if not sheet.bad:
                return redirect("stock:list")
            sheet = importing.Sheet(sheet.headings, sheet.bad)
    context: dict[str, Any] = {"form": form, "sheet": sheet, "example": ",".join(importing.HEADINGS)}
    if sheet is not None and sheet.rows:
        context["text"] = importing.as_text(sheet.headings, sheet.rows)
        # The form is drawn anew with the rows as they stand now, ready to be corrected.
        context["form"] = ImportForm(initial={"text": context["text"]})
    return render(request, "stock/import.html", context, status=422 if form.errors else 200)


def _has_room(request: HttpRequest) -> bool:
    """Whether the dealership's storage takes more; says so on the page when not."""
    try:
        check_storage(cast(MembersRequest, request).tenant)
    except StorageFull as refusal:
        messages.error(request, str(refusal))
        return False
    return True


def _given_text(request: HttpRequest, form: ImportForm) -> str:
    upload = form.cleaned_data["file"]
    if upload is not None:
        if upload.size > importing.MAX_BYTES:
            return importing.decode(b" " * (importing.MAX_BYTES + 1))
        return importing.decode(upload.read())
    return form.cleaned_data["text"]
