"""Writes of the dealership's own settings and people."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, timedelta
from typing import IO, Any
from uuid import UUID
from zoneinfo import available_timezones

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from dealer.organisation import exporting, logos
from dealer.organisation.models import (
    Department,
    DepartmentKind,
    Duty,
    Employee,
    Export,
    ExportState,
    Profile,
    Site,
)
from dealer.organisation.queries import forget_profile, profile
from kernel import audit, clock
from kernel.accounts.actors import Actor
from kernel.accounts.models import LANGUAGES, User
from kernel.accounts.roles import Right
from kernel.automotive import phone as phones
from kernel.contracts import laws
from kernel.errors import Conflict, FieldError, Invalid
from kernel.money import SYMBOLS
from kernel.tenancy import hosts
from kernel.tenancy.models import HostVerb
from kernel.ui.branding import ENOUGH, HEX, contrast, readable_on

EDITABLE = (
    "name",
    "short_name",
    "phone",
    "email",
    "province",
    "city",
    "address",
    "language",
    "time_zone",
    "currency",
    "country",
    "primary_colour",
    "accent_colour",
)
_SEEN = frozenset({"name", "short_name", "primary_colour", "accent_colour"})
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@transaction.atomic
def update_profile(*, actor: Actor, **fields: Any) -> Profile:
    """Change the dealership's name, address, country, language, time zone, currency or colours; only the fields given.

    The country decides whose law applies to sharing: only who may change what is shared may change it. A colour is
    refused when neither white nor dark text is readable on it. Raises Invalid.
    """
    actor.require(Right.SETTINGS_MANAGE)
    unknown = set(fields) - set(EDITABLE)
    if unknown:
        raise TypeError(f"the profile has no field {sorted(unknown)}")
    mine = Profile.objects.select_for_update().get()
    clean: dict[str, Any] = {}
    errors: list[FieldError] = []
    for key, value in fields.items():
        try:
            clean[key] = _clean(key, value)
        except Invalid as error:
            errors += error.errors
    if clean.get("country", mine.country) != mine.country and not actor.has(Right.SHARING_CHANGE):
        errors += Invalid({"country": _("Only the general manager changes the country.")}, code="forbidden").errors
    if errors:
        raise Invalid(errors)
    before, after = audit.changes(mine, **clean)
    if after:
        mine.theme_version += bool(_SEEN & set(after))
        mine.save()
        audit.record(actor=actor, action="organisation.update_profile", obj=mine, before=before, after=after)
        transaction.on_commit(forget_profile)
        forget_profile()
    return mine


def _clean(key: str, value: Any) -> str:
    if not isinstance(value, str):
        raise Invalid({key: _("Enter text here.")}, code="type")
    value = " ".join(_CONTROL.sub(" ", value).split())
    longest = getattr(Profile._meta.get_field(key), "max_length", None)
    if longest and len(value) > longest:
        raise Invalid({key: _("This is too long. Shorten it.")}, code="too_long")
    if key == "name" and not value:
        raise Invalid({key: _("Enter the name of the dealership.")}, code="required")
    if key == "language" and value not in dict(LANGUAGES):
        raise Invalid({key: _("Choose one of the values offered.")}, code="choice")
    if key == "time_zone" and value not in available_timezones():
        raise Invalid({key: _("Choose one of the values offered.")}, code="choice")
    if key == "country" and not laws.is_place(value):
        raise Invalid({key: _("Choose one of the values offered.")}, code="choice")
    if key == "currency" and value not in SYMBOLS:
        raise Invalid({key: _("Choose one of the values offered.")}, code="choice")
    if key == "email" and value:
        try:
            validate_email(value)
        except ValidationError:
            message = _("This is not an e-mail address. Enter it like name@example.com.")
            raise Invalid({key: message}, code="email") from None
    if key == "phone":
        return _phone(value)
    return _colour(key, value) if key.endswith("_colour") else value


def _phone(value: str) -> str:
    """A telephone number in E.164, or "". Raises Invalid for field `phone`."""
    if not value.strip():
        return ""
    report = phones.normalise(value)
    if report.e164 is None:
        raise Invalid([FieldError("phone", problem.code, problem.message) for problem in report.problems])
    return report.e164


def _colour(key: str, value: str) -> str:
    """A colour in small letters, or "" for the product's own. WCAG 2.1, success criterion 1.4.3: 4.5 to 1."""
    if not value:
        return ""
    if not HEX.match(value):
        raise Invalid({key: _("Enter a colour as # and six digits, for example #0b5fa5.")}, code="colour")
    ratio = contrast(value, readable_on(value))
    if ratio < ENOUGH:
        message = format_lazy(
            _("Text cannot be read on this colour: its contrast is {ratio} to 1, and 4.5 is needed. Make it darker."),
            ratio=f"{ratio:.1f}",
        )
        raise Invalid({key: message}, code="contrast")
    return value.lower()


@transaction.atomic
def set_logo(*, actor: Actor, upload: IO[bytes], size: int) -> Profile:
    """Put a new logo in the place of the old one; `size` in bytes is what the upload says of itself. Raises Invalid."""
    actor.require(Right.SETTINGS_MANAGE)
    picture = logos.cleaned(upload, size=size)
    mine = Profile.objects.select_for_update().get()
    return _swap_logo(mine, logos.store(mine.id, picture), actor, "organisation.set_logo")


@transaction.atomic
def remove_logo(*, actor: Actor) -> Profile:
    """Go back to the name's first letter."""
    actor.require(Right.SETTINGS_MANAGE)
    return _swap_logo(Profile.objects.select_for_update().get(), "", actor, "organisation.remove_logo")


def _swap_logo(mine: Profile, name: str, actor: Actor, action: str) -> Profile:
    old, mine.logo = mine.logo, name
    mine.theme_version += 1
    mine.save(update_fields=["logo", "theme_version"])
    audit.record(actor=actor, action=action, obj=mine, before={"logo": old}, after={"logo": name})
    forget_profile()

    def tidy() -> None:
        forget_profile()
        logos.remove(mine.id, old)

    transaction.on_commit(tidy)
    return mine


@transaction.atomic
def save_site(
    *, actor: Actor, site: Site | None = None, departments: Iterable[str] | None = None, **fields: Any
) -> Site:
    """Add a site, or change one; `departments` are the kinds that run there now. Raises Invalid.

    A department that is taken away stays for the records, inactive.
    """
    actor.require(Right.SETTINGS_MANAGE)
    known = {"name", "phone", "province", "city", "address", "active"}
    if set(fields) - known:
        raise TypeError(f"a site has no field {sorted(set(fields) - known)}")
    name = str(fields.get("name", site.name if site else "")).strip()
    if not name:
        raise Invalid({"name": _("Enter the name of the site.")}, code="required")
    if "phone" in fields:
        fields["phone"] = _phone(fields["phone"])
    wanted = set(departments) if departments is not None else None
    if wanted is not None and wanted - set(DepartmentKind.values):
        raise Invalid({"departments": _("Choose one of the values offered.")}, code="choice")
    if site is not None and site.is_main and fields.get("active") is False:
        raise Invalid({"active": _("The main site cannot be closed.")}, code="main_site")
    created = site is None
    site = site or Site(is_main=not Site.objects.exists())
    before, after = audit.changes(site, **{**fields, "name": name})
    site.save()
    if wanted is not None:
        after["departments"] = sorted(wanted)
        _set_departments(site, wanted)
    audit.record(
        actor=actor,
        action="organisation.add_site" if created else "organisation.update_site",
        obj=site,
        before=None if created else before,
        after=after,
    )
    return site


def _set_departments(site: Site, wanted: set[str]) -> None:
    present = {department.kind: department for department in site.departments.filter(name="")}
    for kind in sorted(wanted - set(present)):
        Department.objects.create(site=site, kind=kind)
    for kind, department in present.items():
        if department.active != (kind in wanted):
            department.active = kind in wanted
            department.save(update_fields=["active"])


@transaction.atomic
def set_employee(
    *,
    actor: Actor,
    user: User,
    department_id: UUID | None = None,
    job_title: str = "",
    duties: Iterable[str] = (),
    joined_on: date | None = None,
) -> Employee:
    """Say where a person works and which duties they have. The site is the department's. Raises Invalid."""
    actor.require(Right.PEOPLE_MANAGE)
    chosen = sorted(set(duties))
    if set(chosen) - set(Duty.values):
        raise Invalid({"duties": _("Choose one of the values offered.")}, code="choice")
    department = Department.objects.filter(pk=department_id, active=True).first() if department_id else None
    if department_id and department is None:
        raise Invalid({"department": _("Choose one of the values offered.")}, code="choice")
    employee = Employee.objects.filter(user=user).first()
    created = employee is None
    employee = employee or Employee(user=user)
    before, after = audit.changes(
        employee,
        department_id=department.pk if department else None,
        site_id=department.site_id if department else None,
        job_title=job_title.strip()[:80],
        duties=chosen,
        joined_on=joined_on,
    )
    employee.save()
    if created or after:
        audit.record(
            actor=actor,
            action="organisation.set_employee",
            obj=employee,
            before=None if created else before,
            after=after,
        )
    return employee


# -- taking everything along


@transaction.atomic
def request_export(*, actor: Actor) -> Export:
    """Ask for everything of this dealership as one file; a worker writes it.

    Raises Conflict `export_running` while one is being made, `too_many_exports` after the day's number.
    """
    actor.require(Right.EVERYTHING_EXPORT)
    Profile.objects.select_for_update().get()  # two requests take turns
    if Export.objects.filter(state__in=(ExportState.WAITING, ExportState.RUNNING)).exists():
        raise Conflict("export_running", _("An export is being made already."))
    today = Export.objects.filter(asked_at__gt=clock.now() - timedelta(days=1))
    if today.count() >= settings.EXPORTS_A_DAY:
        raise Conflict("too_many_exports", _("That was the last export for today. Try again tomorrow."))
    export = Export.objects.create(asked_by_id=actor.id, asked_by_name=actor.name[:120], asked_at=clock.now())
    audit.record(actor=actor, action="organisation.request_export", obj=export)
    transaction.on_commit(lambda: exporting.hint(export))
    return export


@transaction.atomic
def note_download(*, actor: Actor, export: Export) -> None:
    """Write down that somebody takes a file with everything away."""
    actor.require(Right.EVERYTHING_EXPORT)
    after = {"file": export.file, "rows": export.rows, "sha256": export.sha256}
    audit.record(actor=actor, action="organisation.download_export", obj=export, after=after)


# -- web addresses of the dealership's own: wishes that the steward carries out


def _wish(actor: Actor, verb: HostVerb, host: str, action: str) -> None:
    hosts.leave_wish(verb, host, by=actor.name)
    audit.record(actor=actor, action=action, obj=profile(), after={"host": host})


@transaction.atomic
def ask_for_address(*, actor: Actor, host: str) -> str:
    """Ask for a host name of the dealership's own; the name as it is kept. The steward answers with the record.

    Raises Invalid for a name that cannot be one, Conflict `address_asked` when it is asked for or in use already,
    `too_many_addresses` when there are as many as there may be, and while the step before is not carried out.
    """
    actor.require(Right.SETTINGS_MANAGE)
    host = hosts.normalise(host)
    standing = [one.host for one in hosts.mine() if one.is_open]
    if host in standing:
        raise Conflict("address_asked", _("You have asked for this address already."))
    if len(standing) >= settings.OWN_HOSTS_AT_MOST:
        raise Conflict("too_many_addresses", _("Give up one of your addresses first: no more are possible."))
    _wish(actor, HostVerb.ASK, host, "organisation.ask_for_address")
    return host


@transaction.atomic
def check_address(*, actor: Actor, host: str) -> None:
    """Have the steward look for the record of an address now."""
    actor.require(Right.SETTINGS_MANAGE)
    _wish(actor, HostVerb.CHECK, host, "organisation.check_address")


@transaction.atomic
def give_address_up(*, actor: Actor, host: str) -> None:
    """Give an address up, or withdraw the wish for it. Nobody else gets it for the time of the quarantine."""
    actor.require(Right.SETTINGS_MANAGE)
    _wish(actor, HostVerb.RELEASE, host, "organisation.give_address_up")


@transaction.atomic
def make_main_address(*, actor: Actor, host: str) -> None:
    """Make the host that the request came by the main address: who asks has seen that it works, so nobody locks the
    dealership out. The steward refuses a host that is not the dealership's."""
    actor.require(Right.SETTINGS_MANAGE)
    _wish(actor, HostVerb.PREFER, host, "organisation.make_main_address")
