"""The frame of every contract: what may cross between the tiers, typed, versioned and classified.

A contract is a frozen dataclass whose every field says its *class* (how close it leads to a person), checked
when the record is made, and written to JSON and back without loss. It is registered once by name and version:

    @contract("ServiceVisit", 1, kind=FACT, direction=UP, subject="vehicle", purposes=(Purpose.ANALYTICS,))
    class ServiceVisit(Contract):
        visit_id: UUID = f(FieldClass.REFERENCE, "The dealership's id of the repair order.")

Only the standard library and Django's enums and lazy translation are used here: no settings, no models.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from types import MappingProxyType
from typing import Any, ClassVar, Self, TypeVar, cast, dataclass_transform

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from kernel.contracts.shapes import Maybe, MisfitError, Shape, Text, entry_in, hints_of, shape_of

#: Frozen identifiers. A name never changes its number and a retired one keeps it, so that a ledger of any age
#: can be read; add at the end.
NUMBERS: Mapping[str, int] = MappingProxyType(
    {
        "SalesLead": 1,
        "LeadOutcome": 2,
        "VehicleSale": 3,
        "Owner": 4,
        "ServiceVisit": 5,
        "WarrantyClaim": 6,
        "ClaimDecision": 7,
        "DailyCounts": 8,
        "Receipt": 9,
        "SupportAccess": 10,
        "ReadingReport": 11,
        "SharingProposal": 12,
        "SharingDecision": 13,
        "KnownCustomer": 18,
        "BenchmarkFigures": 19,
        "BenchmarkReport": 20,
        "Withdrawal": 14,
        "WithdrawalReceipt": 15,
        "ErasureRequest": 16,
        "ErasureReceipt": 17,
    }
)
#: Names that no longer have a class; their numbers stay taken.
RETIRED: frozenset[str] = frozenset()

#: A name in a message's JSON that is no field: by it the sender says why fields stayed, ``{"phone": "no_consent"}``
#: (codes of `exchange.gate.Reason`). Readers of release 0.1.0 leave it aside as a name they do not know.
WITHHELD = "_withheld"

#: ISO 3779: 17 characters without I, O and Q; shorter ones only on cars built before 1981.
VIN = r"[A-HJ-NPR-Z0-9]{11,17}"
#: ISO 4217.
CURRENCY = r"[A-Z]{3}"
#: What `exchange.pseudonyms` makes.
PSEUDONYM = r"p_[a-z2-7]{26}"


class FieldClass(TextChoices):
    """How close a field leads to a person, and what it is about."""

    IDENTITY = "identity", _("Identity")
    CONTACT = "contact", _("Contact")
    COMMERCIAL = "commercial", _("Commercial")
    VEHICLE = "vehicle", _("Vehicle")
    TECHNICAL = "technical", _("Technical")
    COUNT = "count", _("Count")
    REFERENCE = "reference", _("Reference")


#: The classes that name or reach a person.
PERSONAL = frozenset({FieldClass.IDENTITY, FieldClass.CONTACT})


class Purpose(TextChoices):
    """Why data crosses. A flow without a purpose cannot be built."""

    WARRANTY = "warranty", _("Warranty")
    SALE_AND_DELIVERY = "sale_and_delivery", _("Sale and delivery")
    SAFETY_RECALL = "safety_recall", _("Safety recall")
    INCENTIVE = "incentive", _("Incentive")
    LEAD_HANDLING = "lead_handling", _("Lead handling")
    CUSTOMER_CARE = "customer_care", _("Customer care")
    MARKETING = "marketing", _("Marketing")
    ANALYTICS = "analytics", _("Analytics")
    BENCHMARK = "benchmark", _("Benchmark")


#: What a manufacturer may require; every other purpose needs the dealership's opt-in. These are the four
#: purposes for which the law of Maryland lets a manufacturer require a dealer's data.
REQUIRABLE = frozenset({Purpose.WARRANTY, Purpose.SALE_AND_DELIVERY, Purpose.SAFETY_RECALL, Purpose.INCENTIVE})


class Level(TextChoices):
    """How much of a record may leave; ordered, ``NOTHING < COUNTS < PSEUDONYMOUS < FULL``."""

    NOTHING = "nothing", _("Nothing")
    COUNTS = "counts", _("Counts only")
    PSEUDONYMOUS = "pseudonymous", _("Pseudonymous")
    FULL = "full", _("Full")

    @property
    def rank(self) -> int:
        return list(Level).index(self)

    # A Level is also text, and text would compare by the alphabet: plain text is refused, not compared.
    def _against(self, other: object) -> int:
        if not isinstance(other, Level):
            raise TypeError(f"a level cannot be ordered against {other!r}")
        return self.rank - other.rank

    def __lt__(self, other: object) -> bool:
        return self._against(other) < 0

    def __le__(self, other: object) -> bool:
        return self._against(other) <= 0

    def __gt__(self, other: object) -> bool:
        return self._against(other) > 0

    def __ge__(self, other: object) -> bool:
        return self._against(other) >= 0


class Kind(StrEnum):
    """A fact stands for ever beside the others; a state carries a version and a later one supersedes it."""

    FACT = "fact"
    STATE = "state"


class Direction(StrEnum):
    """Up to the manufacturer, down to a dealership, or both."""

    UP = "up"
    DOWN = "down"
    BOTH = "both"


FACT, STATE = Kind.FACT, Kind.STATE
UP, DOWN, BOTH = Direction.UP, Direction.DOWN, Direction.BOTH


class ContractError(TypeError):
    """A contract is declared wrongly, or one is asked for that does not exist."""


class RecordError(ValueError):
    """A record does not fit its contract; `problems` maps each field's path to what is wrong with it."""

    def __init__(self, name: str, problems: Mapping[str, str]) -> None:
        self.name = name
        self.problems = dict(problems)
        super().__init__(f"{name}: " + "; ".join(f"{path} {problem}" for path, problem in problems.items()))


@dataclass(frozen=True)
class Mark:
    """What a field, or a key of an entry, says about itself.

    field_class   how close it leads to a person
    doc           its meaning, with unit
    pseudonymise  text that is replaced by a keyed hash at level pseudonymous
    reidentifies  names nobody by itself, but leads the receiver back to a person: stays at level pseudonymous
    free_text     typed by people, so it might hold a name: stays at level pseudonymous
    """

    field_class: FieldClass
    doc: str
    pseudonymise: bool = False
    reidentifies: bool = False
    free_text: bool = False
    max_length: int = 200
    pattern: str | None = None
    minimum: int | None = None

    @property
    def personal(self) -> bool:
        return self.field_class in PERSONAL

    @property
    def stays_when_pseudonymous(self) -> bool:
        return (self.personal or self.reidentifies or self.free_text) and not self.pseudonymise


def k(field_class: FieldClass, doc: str, **marks: Any) -> Mark:
    """Classify a key of an entry: ``Annotated[Decimal, k(FieldClass.COMMERCIAL, "…")]`` in a `TypedDict`."""
    if marks.get("free_text"):
        marks.setdefault("max_length", 4000)
    return Mark(field_class, doc, **marks)


def f(field_class: FieldClass, doc: str, *, default: Any = dataclasses.MISSING, **marks: Any) -> Any:
    """Classify a field of a contract; `marks` as in `Mark`. A field without `default` must be given."""
    mark = {"mark": k(field_class, doc, **marks)}
    if default is dataclasses.MISSING:
        return dataclasses.field(metadata=mark)
    return dataclasses.field(default=default, metadata=mark)


@dataclass(frozen=True)
class FieldSpec:
    """A field of a contract as registered.

    `partial` is the shape of what a gate leaves of it; `keys` are those of the entries in a list.
    """

    name: str
    mark: Mark
    shape: Shape
    partial: Shape
    required: bool
    default: Any
    keys: Mapping[str, Mark]


@dataclass(frozen=True)
class Spec:
    """A contract as registered; `Contract.spec`."""

    name: str
    version: int
    number: int
    kind: Kind
    direction: Direction
    subject: str
    purposes: frozenset[Purpose]
    doc: str
    fields: Mapping[str, FieldSpec]

    @cached_property
    def paths(self) -> dict[str, Mark]:
        """Every field and every key of an entry: ``{"jobs": …, "jobs[].complaint": …}``."""
        paths: dict[str, Mark] = {}
        for name, field in self.fields.items():
            paths[name] = field.mark
            paths |= {f"{name}[].{key}": mark for key, mark in field.keys.items()}
        return paths

    @cached_property
    def names_person(self) -> bool:
        """Whether a record at level full names or reaches a person."""
        return any(mark.personal for mark in self.paths.values())

    @cached_property
    def is_aggregate(self) -> bool:
        """Whether a record is itself counts and not an event."""
        classes = {mark.field_class for mark in self.paths.values()}
        return FieldClass.COUNT in classes and classes <= {FieldClass.COUNT, FieldClass.REFERENCE}


class Contract:
    """Base of every contract. Making a record checks it (`RecordError`) and turns its times into UTC."""

    spec: ClassVar[Spec]
    #: Names in the JSON that only a newer version of the contract knows; they were left aside.
    unknown_keys: tuple[str, ...] = ()
    #: Fields that the sender's gate kept back; they are None here, whatever their type says.
    withheld_keys: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        problems: dict[str, str] = {}
        for field in self.spec.fields.values():
            try:
                object.__setattr__(self, field.name, field.shape.check(getattr(self, field.name)))
            except MisfitError as error:
                problems[f"{field.name}{error.where}"] = error.message
        problems = problems or self.problems()
        if problems:
            raise RecordError(self.spec.name, problems)

    def problems(self) -> dict[str, str]:
        """Rules between fields, asked when each field fits by itself: path → what is wrong."""
        return {}

    def to_json(self) -> dict[str, Any]:
        """Every field by name, in the JSON forms of `kernel.contracts.shapes`."""
        return {name: field.shape.write(getattr(self, name)) for name, field in self.spec.fields.items()}

    @classmethod
    def from_json(cls, body: Any, *, partial: bool = False) -> Self:
        """Read what `to_json` wrote, of this version or a newer one.

        `partial` is for a receiver: fields that the gate kept back are absent and become None
        (`withheld_keys`), and pseudonyms stand where a pseudonymised value stood. Names that this version
        does not know are left aside and reported in `unknown_keys`. Raises `RecordError`.
        """
        if not isinstance(body, dict):
            raise RecordError(cls.spec.name, {"": "must be an object"})
        unknown = [str(key) for key in body if key not in cls.spec.fields and key != WITHHELD]
        problems: dict[str, str] = {}
        record = object.__new__(cls)
        for field in cls.spec.fields.values():
            try:
                object.__setattr__(record, field.name, _read(field, body, unknown, partial))
            except MisfitError as error:
                problems[f"{field.name}{error.where}"] = error.message
        if not (problems or partial):
            problems = record.problems()
        if problems:
            raise RecordError(cls.spec.name, problems)
        absent = frozenset(name for name in cls.spec.fields if partial and name not in body)
        object.__setattr__(record, "withheld_keys", absent)
        object.__setattr__(record, "unknown_keys", tuple(unknown))
        return record


def _read(field: FieldSpec, body: dict[str, Any], unknown: list[str], partial: bool) -> Any:
    if field.name not in body:
        if field.required and not partial:
            raise MisfitError("is missing")
        return None if partial else field.default
    value = body[field.name]
    if not partial:
        return field.shape.read(value, unknown, field.name)
    if field.mark.pseudonymise and is_pseudonym(value):
        return value
    return field.partial.read(value, unknown, field.name)


_PSEUDONYM = Text(28, PSEUDONYM)


def is_pseudonym(value: Any) -> bool:
    """Whether a received value is a keyed hash and not the value itself."""
    try:
        _PSEUDONYM.check(value)
    except MisfitError:
        return False
    return True


AnyContract = TypeVar("AnyContract", bound=type[Contract])
_REGISTRY: dict[tuple[str, int], type[Contract]] = {}


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(f,))
def contract(
    name: str,
    version: int,
    *,
    kind: Kind,
    direction: Direction,
    subject: str,
    purposes: Iterable[Purpose],
) -> Callable[[AnyContract], AnyContract]:
    """Register a contract, documented by its docstring. Raises `ContractError` for a wrong declaration."""

    def register(owner: AnyContract) -> AnyContract:
        made = cast(AnyContract, dataclasses.dataclass(frozen=True, kw_only=True)(owner))
        made.spec = _specify(made, name, version, kind, direction, subject, frozenset(purposes))
        _REGISTRY[name, version] = made
        return made

    return register


def _specify(
    owner: type[Contract],
    name: str,
    version: int,
    kind: Kind,
    direction: Direction,
    subject: str,
    purposes: frozenset[Purpose],
) -> Spec:
    if name not in NUMBERS or name in RETIRED:
        raise ContractError(f"{name} has no number in force; give it one in NUMBERS")
    if (name, version) in _REGISTRY:
        raise ContractError(f"{name} version {version} is registered twice")
    if not (purposes and subject and owner.__doc__) or owner.__doc__.startswith(f"{owner.__name__}("):
        raise ContractError(f"{name} needs a docstring, a subject and at least one purpose")
    hints = hints_of(owner)
    fields = {field.name: _field(name, field, hints[field.name]) for field in dataclasses.fields(cast(Any, owner))}
    if kind is Kind.STATE and not ("version" in fields and fields["version"].required):
        raise ContractError(f"{name} is a state and needs a field `version`")
    return Spec(
        name=name,
        version=version,
        number=NUMBERS[name],
        kind=kind,
        direction=direction,
        subject=subject,
        purposes=purposes,
        doc=owner.__doc__,
        fields=MappingProxyType(fields),
    )


def _field(name: str, field: dataclasses.Field[Any], hint: Any) -> FieldSpec:
    path = f"{name}.{field.name}"
    mark = field.metadata.get("mark")
    if mark is None:
        raise ContractError(f"{path} is not classified; declare it with f()")
    try:
        shape = shape_of(hint, mark)
    except TypeError as error:
        raise ContractError(f"{path}: {error}") from None
    plain = shape.inner if isinstance(shape, Maybe) else shape
    if mark.pseudonymise and not isinstance(shape, Text):
        raise ContractError(f"{path} cannot be pseudonymised: only text that must be given can")
    if mark.free_text and not isinstance(plain, Text):
        raise ContractError(f"{path} cannot be free text: it is no text")
    required = field.default is dataclasses.MISSING
    if not required and field.default is None and not isinstance(shape, Maybe):
        raise ContractError(f"{path} may be None by default but not by type")
    default = None if required else field.default
    keys = MappingProxyType(_keys_of(path, shape))
    return FieldSpec(field.name, mark, shape, shape.partly(), required, default, keys)


def _keys_of(path: str, shape: Shape) -> dict[str, Mark]:
    """The classified keys of the entries in a list; `{}` for every other field."""
    entry = entry_in(shape)
    marks = dict(entry.marks) if entry else {}
    for key, mark in marks.items():
        if mark.pseudonymise:
            raise ContractError(f"{path}[].{key} cannot be pseudonymised: only whole fields can")
    return marks


def by_name(name: str, version: int) -> type[Contract]:
    """The contract of this name and version. Raises `ContractError` if there is none."""
    try:
        return _REGISTRY[name, version]
    except KeyError:
        raise ContractError(f"there is no contract {name} version {version}") from None


def versions(name: str) -> list[type[Contract]]:
    """Every registered version of a contract, oldest first; empty for an unknown name."""
    return [owner for owner in all_contracts() if owner.spec.name == name]


def all_contracts() -> list[type[Contract]]:
    """Every contract in force, by number and version."""
    return sorted(_REGISTRY.values(), key=lambda owner: (owner.spec.number, owner.spec.version))


def assert_complete() -> None:
    """Raise `ContractError` unless every number in force has a class; called on import of the package."""
    missing = set(NUMBERS) - RETIRED - {name for name, _version in _REGISTRY}
    if missing:
        raise ContractError(f"no class for {', '.join(sorted(missing))}")
    if len(set(NUMBERS.values())) != len(NUMBERS) or not set(NUMBERS) >= RETIRED:
        raise ContractError("a number is taken twice, or a retired name has lost its number")


def json_schema(owner: type[Contract]) -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a whole record, before any gate; a newer version may add names."""
    spec = owner.spec
    properties = {}
    for name, field in spec.fields.items():
        properties[name] = field.shape.schema() | {
            "description": field.mark.doc,
            "x-field-class": str(field.mark.field_class),
        }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:dealernet:contract:{spec.name}:{spec.version}",
        "title": spec.name,
        "description": " ".join(spec.doc.split()),
        "type": "object",
        "properties": properties,
        "required": [name for name, field in spec.fields.items() if field.required],
        "x-number": spec.number,
        "x-kind": str(spec.kind),
        "x-direction": str(spec.direction),
        "x-subject": spec.subject,
        "x-purposes": sorted(spec.purposes),
    }
