"""Pages of the network: the list of dealerships, one dealership, and what is entered about it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import Count, Q, QuerySet
from django.forms import BaseForm
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse, reverse_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from kernel import clock
from kernel.accounts import links
from kernel.accounts.access import requires
from kernel.accounts.actors import Actor
from kernel.accounts.roles import Right
from kernel.errors import Invalid
from kernel.reference import queries as reference
from kernel.tenancy.models import RequestState, UpgradeState
from kernel.ui import states, usage
from kernel.ui.lists import Choice, Column, ListPage, Search
from kernel.ui.templatetags.ui import local_text, number
from oem.network import actions, queries
from oem.network.forms import (
    CapabilityForm,
    DealershipForm,
    NewDealershipForm,
    RetireForm,
    SiteForm,
    TerritoryForm,
)
from oem.network.models import Dealership, DealershipState
from oem.network.panels import panels_for

states.register({"joining": "info", "retiring": "warning", "behind": "info", "fenced": "error", "stopped": "warning"})

page = require_http_methods(["GET", "HEAD", "POST"])
WAITING = (DealershipState.JOINING, DealershipState.RETIRING)
#: Where a session keeps the first sign-ins that its person may still hand over: slug → login and link.
FIRST_SIGN_INS = "network.first_sign_ins"


def _brands(dealership: Any, verb: str) -> str:
    codes = {one.brand for one in dealership.current_capabilities if getattr(one, verb)}
    return ", ".join(name for code, name in reference.brand_choices() if code in codes)


class DealershipList(ListPage):
    """The dealerships of the network."""

    title = gettext_lazy("Dealerships")
    columns = [
        Column("name", gettext_lazy("Dealership"), value="short_name", sort="slug", phone="title"),
        Column("place", gettext_lazy("Place"), value=queries.place_name, sort=("province", "city"), phone="subtitle"),
        Column("state", gettext_lazy("State"), sort="state", kind="state", phone="badge"),
        Column("sells", gettext_lazy("Sells"), value=lambda row: _brands(row, "sells")),
        Column("services", gettext_lazy("Services"), value=lambda row: _brands(row, "services")),
        Column("site_count", gettext_lazy("Sites"), sort="site_count", kind="number", phone="hide"),
        Column("sales_target", gettext_lazy("Sales target a year"), sort="sales_target", kind="number", total=True),
        Column("phone", gettext_lazy("Phone"), kind="phone", phone="call"),
    ]
    filters = [
        Search(
            fields=("slug", "name", "short_name_zh_hans", "short_name_zh_hant", "short_name_en"),
            placeholder=gettext_lazy("Name of the dealership"),
        ),
        Choice("province", gettext_lazy("Province"), choices=queries.province_choices),
        Choice("brand", gettext_lazy("Brand"), choices=reference.brand_choices, where=queries.has_brand),
        Choice("state", gettext_lazy("State"), choices=DealershipState),
    ]
    ordering = "slug"
    export_right = Right.NETWORK_READ
    export_name = "dealerships"
    empty_icon = "store"
    empty_title = gettext_lazy("No dealerships yet")
    empty_action = gettext_lazy("Add dealership")
    empty_url: Any = reverse_lazy("network:new")

    def get_queryset(self) -> QuerySet[Dealership]:
        open_sites = Count("sites", filter=Q(sites__closed_on=None))
        return queries.with_capabilities(queries.dealerships_for(self.request.user)).annotate(site_count=open_sites)

    def row_url(self, row: Dealership) -> str:
        return reverse("network:dealership", args=[row.slug])

    @property
    def actions(self) -> Sequence[dict[str, Any]]:
        if not self.request.user.has(Right.NETWORK_WRITE):
            return ()
        return [{"label": _("Add dealership"), "url": reverse("network:new"), "icon": "plus"}]


def _crumbs(dealership: Dealership | None = None) -> list[tuple[str, str]]:
    found = [(_("Dealerships"), reverse("network:list"))]
    if dealership is not None:
        found.append((dealership.short_name, reverse("network:dealership", args=[dealership.slug])))
    return found


def _form_page(
    request: HttpRequest,
    form: BaseForm,
    save: Callable[..., Any],
    *,
    title: str,
    crumbs: list[tuple[str, str]],
    done: str,
    submit: str = "",
    notice: str = "",
) -> HttpResponseBase:
    """Show a form; save what was sent by one action and go back to the last crumb, or show what is wrong."""
    if request.method == "POST" and form.is_valid():
        try:
            save(actor=Actor.of(request.user), **form.cleaned_data)
        except Invalid as problem:
            problem.add_to(form)
        else:
            messages.success(request, done)
            return redirect(crumbs[-1][1])
    context = {
        "form": form,
        "title": title,
        "crumbs": crumbs,
        "back": crumbs[-1][1],
        "submit": submit or _("Save"),
        "notice": notice,
    }
    return render(request, "network/form.html", context, status=422 if form.errors else 200)


@requires(Right.NETWORK_READ)
@require_GET
def dealership(request: HttpRequest, slug: str) -> HttpResponseBase:
    """One dealership: master data, sites, capabilities, territories, panels of other apps."""
    found = queries.access_dealership_for_reading(slug, request.user)
    today = clock.today(reference.CALENDAR)
    entry = queries.directory_entry(found)
    leaving = queries.leaving_dates(entry)
    left = {
        "retired_at": _("Left the network on"),
        "drop_after": _("Its data is kept at least until"),
        "dropped_at": _("Its data was deleted on"),
    }
    facts = [
        *((left[name], local_text(moment, "date")) for name, moment in leaving.items()),
        (_("Company name"), found.name),
        (_("Addresses of its own"), ", ".join(queries.own_hosts(entry))),
        (_("Place"), queries.place_name(found)),
        (_("District"), queries.region_name(found.district)),
        (_("Street address"), found.address),
        (_("Opened on"), local_text(found.opened_on) if found.opened_on else ""),
        (_("Sales target a year"), number(found.sales_target) if found.sales_target else ""),
        (_("Network manager"), found.network_manager),
        (_("Field representative"), found.field_representative),
    ]
    context = {
        "dealership": found,
        "facts": [(label, value) for label, value in facts if value not in (None, "")],
        "sites": [(site, queries.place_name(site)) for site in found.sites.all()],
        "capabilities": [
            (one, reference.brand_name(one.brand), reference.series_name(one.series), one.in_force(today))
            for one in found.capabilities.all()
        ],
        "territories": [(one, queries.region_name(one.region)) for one in found.territories.all()],
        "address": queries.address_of(slug, port=_port(request), secure=request.is_secure()),
        "may_write": request.user.has(Right.NETWORK_WRITE),
        "waiting": found.state in WAITING or found.state == DealershipState.FAILED,
        "panels": panels_for(request, found),
        "limits": usage.facts(found.id, *queries.limits_of(found)),
        "crumbs": _crumbs(),
    }
    return render(request, "network/dealership.html", context)


def _port(request: HttpRequest) -> str:
    return request.get_host().partition(":")[2]


def _first_address(request: HttpRequest, slug: str, link: str) -> str:
    """Where the first person of a dealership chooses a password."""
    return links.address_of(link, queries.host_of(slug, port=_port(request)), secure=request.is_secure())


# -- joining and retiring --------------------------------------------------------------------------------------


@requires(Right.NETWORK_WRITE)
@page
def new(request: HttpRequest) -> HttpResponseBase:
    """Add a dealership; then watch the steward set it up."""
    form = NewDealershipForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            joining = actions.add_dealership(actor=Actor.of(request.user), **form.cleaned_data)
        except Invalid as problem:
            problem.add_to(form)
        else:
            slug = joining.dealership.slug
            kept = request.session.get(FIRST_SIGN_INS, {})
            kept[slug] = {"login": joining.login, "link": joining.first_link}
            request.session[FIRST_SIGN_INS] = kept
            return redirect("network:joining", slug)
    context = {
        "form": form,
        "title": _("Add dealership"),
        "crumbs": _crumbs(),
        "back": reverse("network:list"),
        "submit": _("Add dealership"),
    }
    return render(request, "network/form.html", context, status=422 if form.errors else 200)


@requires(Right.NETWORK_READ)
@require_GET
def joining(request: HttpRequest, slug: str) -> HttpResponseBase:
    """How far the steward is; asks again by htmx until it is done, then gives the address and the first sign-in."""
    found = queries.access_dealership_for_reading(slug, request.user)
    found = actions.note_answer(actor=Actor.of(request.user), dealership=found)
    asked = queries.steward_request(found)
    first = request.session.get(FIRST_SIGN_INS, {}).get(slug)
    running = asked is not None and asked.state == RequestState.RUNNING
    failed = found.state == DealershipState.FAILED
    done = found.state not in (*WAITING, DealershipState.FAILED)
    unsigned = asked is not None and asked.awaits_signature and found.state == DealershipState.RETIRING
    middle = "failed" if failed else "done" if done else "now" if running else ""
    closing = asked is not None and asked.verb == "retire"
    context = {
        "dealership": found,
        "crumbs": _crumbs(found),
        "steps": [
            {"label": pgettext("step", "Asked for"), "state": "done" if running or done or failed else "now"},
            *([{"label": _("Confirmed"), "state": "now" if unsigned else "done"}] if closing else []),
            {"label": _("Being closed") if closing else _("Being set up"), "state": middle},
            {"label": _("Finished"), "state": "done" if done else ""},
        ],
        "waiting": found.state in WAITING and not unsigned,
        "unsigned": unsigned,
        "failed": failed,
        "ready": found.state == DealershipState.ACTIVE,
        "address": queries.address_of(slug, port=_port(request), secure=request.is_secure()),
        "login": first["login"] if first else "",
        "link": _first_address(request, slug, first["link"]) if first else "",
        "may_write": request.user.has(Right.NETWORK_WRITE),
    }
    partial = request.headers.get("HX-Request") == "true"
    return render(request, "network/_progress.html" if partial else "network/joining.html", context)


@requires(Right.NETWORK_WRITE)
@require_POST
def try_again(request: HttpRequest, slug: str) -> HttpResponseBase:
    """Ask the steward once more to set up a dealership whose set-up failed."""
    found = queries.access_dealership_for_change(slug, request.user)
    actions.try_joining_again(actor=Actor.of(request.user), dealership=found)
    return redirect("network:joining", slug)


@requires(Right.NETWORK_WRITE)
@page
def retire(request: HttpRequest, slug: str) -> HttpResponseBase:
    """Ask to close a dealership, after its name was typed. An operator confirms it on the machine of the network."""
    found = queries.access_dealership_for_change(slug, request.user)
    form = RetireForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            actions.retire_dealership(actor=Actor.of(request.user), dealership=found, **form.cleaned_data)
        except Invalid as problem:
            problem.add_to(form)
        else:
            return redirect("network:joining", slug)
    context = {"form": form, "dealership": found, "crumbs": _crumbs(found)}
    return render(request, "network/retire.html", context, status=422 if form.errors else 200)


@requires(Right.NETWORK_WRITE)
@require_POST
def keep(request: HttpRequest, slug: str) -> HttpResponseBase:
    """Take back the wish to close a dealership."""
    found = queries.access_dealership_for_change(slug, request.user)
    actions.withdraw_retirement(actor=Actor.of(request.user), dealership=found)
    messages.success(request, _("The dealership stays."))
    return redirect("network:dealership", slug)


@requires(Right.NETWORK_WRITE)
@page
def edit(request: HttpRequest, slug: str) -> HttpResponseBase:
    """Change a dealership's master data."""
    found = queries.access_dealership_for_change(slug, request.user)
    return _form_page(
        request,
        DealershipForm(request.POST or None, dealership=found),
        lambda **data: actions.change_dealership(dealership=found, **data),
        title=_("Edit dealership"),
        crumbs=_crumbs(found),
        done=_("The dealership was saved."),
    )


# -- the fleet -------------------------------------------------------------------------------------------------


@requires(Right.NETWORK_READ)
@require_GET
def fleet(request: HttpRequest) -> HttpResponseBase:
    """Where the databases of the network stand, and how far an upgrade is."""
    found = queries.fleet()
    run = found["run"]
    running = run is not None and run.state == UpgradeState.RUNNING and not run.silent
    context = {
        **found,
        "running": running,
        "watching": running or found["asked"],
        "may_upgrade": request.user.has(Right.EXCHANGE_REPAIR) and (found["behind"] or found["fenced"]),
    }
    partial = request.headers.get("HX-Request") == "true"
    return render(request, "network/_fleet.html" if partial else "network/fleet.html", context)


@requires(Right.EXCHANGE_REPAIR)
@require_POST
def upgrade_fleet(request: HttpRequest) -> HttpResponseBase:
    """Ask the steward to bring forward what is not at this release."""
    actions.ask_for_upgrade(actor=Actor.of(request.user))
    return redirect("network:fleet")


# -- sites, capabilities, territories --------------------------------------------------------------------------


@requires(Right.NETWORK_WRITE)
@page
def new_site(request: HttpRequest, slug: str) -> HttpResponseBase:
    """Add a site."""
    found = queries.access_dealership_for_change(slug, request.user)
    return _form_page(
        request,
        SiteForm(request.POST or None, initial={"city": queries.region_name(found.city)}),
        lambda **data: actions.add_site(dealership=found, **data),
        title=_("Add site"),
        crumbs=_crumbs(found),
        done=_("The site was saved."),
    )


@requires(Right.NETWORK_WRITE)
@page
def site(request: HttpRequest, slug: str, id: UUID) -> HttpResponseBase:
    """Change or close a site."""
    found = queries.access_dealership_for_change(slug, request.user)
    changed = queries.access_site_for_change(found, id)
    return _form_page(
        request,
        SiteForm(request.POST or None, site=changed),
        lambda **data: actions.change_site(site=changed, **data),
        title=_("Edit site"),
        crumbs=_crumbs(found),
        done=_("The site was saved."),
    )


@requires(Right.NETWORK_WRITE)
@page
def new_capability(request: HttpRequest, slug: str) -> HttpResponseBase:
    """Let a dealership sell or service something more."""
    found = queries.access_dealership_for_change(slug, request.user)
    return _form_page(
        request,
        CapabilityForm(request.POST or None, initial={"valid_from": clock.today(reference.CALENDAR)}),
        lambda **data: actions.grant_capability(dealership=found, **data),
        title=_("Add capability"),
        crumbs=_crumbs(found),
        done=_("The capability was saved."),
    )


@requires(Right.NETWORK_WRITE)
@page
def capability(request: HttpRequest, slug: str, id: UUID) -> HttpResponseBase:
    """Change or end a capability."""
    found = queries.access_dealership_for_change(slug, request.user)
    changed = queries.access_capability_for_change(found, id)
    return _form_page(
        request,
        CapabilityForm(request.POST or None, capability=changed),
        lambda **data: actions.change_capability(capability=changed, **data),
        title=_("Edit capability"),
        crumbs=_crumbs(found),
        done=_("The capability was saved."),
    )


@requires(Right.NETWORK_WRITE)
@page
def new_territory(request: HttpRequest, slug: str) -> HttpResponseBase:
    """Let a dealership look after a province or a city."""
    found = queries.access_dealership_for_change(slug, request.user)
    return _form_page(
        request,
        TerritoryForm(request.POST or None),
        lambda **data: actions.assign_territory(dealership=found, **data),
        title=_("Add region"),
        crumbs=_crumbs(found),
        done=_("The region was saved."),
    )


@requires(Right.NETWORK_WRITE)
@require_POST
def withdraw_territory(request: HttpRequest, slug: str, id: UUID) -> HttpResponseBase:
    """End a dealership's care for a region."""
    found = queries.access_dealership_for_change(slug, request.user)
    territory = queries.access_territory_for_change(found, id)
    actions.withdraw_territory(actor=Actor.of(request.user), territory=territory)
    messages.success(request, _("The region was taken away."))
    return redirect("network:dealership", slug)
