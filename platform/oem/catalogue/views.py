"""Pages of the catalogue: what there is, one entry, bringing entries in and out, publishing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, cast

from django.contrib import messages
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.translation import get_language, gettext_lazy, ngettext, pgettext
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from kernel import audit
from kernel.accounts.access import requires
from kernel.accounts.actors import Actor
from kernel.accounts.roles import Right
from kernel.errors import Invalid, Missing
from kernel.reference.nouns import Energy, Named, Segment, System
from kernel.reference.queries import publication
from kernel.ui.lists import Choice, Column, Filter, ListPage, Search, Toggle
from oem.catalogue import actions, queries, spreadsheet
from oem.catalogue.forms import ImportForm, entry_form
from oem.catalogue.nouns import Noun, noun_called

page = require_http_methods(["GET", "HEAD", "POST"])
_CHOICES = {"segment": Segment, "energy": Energy, "system": System, "causal_group": System}
_KINDS = {
    "list_price": "money",
    "price": "money",
    "standard_hours": "number",
    "model_year": "text",
    "on_sale_from": "date",
    "on_sale_until": "date",
    "withdrawn_on": "date",
    "wear_part": "bool",
    "warranty_months": "number",
    "warranty_km": "number",
}
#: Fields that stand elsewhere in the row, or are too big for one.
_NOT_IN_LISTS = frozenset({"name_zh_hans", "name_zh_hant", "name_en", "currency", "colours", "order"})


def _name_field() -> str:
    return {"zh-hans": "name_zh_hans", "zh-hant": "name_zh_hant"}.get((get_language() or "").lower(), "name_en")


class EntryList(ListPage):
    """The entries of one noun."""

    export_right = Right.NETWORK_READ
    empty_icon = "package"
    empty_title = gettext_lazy("No entries yet")

    @cached_property
    def noun(self) -> Noun:
        return noun_called(self.kwargs["noun"])

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        self.title, self.export_name = self.noun.title, self.noun.key
        self.ordering = (*(("order",) if self.noun.key == "brands" else ()), "pk")

    def get_queryset(self) -> QuerySet[Any]:
        return queries.entries_for(self.noun, self.request.user)

    def get_columns(self) -> Sequence[Column]:
        found = [
            Column("name", pgettext("thing", "Name"), sort=_name_field(), phone="title"),
            Column(
                self.noun.code, self.noun.field(self.noun.code).verbose_name, sort="pk", phone="subtitle", nowrap=True
            ),
        ]
        names = dict(queries.series_names()) if "fits" in self.noun.fields else {}
        for name in self.noun.fields[1:]:
            if name in _NOT_IN_LISTS:
                continue
            label = self.noun.field(name).verbose_name
            if name == "fits":
                found.append(Column(name, label, value=partial(_fitting, names)))
                continue
            if name == self.noun.parent:
                found.append(Column(name, label, value=f"{name}.name", sort=f"{name}_id"))
            else:
                kind = _KINDS.get(name, "text")
                currency = "currency" if kind == "money" else ""
                found.append(Column(name, label, kind=kind, currency=currency, sort=name))
        return found

    def get_filters(self) -> Sequence[Filter]:
        names = ("pk", "name_zh_hans", "name_zh_hant", "name_en")
        found: list[Filter] = [Search(fields=names, placeholder=_("Code or name"))]
        if self.noun.parent:
            field = self.noun.field(self.noun.parent)
            found.append(
                Choice(
                    self.noun.parent,
                    field.verbose_name,
                    field=f"{self.noun.parent}_id",
                    choices=lambda: [(one.pk, one.name) for one in self.noun.above._default_manager.all()],
                )
            )
        if "fits" in self.noun.fields:
            label = self.noun.field("fits").verbose_name
            found.append(Choice("fits", label, choices=queries.series_names, where=_fits_series))
        for name, choices in _CHOICES.items():
            if name in self.noun.fields:
                found.append(Choice(name, self.noun.field(name).verbose_name, choices=choices))
        found.append(Toggle("withdrawn", _("Withdrawn only"), where=Q(withdrawn_on__isnull=False)))
        return found

    def row_url(self, row: Model) -> str:
        return reverse("catalogue:entry", args=[self.noun.key, row.pk])

    @property
    def actions(self) -> Sequence[dict[str, Any]]:
        if not self.request.user.has(Right.CATALOGUE_WRITE):
            return ()
        found = [{"label": _("Add entry"), "url": reverse("catalogue:new", args=[self.noun.key]), "icon": "plus"}]
        if self.noun.exchanged:
            url = reverse("catalogue:import", args=[self.noun.key])
            found.append({"label": _("Import"), "url": url, "icon": "upload", "variant": "plain"})
        return found


def _fitting(names: Mapping[str, str], entry: Any) -> str:
    return ", ".join(names.get(code, code) for code in entry.fits) or _("All series")


def _fits_series(code: str) -> Q:
    return Q(fits__contains=[code]) | Q(fits=[], brand__series=code)


@requires(Right.NETWORK_READ)
@require_GET
def overview(request: HttpRequest) -> HttpResponseBase:
    """All nouns, and what is not published yet."""
    newest = publication()
    standings = queries.standings(newest)
    context = {
        "standings": standings,
        "publication": newest,
        "newer": sum(standing.newer for standing in standings),
        "may_write": request.user.has(Right.CATALOGUE_WRITE),
    }
    return render(request, "catalogue/overview.html", context)


@requires(Right.CATALOGUE_WRITE)
@require_POST
def publish(request: HttpRequest) -> HttpResponseBase:
    """Give the dealerships what the master says."""
    published = actions.publish(actor=Actor.of(request.user))
    if published is None:
        messages.info(request, _("Nothing has changed since the last publication."))
    else:
        messages.success(request, _("Version %(version)s is published.") % {"version": published.version})
    return redirect("catalogue:overview")


def _crumbs(noun: Noun) -> list[tuple[Any, str]]:
    return [
        (_("Catalogue"), reverse("catalogue:overview")),
        (noun.title, reverse("catalogue:list", args=[noun.key])),
    ]


@requires(Right.CATALOGUE_WRITE)
@page
def new(request: HttpRequest, noun: str) -> HttpResponseBase:
    """Add an entry."""
    found = noun_called(noun)
    form = entry_form(found, with_code=True)(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            entry = actions.add_entry(actor=Actor.of(request.user), noun=found, values=form.cleaned_data)
        except Invalid as problem:
            problem.add_to(form)
        else:
            messages.success(request, _("The entry was saved. Dealerships see it after the next publication."))
            return redirect("catalogue:entry", found.key, entry.pk)
    context = {"form": form, "noun": found, "crumbs": _crumbs(found), "title": _("Add entry")}
    return render(request, "catalogue/entry.html", context, status=422 if form.errors else 200)


@requires(Right.NETWORK_READ)
@page
def entry(request: HttpRequest, noun: str, code: str) -> HttpResponseBase:
    """One entry: to change for those who may, to read for the others."""
    found = noun_called(noun)
    shown = queries.access_entry_for_reading(found, code, request.user)
    may_write = request.user.has(Right.CATALOGUE_WRITE)
    context: dict[str, Any] = {
        "noun": found,
        "crumbs": _crumbs(found),
        "title": cast(Named, shown).name,
        "code": shown.pk,
        "unpublished": queries.unpublished_changes(found, shown),
    }
    if not may_write:
        context["facts"] = _facts(found, shown)
        return render(request, "catalogue/entry.html", context, status=405 if request.method == "POST" else 200)
    form = entry_form(found, with_code=False)(request.POST or None, instance=shown)
    if request.method == "POST" and form.is_valid():
        try:
            actions.change_entry(actor=Actor.of(request.user), entry=shown, values=form.cleaned_data)
        except Invalid as problem:
            problem.add_to(form)
        else:
            messages.success(request, _("The entry was saved. Dealerships see it after the next publication."))
            return redirect("catalogue:entry", found.key, shown.pk)
    return render(request, "catalogue/entry.html", {**context, "form": form}, status=422 if form.errors else 200)


def _facts(noun: Noun, entry: Model) -> list[tuple[Any, Any]]:
    facts = []
    for name in noun.fields:
        field = noun.field(name)
        value = getattr(entry, name)
        if name == "colours":
            value = ", ".join(colour["en"] for colour in value)
        elif name == "fits":
            value = _fitting(dict(queries.series_names()), entry)
        elif name == noun.parent:
            value = value.name
        elif field.choices:
            value = getattr(entry, f"get_{name}_display")()
        elif isinstance(value, bool):
            value = _("Yes") if value else _("No")
        facts.append((field.verbose_name, value))
    return facts


# -- in and out ------------------------------------------------------------------------------------------------


def _exchanged(noun: str) -> Noun:
    found = noun_called(noun)
    if not found.exchanged:
        raise Missing()
    return found


@requires(Right.CATALOGUE_WRITE)
@page
def import_file(request: HttpRequest, noun: str) -> HttpResponseBase:
    """Bring entries in from a CSV file: all of them or none, with every mistake named."""
    found = _exchanged(noun)
    form = ImportForm(request.POST or None, request.FILES or None)
    problems: list[dict[str, Any]] = []
    if request.method == "POST" and form.is_valid():
        try:
            rows = spreadsheet.read(found, form.cleaned_data["file"].read(spreadsheet.MAX_BYTES + 1))
            done = actions.import_entries(actor=Actor.of(request.user), noun=found, rows=rows)
        except Invalid as problem:
            problems = _by_row(problem)
            if not problems:
                problem.add_to(form)
        else:
            text = _("%(added)s added, %(changed)s changed, %(same)s as they were.")
            messages.success(request, text % {"added": done.added, "changed": done.changed, "same": done.same})
            return redirect("catalogue:list", found.key)
    wrong = bool(form.errors or problems)
    context = {
        "form": form,
        "noun": found,
        "crumbs": _crumbs(found),
        "problems": problems,
        "problem_count": ngettext("%(n)s mistake", "%(n)s mistakes", len(problems)) % {"n": len(problems)},
    }
    return render(request, "catalogue/import.html", context, status=422 if wrong else 200)


def _by_row(problem: Invalid) -> list[dict[str, Any]]:
    """The mistakes of rows: number of the line in the file, field, message."""
    found = []
    for error in problem.errors:
        row, _dot, field = error.field.partition(".")
        if not row.isdigit():
            return []
        found.append({"line": int(row) + 1, "field": field, "message": error.message})
    return found


@requires(Right.NETWORK_READ)
@require_GET
def export_file(request: HttpRequest, noun: str) -> HttpResponseBase:
    """All entries as a CSV file that can be edited and brought in again."""
    found = _exchanged(noun)
    answer, number = spreadsheet.write(found, queries.entries_for(found, request.user).order_by("pk"))
    newest = publication()
    if newest is not None:
        audit.record(
            actor=Actor.of(request.user),
            action="catalogue.export",
            obj=newest,
            after={"noun": found.key, "entries": number},
        )
    return answer
