"""The list by law: which fields of whose data went to whom, and who read it there, in any period.

A dealer may ask for it in writing in Florida (320.646(2)(b): all consumer data of the six months before, and everybody
who was given any) and in Georgia (10-1-632: field by field). Here it stands ready, whatever the place. It is made of
the ledger, of what each row was about (`Disclosure`) and of what the manufacturer says of its own reading (`Reading`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from dealer.customers.models import Customer, Vehicle
from dealer.organisation.queries import profile
from dealer.sharing import queries, words
from dealer.sharing.models import Agreement, Reading
from exchange.models import Ledger, LedgerState
from kernel import clock, printing
from kernel.accounts.models import User
from kernel.contracts import Level, Purpose, is_pseudonym, laws
from kernel.tenancy import manufacturer
from kernel.ui.templatetags.ui import local_text

#: What arrived at the manufacturer, whatever became of it there.
LEFT = (LedgerState.DELIVERED, LedgerState.APPLIED, LedgerState.REFUSED, LedgerState.SKIPPED)
#: Rules that say such a list must be given; their packs keep the sources.
RULES = ("us.fl.320.646", "us.ga.10-1-632")
#: The period of the law, in months.
MONTHS = 6
#: Rows that are read at once.
AT_ONCE = 2000
Numbered = TypeVar("Numbered", Ledger, Reading)
#: Lines that are printed: more of them take longer than anybody waits, and nobody reads them on paper.
MOST_ON_PAPER = 5000
#: Names that one line holds; of a list that somebody at the manufacturer saw, the number of the others follows.
NAMED = 20


@dataclass(frozen=True)
class Period:
    """Days of the dealership, both included."""

    first: date
    last: date

    @property
    def begin(self) -> datetime:
        return datetime.combine(self.first, time.min, tzinfo=ZoneInfo(profile().time_zone))

    @property
    def end(self) -> datetime:
        """The moment after the last day."""
        return datetime.combine(self.last + timedelta(days=1), time.min, tzinfo=ZoneInfo(profile().time_zone))


def by_law() -> Period:
    """The six months that end today."""
    today = clock.today(profile().time_zone)
    month = today.month - MONTHS
    year = today.year + (month - 1) // 12
    month = (month - 1) % 12 + 1
    for day in (today.day, 30, 29, 28):
        try:
            return Period(date(year, month, day), today)
        except ValueError:
            continue
    raise AssertionError("every month has 28 days")


@dataclass(frozen=True)
class Line:
    """One line of the list, in the reader's language. `given` says whether something left, or was read there."""

    given: bool
    at: datetime
    about: str
    kind: str
    fields: str
    to: str
    purpose: str
    level: str
    agreement: str
    id: UUID


@dataclass(frozen=True)
class Disclosed:
    """The list of a period for all customers, or for one. Lines are read anew each time, in parts."""

    user: User
    period: Period
    customer: Customer | None = None

    # -- the head -----------------------------------------------------------------------------------------------

    def title(self) -> str:
        return _("Which data went to whom")

    def facts(self) -> list[tuple[str, str]]:
        """What stands at the head of the list: name → value."""
        mine = profile()
        versions = ", ".join(sorted(self._versions())) or "–"
        named = str(self.customer) if self.customer else _("All customers")
        days = f"{local_text(self.period.begin, 'date')} – {local_text(self.period.end - timedelta(seconds=1), 'date')}"
        return [
            (_("Dealership"), mine.name),
            (_("Customers"), named),
            (_("Period"), days),
            (_("Given to"), receiver()),
            (_("Agreement versions"), versions),
            (_("Legal source"), "; ".join(sources())),
            (_("Made at"), f"{local_text(clock.now())} ({mine.time_zone})"),
        ]

    def _versions(self) -> set[str]:
        said = set(self._left().order_by().values_list("agreement_version", flat=True).distinct()) - {""}
        titles = {one.version: str(one) for one in Agreement.objects.filter(version__in=said)}
        return {titles.get(version, version) for version in said}

    @staticmethod
    def headings() -> list[str]:
        return [
            _("What happened"),
            _("When"),
            _("Whose data"),
            _("Kind"),
            _("Fields"),
            _("To whom"),
            _("Purpose"),
            _("Level"),
            _("Agreement"),
            _("Message"),
        ]

    @staticmethod
    def cells(line: Line) -> list[object]:
        """A line in the order of `headings`."""
        what = _("Given") if line.given else pgettext("reading", "Read there")
        return [
            what,
            line.at,
            line.about,
            line.kind,
            line.fields,
            line.to,
            line.purpose,
            line.level,
            line.agreement,
            str(line.id),
        ]

    # -- the lines ----------------------------------------------------------------------------------------------

    def numbers(self) -> tuple[int, int]:
        """How many messages left, and how often something was read. Two queries."""
        return self._left().count(), self._readings().count()

    def lines(self) -> Iterator[Line]:
        """First what was given, then what was read, each in its order."""
        yield from self._given()
        yield from self._read()

    def _left(self) -> QuerySet[Ledger]:
        rows = queries.visible_ledger(self.user)
        if self.customer:
            rows = queries.messages_about(self.customer.pk, self.user)
        return rows.filter(state__in=LEFT, delivered_at__gte=self.period.begin, delivered_at__lt=self.period.end)

    def _readings(self) -> QuerySet[Reading]:
        rows = queries.visible_readings(self.user).filter(at__gte=self.period.begin, at__lt=self.period.end)
        return rows.filter(_seen(self.customer)) if self.customer else rows

    def _given(self) -> Iterator[Line]:
        to = receiver()
        for rows in _parts(self._left().defer("path", "withheld")):
            about = queries.disclosures_of(row.pk for row in rows)
            names = _names(one.customer_id for one in about.values() if one.customer_id)
            for row in rows:
                known = about.get(row.pk)
                name = names.get(known.customer_id, "") if known and known.customer_id else ""
                yield Line(
                    given=True,
                    at=row.delivered_at or row.recorded_at,
                    about=" · ".join(filter(None, (name, row.subject_label))),
                    kind=words.contract_label(row.contract),
                    fields=", ".join(map(words.field_label, row.released)),
                    to=to,
                    purpose=str(Purpose(row.purpose).label),
                    level=str(Level(row.level).label),
                    agreement=row.agreement_version,
                    id=row.pk,
                )

    def _read(self) -> Iterator[Line]:
        for rows in _parts(self._readings()):
            keys = {key for row in rows for key in row.owner_keys[:NAMED] if not is_pseudonym(key)}
            names = _names(map(UUID, keys))
            for row in rows:
                yield Line(
                    given=False,
                    at=row.at,
                    about=str(self.customer) if self.customer else _seen_in_words(row, names),
                    kind=row.get_of_display(),
                    fields=row.get_how_display(),
                    to=words.reader(row),
                    purpose=row.get_purpose_display(),
                    level="",
                    agreement="",
                    id=row.pk,
                )


def paper(disclosed: Disclosed) -> bytes:
    """The list as PDF, in the reader's language: for up to MOST_ON_PAPER lines."""
    mine = profile()
    lines = list(disclosed.lines())
    data = {
        "facts": disclosed.facts(),
        "none": _("Nothing in this period."),
        "given_title": _("Given"),
        "given_head": [_("When"), _("Whose data"), _("Kind"), _("Fields"), _("Purpose"), _("Agreement")],
        "given": [
            [local_text(one.at), one.about, one.kind, one.fields, f"{one.purpose} · {one.level}", one.agreement]
            for one in lines
            if one.given
        ],
        "read_title": pgettext("reading", "Read there"),
        "read_head": [_("When"), _("Whose data"), _("How"), pgettext("reading", "Who"), _("Purpose")],
        "read": [[local_text(one.at), one.about, one.fields, one.to, one.purpose] for one in lines if not one.given],
    }
    return printing.render("sharing/disclosed", data, title=disclosed.title(), issuer=mine.name, at=clock.now())


def receiver() -> str:
    """Who is given data: the manufacturer by its name."""
    return manufacturer.in_words(profile().manufacturer_name)


def sources() -> list[str]:
    """The articles that ask for such a list, each with the name of its place."""
    found = []
    for id_ in RULES:
        pack = next(pack for pack in laws.packs() if any(rule.id == id_ for rule in pack.rules))
        found.append(f"{pack.words}, {next(rule.article for rule in pack.rules if rule.id == id_)}")
    return found


def _parts(rows: QuerySet[Numbered]) -> Iterator[list[Numbered]]:
    """Rows by thousands in the order of their numbers, each part a query of its own: however long the list is, no
    transaction is open while it is written."""
    after = 0
    while True:
        part = list(rows.filter(number__gt=after).order_by("number")[:AT_ONCE])
        if part:
            yield part
        if len(part) < AT_ONCE:
            return
        after = part[-1].number


def _names(ids: Iterable[UUID]) -> dict[UUID, str]:
    wanted = set(ids)
    return dict(Customer.objects.filter(pk__in=wanted).values_list("pk", "name")) if wanted else {}


def _seen(customer: Customer) -> Q:
    """Readings of one customer: by name, or of a car that is or was theirs."""
    cars = Vehicle.objects.filter(ownerships__customer=customer).exclude(vin="").values("vin")
    return Q(owner_keys__contains=[str(customer.pk)]) | Q(vin__in=cars)


def _seen_in_words(row: Reading, names: dict[UUID, str]) -> str:
    said = [key if is_pseudonym(key) else names.get(UUID(key), key) for key in row.owner_keys[:NAMED]]
    more = max(row.rows, len(row.owner_keys)) - len(said)
    if row.vin:
        said.insert(0, row.vin)
    elif more > 0:
        said.append(ngettext("%(n)d more", "%(n)d more", more) % {"n": more} if said else _owners(more))
    return ", ".join(said)


def _owners(number: int) -> str:
    return ngettext("%(n)d owner", "%(n)d owners", number) % {"n": number}
