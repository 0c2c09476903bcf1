"""What is read from an ADF document. Plain data: nothing here knows XML or the database.

All text is stripped, without control characters, and cut to a sane length. An absent value is "" or None.
"""

import dataclasses
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from django.utils.functional import Promise

from oem.leads.adf.messages import MESSAGES, UNKNOWN

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Severity = Literal["error", "warning", "info"]


class TooLarge(ValueError):
    """The document has more bytes than `parse` takes; the caller answers 413."""

    def __init__(self, size: int, limit: int):
        super().__init__(f"{size} bytes, at most {limit}")
        self.size = size
        self.limit = limit


@dataclass(frozen=True)
class Issue:
    """Something in a document that is not as it should be.

    `severity`: error = a person should look; warning = a value was lost or guessed; info = a liberty was taken.
    `path` names the element ("prospect[0]/vehicle[1]/year"). `value` is an excerpt that holds no personal
    data: free text shows its shape only ("xxxx@xxxx.xxx"). Both are safe for logs.
    """

    code: str
    path: str = ""
    severity: Severity = "warning"
    value: str = ""

    @property
    def message(self) -> str | Promise:
        """A sentence for people, lazy: rendered in the language that is active when it is shown."""
        return MESSAGES.get(self.code, UNKNOWN)

    def to_json(self) -> dict[str, str]:
        return {"code": self.code, "path": self.path, "severity": self.severity, "value": self.value}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Issue":
        return cls(data["code"], data["path"], data["severity"], data["value"])


@dataclass(frozen=True)
class ExternalId:
    source: str
    id: str
    sequence: int | None = None


@dataclass(frozen=True)
class Email:
    address: str
    preferred: bool = False
    valid: bool = True


@dataclass(frozen=True)
class Phone:
    """`number` as received, `e164` when it is understood. `type`: voice, mobile, home, work, fax, pager.
    `time`: morning, afternoon, evening, day, nopreference or ""."""

    number: str
    e164: str | None = None
    type: str = "voice"
    time: str = ""
    preferred: bool = False


@dataclass
class Address:
    """`country` is ISO 3166-1 alpha-2 or what was written. `kind`: work, home, delivery or ""."""

    street: list[str] = field(default_factory=list)
    apartment: str = ""
    district: str = ""
    city: str = ""
    region: str = ""
    postal_code: str = ""
    country: str = ""
    kind: str = ""


@dataclass
class Contact:
    """`full_name` is always filled when any part is. `kind`: individual or business."""

    full_name: str = ""
    first: str = ""
    middle: str = ""
    last: str = ""
    suffix: str = ""
    kind: str = "individual"
    emails: list[Email] = field(default_factory=list)
    phones: list[Phone] = field(default_factory=list)
    address: Address | None = None


@dataclass
class Customer(Contact):
    ids: list[ExternalId] = field(default_factory=list)
    timeframe: str = ""
    earliest: date | None = None
    latest: date | None = None
    comments: str = ""


@dataclass
class Vendor:
    """The dealership the lead is meant for."""

    ids: list[ExternalId] = field(default_factory=list)
    name: str = ""
    url: str = ""
    contact: Contact | None = None


@dataclass
class Provider:
    """Who collected the lead."""

    ids: list[ExternalId] = field(default_factory=list)
    name: str = ""
    service: str = ""
    url: str = ""
    email: str = ""
    phone: str = ""
    contact: Contact | None = None


@dataclass(frozen=True)
class Price:
    """`currency` is ISO 4217 or "" when the document does not say. `kind`: quote, offer, msrp, invoice, call,
    appraisal, asking; of a finance amount downpayment, monthly, total; of a balance finance, residual."""

    amount: Decimal | None
    currency: str = ""
    kind: str = "quote"
    text: str = ""
    delta: str = ""
    relative_to: str = ""
    limit: str = ""


@dataclass(frozen=True)
class Colour:
    interior: str = ""
    exterior: str = ""
    both: str = ""
    preference: int | None = None


@dataclass(frozen=True)
class Option:
    name: str
    code: str = ""
    stock: str = ""
    weighting: int | None = None
    price: Price | None = None


@dataclass
class Finance:
    """`method`: cash, finance, lease or ""."""

    method: str = ""
    amounts: list[Price] = field(default_factory=list)
    balance: Price | None = None


@dataclass
class Vehicle:
    """`interest`: buy, lease, sell, trade-in, test-drive. `status`: new, used. `odometer_unit`: km, mi or ""."""

    interest: str = "buy"
    status: str = "new"
    ids: list[ExternalId] = field(default_factory=list)
    year: int | None = None
    make: str = ""
    model: str = ""
    trim: str = ""
    vin: str = ""
    stock: str = ""
    doors: str = ""
    body_style: str = ""
    transmission: str = ""
    odometer: int | None = None
    odometer_unit: str = ""
    odometer_status: str = ""
    condition: str = ""
    colours: list[Colour] = field(default_factory=list)
    image_urls: list[str] = field(default_factory=list)
    price: Price | None = None
    price_comments: str = ""
    options: list[Option] = field(default_factory=list)
    finance: Finance | None = None
    comments: str = ""


@dataclass
class ParsedLead:
    """One prospect. `status` is new or resend, `requested_at` UTC. `extras` are elements and attributes that the
    standard does not know, each {"path", "value", "attributes"}; `mined` are the `Key: value` lines found in
    comments, by key as written."""

    external_ids: list[ExternalId] = field(default_factory=list)
    status: str = "new"
    requested_at: datetime | None = None
    vehicles: list[Vehicle] = field(default_factory=list)
    customer: Customer = field(default_factory=Customer)
    vendor: Vendor = field(default_factory=Vendor)
    provider: Provider = field(default_factory=Provider)
    preferred_contact_time: str = ""
    mined: dict[str, str] = field(default_factory=dict)
    extras: list[dict[str, Any]] = field(default_factory=list)

    @property
    def wanted(self) -> Vehicle | None:
        """The car the customer wants: the first that is not given in trade or for sale."""
        return next((v for v in self.vehicles if v.interest not in ("trade-in", "sell")), None)

    @property
    def is_empty(self) -> bool:
        """True when nothing was read that a person could act on."""
        bare = {"kind": "individual", "interest": "buy", "status": "new"}
        parts: list[DataclassInstance] = [self.customer, *self.vehicles, self.vendor]
        return not any(_has_content(part, bare) for part in parts)

    def to_json(self) -> dict[str, Any]:
        """For storage: JSON types only. Times are UTC with offset, amounts are text."""
        return _plain(self)


@dataclass
class ParsedDocument:
    """`readable` is False when no lead could be read; then `leads` is empty and the issues say why."""

    leads: list[ParsedLead] = field(default_factory=list)
    issues: list[Issue] = field(default_factory=list)
    readable: bool = False

    def to_json(self) -> dict[str, Any]:
        return {
            "readable": self.readable,
            "issues": [issue.to_json() for issue in self.issues],
            "leads": [lead.to_json() for lead in self.leads],
        }


def _has_content(part: "DataclassInstance", bare: dict[str, str]) -> bool:
    return any(
        value not in (None, "", []) and value != bare.get(spec.name)
        for spec in dataclasses.fields(part)
        for value in [getattr(part, spec.name)]
    )


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {spec.name: _plain(getattr(value, spec.name)) for spec in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value
