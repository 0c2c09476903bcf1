"""Writes of customers: each keyword-only, in one transaction, with its audit row.

Times are the kernel clock's unless given; `Invalid` names every wrong field with its remedy.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from dealer.customers import consent_texts, listeners, marks, signatures
from dealer.customers.models import (
    Channel,
    Consent,
    ContactWay,
    Customer,
    Interaction,
    Kind,
    Means,
    OdometerReading,
    Ownership,
    PartyRole,
    Recipient,
    Vehicle,
)
from dealer.organisation.queries import profile
from kernel import audit, clock
from kernel.accounts.actors import Actor
from kernel.accounts.models import LANGUAGES
from kernel.accounts.roles import Department, Right, Role
from kernel.automotive import names, odometer, phone, regions
from kernel.automotive import vin as vins
from kernel.contracts import KnownBy, Purpose
from kernel.errors import Conflict, FieldError, Invalid
from kernel.tenancy.manufacturer import in_words

TEXT = str | Promise
#: The fields of a customer that people type; every other column is worked out.
EDITABLE = (
    "kind",
    "surname",
    "given_name",
    "company_name",
    "contact_person",
    "sex",
    "birthday",
    "phone",
    "other_phone",
    "email",
    "province",
    "city",
    "district",
    "address",
    "occupation",
    "hobbies",
    "language",
    "note",
)
#: A change of one of these is a change of the `Owner` record of each car the customer is a party of.
SHARED = frozenset(EDITABLE) - {"other_phone", "occupation", "hobbies", "language", "note"}
PLATE = re.compile(r"[\s·•.\-]")
OLDEST_BIRTHDAY = date(1900, 1, 1)


# -- customers -------------------------------------------------------------------------------------------------


@transaction.atomic
def create_customer(
    *,
    actor: Actor,
    name: str = "",
    department: str | None = None,
    at: datetime | None = None,
    reachable: bool = True,
    **fields: Any,
) -> Customer:
    """Take a person or company into the book.

    `fields` are those of `EDITABLE`; instead of `surname` and `given_name` a whole `name` may be given, which is
    parted (and is the company's name for a company). `department` is "sales", "service" or "whole"; by default that
    of the actor's role. Needs a name and a telephone number or an e-mail address, unless `reachable` is false: a
    lead whose number nobody can read is somebody all the same. Raises Invalid.
    """
    actor.require(Right.CUSTOMERS_WRITE, Right.LEADS_WORK_OWN, Right.LEADS_WORK_ALL, Right.SERVICE_WRITE)
    moment = at or clock.now()
    customer = Customer(created_at=moment, updated_at=moment, created_by_id=actor.id)
    _fill(customer, _with_parts(fields, name), reachable=reachable)
    customer.for_sales, customer.for_service = _meets(department or department_of(actor))
    marks.put_on(customer)
    customer.save(force_insert=True)
    audit.record(actor=actor, action="customers.create", obj=customer, after=_plain(customer))
    return customer


@transaction.atomic
def update_customer(*, actor: Actor, customer: Customer, name: str | None = None, **fields: Any) -> Customer:
    """Change what is known of a customer; only the fields given. Raises Invalid.

    Cars that the customer is a party of are told on through `listeners`.
    """
    actor.require(Right.CUSTOMERS_WRITE, Right.SALES_WORK, Right.SERVICE_WRITE)
    customer = Customer.objects.select_for_update().get(pk=customer.pk)
    require_not_erased(customer)
    before = _plain(customer)
    # Somebody whose number nobody can read stays so until it is known; a number that is known cannot be taken away.
    reachable = bool(customer.phone or customer.email)
    _fill(customer, _with_parts(fields, name) if name is not None else fields, reachable=reachable)
    after = _plain(customer)
    changed = {key for key in after if after[key] != before[key]}
    if not changed:
        return customer
    customer.updated_at = clock.now()
    marks.put_on(customer)
    customer.save()
    audit.record(
        actor=actor,
        action="customers.update",
        obj=customer,
        before={key: before[key] for key in changed},
        after={key: after[key] for key in changed},
    )
    if changed & SHARED:
        for ownership in current_parties(customer):
            _changed(ownership, actor, customer.updated_at)
    return customer


@transaction.atomic
def meet_customer(*, actor: Actor, customer: Customer, department: str | None = None) -> Customer:
    """Let another department meet a customer that the dealership knows already, instead of entering it twice."""
    actor.require(Right.CUSTOMERS_WRITE, Right.LEADS_WORK_OWN, Right.LEADS_WORK_ALL, Right.SERVICE_WRITE)
    return _meet(actor, customer, department or department_of(actor))


def require_not_erased(customer: Customer) -> None:
    """Raise Conflict("erased") for a person who was erased: nothing is written about them again."""
    if Customer.objects.filter(pk=customer.pk, erased_at__isnull=False).exists():
        raise Conflict("erased", _("This person was erased. Take the person in anew if they come again."))


def _meet(actor: Actor, customer: Customer, department: str) -> Customer:
    require_not_erased(customer)
    sales, service = _meets(department)
    before, after = audit.changes(
        customer, for_sales=customer.for_sales or sales, for_service=customer.for_service or service
    )
    if after:
        customer.save(update_fields=list(after))
        audit.record(actor=actor, action="customers.meet", obj=customer, before=before, after=after)
    return customer


def department_of(actor: Actor) -> str:
    """The department that an actor speaks for; "whole" for the system and the exchange."""
    return Role(actor.role).department if actor.kind == "user" else Department.WHOLE


def _meets(department: str) -> tuple[bool, bool]:
    return department in (Department.SALES, Department.WHOLE), department in (Department.SERVICE, Department.WHOLE)


def _with_parts(fields: Mapping[str, Any], name: str) -> dict[str, Any]:
    """`fields` with a whole name parted into those it belongs to."""
    found = dict(fields)
    if not name or not isinstance(name, str):
        return found
    if found.get("kind") == Kind.COMPANY:
        found.setdefault("company_name", name)
        return found
    parts = names.split_name(name)
    found.setdefault("surname", parts.surname)
    found.setdefault("given_name", parts.given)
    if parts.sex:
        found.setdefault("sex", parts.sex)
    return found


def _fill(customer: Customer, fields: Mapping[str, Any], *, reachable: bool = True) -> None:
    """Check and set fields, and work out what follows from them. Raises Invalid naming every wrong field."""
    unknown = set(fields) - set(EDITABLE)
    if unknown:
        raise TypeError(f"a customer has no field {sorted(unknown)}")
    errors: list[FieldError] = []
    for key, value in fields.items():
        try:
            setattr(customer, key, _clean(key, value))
        except Invalid as error:
            errors += error.errors
    _name_regions(customer)
    errors += _rules(customer, {error.field for error in errors}, reachable)
    if errors:
        raise Invalid(errors)
    company = customer.kind == Kind.COMPANY
    customer.name = customer.company_name if company else names.join_name(customer.surname, customer.given_name)
    customer.pinyin = _reading(customer).replace(" ", "")[:240]
    customer.initials = names.initials(customer.name)[:60]


def _name_regions(customer: Customer) -> None:
    """Write Chinese regions with their full names, whether a name in any script or a GB/T 2260 code was given."""
    above = None
    for level in ("province", "city", "district"):
        text = getattr(customer, level)
        found = regions.find_region(text, level=level, within=above) if text else None
        if found:
            setattr(customer, level, found.name)
            above = found


def _reading(customer: Customer) -> str:
    """How the name sorts and is searched for: surname first, also in Latin letters."""
    if customer.kind == Kind.COMPANY or names.is_chinese(customer.name):
        return names.pinyin(customer.name)
    return f"{customer.surname} {customer.given_name}".casefold()


def _clean(key: str, value: Any) -> Any:
    """One value as it is stored. Raises Invalid."""
    field: Any = Customer._meta.get_field(key)
    if key == "birthday":
        return _birthday(value)
    if value is None:
        value = ""
    if not isinstance(value, str):
        raise Invalid({key: _("Enter text here.")}, code="type")
    value = " ".join(value.split()) if key != "note" else value.strip()
    if "\x00" in value:
        raise Invalid({key: _("This text has a character that cannot be stored. Type it again.")}, code="characters")
    if field.choices:
        if value not in dict(field.choices):
            raise Invalid({key: _("Choose one of the values offered.")}, code="choice")
        return value
    if key in ("phone", "other_phone"):
        return clean_phone(value, key) if value else ""
    if field.max_length and len(value) > field.max_length:
        message = _("This is too long. Shorten it.")
        raise Invalid([FieldError(key, "too_long", message)])
    return _email(value) if key == "email" else value


def clean_phone(value: str, field: str = "phone") -> str:
    """A telephone number in E.164. Raises Invalid with what is wrong and the remedy."""
    report = phone.normalise(value)
    if report.e164 is None:
        raise Invalid([FieldError(field, problem.code, problem.message) for problem in report.problems])
    return report.e164


def _email(value: str) -> str:
    value = value.casefold()
    if value:
        try:
            validate_email(value)
        except ValidationError:
            message = _("This is not an e-mail address. Enter it like name@example.com.")
            raise Invalid([FieldError("email", "email", message)]) from None
    return value


def _birthday(value: Any) -> date | None:
    if value in (None, ""):
        return None
    if isinstance(value, str):
        try:
            value = date.fromisoformat(value)
        except ValueError:
            message = _("Enter the birthday as year-month-day, for example 1985-03-21.")
            raise Invalid([FieldError("birthday", "date", message)]) from None
    if not isinstance(value, date) or isinstance(value, datetime):
        raise Invalid({"birthday": _("Enter the birthday as year-month-day, for example 1985-03-21.")}, code="date")
    if not OLDEST_BIRTHDAY <= value <= timezone.localdate(clock.now()):
        raise Invalid({"birthday": _("A birthday lies between 1900 and today. Check the year.")}, code="birthday")
    return value


def _rules(customer: Customer, wrong: set[str], reachable: bool) -> list[FieldError]:
    """Rules between fields; those of fields that are wrong already are left out."""
    found = []
    if customer.kind == Kind.COMPANY and not customer.company_name and "company_name" not in wrong:
        found.append(FieldError("company_name", "required", _("Enter the name of the company.")))
    if customer.kind == Kind.INDIVIDUAL and not (customer.surname or customer.given_name) and "surname" not in wrong:
        found.append(FieldError("surname", "required", _("Enter the surname, or the whole name.")))
    if reachable and not customer.phone and not customer.email and not wrong & {"phone", "email"}:
        found.append(FieldError("phone", "required", _("Enter a telephone number, or else an e-mail address.")))
    if customer.province and customer.city and not wrong & {"province", "city"}:
        province = regions.find_region(customer.province, level="province")
        if (
            province
            and regions.find_region(customer.city, level="city")
            and not regions.find_region(customer.city, level="city", within=province)
        ):
            message = _("This city does not lie in that province. Correct one of the two.")
            found.append(FieldError("city", "region", message))
    return found


def _plain(customer: Customer) -> dict[str, Any]:
    return {key: getattr(customer, key) for key in EDITABLE}


# -- vehicles and their parties --------------------------------------------------------------------------------


def clean_plate(value: str) -> str:
    """A number plate without spaces and dots, in capitals."""
    return PLATE.sub("", value).upper()[:16]


@transaction.atomic
def register_vehicle(
    *,
    actor: Actor,
    vin: str,
    brand: str,
    series: str = "",
    model: str = "",
    variant: str = "",
    colour: str = "",
    plate: str = "",
    delivered_on: date | None = None,
    sold_by_us: bool = False,
) -> Vehicle:
    """Know a car by its VIN; one that is known already gets what was not known of it yet. Raises Invalid."""
    actor.require(Right.CUSTOMERS_WRITE, Right.SALES_WORK, Right.SALES_APPROVE, Right.SERVICE_WRITE, Right.STOCK_WRITE)
    number = vins.checked(vin)
    if not brand.strip():
        raise Invalid({"brand": _("Enter the brand of the car.")}, code="required")
    moment = clock.now()
    vehicle, created = Vehicle.objects.select_for_update(of=("self",)).get_or_create(
        vin=number,
        defaults={
            "brand": brand.strip(),
            "mark": marks.Marker()(KnownBy.VIN, number),
            "created_at": moment,
            "updated_at": moment,
        },
    )
    known = {
        "series": series,
        "model": model,
        "variant": variant,
        "colour": colour,
        "plate": clean_plate(plate),
        "delivered_on": delivered_on,
        "sold_by_us": sold_by_us,
    }
    before, after = audit.changes(vehicle, **{key: value for key, value in known.items() if value})
    if created or after:
        vehicle.updated_at = moment
        vehicle.save()
        action = "customers.register_vehicle" if created else "customers.update_vehicle"
        audit.record(actor=actor, action=action, obj=vehicle, before=None if created else before, after=after)
    return vehicle


@transaction.atomic
def set_party(
    *,
    actor: Actor,
    vehicle: Vehicle,
    customer: Customer,
    role: str = PartyRole.OWNER,
    since: date | None = None,
    at: datetime | None = None,
) -> Ownership:
    """Make a customer owner, driver or lessee of a car from a day on.

    A car has one owner: the one before ends the day before (or the same day). Already being it changes nothing.
    Owners are met by both departments. Tells `listeners` of everyone whose role changed. Raises Invalid for a day
    before the present owner's first.
    """
    actor.require(Right.CUSTOMERS_WRITE, Right.SALES_WORK, Right.SALES_APPROVE, Right.SERVICE_WRITE)
    require_not_erased(customer)
    moment = at or clock.now()
    first = since or clock.today(profile().time_zone)
    Vehicle.objects.select_for_update().get(pk=vehicle.pk)
    present = list(vehicle.ownerships.filter(role=role, until=None).select_related("customer"))
    for ownership in present:
        if ownership.customer_id == customer.pk:
            return ownership
    if role == PartyRole.OWNER:
        for ownership in present:
            if first < ownership.since:
                message = _("This car has had its present owner since a later day. Check the day.")
                raise Invalid([FieldError("since", "before_present_owner", message)])
            _end(ownership, max(first - timedelta(days=1), ownership.since), actor, moment)
    made = Ownership.objects.create(vehicle=vehicle, customer=customer, role=role, since=first)
    after = {"customer": str(customer.pk), "role": role, "since": first}
    audit.record(actor=actor, action="customers.set_party", obj=vehicle, after=after)
    _meet(actor, customer, Department.WHOLE)
    _changed(made, actor, moment)
    return made


@transaction.atomic
def end_party(*, actor: Actor, ownership: Ownership, until: date, at: datetime | None = None) -> Ownership:
    """End a role on a car; `until` is its last day. Raises Conflict when it has ended, Invalid for a day before it."""
    actor.require(Right.CUSTOMERS_WRITE, Right.SALES_WORK, Right.SERVICE_WRITE)
    ownership = Ownership.objects.select_for_update(of=("self",)).select_related("vehicle").get(pk=ownership.pk)
    if ownership.until is not None:
        raise Conflict("ended", _("This has ended already."))
    if until < ownership.since:
        raise Invalid({"until": _("The last day cannot be before the first. Check the day.")}, code="before_start")
    _end(ownership, until, actor, at or clock.now())
    return ownership


def _end(ownership: Ownership, until: date, actor: Actor, at: datetime) -> None:
    ownership.until = until
    ownership.save(update_fields=["until"])
    after = {"customer": str(ownership.customer_id), "role": ownership.role, "until": until}
    audit.record(actor=actor, action="customers.end_party", obj=ownership.vehicle, after=after)
    _changed(ownership, actor, at)


def _changed(ownership: Ownership, actor: Actor, at: datetime) -> None:
    """Count the car's parties on, and tell those who listen."""
    Vehicle.objects.filter(pk=ownership.vehicle_id).update(party_version=F("party_version") + 1)
    ownership.vehicle.refresh_from_db(fields=["party_version"])
    listeners.party_changed(ownership, actor, at)


def current_parties(customer: Customer) -> Iterable[Ownership]:
    """The roles on cars that a customer has now."""
    return Ownership.objects.filter(customer=customer, until=None).select_related("vehicle", "customer")


@transaction.atomic
def record_odometer(
    *,
    actor: Actor,
    vehicle: Vehicle,
    km: int,
    on: date,
    source: str,
    document_id: UUID | None = None,
    field: str = "odometer_km",
) -> OdometerReading:
    """Add a reading in km. Raises Invalid for one that goes back or is absurd; a mere warning is accepted."""
    Vehicle.objects.select_for_update().get(pk=vehicle.pk)
    earlier = vehicle.readings.values_list("on", "km")
    errors = [problem for problem in odometer.check_reading(earlier, on, km) if problem.severity == "error"]
    if errors:
        raise Invalid([FieldError(field, problem.code, problem.message) for problem in errors])
    reading = OdometerReading.objects.create(
        vehicle=vehicle, km=km, on=on, source=source, document_id=document_id, by_name=actor.name[:120]
    )
    if vehicle.odometer_on is None or on >= vehicle.odometer_on:
        vehicle.odometer_km, vehicle.odometer_on = km, on
        vehicle.save(update_fields=["odometer_km", "odometer_on"])
    audit.record(actor=actor, action="customers.record_odometer", obj=vehicle, after={"km": km, "on": on})
    return reading


# -- consents --------------------------------------------------------------------------------------------------


@transaction.atomic
def record_consent(
    *,
    actor: Actor,
    customer: Customer,
    purpose: str,
    recipient: str,
    granted: bool = True,
    means: str = Means.SIGNATURE,
    language: str | None = None,
    channels: Iterable[str] = (),
    evidence: str = "",
    signature: Mapping[str, Any] | None = None,
    text_version: str | None = None,
    given_at: datetime | None = None,
) -> Consent:
    """Write down what a customer allowed (or refused) for one purpose and recipient.

    The text is the latest one for it, or `text_version`; what exactly stood there is kept, with its hash. `channels`
    are codes of `ContactWay` (others are left out), none for any way; `signature` is as `signatures` describes it.
    Raises Invalid when there is no such text, the time lies in the future or the signature is no signature.
    """
    actor.require(Right.CUSTOMERS_WRITE, Right.SALES_WORK, Right.SERVICE_WRITE)
    require_not_erased(customer)
    errors = {}
    if purpose not in Purpose.values:
        errors["purpose"] = _("Choose one of the values offered.")
    if recipient not in Recipient.values:
        errors["recipient"] = _("Choose one of the values offered.")
    if means not in Means.values:
        errors["means"] = _("Choose one of the values offered.")
    if errors:
        raise Invalid(errors, code="choice")
    text = consent_texts.text_for(purpose, recipient, text_version)
    if text is None:
        raise Invalid({"purpose": _("There is no consent text for this purpose and recipient.")}, code="no_text")
    moment = given_at or clock.now()
    if moment > clock.now():
        raise Invalid({"given_at": _("A consent cannot be given in the future. Check the time.")}, code="future")
    if not granted:
        Customer.objects.select_for_update().get(pk=customer.pk)
    language = language or customer.language
    if language not in dict(LANGUAGES):
        raise Invalid({"language": _("Choose one of the values offered.")}, code="choice")
    wording = text.filled(language, text_names(language))
    consent = Consent.objects.create(
        customer=customer,
        granted=granted,
        controller=profile().name,
        recipient=recipient,
        purpose=purpose,
        kinds=list(text.kinds),
        channels=[way for way in dict.fromkeys(channels) if way in ContactWay.values],
        text_version=text.version,
        text_hash=consent_texts.digest(wording),
        text_language=language,
        wording=wording,
        signature=signatures.checked(signature) if signature else None,
        given_at=moment,
        means=means,
        evidence=evidence.strip()[:300],
        # A refusal has no end; a consent ends by itself, so that nobody is asked for data they gave once, for ever.
        expires_at=moment + timedelta(days=round(text.months * 365.25 / 12)) if granted else None,
        taken_by_id=actor.id,
        taken_by_name=actor.name[:120],
    )
    audit.record(
        actor=actor,
        action="customers.record_consent",
        obj=customer,
        after={"purpose": purpose, "recipient": recipient, "granted": granted, "text": text.version, "means": means},
    )
    _consent_changed(consent, actor, moment)
    return consent


@transaction.atomic
def withdraw_consent(
    *, actor: Actor, consent: Consent, means: str = Means.IN_PERSON, note: str = "", at: datetime | None = None
) -> Consent:
    """Take a consent back. It works from now on and not backward (PIPL art. 15). Raises Conflict if it is no more."""
    actor.require(Right.CUSTOMERS_WRITE, Right.SALES_WORK, Right.SERVICE_WRITE)
    if means not in Means.values:
        raise Invalid({"means": _("Choose one of the values offered.")}, code="choice")
    # Whatever is shared under this consent right now comes first (see queries.consent_for_sharing).
    Customer.objects.select_for_update().get(pk=consent.customer_id)
    consent = Consent.objects.select_for_update(of=("self",)).select_related("customer").get(pk=consent.pk)
    if not consent.granted or consent.withdrawn_at is not None:
        raise Conflict("withdrawn", _("This consent has been withdrawn already."))
    moment = at or clock.now()
    consent.withdrawn_at = moment
    consent.withdrawn_means = means
    consent.withdrawn_note = note.strip()[:300]
    consent.withdrawn_by_name = actor.name[:120]
    consent.save(update_fields=["withdrawn_at", "withdrawn_means", "withdrawn_note", "withdrawn_by_name"])
    audit.record(
        actor=actor,
        action="customers.withdraw_consent",
        obj=consent.customer,
        after={"purpose": consent.purpose, "recipient": consent.recipient, "means": means},
    )
    _consent_changed(consent, actor, moment)
    return consent


def text_names(language: str) -> dict[str, str]:
    """The names that consent texts in a language are filled with."""
    mine = profile()
    return {
        "dealer": mine.name,
        "dealer_phone": phone.display(mine.phone) or "–",
        "manufacturer": in_words(mine.manufacturer_name, language),
    }


def _consent_changed(consent: Consent, actor: Actor, at: datetime) -> None:
    listeners.consent_changed(consent, actor, at)
    if consent.recipient == Recipient.MANUFACTURER and consent.purpose == Purpose.CUSTOMER_CARE:
        for ownership in current_parties(consent.customer):
            _changed(ownership, actor, at)


# -- touch points ----------------------------------------------------------------------------------------------


@transaction.atomic
def log_interaction(
    *,
    actor: Actor,
    customer: Customer,
    channel: str,
    content: str,
    result: str = "",
    from_customer: bool = False,
    at: datetime | None = None,
    document: str = "",
    document_id: UUID | None = None,
    url: str = "",
) -> Interaction:
    """Write down one contact with a customer. Every department calls this for its own (R-CUST-10, R-CUST-17).

    `document` ("sales.followup"), `document_id` and `url` name the record it comes from. Raises Invalid.
    """
    actor.require(Right.CUSTOMERS_WRITE, Right.SALES_WORK, Right.SERVICE_WRITE, Right.SERVICE_WRITE_OWN)
    require_not_erased(customer)
    moment = at or clock.now()
    errors: dict[str, TEXT] = {}
    if channel not in Channel.values:
        errors["channel"] = _("Choose one of the values offered.")
    if not content.strip():
        errors["content"] = _("Write down what was said.")
    elif len(content) > 2000:
        errors["content"] = _("This is too long. Shorten it.")
    if len(result) > 200:
        errors["result"] = _("This is too long. Shorten it.")
    if moment > clock.now() + timedelta(minutes=1):
        errors["at"] = _("A contact cannot lie in the future. Check the time.")
    if errors:
        raise Invalid(errors)
    row = Interaction.objects.create(
        customer=customer,
        at=moment,
        channel=channel,
        from_customer=from_customer,
        department=department_of(actor),
        person_id=actor.id,
        person_name=actor.name[:120],
        content=content.strip(),
        result=result.strip(),
        document=document,
        document_id=document_id,
        url=url,
    )
    if not document:
        audit.record(actor=actor, action="customers.log_interaction", obj=customer, after={"channel": channel})
    return row
