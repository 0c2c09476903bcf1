"""The gate: what of a record may leave, and why each other field stays. Pure: no database, no clock, no settings.

The level in force is the narrowest of what the manufacturer's template asks, the dealership's ceiling allows, the
customer's consent covers and the law permits. Denials win: nothing that is added to these four lets more out.
Sending, preview and explanation all run `decide`, and its path of rules can be computed again from what it stored.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, Self

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from kernel.contracts import REQUIRABLE, Contract, FieldClass, Level, Mark, Purpose, Spec, versions

#: The recipient of what goes up.
MANUFACTURER = "manufacturer"
#: `(purpose, value) -> pseudonym`, see `exchange.pseudonyms`.
Pseudonymise = Callable[[str, str], str]


class Reason(TextChoices):
    """Why a field stayed. The codes stand in ledgers and never change; the sentences may."""

    TEMPLATE = "template", _("The agreement does not ask for it.")
    CEILING = "ceiling", _("The dealership's ceiling keeps it back.")
    NO_CONSENT = "no_consent", _("The customer has given no consent.")
    CONSENT_EXPIRED = "consent_expired", _("The customer's consent has expired.")
    CONSENT_WITHDRAWN = "consent_withdrawn", _("The customer has withdrawn the consent.")
    CONSENT_OTHER_PURPOSE = "consent_other_purpose", _("The customer's consent is for another purpose.")
    CONSENT_OTHER_RECIPIENT = "consent_other_recipient", _("The customer's consent is for another recipient.")
    FIELD_DENIED = "field_denied", _("The agreement keeps this field back.")
    LAW_FIELD = "law_field", _("The law forbids to share this field.")
    LAW_PURPOSE = "law_purpose", _("The law forbids this purpose.")
    LAW_LEVEL = "law_level", _("The law allows no higher level.")
    NO_PSEUDONYM_KEY = "no_pseudonym_key", _("There is no key to make a pseudonym with.")


#: Reasons that say something of what a customer answered.
ABOUT_CONSENT = frozenset(
    {
        Reason.NO_CONSENT,
        Reason.CONSENT_EXPIRED,
        Reason.CONSENT_WITHDRAWN,
        Reason.CONSENT_OTHER_PURPOSE,
        Reason.CONSENT_OTHER_RECIPIENT,
    }
)


class LawEffect(StrEnum):
    FORBID_FIELD = "forbid_field"
    FORBID_PURPOSE = "forbid_purpose"
    CAP_LEVEL = "cap_level"
    REQUIRE_CONSENT = "require_consent"


@dataclass(frozen=True, kw_only=True)
class LawRule:
    """One rule of a law pack: data with a date and a source.

    It concerns every contract and purpose unless it names one. `forbid_field` names a field by its path
    (``name``, ``jobs[].complaint``) or a class of fields; `cap_level` names the highest level. It is in force from
    `valid_from` to `valid_until`, both included. Raises `ValueError` for a rule that says too little or too much.
    """

    pack: str
    version: str
    article: str
    effect: LawEffect
    valid_from: date
    valid_until: date | None = None
    contract: str | None = None
    purpose: Purpose | None = None
    field: str | None = None
    field_class: FieldClass | None = None
    cap: Level | None = None
    source: str = ""

    def __post_init__(self) -> None:
        _coerce(self, effect=LawEffect, purpose=Purpose, field_class=FieldClass, cap=Level)
        if (self.effect is LawEffect.FORBID_FIELD) != (self.field is not None or self.field_class is not None):
            raise ValueError("a law rule names a field or a class of fields if, and only if, it forbids fields")
        if (self.effect is LawEffect.CAP_LEVEL) != (self.cap is not None):
            raise ValueError("a law rule names a level if, and only if, it caps the level")

    def applies(self, spec: Spec, purpose: Purpose, at: datetime) -> bool:
        """Whether it is in force for this contract and purpose at this time."""
        # A law's day is the day where it holds. The gate does not know where: it counts the day from its first
        # moment anywhere (UTC+14) to its last one anywhere (UTC-12), so that a rule never begins late.
        begun = self.valid_from <= (at + timedelta(hours=14)).date()
        ended = self.valid_until is not None and self.valid_until < (at - timedelta(hours=12)).date()
        return (
            begun and not ended and self.contract in (None, spec.name) and self.purpose in (None, purpose)
        )  # fmt: skip

    def forbids(self, path: str, mark: Mark) -> bool:
        """Whether it forbids this field, or the field this key stands in."""
        if self.effect is not LawEffect.FORBID_FIELD:
            return False
        return mark.field_class == self.field_class or (self.field is not None and _covers(self.field, path))


@dataclass(frozen=True, kw_only=True)
class Consent:
    """What one customer allowed: to whom, what for, in which words, from when until when."""

    granted: bool
    purpose: Purpose
    recipient: str
    text_version: str
    given_at: datetime
    expires_at: datetime | None = None
    withdrawn_at: datetime | None = None

    def __post_init__(self) -> None:
        _coerce(self, purpose=Purpose)
        for moment in (self.given_at, self.expires_at, self.withdrawn_at):
            _require_aware(moment)

    def lacks(self, purpose: Purpose, recipient: str, at: datetime) -> Reason | None:
        """Why it does not cover this purpose and recipient at this time; None if it does."""
        if self.purpose is not purpose:
            return Reason.CONSENT_OTHER_PURPOSE
        if self.recipient != recipient:
            return Reason.CONSENT_OTHER_RECIPIENT
        if not self.granted or at < self.given_at:
            return Reason.NO_CONSENT
        if self.withdrawn_at is not None and self.withdrawn_at <= at:
            return Reason.CONSENT_WITHDRAWN
        if self.expires_at is not None and self.expires_at <= at:
            return Reason.CONSENT_EXPIRED
        return None


@dataclass(frozen=True, kw_only=True)
class Policy:
    """What both sides signed for one contract and purpose, and the law that bears on it.

    template         the level that the manufacturer's agreement asks for
    ceiling          the highest level that the dealership allows; has no effect where `required`
    required         the manufacturer requires it, which is possible for four purposes only (`REQUIRABLE`)
    fields_denied    paths (``email``, ``jobs[].complaint``) that stay at any level; never a reference field, for
                     without those no record can be kept in order
    recipient        who receives it, as consents name them

    Raises `ValueError` for an unknown contract or field, and for a purpose the contract may not serve.
    """

    contract: str
    purpose: Purpose
    template: Level
    ceiling: Level
    required: bool
    agreement_version: str
    fields_denied: frozenset[str] = frozenset()
    law: tuple[LawRule, ...] = ()
    recipient: str = MANUFACTURER

    def __post_init__(self) -> None:
        _coerce(self, purpose=Purpose, template=Level, ceiling=Level, fields_denied=frozenset, law=tuple)
        specs = [owner.spec for owner in versions(self.contract)]
        if not any(self.purpose in spec.purposes for spec in specs):
            raise ValueError(f"no contract {self.contract!r} serves the purpose {self.purpose}")
        if self.required and self.purpose not in REQUIRABLE:
            raise ValueError(f"the purpose {self.purpose} cannot be required")
        marks = {path: mark for spec in specs for path, mark in spec.paths.items()}
        for path in self.fields_denied:
            if path not in marks:
                raise ValueError(f"{self.contract} has no field {path!r}")
            if marks[path].field_class is FieldClass.REFERENCE:
                raise ValueError(f"{path!r} keeps {self.contract} in order and cannot be denied")


class StepCode(TextChoices):
    """The rules a record passes, in order, each with the sentence that explains it."""

    TEMPLATE = "template", _("Agreement %(agreement_version)s asks for the level “%(level)s”.")
    REQUIRED = (
        "required",
        _("Agreement %(agreement_version)s requires it for “%(purpose)s”: the ceiling does not lower it."),
    )
    CEILING = "ceiling", _("The dealership's ceiling is the level “%(level)s”.")
    LAW_CONSENT = "law_consent", _("%(pack)s %(version)s, %(article)s demands the customer's consent.")
    CONSENT_NOT_NEEDED = "consent_not_needed", _("No consent is needed for this purpose and these fields.")
    CONSENT_VALID = "consent_valid", _("The customer agreed on %(given_on)s, text %(text_version)s.")
    CONSENT_MISSING = "consent_missing", _("%(reason)s Without consent, no name leaves.")
    LAW_PURPOSE = "law_purpose", _("%(pack)s %(version)s, %(article)s forbids this purpose.")
    LAW_LEVEL = "law_level", _("%(pack)s %(version)s, %(article)s allows at most the level “%(level)s”.")
    LAW_FIELD = "law_field", _("%(pack)s %(version)s, %(article)s forbids these fields: %(fields)s.")
    LAW_RECORD = "law_record", _("Without the forbidden fields the record cannot leave: %(fields)s.")
    FIELDS_DENIED = "fields_denied", _("The agreement keeps these fields back: %(fields)s.")


@dataclass(frozen=True)
class Step:
    """One rule on the path: what it was given, and the level it caps at, with the reason if it does."""

    code: StepCode
    inputs: Mapping[str, str | None]
    cap: Level = Level.FULL
    reason: Reason | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "code": str(self.code),
            "inputs": dict(self.inputs),
            "cap": str(self.cap),
            "reason": self.reason and str(self.reason),
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Self:
        reason = body["reason"] and Reason(body["reason"])
        return cls(StepCode(body["code"]), dict(body["inputs"]), Level(body["cap"]), reason)

    def explain(self) -> str:
        """The rule in a sentence, in the language in force."""
        words = {key: value if value is not None else "–" for key, value in self.inputs.items()}
        if "purpose" in words:
            words["purpose"] = str(Purpose(words["purpose"]).label)
        if self.reason:
            words["reason"] = str(self.reason.label)
        return str(self.code.label) % (words | {"level": str(self.cap.label)})


def recompute(path: Iterable[Step]) -> tuple[Level, Reason | None]:
    """The level in force after these steps, and the reason of the step that lowered it last."""
    level, reason = Level.FULL, None
    for step in path:
        if step.cap < level:
            level, reason = step.cap, step.reason
    return level, reason


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What the gate says about one record.

    released   JSON-ready value by field: exactly what leaves; empty unless `sends`
    withheld   reason by path for every field, or key of an entry, that stays; a field is in one of the two
    counted    whether the record is only to be counted (level counts)
    path       the rules in order; `recompute(path)` gives `effective` again
    """

    contract: str
    version: int
    purpose: Purpose
    recipient: str
    agreement_version: str
    at: datetime
    effective: Level
    sends: bool
    counted: bool
    released: dict[str, Any]
    withheld: dict[str, Reason]
    path: tuple[Step, ...]

    def explain(self) -> list[str]:
        """The path in sentences, in the language in force."""
        return [step.explain() for step in self.path]

    def explain_field(self, path: str) -> str | None:
        """Why this field or key stayed, in a sentence; None if it left. Raises `KeyError` if there is none."""
        top = path.partition("[")[0]
        reason = self.withheld.get(path) or self.withheld.get(top)
        if reason is None:
            self.released[top]
        return reason and str(reason.label)


def narrower(first: Level, second: Level) -> Level:
    """The one of two levels that lets less out."""
    return min(first, second)


def effective_level(contract: type[Contract], policy: Policy, consent: Consent | None, *, at: datetime) -> Level:
    """The level in force for records of this contract at this time."""
    level, _reason = recompute(_path(contract.spec, policy, consent, at))
    return level


def decide(
    record: Contract,
    policy: Policy,
    consent: Consent | None,
    *,
    at: datetime,
    pseudonymiser: Pseudonymise | None,
) -> Decision:
    """Decide what of `record` leaves under `policy` and `consent` at `at`.

    Without a pseudonymiser, values that need a pseudonym stay. Raises `ValueError` if the policy is for another
    contract or purpose, the time has no zone, or the record was itself received narrowed.
    """
    spec = record.spec
    if record.withheld_keys:
        raise ValueError("a record that arrived narrowed cannot be released again")
    path = _path(spec, policy, consent, at)
    level, reason = recompute(path)
    sends = level >= (Level.COUNTS if spec.is_aggregate else Level.PSEUDONYMOUS)
    stays = _stays(spec, policy, at, level, reason) if sends else dict.fromkeys(spec.fields, reason)
    released: dict[str, Any] = {}
    withheld: dict[str, Reason] = {key: why for key, why in stays.items() if why}
    for name, value in record.to_json().items():
        if name in withheld:
            continue
        mark = spec.fields[name].mark
        if mark.pseudonymise and level is Level.PSEUDONYMOUS:
            if pseudonymiser is None:
                withheld[name] = Reason.NO_PSEUDONYM_KEY
                continue
            value = pseudonymiser(policy.purpose, value)
        released[name] = _without_keys(name, value, withheld)
    return Decision(
        contract=spec.name,
        version=spec.version,
        purpose=policy.purpose,
        recipient=policy.recipient,
        agreement_version=policy.agreement_version,
        at=at,
        effective=level,
        sends=sends,
        counted=level is Level.COUNTS and not sends,
        released=released,
        withheld=withheld,
        path=path,
    )


@dataclass(frozen=True)
class Preview:
    """What `decide` says about many records, without sending.

    named      records that would leave and name or reach a person
    released   by field, how many records it would leave with, nulls not counted
    withheld   by field, how many records it would stay in, by reason
    examples   the first decisions, whole
    named_at   the places, from 0, of the records that name or reach a person
    """

    records: int
    sent: int
    counted: int
    named: int
    levels: Mapping[Level, int]
    released: Mapping[str, int]
    withheld: Mapping[str, Mapping[Reason, int]]
    examples: tuple[Decision, ...] = field(repr=False)
    named_at: tuple[int, ...] = field(repr=False)

    @property
    def kept(self) -> int:
        """Records of which nothing would leave, not even a count."""
        return self.records - self.sent - self.counted


def preview(
    cases: Iterable[tuple[Contract, Consent | None]],
    policy: Policy,
    *,
    at: datetime,
    pseudonymiser: Pseudonymise | None,
    examples: int = 5,
) -> Preview:
    """Run `decide` over records, each with its customer's consent, and sum up; nothing is sent."""
    records = sent = counted = 0
    named: list[int] = []
    levels: Counter[Level] = Counter()
    released: Counter[str] = Counter()
    withheld: dict[str, Counter[Reason]] = {}
    first: list[Decision] = []
    for record, consent in cases:
        decision = decide(record, policy, consent, at=at, pseudonymiser=pseudonymiser)
        told = [name for name, value in decision.released.items() if value is not None]
        personal = (record.spec.fields[name].mark.personal for name in told)
        if decision.effective is Level.FULL and any(personal):
            named.append(records)
        records += 1
        sent += decision.sends
        counted += decision.counted
        levels[decision.effective] += 1
        released.update(told)
        for path, reason in decision.withheld.items():
            withheld.setdefault(path, Counter())[reason] += 1
        if len(first) < examples:
            first.append(decision)
    return Preview(records, sent, counted, len(named), levels, released, withheld, tuple(first), tuple(named))


def _path(spec: Spec, policy: Policy, consent: Consent | None, at: datetime) -> tuple[Step, ...]:
    """The rules for records of this contract, in order."""
    _require_aware(at)
    if policy.contract != spec.name or policy.purpose not in spec.purposes:
        raise ValueError(f"a policy for {policy.contract}, {policy.purpose} says nothing about {spec.name}")
    law = [rule for rule in policy.law if rule.applies(spec, policy.purpose, at)]
    agreement = {"agreement_version": policy.agreement_version, "purpose": str(policy.purpose)}
    steps = [Step(StepCode.TEMPLATE, agreement, policy.template, Reason.TEMPLATE)]
    if policy.required:
        steps.append(Step(StepCode.REQUIRED, agreement | {"ceiling": str(policy.ceiling)}))
    else:
        steps.append(Step(StepCode.CEILING, {}, policy.ceiling, Reason.CEILING))
    demands = [rule for rule in law if rule.effect is LawEffect.REQUIRE_CONSENT]
    steps += [Step(StepCode.LAW_CONSENT, _cite(rule)) for rule in demands]
    if demands or (spec.names_person and policy.purpose not in REQUIRABLE):
        steps.append(_consent_step(policy, consent, at))
    else:
        steps.append(Step(StepCode.CONSENT_NOT_NEEDED, {}))
    for rule in law:
        steps += _law_steps(rule, spec)
    if policy.fields_denied:
        steps.append(Step(StepCode.FIELDS_DENIED, {"fields": ", ".join(sorted(policy.fields_denied))}))
    return tuple(steps)


def _consent_step(policy: Policy, consent: Consent | None, at: datetime) -> Step:
    inputs: dict[str, str | None] = {
        "purpose": str(policy.purpose), "recipient": policy.recipient, "at": at.isoformat(),
    }  # fmt: skip
    if consent is None:
        return Step(StepCode.CONSENT_MISSING, inputs, Level.PSEUDONYMOUS, Reason.NO_CONSENT)
    inputs |= {
        "text_version": consent.text_version,
        "given_on": consent.given_at.date().isoformat(),
        "given_at": consent.given_at.isoformat(),
        "expires_at": _iso(consent.expires_at),
        "withdrawn_at": _iso(consent.withdrawn_at),
    }
    reason = consent.lacks(policy.purpose, policy.recipient, at)
    if reason:
        return Step(StepCode.CONSENT_MISSING, inputs, Level.PSEUDONYMOUS, reason)
    return Step(StepCode.CONSENT_VALID, inputs)


def _law_steps(rule: LawRule, spec: Spec) -> list[Step]:
    """What one rule does to the level and to fields; nothing for a field the contract does not have."""
    if rule.effect is LawEffect.FORBID_PURPOSE:
        return [Step(StepCode.LAW_PURPOSE, _cite(rule), Level.NOTHING, Reason.LAW_PURPOSE)]
    if rule.cap is not None:
        return [Step(StepCode.LAW_LEVEL, _cite(rule), rule.cap, Reason.LAW_LEVEL)]
    forbidden = {path: mark for path, mark in spec.paths.items() if rule.forbids(path, mark)}
    steps = []
    if forbidden:
        steps.append(Step(StepCode.LAW_FIELD, _cite(rule) | {"fields": ", ".join(forbidden)}))
    order = [path for path, mark in forbidden.items() if mark.field_class is FieldClass.REFERENCE]
    if order:
        # Without its references a record cannot be kept in order or answered: then none of it leaves.
        inputs = _cite(rule) | {"fields": ", ".join(order)}
        steps.append(Step(StepCode.LAW_RECORD, inputs, Level.NOTHING, Reason.LAW_FIELD))
    return steps


def _stays(spec: Spec, policy: Policy, at: datetime, level: Level, reason: Reason | None) -> dict[str, Reason | None]:
    """Why each field and key of a record that leaves stays, or None; keys of a field that stays are left out."""
    law = [rule for rule in policy.law if rule.applies(spec, policy.purpose, at)]
    stays: dict[str, Reason | None] = {}
    for path, mark in spec.paths.items():
        if stays.get(path.partition("[")[0]):
            continue
        if any(rule.forbids(path, mark) for rule in law):
            stays[path] = Reason.LAW_FIELD
        elif path in policy.fields_denied:
            stays[path] = Reason.FIELD_DENIED
        elif level <= Level.PSEUDONYMOUS and mark.stays_when_pseudonymous:
            stays[path] = reason
        else:
            stays[path] = None
    return stays


def _without_keys(name: str, value: Any, withheld: Mapping[str, Reason]) -> Any:
    """The value without those keys of its entries that stay."""
    prefix = f"{name}[]."
    keys = {path.removeprefix(prefix) for path in withheld if path.startswith(prefix)}
    if not keys or value is None:
        return value
    return [{key: item for key, item in entry.items() if key not in keys} for entry in value]


def _covers(named: str, path: str) -> bool:
    return path == named or path.startswith(f"{named}[].")


def _cite(rule: LawRule) -> dict[str, str | None]:
    return {"pack": rule.pack, "version": rule.version, "article": rule.article, "source": rule.source}


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _require_aware(moment: datetime | None) -> None:
    if moment is not None and moment.utcoffset() is None:
        raise ValueError("a time must say its time zone")


def _coerce(owner: Any, **kinds: Callable[[Any], Any]) -> None:
    """Turn stored text into enums and lists into frozen ones; raises `ValueError` for an unknown code."""
    for name, kind in kinds.items():
        value = getattr(owner, name)
        if value is not None:
            object.__setattr__(owner, name, kind(value))
