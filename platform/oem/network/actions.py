"""Writes of the network: dealerships join, change and retire; what they may sell, service and look after."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction
from django.utils.translation import gettext as _

from kernel import audit, clock
from kernel.accounts import links
from kernel.accounts.actions import LOGIN
from kernel.accounts.actors import Actor
from kernel.accounts.roles import Right, Role
from kernel.automotive import phone as phones
from kernel.automotive import regions
from kernel.errors import Conflict, IllegalTransition, Invalid
from kernel.reference import queries as reference
from kernel.tenancy import steward
from kernel.tenancy.models import SIGNED_VERBS, Limits, RequestState, State, StewardRequest, StewardSignature, Tenant
from kernel.transitions import move
from oem.network import tasks
from oem.network.models import TRANSITIONS, Capability, Dealership, DealershipState, Site, Territory

MASTER_DATA = (
    "name",
    "short_name_zh_hans",
    "short_name_zh_hant",
    "short_name_en",
    "province",
    "city",
    "district",
    "address",
    "phone",
    "opened_on",
    "sales_target",
    "network_manager",
    "field_representative",
)
SITE_FIELDS = (
    "name",
    "sells",
    "services",
    "city",
    "district",
    "address",
    "phone",
    "workshop_bays",
    "opened_on",
    "closed_on",
)
CAPABILITY_FIELDS = ("brand", "series", "sells", "services", "valid_from", "valid_until")

#: Host names, and addresses of pages, with a meaning of their own.
RESERVED_SLUGS = frozenset({"portal", "www", "api", "admin", "static", "mail", "localhost", "public", "oem", "new"})


@dataclass(frozen=True)
class Joining:
    """A dealership under way. `first_link` opens its first person's account once; it is nowhere kept in clear."""

    dealership: Dealership
    login: str
    first_link: str


@transaction.atomic
def add_dealership(
    *,
    actor: Actor,
    slug: str,
    name: str,
    manager_login: str = "manager",
    manager_name: str = "",
    manager_email: str = "",
    language: str = "zh-hans",
    brands: tuple[str, ...] = (),
    id: Any = None,
    **master_data: Any,
) -> Joining:
    """Enter a dealership and ask the steward to set it up, with its first person, a general manager.

    `brands` are codes it may sell and service from today on. `id` lets a dealership come with the id it had elsewhere.
    Raises Invalid naming every wrong field.
    """
    actor.require(Right.NETWORK_WRITE)
    slug = slug.strip().lower()
    dealership = Dealership(slug=slug, created_at=clock.now())
    if id is not None:
        dealership.id = id
    problems = _fill(dealership, {"name": name, **master_data}, MASTER_DATA)
    problems |= _slug_problems(slug)
    if id is not None and Tenant.objects.filter(id=id).exclude(state=State.JOINING).exists():
        problems["id"] = _("This dealership lives here or has lived here; its id is not used again.")
    if not LOGIN.match(manager_login):
        problems["manager_login"] = _("Use 3 to 64 letters, digits, dots, hyphens or underscores.")
    unknown = [code for code in brands if code not in reference.catalogue().brands]
    if unknown:
        problems["brands"] = _("This brand is not in the published catalogue.")
    if problems:
        raise Invalid(problems)
    token = secrets.token_urlsafe(24)
    try:
        with transaction.atomic():
            dealership.save(force_insert=True)
    except IntegrityError:
        raise Invalid({"slug": _("This address name is taken.")}, code="slug_taken") from None
    for code in brands:
        Capability.objects.create(dealership=dealership, brand=code, valid_from=clock.today(reference.CALENDAR))
    manager = {
        "login": manager_login,
        "name": manager_name.strip() or name.strip(),
        "role": Role.GENERAL_MANAGER.value,
        "email": manager_email.strip(),
        "language": language,
        "first_link": links.fingerprint_of_first(token),
    }
    _ask_steward(
        dealership,
        actor,
        "provision",
        {
            "id": str(dealership.id),
            "slug": slug,
            "name": dealership.name,
            "province": dealership.province,
            "city": dealership.city,
            "users": [manager],
        },
    )
    audit.record(
        actor=actor,
        action="network.add_dealership",
        obj=dealership,
        after={"slug": slug, "name": dealership.name, "brands": list(brands), "manager": manager_login},
    )
    return Joining(dealership, manager_login, links.first_link(token))


def _slug_problems(slug: str) -> dict[str, str]:
    try:
        Dealership._meta.get_field("slug").run_validators(slug)
    except ValidationError as error:
        return {"slug": str(error.messages[0])}
    if not slug:
        return {"slug": _("This field is required.")}
    if slug in RESERVED_SLUGS:
        return {"slug": _("This address name is reserved.")}
    # The directory knows every host there is, also those that are no dealership of this table (any more).
    if Tenant.objects.filter(slug=slug).exists() or Dealership.objects.filter(slug=slug).exists():
        return {"slug": _("This address name is taken.")}
    return {}


def _ask_steward(dealership: Dealership, actor: Actor, verb: str, arguments: dict[str, Any]) -> None:
    request = StewardRequest.objects.create(verb=verb, arguments=arguments, requested_by=actor.name[:120])
    dealership.request_id = request.id
    dealership.save(update_fields=["request_id", "state"])
    if verb not in SIGNED_VERBS:
        transaction.on_commit(lambda: tasks.follow_up(dealership.id))


@transaction.atomic
def try_joining_again(*, actor: Actor, dealership: Dealership) -> Dealership:
    """Ask the steward once more to set up a dealership whose set-up failed. Raises IllegalTransition otherwise."""
    actor.require(Right.NETWORK_WRITE)
    dealership = _locked(dealership)
    before = move(dealership, "state", DealershipState.JOINING, TRANSITIONS)
    assert dealership.request_id is not None  # every dealership that failed was asked for
    last = StewardRequest.objects.get(id=dealership.request_id)
    _ask_steward(dealership, actor, "provision", last.arguments)
    audit.record(
        actor=actor,
        action="network.try_joining_again",
        obj=dealership,
        before={"state": before},
        after={"state": dealership.state},
    )
    return dealership


@transaction.atomic
def enter_dealership(*, actor: Actor, id: Any, slug: str, name: str, **master_data: Any) -> Dealership:
    """Enter a dealership that the steward has set up already (a network built from a file). Again it changes it."""
    actor.require(Right.NETWORK_WRITE)
    found = Dealership.objects.filter(id=id).first()
    if found is not None:
        return change_dealership(actor=actor, dealership=found, name=name, **master_data)
    dealership = Dealership(id=id, slug=slug, created_at=clock.now(), state=DealershipState.ACTIVE)
    problems = _fill(dealership, {"name": name, **master_data}, MASTER_DATA)
    if problems:
        raise Invalid(problems)
    dealership.save(force_insert=True)
    audit.record(
        actor=actor, action="network.enter_dealership", obj=dealership, after={"slug": slug, "name": dealership.name}
    )
    return dealership


@transaction.atomic
def change_dealership(*, actor: Actor, dealership: Dealership, **master_data: Any) -> Dealership:
    """Change master data; what is not named stays. Raises Invalid naming every wrong field."""
    actor.require(Right.NETWORK_WRITE)
    dealership = _locked(dealership)
    _save_changes(actor, dealership, master_data, MASTER_DATA, "network.change_dealership")
    return dealership


@transaction.atomic
def retire_dealership(*, actor: Actor, dealership: Dealership, confirmation: str) -> Dealership:
    """Ask the steward to close a dealership: its address stops answering, its login is locked, its data stays.

    No lead goes there from now on; the rest happens once an operator has signed (`confirm_retirement`). `confirmation`
    is its address name, typed by the person. Raises Invalid when it differs, IllegalTransition when the dealership is
    not active.
    """
    actor.require(Right.NETWORK_WRITE)
    dealership = _locked(dealership)
    if confirmation.strip().lower() != dealership.slug:
        raise Invalid({"confirmation": _("Type the address name exactly to confirm.")}, code="not_confirmed")
    before = move(dealership, "state", DealershipState.RETIRING, TRANSITIONS)
    _ask_steward(dealership, actor, "retire", {"slug": dealership.slug})
    audit.record(
        actor=actor,
        action="network.retire_dealership",
        obj=dealership,
        before={"state": before},
        after={"state": dealership.state},
    )
    return dealership


@transaction.atomic
def withdraw_retirement(*, actor: Actor, dealership: Dealership) -> Dealership:
    """Take back the wish to close a dealership. Raises Conflict once it is signed, IllegalTransition without a wish."""
    actor.require(Right.NETWORK_WRITE)
    dealership = _locked(dealership)
    if dealership.state != DealershipState.RETIRING:
        raise IllegalTransition(dealership, dealership.state, DealershipState.ACTIVE)
    before = move(dealership, "state", DealershipState.ACTIVE, TRANSITIONS)
    if StewardSignature.objects.filter(request_id=dealership.request_id).exists():
        raise Conflict("retirement_signed", _("It is confirmed already and is being carried out."))
    dealership.request_id = None
    dealership.save(update_fields=["request_id", "state"])
    audit.record(
        actor=actor,
        action="network.withdraw_retirement",
        obj=dealership,
        before={"state": before},
        after={"state": dealership.state},
    )
    return dealership


@transaction.atomic
def confirm_retirement(*, actor: Actor, dealership: Dealership, signed_by: str) -> Dealership:
    """Sign the request to close a dealership, in the name of an operator. Needs the owner's binding with the portal's
    path: the portal's own login cannot sign. Raises IllegalTransition when nobody asked for it."""
    dealership = _locked(dealership)
    if dealership.state != DealershipState.RETIRING or dealership.request_id is None:
        raise IllegalTransition(dealership, dealership.state, DealershipState.RETIRED)
    steward.sign(dealership.request_id, by=signed_by)
    audit.record(actor=actor, action="network.confirm_retirement", obj=dealership, note=signed_by)
    transaction.on_commit(lambda: tasks.follow_up(dealership.id))
    return dealership


#: What the steward's answer makes of a dealership that waits for it.
_AFTER: dict[tuple[str, str], str] = {
    (DealershipState.JOINING, RequestState.DONE): DealershipState.ACTIVE,
    (DealershipState.JOINING, RequestState.FAILED): DealershipState.FAILED,
    (DealershipState.RETIRING, RequestState.DONE): DealershipState.RETIRED,
    (DealershipState.RETIRING, RequestState.FAILED): DealershipState.ACTIVE,
}


@transaction.atomic
def note_answer(*, actor: Actor, dealership: Dealership) -> Dealership:
    """Bring a waiting dealership to the state that the steward's answer gives it; while there is none, nothing happens.

    Called by whoever watches (page, command, task): the first one writes, the others find it done.
    """
    dealership = _locked(dealership)
    request = StewardRequest.objects.filter(id=dealership.request_id).first() if dealership.request_id else None
    new = _AFTER.get((dealership.state, request.state)) if request else None
    if new is None:
        return dealership
    before = move(dealership, "state", new, TRANSITIONS)
    if new == DealershipState.RETIRED:
        dealership.retired_at = clock.now()
    dealership.save(update_fields=["state", "retired_at"])
    audit.record(
        actor=actor,
        action="network.note_answer",
        obj=dealership,
        before={"state": before},
        after={"state": dealership.state},
        note=request.error[:500] if request else "",
    )
    return dealership


# -- the fleet -------------------------------------------------------------------------------------------------


@transaction.atomic
def ask_for_upgrade(*, actor: Actor) -> StewardRequest:
    """Ask the steward to bring forward every schema that is not at this release; once while it has not answered."""
    actor.require(Right.EXCHANGE_REPAIR)
    asked = StewardRequest.objects.filter(
        verb="upgrade", state__in=[RequestState.WAITING, RequestState.RUNNING]
    ).first()
    if asked is None:
        asked = StewardRequest.objects.create(verb="upgrade", requested_by=actor.name)
        audit.record(actor=actor, action="network.ask_for_upgrade", obj=asked)
    return asked


# -- sites, capabilities, territories --------------------------------------------------------------------------


@transaction.atomic
def set_limits(*, actor: Actor, dealership: Dealership, **values: int | None) -> Limits:
    """Set what a dealership may use of what all share (kernel.tenancy.limits); None: the standard. Others stay.

    Web processes and workers know within seconds, the database's own (`statement_seconds`) within a minute. Raises
    Invalid for a value outside of BOUNDS, and for a dealership that has no place in the directory yet.
    """
    actor.require(Right.NETWORK_WRITE)
    if not Tenant.objects.filter(id=dealership.id).exists():
        raise Invalid({"": _("It is being set up. Set its limits when that is done.")})
    own, _made = Limits.objects.select_for_update().get_or_create(tenant_id=dealership.id)
    before = {name: getattr(own, name) for name in values}
    for name, value in values.items():
        setattr(own, name, value)
    try:
        own.clean_fields(exclude=[field.name for field in own._meta.fields if field.name not in values])
    except ValidationError as error:
        raise Invalid(error.message_dict) from None
    if before != values:
        own.changed_at = clock.now()
        own.save()
        audit.record(actor=actor, action="network.set_limits", obj=dealership, before=before, after=dict(values))
    return own


@transaction.atomic
def add_site(*, actor: Actor, dealership: Dealership, **values: Any) -> Site:
    """Add a building of a dealership. Raises Invalid."""
    actor.require(Right.NETWORK_WRITE)
    return _add(actor, Site(dealership=dealership), values, SITE_FIELDS, "network.add_site")


@transaction.atomic
def change_site(*, actor: Actor, site: Site, **values: Any) -> Site:
    """Change a site; closing it is giving it a `closed_on`."""
    actor.require(Right.NETWORK_WRITE)
    site = Site.objects.select_for_update().get(pk=site.pk)
    _save_changes(actor, site, values, SITE_FIELDS, "network.change_site")
    return site


@transaction.atomic
def grant_capability(*, actor: Actor, dealership: Dealership, **values: Any) -> Capability:
    """Let a dealership sell or service a brand or a series, from a day on. Raises Invalid."""
    actor.require(Right.NETWORK_WRITE)
    return _add(actor, Capability(dealership=dealership), values, CAPABILITY_FIELDS, "network.grant_capability")


@transaction.atomic
def change_capability(*, actor: Actor, capability: Capability, **values: Any) -> Capability:
    """Change a capability; ending it is giving it a `valid_until`."""
    actor.require(Right.NETWORK_WRITE)
    capability = Capability.objects.select_for_update().get(pk=capability.pk)
    _save_changes(actor, capability, values, CAPABILITY_FIELDS, "network.change_capability")
    return capability


@transaction.atomic
def assign_territory(*, actor: Actor, dealership: Dealership, region: str, rank: int = 1) -> Territory:
    """Let a dealership look after a province (2 digits) or city (4 digits). Again it changes the rank."""
    actor.require(Right.NETWORK_WRITE)
    found = regions.find_region(region) if region else None
    if found is None or found.level == "district":
        raise Invalid({"region": _("Choose a province or a city.")})
    if not 1 <= rank <= 99:
        raise Invalid({"rank": _("Use a whole number from 1 to 99.")})
    earlier = Territory.objects.filter(dealership=dealership, region=found.code).first()
    before = {"rank": earlier.rank} if earlier else None
    territory, _created = Territory.objects.update_or_create(
        dealership=dealership, region=found.code, defaults={"rank": rank}
    )
    audit.record(
        actor=actor,
        action="network.assign_territory",
        obj=territory,
        before=before,
        after={"dealership": dealership.slug, "region": found.code, "rank": rank},
    )
    return territory


@transaction.atomic
def withdraw_territory(*, actor: Actor, territory: Territory) -> None:
    """End a dealership's care for a region."""
    actor.require(Right.NETWORK_WRITE)
    audit.record(
        actor=actor,
        action="network.withdraw_territory",
        obj=territory,
        before={"dealership": territory.dealership.slug, "region": territory.region, "rank": territory.rank},
    )
    territory.delete()


# -- checking and saving ---------------------------------------------------------------------------------------


def _locked(dealership: Dealership) -> Dealership:
    return Dealership.objects.select_for_update(of=("self",)).get(pk=dealership.pk)


def _add(actor: Actor, record: Any, values: Mapping[str, Any], fields: tuple[str, ...], action: str) -> Any:
    problems = _fill(record, values, fields)
    if problems:
        raise Invalid(problems)
    record.save(force_insert=True)
    audit.record(
        actor=actor,
        action=action,
        obj=record,
        after={"dealership": record.dealership.slug, **_plain(record, fields)},
    )
    return record


def _save_changes(actor: Actor, record: Any, values: Mapping[str, Any], fields: tuple[str, ...], action: str) -> None:
    before = _plain(record, fields)
    problems = _fill(record, values, fields)
    if problems:
        raise Invalid(problems)
    after = _plain(record, fields)
    changed = [name for name in fields if before[name] != after[name]]
    if not changed:
        return
    record.save(update_fields=changed)
    audit.record(
        actor=actor,
        action=action,
        obj=record,
        before={name: before[name] for name in changed},
        after={name: after[name] for name in changed},
    )


def _plain(record: Any, fields: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(record, record._meta.get_field(name).attname) for name in fields}


def _fill(record: Any, values: Mapping[str, Any], fields: tuple[str, ...]) -> dict[str, Any]:
    """Set values on a record and check all its fields. Returns the problems by field name."""
    unknown = [name for name in values if name not in fields]
    if unknown:
        raise TypeError(f"{type(record).__name__} has no {', '.join(unknown)}")
    for name, value in values.items():
        field = record._meta.get_field(name)
        value = value.strip() if isinstance(value, str) else value
        if isinstance(field, models.ForeignKey):
            setattr(record, field.attname, getattr(value, "pk", value))
        else:
            setattr(record, name, value)
    problems: dict[str, Any] = {}
    # First, because they turn what people write into what is stored.
    if "phone" in fields:
        problems |= _phone_problems(record)
    if "city" in fields:
        problems |= _place_problems(record)
    checked = set(fields) - set(problems)
    try:
        record.clean_fields(exclude=[f.name for f in record._meta.concrete_fields if f.name not in checked])
    except ValidationError as error:
        problems |= error.message_dict
    if isinstance(record, Capability):
        problems |= _capability_problems(record, problems)
    if isinstance(record, Site) and not problems:
        problems |= _order_problems("closed_on", record.opened_on, record.closed_on)
    return problems


def _phone_problems(record: Any) -> dict[str, str]:
    """Bring the phone to E.164 where it can be read."""
    if not record.phone:
        return {}
    report = phones.normalise(record.phone)
    if report.e164 is None:
        return {"phone": str(report.problems[0].message)}
    record.phone = report.e164
    return {}


def _place_problems(record: Any) -> dict[str, str]:
    """Codes of regions must exist and lie in each other; names are read too."""
    problems: dict[str, str] = {}
    levels: tuple[regions.Level, ...] = ("province", "city", "district")
    for name in levels:
        text = getattr(record, name, "")
        if not text:
            continue
        above = getattr(record, "city", "") if name == "district" else getattr(record, "province", "")
        within = regions.find_region(above) if above and name != "province" and name not in problems else None
        found = regions.find_region(text, level=name, within=within)
        if found is None:
            problems[name] = _("This place is not known here.")
        else:
            setattr(record, name, found.code)
    if hasattr(record, "province") and not record.province and record.city and "city" not in problems:
        record.province = record.city[:2]
    return problems


def _capability_problems(record: Capability, found: Mapping[str, Any]) -> dict[str, str]:
    problems = {}
    tree = reference.catalogue()
    if record.brand and record.brand not in tree.brands:
        problems["brand"] = _("This brand is not in the published catalogue.")
    elif record.series and (record.series not in tree.series or tree.series[record.series].brand_id != record.brand):
        problems["series"] = _("This series does not belong to the brand.")
    if not (record.sells or record.services):
        problems["sells"] = _("Choose sales, service or both.")
    if not found:
        problems |= _order_problems("valid_until", record.valid_from, record.valid_until)
    return problems


def _order_problems(name: str, first: date | None, last: date | None) -> dict[str, str]:
    return {name: _("The last day is before the first day.")} if first and last and last < first else {}
