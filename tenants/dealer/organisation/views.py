"""Pages of the dealership itself: today's list, settings, logo, people."""

from __future__ import annotations

from typing import Any, cast
from urllib.parse import urlencode

from django.conf import settings as conf
from django.contrib import messages
from django.http import FileResponse, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.cache import patch_cache_control
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from dealer.organisation import actions, exporting, logos, queries
from dealer.organisation.forms import AddressForm, EmployeeForm, LogoForm, ProfileForm, SiteForm
from dealer.organisation.models import Duty, ExportState
from dealer.organisation.search import target_for
from dealer.organisation.today import worklist
from kernel import audit
from kernel.accounts.access import find, open_to_all, requires, signed_in
from kernel.accounts.actors import Actor
from kernel.accounts.models import User
from kernel.accounts.roles import Right, Role
from kernel.audit import exports as taken_exports
from kernel.errors import Conflict, Invalid, Missing
from kernel.tenancy import directory, hosts
from kernel.tenancy.limits import StorageFull, check_storage
from kernel.tenancy.middleware import MembersRequest
from kernel.tenancy.models import HostState
from kernel.ui import states, usage
from kernel.ui.lists import Choice, Column, ListPage, Search

states.register({"asked": "info", "bound": "success", "released": "neutral"}, kind="address")
states.register({"running": "info", "waiting": "info"}, kind="export")

page = require_http_methods(["GET", "HEAD", "POST"])
#: Keys of the navigation that are no jobs of their own.
_NO_JOBS = frozenset({"today", "people", "settings", "account", "sign_out"})


def _status(form: Any) -> int:
    return 422 if form.is_bound and form.errors else 200


@signed_in
@require_GET
def today(request: HttpRequest) -> HttpResponseBase:
    """The start page: what this person has to do, the most urgent first."""
    return worklist.page(request, title=_("Today"), no_jobs=_NO_JOBS)


@signed_in
@require_GET
def search(request: HttpRequest) -> HttpResponseBase:
    """The search box of the page's head."""
    target = target_for(request.user)
    if target is None:
        messages.info(request, _("There is nothing to search for your role."))
        return redirect("organisation:today")
    return redirect(reverse(target) + "?" + urlencode({"q": request.GET.get("q", "")[:100]}))


# -- settings


@requires(Right.SETTINGS_MANAGE)
@page
def settings(request: HttpRequest) -> HttpResponseBase:
    """Name, address, language, money, colours."""
    mine = queries.profile()
    form = ProfileForm.of(mine, request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            actions.update_profile(actor=Actor.of(request.user), **form.cleaned_data)
        except Invalid as refusal:
            refusal.add_to(form)
        else:
            messages.success(request, _("Saved."))
            return redirect("organisation:settings")
    return _settings_page(request, form, LogoForm(), status=_status(form))


def _settings_page(request: HttpRequest, form: ProfileForm, logo_form: LogoForm, *, status: int) -> HttpResponse:
    member = cast(MembersRequest, request).tenant
    context = {
        "form": form,
        "logo_form": logo_form,
        "mine": queries.profile(),
        "sites": queries.sites(),
        "limits": usage.facts(member.id, member.limits, member.usage, exports=taken_exports.today()),
    }
    return render(request, "organisation/settings.html", context, status=status)


@requires(Right.SETTINGS_MANAGE)
@require_POST
def set_logo(request: HttpRequest) -> HttpResponseBase:
    """Upload the logo."""
    form = LogoForm(request.POST, request.FILES)
    if form.is_valid():
        upload = form.cleaned_data["logo"]
        try:
            check_storage(cast(MembersRequest, request).tenant)
            actions.set_logo(actor=Actor.of(request.user), upload=upload, size=upload.size)
        except Invalid as refusal:
            refusal.add_to(form)
        except StorageFull as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, _("The logo has been changed."))
            return redirect("organisation:settings")
    return _settings_page(request, ProfileForm.of(queries.profile()), form, status=422)


@requires(Right.SETTINGS_MANAGE)
@require_POST
def remove_logo(request: HttpRequest) -> HttpResponseBase:
    """Take the logo away."""
    actions.remove_logo(actor=Actor.of(request.user))
    messages.success(request, _("The logo has been taken away."))
    return redirect("organisation:settings")


@open_to_all
@require_GET
def logo(request: HttpRequest, name: str) -> HttpResponseBase:
    """The logo in force; the sign-in page shows it too. Its name changes with every new one."""
    mine = queries.profile()
    picture = logos.read(mine.id, mine.logo) if mine.logo and name == mine.logo else None
    if picture is None:
        raise Missing()
    response = HttpResponse(picture, content_type="image/png")
    response.headers["Content-Security-Policy"] = "default-src 'none'"
    patch_cache_control(response, public=True, max_age=86400, immutable=True)
    return response


@requires(Right.SETTINGS_MANAGE)
@page
def site(request: HttpRequest, id: str = "") -> HttpResponseBase:
    """Add or change a site."""
    found = find(queries.sites(), id) if id else None
    form = SiteForm.of(found, request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            actions.save_site(actor=Actor.of(request.user), site=found, **form.cleaned_data)
        except Invalid as refusal:
            refusal.add_to(form)
        else:
            messages.success(request, _("Saved."))
            return redirect("organisation:settings")
    return render(request, "organisation/site.html", {"form": form, "site": found}, status=_status(form))


# -- taking everything along


@requires(Right.EVERYTHING_EXPORT)
@page
def exports(request: HttpRequest) -> HttpResponseBase:
    """Everything of this dealership as one file: ask for it, watch it grow, fetch it."""
    if request.method == "POST":
        try:
            actions.request_export(actor=Actor.of(request.user))
        except Conflict as refusal:
            messages.error(request, str(refusal))
        return redirect("organisation:exports")
    rows = list(queries.exports()[:20])
    context = {
        "exports": rows,
        "open": next((row for row in rows if row.state in (ExportState.WAITING, ExportState.RUNNING)), None),
        "kept_days": conf.EXPORT_KEPT_DAYS,
        "a_day": conf.EXPORTS_A_DAY,
    }
    partial = request.headers.get("HX-Request") == "true"
    return render(request, "organisation/_exports.html" if partial else "organisation/exports.html", context)


@requires(Right.EVERYTHING_EXPORT)
@require_GET
def download_export(request: HttpRequest, id: str) -> HttpResponseBase:
    """The file. That it was taken away is written down."""
    export = queries.access_export_for_download(id, request.user)
    try:
        file = exporting.path_of(export).open("rb")
    except OSError:
        raise Missing() from None
    actions.note_download(actor=Actor.of(request.user), export=export)
    response = FileResponse(file, as_attachment=True, filename=export.file, content_type="application/zip")
    response["Cache-Control"] = "private, no-store"
    return response


# -- web addresses of the dealership's own


@requires(Right.SETTINGS_MANAGE)
@page
def addresses(request: HttpRequest) -> HttpResponseBase:
    """Host names of the dealership's own: ask for one, see what to enter where, and how far it is."""
    form = AddressForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            actions.ask_for_address(actor=Actor.of(request.user), **form.cleaned_data)
        except Invalid as refusal:
            refusal.add_to(form)
        except Conflict as refusal:
            messages.error(request, str(refusal))
            return redirect("organisation:addresses")
        else:
            return _wished(request, _("Asked for. The record to enter appears here in a moment."))
    found = hosts.mine()
    here = directory.host_name(request.META.get("HTTP_HOST", "")) or ""
    home = f"{queries.profile().slug}.{conf.BASE_DOMAIN}"
    main = next((one.host for one in found if one.is_primary), home)
    standing = [(one, _steps_of(one)) for one in found if one.is_open]
    context = {
        "form": form,
        "standing": standing,
        "ended": [one for one in found if not one.is_open],
        "home": home,
        "main": main,
        "main_shown": hosts.shown(main),
        "here": hosts.shown(here),
        "may_be_main": here != main,
        "scheme": request.scheme,
        "kept_days": conf.OWN_HOST_QUARANTINE_DAYS,
        "gone_days": conf.OWN_HOST_GONE_DAYS,
        "moving": "sent" in request.GET or any(one.state == HostState.ASKED for one, _steps in standing),
    }
    if request.headers.get("HX-Request") == "true":
        return render(request, "organisation/_addresses.html", context)
    return render(request, "organisation/addresses.html", context, status=_status(form))


def _steps_of(one: hosts.OwnHost) -> list[dict[str, Any]]:
    in_use = one.state == HostState.BOUND
    return [
        {"label": pgettext("step", "Asked for"), "state": "done"},
        {"label": _("Record seen"), "state": "failed" if one.missing_since else "done" if in_use else "now"},
        {"label": _("In use"), "state": "done" if in_use else ""},
    ]


def _wished(request: HttpRequest, text: str) -> HttpResponseBase:
    messages.success(request, text)
    return redirect(reverse("organisation:addresses") + "?sent=1")


def _carry(request: HttpRequest, wish: Any, host: str, text: str) -> HttpResponseBase:
    try:
        wish(actor=Actor.of(request.user), host=host)
    except Conflict as refusal:
        messages.error(request, str(refusal))
        return redirect("organisation:addresses")
    return _wished(request, text)


@requires(Right.SETTINGS_MANAGE)
@require_POST
def check_address(request: HttpRequest, id: str) -> HttpResponseBase:
    """Look for the record now."""
    found = queries.access_address_for_change(id, request.user)
    return _carry(request, actions.check_address, found.host, _("The name servers are being asked."))


@requires(Right.SETTINGS_MANAGE)
@require_POST
def give_address_up(request: HttpRequest, id: str) -> HttpResponseBase:
    """Give an address up, or withdraw the wish for it."""
    found = queries.access_address_for_change(id, request.user)
    return _carry(request, actions.give_address_up, found.host, _("The address is being given up."))


@requires(Right.SETTINGS_MANAGE)
@require_POST
def make_main_address(request: HttpRequest) -> HttpResponseBase:
    """Make the host that this request came by the main address."""
    here = directory.host_name(request.META.get("HTTP_HOST", "")) or ""
    return _carry(request, actions.make_main_address, here, _("The main address is being changed."))


# -- people


def _duties(user: User) -> str:
    employee = getattr(user, "employee", None)
    return ", ".join(str(Duty(duty).label) for duty in employee.duties if duty in Duty.values) if employee else ""


def _department(user: User) -> str:
    employee = getattr(user, "employee", None)
    return str(employee.department) if employee and employee.department else ""


def _site(user: User) -> str:
    employee = getattr(user, "employee", None)
    return str(employee.site) if employee and employee.site else ""


class StaffPage(ListPage):
    """Who works where, with which duties. Accounts themselves are managed under People."""

    title = gettext_lazy("Staff")
    subtitle = gettext_lazy("Where everyone works and which duties they have")
    columns = [
        Column("name", gettext_lazy("Name"), sort="name", phone="title"),
        Column("role", gettext_lazy("Role"), sort="role", phone="subtitle"),
        Column("department", gettext_lazy("Department"), value=_department, sort="employee__department__kind"),
        Column("site", gettext_lazy("Site"), value=_site, sort="employee__site__name"),
        Column("duties", gettext_lazy("Duties"), value=_duties),
        Column("phone", gettext_lazy("Phone"), kind="phone", phone="call"),
    ]
    filters = [
        Search(fields=("name", "login"), placeholder=gettext_lazy("Name")),
        Choice(
            "role", gettext_lazy("Role"), choices=lambda: [(r.value, r.label) for r in Role if r.tier == "dealership"]
        ),
    ]
    ordering = "name"
    export_right = Right.PEOPLE_MANAGE
    export_name = "staff"

    def get_queryset(self) -> Any:
        return queries.people().filter(is_active=True)

    def row_url(self, row: User) -> str:
        return reverse("organisation:employee", args=[row.pk])

    def on_export(self, form: str, rows: int) -> None:
        after = {"format": form, "rows": rows, "filters": self.request.GET.urlencode()[:500]}
        audit.record(
            actor=Actor.of(self.request.user), action="organisation.export", obj=queries.profile(), after=after
        )


staff = requires(Right.PEOPLE_MANAGE)(StaffPage.as_view())


@requires(Right.PEOPLE_MANAGE)
@page
def employee(request: HttpRequest, id: str) -> HttpResponseBase:
    """Where one person works, and their duties."""
    person = queries.access_person_for_editing(id, request.user)
    now = queries.employee_of(person)
    initial = {}
    if now:
        initial = {name: getattr(now, name) for name in ("department_id", "job_title", "duties", "joined_on")}
    form = EmployeeForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            actions.set_employee(actor=Actor.of(request.user), user=person, **form.cleaned_data)
        except Invalid as refusal:
            refusal.add_to(form)
        else:
            messages.success(request, _("Saved."))
            return redirect("organisation:staff")
    return render(request, "organisation/employee.html", {"form": form, "person": person}, status=_status(form))
