"""From the tree of elements to `ParsedLead`s.

Reads what the standard says and what senders make of it (shared practice: names in any case and with any
separators, synonyms, parts that stand one level too high). Whatever is not understood goes to `extras` or
into an issue; nothing here raises because of a document.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import tzinfo

from kernel.automotive import names, phone, vin
from oem.leads.adf import comments, values
from oem.leads.adf.model import (
    Address,
    Colour,
    Contact,
    Customer,
    Email,
    ExternalId,
    Finance,
    Issue,
    Option,
    ParsedLead,
    Phone,
    Price,
    Severity,
    Vehicle,
)
from oem.leads.adf.tree import HTML_VOID, Node

MAX_VALUE = 500
MAX_COMMENT = 20_000
MAX_EXTRAS = 200
MAX_ISSUES = 200

ELEMENTS = {
    "lead": "prospect",
    "car": "vehicle", "cars": "vehicle", "auto": "vehicle", "vehicleofinterest": "vehicle",
    "vehicleinterest": "vehicle",
    "person": "customer", "buyer": "customer", "consumer": "customer", "client": "customer",
    "business": "vendor", "dealer": "vendor", "dealership": "vendor", "seller": "vendor",
    "leadprovider": "provider",
    "requestdatetime": "requestdate", "datetime": "requestdate", "date": "requestdate", "created": "requestdate",
    "createdat": "requestdate", "submitted": "requestdate", "leaddate": "requestdate",
    "modelyear": "year", "makename": "make", "manufacturer": "make", "brand": "make", "modelname": "model",
    "vinnumber": "vin", "stocknumber": "stock", "stockno": "stock", "stockid": "stock", "trimlevel": "trim",
    "body": "bodystyle", "bodytype": "bodystyle", "bodyclass": "bodystyle", "mileage": "odometer", "miles": "odometer",
    "kilometers": "odometer", "color": "exteriorcolor", "colour": "exteriorcolor", "exteriorcolour": "exteriorcolor",
    "interiorcolour": "interiorcolor", "listprice": "price", "askingprice": "price", "comment": "comments",
    "notes": "comments", "note": "comments", "message": "comments", "remarks": "comments",
    "emailaddress": "email", "mail": "email",
    "telephone": "phone", "phonenumber": "phone", "phonenum": "phone", "tel": "phone",
    "fullname": "name", "customername": "name",
    "addressline": "street", "addressline1": "street", "address1": "street", "street1": "street",
    "addressline2": "street", "address2": "street", "street2": "street",
    "apt": "apartment", "unit": "apartment", "suite": "apartment", "county": "district", "area": "district",
    "town": "city", "region": "regioncode", "state": "regioncode", "province": "regioncode",
    "stateprovince": "regioncode", "statecode": "regioncode", "zip": "postalcode", "zipcode": "postalcode",
    "postcode": "postalcode", "countrycode": "country",
    "businessname": "vendorname", "dealername": "vendorname", "dealershipname": "vendorname", "website": "url",
    "web": "url",
}  # fmt: skip
# Elements of their own that are really an attribute of another.
PHONE_ELEMENTS = {
    "cell": "mobile", "cellphone": "mobile", "mobile": "mobile", "mobilephone": "mobile", "homephone": "home",
    "workphone": "work", "businessphone": "work", "officephone": "work", "dayphone": "work", "eveningphone": "home",
    "fax": "fax", "faxnumber": "fax", "pager": "pager",
}  # fmt: skip
NAME_ELEMENTS = {
    "firstname": "first", "givenname": "first", "first": "first", "middlename": "middle", "middle": "middle",
    "lastname": "last", "surname": "last", "familyname": "last", "last": "last", "namesuffix": "suffix",
    "suffix": "suffix",
}  # fmt: skip
TRADE_ELEMENTS = frozenset({"tradein", "trade", "tradeinvehicle", "tradevehicle"})
NAME_PARTS = {
    "surname": "last",
    "given": "first",
    "family": "last",
    "": "full",
    "firstname": "first",
    "lastname": "last",
}
PRICE_KINDS = ("quote", "offer", "msrp", "invoice", "call", "appraisal", "asking")
AMOUNT_KINDS = ("downpayment", "monthly", "total")
BALANCE_KINDS = ("finance", "residual")
SEVERITIES: dict[str, Severity] = {
    "empty": "error", "no_adf": "error", "no_prospect": "error", "empty_prospect": "error", "truncated": "error",
    "doctype": "error", "too_deep": "error", "too_many_elements": "error", "no_contact_point": "error",
    "encoding_guessed": "info", "control_characters": "info", "mail": "info", "escaped": "info",
    "text_around": "info", "prospect_missing": "info", "date_order_assumed": "info", "no_offset": "info",
    "no_request_date": "info", "not_standard": "info", "unknown_element": "info", "kind_inferred": "info",
    "filled_from_comment": "info", "no_vendor": "info", "country_is_postcode": "info",
}  # fmt: skip
_COMPANY = re.compile(
    r"(?:公司|集团|集團|企业|企業|厂|廠|工作室|有限|事务所|事務所|合作社|学校|學校|医院|醫院|银行|銀行|商行)$"
    r"|\b(?:Inc|LLC|Ltd|GmbH|Corp|Company|Co|AG|Limited|Corporation)\.?$",
    re.IGNORECASE,
)
_VEHICLE_LINE = re.compile(
    r"(?:(new|used|新车|二手车)\s+)?(?:((?:19|20)\d\d)\s*款?\s+)?(\S{1,40})\s+(\S.{0,80})", re.IGNORECASE
)
_PREFIXES = ("prospect", "vehicle", "customer", "vendor", "provider")


@dataclass
class Context:
    """What reading one document needs and gathers."""

    zone: tzinfo
    region: str
    issues: list[Issue] = field(default_factory=list)

    def issue(self, code: str, path: str = "", value: str = "", *, personal: bool = False) -> None:
        if len(self.issues) < MAX_ISSUES:
            shown = values.excerpt(value, personal=personal)
            self.issues.append(Issue(code, path, SEVERITIES.get(code, "warning"), shown))


def map_document(roots: tuple[Node, ...], context: Context) -> list[ParsedLead]:
    """The leads of all prospects that have something in them, in document order."""
    prospects = [node for root in roots for node in _prospects(root)]
    if not prospects:
        # Some senders leave the prospect out and put its parts into <adf> itself.
        prospects = [root for root in roots if any(_kind(child) in _PREFIXES for child in root.children)]
        if prospects:
            context.issue("prospect_missing", "adf")
    leads = []
    for number, node in enumerate(prospects):
        lead = _ProspectReader(node, f"prospect[{number}]", context).read()
        if lead.is_empty:
            context.issue("empty_prospect", f"prospect[{number}]")
        else:
            leads.append(lead)
    if not leads:
        context.issue("no_prospect")
    return leads


def _prospects(node: Node) -> list[Node]:
    if _kind(node) == "prospect":
        return [node]
    return [found for child in node.children for found in _prospects(child)]


def _kind(node: Node) -> str:
    return ELEMENTS.get(node.tag, node.tag)


class _ProspectReader:
    def __init__(self, node: Node, path: str, context: Context) -> None:
        self.node = node
        self.path = path
        self.context = context
        self.issue = context.issue
        self.lead = ParsedLead()

    def read(self) -> ParsedLead:
        lead = self.lead
        lead.status = self._enum(
            self.node, "status", values.LEAD_STATUSES, values.LEAD_STATUS_SYNONYMS, "new", self.path
        )
        self._unknown_attributes(self.node, {"status"}, self.path)
        counts: dict[str, int] = {}
        for child in self.node.children:
            kind = "vehicle" if child.tag in TRADE_ELEMENTS else _kind(child)
            number = counts[kind] = counts.get(kind, -1) + 1
            path = f"{self.path}/{kind}[{number}]" if kind in _PREFIXES else f"{self.path}/{kind}"
            self._prospect_child(child, kind, path)
        if not self.lead.requested_at and not any(i.path == f"{self.path}/requestdate" for i in self.context.issues):
            self.issue("no_request_date", self.path)
        self._mine()
        self._finish_customer()
        self._complain()
        return lead

    def _prospect_child(self, child: Node, kind: str, path: str) -> None:
        lead = self.lead
        if kind == "id":
            self._id(child, lead.external_ids, path)
        elif kind == "requestdate":
            self._requested(child, path)
        elif kind == "vehicle":
            self._note_alias(child, kind, path)
            lead.vehicles.append(self._vehicle(child, path))
        elif kind == "vehicles":
            for number, inner in enumerate(child.children):
                self._prospect_child(inner, _kind(inner), f"{path}/vehicle[{number}]")
        elif kind == "customer":
            self._note_alias(child, kind, path)
            self._customer(child, path)
        elif kind == "vendor":
            self._note_alias(child, kind, path)
            self._vendor(child, path)
        elif kind == "provider":
            self._provider(child, path)
        elif kind == "contact":
            self._customer(Node("customer", "customer", {}, [child]), path)
        elif kind == "comments":
            self._comment(child, lead.customer, path)
        else:
            self._extra(child, path)

    # --- parts of a prospect ----------------------------------------------------------------------------------

    def _requested(self, node: Node, path: str) -> None:
        text = self._value(node, path)
        moment, notes = values.read_datetime(text, self.context.zone)
        if moment is None:
            self.issue("bad_date" if text else "no_request_date", path, text)
            return
        self.lead.requested_at = self.lead.requested_at or moment
        for note in notes:
            self.issue(note, path, text)

    def _vehicle(self, node: Node, path: str) -> Vehicle:
        vehicle = Vehicle(interest="trade-in" if node.tag in TRADE_ELEMENTS else "buy")
        interest = "interest" if "interest" in node.attributes or "iwantto" not in node.attributes else "iwantto"
        vehicle.interest = self._enum(
            node, interest, values.INTERESTS, values.INTEREST_SYNONYMS, vehicle.interest, path
        )
        vehicle.status = self._enum(
            node, "status", values.VEHICLE_STATUSES, values.VEHICLE_STATUS_SYNONYMS, "new", path
        )
        self._unknown_attributes(node, {"interest", "iwantto", "status"}, path)
        for child in node.children:
            kind = _kind(child)
            reader = _VEHICLE_READERS.get(kind)
            if reader:
                reader(self, child, vehicle, f"{path}/{kind}")
            elif kind in _VEHICLE_TEXTS:
                attribute = _VEHICLE_TEXTS[kind]
                setattr(vehicle, attribute, getattr(vehicle, attribute) or self._value(child, f"{path}/{kind}"))
            else:
                self._extra(child, f"{path}/{kind}")
        return vehicle

    def _vehicle_id(self, node: Node, vehicle: Vehicle, path: str) -> None:
        self._id(node, vehicle.ids, path)

    def _year(self, node: Node, vehicle: Vehicle, path: str) -> None:
        text = self._value(node, path)
        vehicle.year = vehicle.year or values.read_year(text)
        if text and vehicle.year is None:
            self.issue("bad_year", path, text)

    def _vin(self, node: Node, vehicle: Vehicle, path: str) -> None:
        text = self._value(node, path)
        if not text:
            return
        report = vin.inspect(text)
        vehicle.vin = vehicle.vin or report.vin
        for problem in report.errors[:1]:
            self.issue("vin_invalid", path, problem.code)
        for problem in report.warnings[:1]:
            self.issue("vin_suspicious", path, problem.code)

    def _odometer(self, node: Node, vehicle: Vehicle, path: str) -> None:
        text = self._value(node, path)
        if not text:
            return
        vehicle.odometer = values.read_integer(text)
        if vehicle.odometer is None:
            self.issue("bad_number", path, text)
        written = node.attributes.get("units") or node.attributes.get("unit") or ""
        in_text = re.search(r"(miles?|mi|kms?|公里|千米|英里)\s*$", text, re.IGNORECASE)
        named = {"miles": "mi", "kilometers": "km"}.get(node.tag, "")
        written = written or (in_text[1] if in_text else named)
        unit = values.choose(written, values.ODOMETER_UNITS, values.UNIT_SYNONYMS)
        if unit is None:
            self.issue("bad_enum", f"{path}/@units", written)
        vehicle.odometer_unit = unit or ""
        vehicle.odometer_status = node.attributes.get("status", "").lower()[:20]

    def _colours(self, node: Node, vehicle: Vehicle, path: str) -> None:
        parts = {_kind(child): self._value(child, f"{path}/{_kind(child)}") for child in node.children}
        vehicle.colours.append(
            Colour(
                interior=parts.get("interiorcolor", ""),
                exterior=parts.get("exteriorcolor", ""),
                both=parts.get("both", "") or node.own_text[:MAX_VALUE],
                preference=values.read_integer(parts.get("preference", "")),
            )
        )

    def _colour(self, node: Node, vehicle: Vehicle, path: str) -> None:
        text = self._value(node, path)
        if text:
            vehicle.colours.append(Colour(interior=text) if _kind(node) == "interiorcolor" else Colour(exterior=text))

    def _image(self, node: Node, vehicle: Vehicle, path: str) -> None:
        if text := self._value(node, path):
            vehicle.image_urls.append(text)

    def _vehicle_price(self, node: Node, vehicle: Vehicle, path: str) -> None:
        vehicle.price = vehicle.price or self._price(node, path, PRICE_KINDS, "quote")

    def _option(self, node: Node, vehicle: Vehicle, path: str) -> None:
        children = {_kind(child): child for child in node.children}
        text = {kind: self._value(child, f"{path}/{kind}") for kind, child in children.items() if kind != "price"}
        price = self._price(children["price"], f"{path}/price", PRICE_KINDS, "quote") if "price" in children else None
        name = text.get("optionname") or text.get("name") or node.own_text[:MAX_VALUE]
        weighting = values.read_integer(text.get("weighting", ""))
        vehicle.options.append(Option(name, text.get("manufacturercode", ""), text.get("stock", ""), weighting, price))

    def _finance(self, node: Node, vehicle: Vehicle, path: str) -> None:
        finance = Finance()
        for child in node.children:
            kind = _kind(child)
            if kind == "method":
                finance.method = self._value(child, f"{path}/method").lower()
            elif kind == "amount":
                finance.amounts.append(self._price(child, f"{path}/amount", AMOUNT_KINDS, "total"))
            elif kind == "balance":
                finance.balance = self._price(child, f"{path}/balance", BALANCE_KINDS, "finance")
            else:
                self._extra(child, f"{path}/{kind}")
        vehicle.finance = vehicle.finance or finance

    def _vehicle_comment(self, node: Node, vehicle: Vehicle, path: str) -> None:
        self._comment(node, vehicle, path)

    def _customer(self, node: Node, path: str) -> None:
        customer = self.lead.customer
        rest = []
        for child in node.children:
            kind = _kind(child)
            if kind == "id":
                self._id(child, customer.ids, f"{path}/id")
            elif kind == "timeframe":
                self._timeframe(child, f"{path}/timeframe")
            elif kind == "comments":
                self._comment(child, customer, f"{path}/comments")
            elif kind == "contact":
                self._contact(child, customer, f"{path}/contact")
            else:
                rest.append(child)
        if rest:
            # Name, phone and the like without the <contact> around them.
            self._contact(Node("contact", "contact", {}, list(rest)), customer, path)

    def _timeframe(self, node: Node, path: str) -> None:
        customer = self.lead.customer
        customer.timeframe = customer.timeframe or node.own_text[:MAX_VALUE]
        for child in node.children:
            kind = _kind(child)
            text = self._value(child, f"{path}/{kind}")
            if kind == "description":
                customer.timeframe = text or customer.timeframe
            elif kind in ("earliestdate", "latestdate"):
                day, notes = values.read_date(text)
                if text and day is None:
                    self.issue("bad_date", f"{path}/{kind}", text)
                for note in notes:
                    self.issue(note, f"{path}/{kind}", text)
                setattr(customer, "earliest" if kind == "earliestdate" else "latest", day)
            else:
                self._extra(child, f"{path}/{kind}")

    def _vendor(self, node: Node, path: str) -> None:
        vendor = self.lead.vendor
        rest = []
        for child in node.children:
            kind = _kind(child)
            if kind == "id":
                self._id(child, vendor.ids, f"{path}/id")
            elif kind in ("vendorname", "name"):
                vendor.name = vendor.name or self._value(child, f"{path}/{kind}")
            elif kind == "url":
                vendor.url = vendor.url or self._value(child, f"{path}/url")
            elif kind == "contact":
                vendor.contact = self._contact(child, vendor.contact or Contact(), f"{path}/contact")
            else:
                rest.append(child)
        vendor.name = vendor.name or node.own_text[:MAX_VALUE]
        if rest:
            contact = self._contact(Node("contact", "contact", {}, list(rest)), vendor.contact or Contact(), path)
            vendor.contact = contact if contact != Contact() else vendor.contact

    def _provider(self, node: Node, path: str) -> None:
        provider = self.lead.provider
        for child in node.children:
            kind = _kind(child)
            if kind == "id":
                self._id(child, provider.ids, f"{path}/id")
            elif kind in ("name", "service", "url", "email", "phone"):
                value = self._value(child, f"{path}/{kind}")
                setattr(provider, kind, getattr(provider, kind) or value)
            elif kind == "contact":
                provider.contact = self._contact(child, provider.contact or Contact(), f"{path}/contact")
            else:
                self._extra(child, f"{path}/{kind}")
        provider.name = provider.name or node.own_text[:MAX_VALUE]

    # --- contact ----------------------------------------------------------------------------------------------

    def _contact(self, node: Node, contact: Contact, path: str) -> Contact:
        country = next((self._country(child) for child in node.children if _kind(child) == "address"), None)
        for child in node.children:
            kind = _kind(child)
            if kind == "name":
                self._name(child, contact, f"{path}/name")
            elif child.tag in NAME_ELEMENTS:
                self._note_alias(child, "name", path)
                self._name_part(contact, NAME_ELEMENTS[child.tag], self._value(child, f"{path}/name"))
            elif kind == "email":
                self._email(child, contact, f"{path}/email")
            elif kind == "phone" or child.tag in PHONE_ELEMENTS:
                self._phone(child, contact, f"{path}/phone", country)
            elif kind == "address":
                contact.address = contact.address or self._address(child, f"{path}/address")
            elif kind == "comments" and isinstance(contact, Customer):
                self._comment(child, contact, f"{path}/comments")
            else:
                self._extra(child, f"{path}/{kind}")
        _complete_name(contact)
        return contact

    def _name(self, node: Node, contact: Contact, path: str) -> None:
        kind = node.attributes.get("type", "").lower()
        if kind in ("individual", "business"):
            contact.kind = kind
        elif kind:
            self.issue("bad_enum", f"{path}/@type", kind)
        for child in node.children:
            if child.tag in NAME_ELEMENTS:
                self._name_part(contact, NAME_ELEMENTS[child.tag], self._value(child, path))
        part = node.attributes.get("part", "").lower()
        part = NAME_PARTS.get(part, part)
        if part not in ("first", "middle", "last", "suffix", "full"):
            self.issue("bad_enum", f"{path}/@part", part)
            part = "full"
        text = self._cut(node.own_text, path)
        self._name_part(contact, "full_name" if part == "full" else part, text)

    @staticmethod
    def _name_part(contact: Contact, part: str, text: str) -> None:
        if text and not getattr(contact, part):
            setattr(contact, part, text)

    def _email(self, node: Node, contact: Contact, path: str) -> None:
        text = self._value(node, path).removeprefix("mailto:")
        if not text:
            return
        valid = bool(values.EMAIL.fullmatch(text))
        if not valid:
            self.issue("bad_email", path, text, personal=True)
        contact.emails.append(Email(text, node.attributes.get("preferredcontact") == "1", valid))

    def _phone(self, node: Node, contact: Contact, path: str, country: str | None) -> None:
        text = self._value(node, path)
        if not text:
            return
        written = node.attributes.get("type", "")
        kind = values.choose(written, values.PHONE_TYPES, values.PHONE_SYNONYMS)
        if kind is None:
            self.issue("bad_enum", f"{path}/@type", written)
        if not written:
            kind = PHONE_ELEMENTS.get(node.tag, "voice")
        moment = node.attributes.get("time", "")
        when = values.choose(moment, values.TIMES, values.TIME_SYNONYMS)
        if when is None:
            self.issue("bad_enum", f"{path}/@time", moment)
        report = phone.normalise(text, region=country or self.context.region)
        if not report.is_valid:
            self.issue("bad_phone", path, text, personal=True)
        preferred = node.attributes.get("preferredcontact") == "1"
        contact.phones.append(Phone(text, report.e164, kind or "voice", when or "", preferred))

    def _country(self, address: Node) -> str | None:
        node = next((child for child in address.children if _kind(child) == "country"), None)
        return values.read_country(node.text) if node else None

    def _address(self, node: Node, path: str) -> Address:
        address = Address(kind=node.attributes.get("type", "").lower()[:20])
        lines: list[tuple[int, str]] = []
        for child in node.children:
            kind = _kind(child)
            text = self._value(child, f"{path}/{kind}")
            if kind == "street":
                if text:
                    lines.append((values.read_integer(child.attributes.get("line", "")) or len(lines) + 1, text))
            elif kind == "country":
                self._read_country(text, address, f"{path}/country")
            elif kind in _ADDRESS_TEXTS:
                attribute = _ADDRESS_TEXTS[kind]
                setattr(address, attribute, getattr(address, attribute) or text)
            else:
                self._extra(child, f"{path}/{kind}")
        own = self._cut(node.own_text, path)
        address.street = [text for _line, text in sorted(lines, key=lambda line: line[0])] or ([own] if own else [])
        return address

    def _read_country(self, text: str, address: Address, path: str) -> None:
        if not text:
            return
        country = values.read_country(text)
        if country is None and values.is_postcode(text):
            self.issue("country_is_postcode", path)
            address.postal_code = address.postal_code or text
            return
        if country is None:
            self.issue("bad_country", path, text, personal=True)
        address.country = country or text

    # --- comments ---------------------------------------------------------------------------------------------

    def _comment(self, node: Node, owner: Customer | Vehicle, path: str) -> None:
        text = self._cut(comments.as_text(node.text), path, MAX_COMMENT)
        if not text:
            return
        owner.comments = f"{owner.comments}\n{text}".strip()[:MAX_COMMENT]
        for key, value in comments.key_values(text).items():
            self.lead.mined.setdefault(key, value[:MAX_VALUE])

    def _mine(self) -> None:
        """Fill what is missing from the `Key: value` lines; what the elements say always stands."""
        found = comments.fields(self.lead.mined)
        lead, customer = self.lead, self.lead.customer
        for part in ("first", "last"):
            if found.get(part) and not (customer.full_name or getattr(customer, part)):
                self._name_part(customer, part, found[part])
                self._filled(f"customer/{part}")
        if found.get("name") and not (customer.full_name or customer.first or customer.last):
            customer.full_name = found["name"]
            self._filled("customer/name")
        _complete_name(customer)
        if found.get("email") and not customer.emails and values.EMAIL.fullmatch(found["email"]):
            customer.emails.append(Email(found["email"]))
            self._filled("customer/email")
        if found.get("phone") and not customer.phones:
            report = phone.normalise(found["phone"], region=self.context.region)
            if report.is_valid:
                customer.phones.append(Phone(found["phone"], report.e164))
                self._filled("customer/phone")
        if found.get("timeframe") and not customer.timeframe:
            customer.timeframe = found["timeframe"]
            self._filled("customer/timeframe")
        lead.preferred_contact_time = found.get("preferred_time", "")
        if found.get("vendor") and not (lead.vendor.name or lead.vendor.ids):
            lead.vendor.name = found["vendor"]
            self._filled("vendor/vendorname")
        self._mine_address(found)
        self._mine_vehicles(found)

    def _mine_address(self, found: dict[str, str]) -> None:
        wanted = {name: found[name] for name in ("city", "region", "postal_code", "street") if found.get(name)}
        if not wanted:
            return
        address = self.lead.customer.address or Address()
        for name, value in wanted.items():
            if not getattr(address, name):
                setattr(address, name, [value] if name == "street" else value)
                self._filled(f"customer/address/{name}")
        self.lead.customer.address = address

    def _mine_vehicles(self, found: dict[str, str]) -> None:
        lead = self.lead
        line = _read_vehicle_line(found["vehicle"]) if found.get("vehicle") else None
        named: dict[str, object] = {name: found[name] for name in ("make", "model", "trim", "stock") if found.get(name)}
        if found.get("year") and (year := values.read_year(found["year"])):
            named["year"] = year
        if found.get("vin") and not vin.inspect(found["vin"]).errors:
            named["vin"] = vin.normalise(found["vin"])
        if line or named:
            wanted = lead.wanted
            if wanted is None:
                wanted = Vehicle()
                lead.vehicles.insert(0, wanted)
            for name, value in {**(_filled_fields(line) if line else {}), **named}.items():
                self._fill_vehicle(wanted, name, value)
        if found.get("price") and lead.wanted and lead.wanted.price is None:
            amount, currency = values.read_amount(found["price"], "")
            if amount is not None:
                lead.wanted.price = Price(amount, currency, "offer", found["price"])
                self._filled("vehicle/price")
        if found.get("trade_in") and not any(v.interest == "trade-in" for v in lead.vehicles):
            trade = _read_vehicle_line(found["trade_in"]) or Vehicle(model=found["trade_in"])
            lead.vehicles.append(replace(trade, interest="trade-in", status="used"))
            self._filled("vehicle/trade-in")

    def _fill_vehicle(self, vehicle: Vehicle, name: str, value: object) -> None:
        if not getattr(vehicle, name):
            setattr(vehicle, name, value)
            self._filled(f"vehicle/{name}")

    def _filled(self, path: str) -> None:
        self.issue("filled_from_comment", f"{self.path}/{path}")

    # --- the whole --------------------------------------------------------------------------------------------

    def _finish_customer(self) -> None:
        customer = self.lead.customer
        if customer.kind == "individual" and _COMPANY.search(customer.full_name):
            customer.kind = "business"
            self.issue("kind_inferred", f"{self.path}/customer")
        if customer.kind == "business":
            customer.first = customer.middle = customer.last = customer.suffix = ""

    def _complain(self) -> None:
        lead, customer = self.lead, self.lead.customer
        if lead.is_empty:
            return
        if not customer.full_name:
            self.issue("no_name", f"{self.path}/customer")
        if not any(e.valid for e in customer.emails) and not any(_may_be_number(p) for p in customer.phones):
            self.issue("no_contact_point", f"{self.path}/customer")
        if not lead.vehicles:
            self.issue("no_vehicle", self.path)
        if not (lead.vendor.name or lead.vendor.ids):
            self.issue("no_vendor", self.path)

    # --- small things -----------------------------------------------------------------------------------------

    def _id(self, node: Node, ids: list[ExternalId], path: str) -> None:
        if text := self._value(node, path):
            sequence = values.read_integer(node.attributes.get("sequence", ""))
            ids.append(ExternalId(node.attributes.get("source", "")[:MAX_VALUE], text, sequence))

    def _price(self, node: Node, path: str, kinds: tuple[str, ...], usual: str) -> Price:
        text = self._value(node, path)
        currency = node.attributes.get("currency", "").upper()
        if currency and not re.fullmatch("[A-Z]{3}", currency):
            self.issue("bad_currency", f"{path}/@currency", currency)
            currency = ""
        kind = self._enum(node, "type", kinds, {"": usual}, usual, path)
        amount, currency = values.read_amount(text, currency) if text else (None, currency)
        if text and amount is None and kind != "call":
            self.issue("bad_amount", path, text)
        short = {name: node.attributes.get(name, "").lower()[:20] for name in ("delta", "relativeto", "limit")}
        return Price(amount, currency, kind, text, short["delta"], short["relativeto"], short["limit"])

    def _enum(
        self, node: Node, name: str, allowed: tuple[str, ...], synonyms: Mapping[str, str], usual: str, path: str
    ) -> str:
        written = node.attributes.get(name)
        if written is None:
            return usual
        value = values.choose(written, allowed, synonyms)
        if value is None:
            self.issue("bad_enum", f"{path}/@{name}", written)
            return usual
        return value

    def _value(self, node: Node, path: str) -> str:
        """The text of a single-line element: blanks joined, cut to `MAX_VALUE`."""
        return self._cut(re.sub(r"\s+", " ", node.text).strip(), path)

    def _cut(self, text: str, path: str, limit: int = MAX_VALUE) -> str:
        if len(text) > limit:
            self.issue("value_cut", path)
        return text[:limit]

    def _note_alias(self, node: Node, kind: str, path: str) -> None:
        if node.tag != kind:
            self.issue("not_standard", path, node.raw_tag)

    def _unknown_attributes(self, node: Node, known: set[str], path: str) -> None:
        for name, value in list(node.attributes.items())[:20]:
            if name not in known:
                self._keep(f"{path}/@{name[:60]}", value, {})

    def _extra(self, node: Node, path: str) -> None:
        """Keep an element that the standard does not know, with everything inside it."""
        if node.tag in HTML_VOID:
            return
        if path.count("/") <= 4:
            self.issue("unknown_element", path)
        children = [child for child in node.children if child.tag not in HTML_VOID]
        self._keep(path, node.own_text if children else node.text, node.attributes)
        for child in children:
            self._extra(child, f"{path}/{child.tag[:60]}")

    def _keep(self, path: str, value: str, attributes: dict[str, str]) -> None:
        if len(self.lead.extras) < MAX_EXTRAS and (value or attributes):
            kept = {name[:60]: text[:MAX_VALUE] for name, text in list(attributes.items())[:20]}
            self.lead.extras.append({"path": path[:200], "value": value[:MAX_VALUE], "attributes": kept})


_VehicleReader = Callable[[_ProspectReader, Node, Vehicle, str], None]
_VEHICLE_READERS: dict[str, _VehicleReader] = {
    "id": _ProspectReader._vehicle_id,
    "year": _ProspectReader._year,
    "vin": _ProspectReader._vin,
    "odometer": _ProspectReader._odometer,
    "colorcombination": _ProspectReader._colours,
    "exteriorcolor": _ProspectReader._colour,
    "interiorcolor": _ProspectReader._colour,
    "imagetag": _ProspectReader._image,
    "price": _ProspectReader._vehicle_price,
    "option": _ProspectReader._option,
    "finance": _ProspectReader._finance,
    "comments": _ProspectReader._vehicle_comment,
}
_VEHICLE_TEXTS = {
    "make": "make",
    "model": "model",
    "trim": "trim",
    "stock": "stock",
    "doors": "doors",
    "bodystyle": "body_style",
    "transmission": "transmission",
    "condition": "condition",
    "pricecomments": "price_comments",
}
_ADDRESS_TEXTS = {
    "apartment": "apartment",
    "district": "district",
    "city": "city",
    "regioncode": "region",
    "postalcode": "postal_code",
}


def _complete_name(contact: Contact) -> None:
    """Full name from its parts, or the parts from the full name."""
    if not contact.full_name:
        given = " ".join(part for part in (contact.first, contact.middle) if part)
        if names.is_chinese(given + contact.last):
            given = given.replace(" ", "")
        full = names.join_name(contact.last, given)
        contact.full_name = f"{full} {contact.suffix}".strip()
    elif not (contact.first or contact.last) and contact.kind == "individual":
        split = names.split_name(contact.full_name)
        contact.first, contact.last = split.given, split.surname


def _may_be_number(number: Phone) -> bool:
    # What a machine does not understand a person may still dial.
    return number.type != "fax" and (number.e164 is not None or len(re.findall(r"\d", number.number)) >= 5)


def _read_vehicle_line(text: str) -> Vehicle | None:
    """ "Used 2019 Honda Accord EX": status, year, make and the rest as model."""
    match = _VEHICLE_LINE.fullmatch(text.strip()[:130])
    if not match:
        return None
    status = values.choose(match[1] or "", values.VEHICLE_STATUSES, values.VEHICLE_STATUS_SYNONYMS) or "new"
    return Vehicle(status=status, year=int(match[2]) if match[2] else None, make=match[3], model=match[4].strip())


def _filled_fields(vehicle: Vehicle) -> dict[str, object]:
    return {
        spec.name: getattr(vehicle, spec.name)
        for spec in fields(vehicle)
        if spec.name in ("year", "make", "model") and getattr(vehicle, spec.name)
    }
