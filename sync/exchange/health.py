"""How the exchange is, seen from one member: what waits, what is stuck, what moved. Read under its own login.

Never reads a payload: the figures and the stuck messages are for people who may repair without seeing customers.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count, Exists, Min, OuterRef, Q, QuerySet, Subquery
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from exchange.models import Holdup, Inbox, InboxState, Ledger, LedgerState, Reconciliation, Watermark
from kernel import clock
from kernel.contracts import Receipt
from kernel.errors import Missing
from kernel.tenancy.bindings import Portal, current
from kernel.tenancy.models import Kind, State, Tenant
from kernel.ui.templatetags.ui import duration_text

STUCK = (InboxState.REFUSED, InboxState.PARKED)
#: The courier looks every few seconds; what waits longer than this is worth a word.
LATE = timedelta(seconds=60)
#: A dealership whose mailbox was not seen empty for so long is behind.
SILENT = timedelta(minutes=5)
#: The last hour is counted among so many newest rows at most, so that the page costs the same in a busy hour.
NEWEST = 20_000


@dataclass(frozen=True)
class Health:
    """Figures of one member. Counts are messages; moments are aware, None when there is none."""

    outgoing: int
    outgoing_since: datetime | None
    unanswered: int
    unanswered_since: datetime | None
    refused_there: int
    incoming: int
    incoming_since: datetime | None
    blocked: int
    stuck: int
    #: Of the stuck ones those that a handler refused; the others are of a kind that this release does not know.
    refused: int = 0
    #: Receivers that take no more for now, and since when the first does not.
    held_up: int = 0
    held_up_since: datetime | None = None
    #: When something last arrived here.
    arrived_at: datetime | None = None

    @property
    def well(self) -> bool:
        """Nothing waits for a person, and nothing waits longer than it should."""
        return not (self.stuck or self.refused_there or self.late)

    @property
    def late(self) -> bool:
        """Something waits longer than the courier and the workers usually need."""
        return any(map(self.is_late, (self.outgoing_since, self.incoming_since, self.unanswered_since)))

    @staticmethod
    def is_late(since: datetime | None) -> bool:
        """Whether something that waits since then waits longer than it should."""
        return since is not None and since < clock.now() - LATE

    @property
    def tone(self) -> str:
        if self.stuck or self.refused_there:
            return "error"
        return "warning" if self.late else "success"

    @property
    def outgoing_note(self) -> str:
        return _oldest(self.outgoing_since)

    @property
    def unanswered_note(self) -> str:
        return _oldest(self.unanswered_since)

    @property
    def incoming_note(self) -> str:
        return _oldest(self.incoming_since)

    def sentences(self) -> list[str]:
        """The state of things in whole sentences, the most urgent first."""
        said = []
        if self.stuck:
            said.append(
                ngettext("%(n)s message needs a decision.", "%(n)s messages need a decision.", self.stuck)
                % {"n": self.stuck}
            )
        if self.refused_there:
            said.append(
                ngettext(
                    "%(n)s message was refused by its receiver. A person there must decide.",
                    "%(n)s messages were refused by their receivers. A person there must decide.",
                    self.refused_there,
                )
                % {"n": self.refused_there}
            )
        if self.held_up:
            said.append(
                _("The other side takes no more for now, since %(span)s. It goes on by itself.")
                % {"span": _span(self.held_up_since)}
            )
        if self.outgoing:
            said.append(_waiting_to_leave(self.outgoing, self.outgoing_since))
        if self.unanswered:
            said.append(_waiting_over_there(self.unanswered, self.unanswered_since))
        if self.incoming:
            said.append(_waiting_to_be_applied(self.incoming, self.incoming_since))
        if self.blocked:
            said.append(
                ngettext(
                    "%(n)s message waits behind one that needs a decision.",
                    "%(n)s messages wait behind one that needs a decision.",
                    self.blocked,
                )
                % {"n": self.blocked}
            )
        return said or [_("Everything has arrived.")]


def _oldest(since: datetime | None) -> str:
    return _("the oldest since %(span)s") % {"span": _span(since)} if since else ""


def _span(since: datetime | None) -> str:
    return duration_text(max(clock.now() - since, timedelta(seconds=1))) if since else ""


def _waiting_to_leave(n: int, since: datetime | None) -> str:
    text = ngettext(
        "%(n)s message waits to be delivered, since %(span)s.",
        "%(n)s messages wait to be delivered, the oldest since %(span)s.",
        n,
    )
    return text % {"n": n, "span": _span(since)}


def _waiting_over_there(n: int, since: datetime | None) -> str:
    text = ngettext(
        "%(n)s message was delivered and waits to be applied there, since %(span)s.",
        "%(n)s messages were delivered and wait to be applied there, the oldest since %(span)s.",
        n,
    )
    return text % {"n": n, "span": _span(since)}


def _waiting_to_be_applied(n: int, since: datetime | None) -> str:
    text = ngettext(
        "%(n)s message has arrived and waits to be applied, since %(span)s.",
        "%(n)s messages have arrived and wait to be applied, the oldest since %(span)s.",
        n,
    )
    return text % {"n": n, "span": _span(since)}


def health() -> Health:
    """The figures of the bound member; six queries."""
    leaving = Ledger.objects.filter(state=LedgerState.RECORDED).aggregate(n=Count("id"), since=Min("recorded_at"))
    # Receipts are never answered and stay `delivered`; so only the newest rows are looked at.
    recent = Ledger.objects.filter(_newest(Ledger), state=LedgerState.DELIVERED)
    gone = recent.exclude(contract=Receipt.spec.name).aggregate(n=Count("id"), since=Min("delivered_at"))
    held_up = Inbox.objects.filter(
        sender=OuterRef("sender"), subject=OuterRef("subject"), seq__lt=OuterRef("seq"), state__in=STUCK
    )
    arrived = (
        Inbox.objects.filter(state__in=[InboxState.RECEIVED, *STUCK])
        .annotate(behind=Exists(held_up))
        .aggregate(
            n=Count("id", filter=Q(state=InboxState.RECEIVED, behind=False)),
            since=Min("received_at", filter=Q(state=InboxState.RECEIVED, behind=False)),
            blocked=Count("id", filter=Q(state=InboxState.RECEIVED, behind=True)),
            stuck=Count("id", filter=Q(state__in=STUCK)),
            refused=Count("id", filter=Q(state=InboxState.REFUSED)),
        )
    )
    held = Holdup.objects.aggregate(n=Count("receiver"), since=Min("since"))
    return Health(
        outgoing=leaving["n"],
        outgoing_since=leaving["since"],
        unanswered=gone["n"],
        unanswered_since=gone["since"],
        refused_there=refused_elsewhere().count(),
        incoming=arrived["n"],
        incoming_since=arrived["since"],
        blocked=arrived["blocked"],
        stuck=arrived["stuck"],
        refused=arrived["refused"],
        held_up=held["n"],
        held_up_since=held["since"],
        arrived_at=Inbox.objects.order_by("-number").values_list("received_at", flat=True).first(),
    )


def _newest(model: Any) -> Any:
    """Condition: among the newest rows, found by the index on `number` whatever the table's length."""
    top = Subquery(model.objects.order_by("-number").values("number")[:1])
    return Q(number__gt=top - NEWEST)


def is_stuck() -> Q:
    """Condition on Inbox: only a person can move it."""
    return Q(state__in=STUCK)


def stuck_messages() -> QuerySet[Inbox]:
    """Messages here that only a person can move, oldest first."""
    return Inbox.objects.filter(is_stuck()).order_by("number")


def stuck_by_reason() -> dict[str, int]:
    """How many messages are stuck for each reason, the most first."""
    rows = stuck_messages().order_by().values_list("reason").annotate(n=Count("id")).order_by("-n", "reason")
    return dict(rows)


def refused_elsewhere() -> QuerySet[Ledger]:
    """Messages of ours that their receiver refused, newest first."""
    return Ledger.objects.filter(state=LedgerState.REFUSED).exclude(contract=Receipt.spec.name)


def message(id: UUID) -> Inbox | Ledger:
    """A message by its id: one that arrived here, or one that was sent from here. Raises Missing."""
    found = Inbox.objects.filter(id=id).first() or Ledger.objects.filter(id=id).first()
    if found is None:
        raise Missing()
    return found


def waiting_behind(row: Inbox) -> int:
    """How many messages of the same subject wait until this one is decided."""
    later = Inbox.objects.filter(sender=row.sender, subject=row.subject, seq__gt=row.seq, state=InboxState.RECEIVED)
    return later.count()


def last_hour() -> dict[str, dict[str, int]]:
    """Messages by contract, without receipts: `sent` and `received` in the last hour, of the newest rows."""
    since = clock.now() - timedelta(hours=1)
    return {
        "sent": _by_contract(Ledger.objects.exclude(state=LedgerState.WITHHELD), "recorded_at", since),
        "received": _by_contract(Inbox.objects.all(), "received_at", since),
    }


def _by_contract(rows: QuerySet[Any], moment: str, since: datetime) -> dict[str, int]:
    recent = rows.filter(_newest(rows.model), **{f"{moment}__gte": since}).exclude(contract=Receipt.spec.name)
    return dict(recent.order_by().values_list("contract").annotate(n=Count("id")).order_by("-n", "contract"))


# -- the network, seen from the portal -------------------------------------------------------------------------


@dataclass(frozen=True)
class Member:
    """One dealership as the portal sees it from its own mailbox."""

    id: UUID
    slug: str
    name: str
    heard_at: datetime | None
    waiting: int
    waiting_since: datetime | None
    refused_there: int
    stuck_here: int

    @property
    def silent(self) -> bool:
        """Its mailbox has not been seen empty for longer than it should."""
        return self.heard_at is None or self.heard_at < clock.now() - SILENT

    @property
    def tone(self) -> str:
        if self.refused_there or self.stuck_here:
            return "error"
        return "warning" if self.silent else "success"

    @property
    def label(self) -> str:
        if self.stuck_here or self.refused_there:
            return _("Needs a decision")
        return _("Behind") if self.silent else _("In order")


def comparisons() -> list[Reconciliation]:
    """The last comparison with each other member, those with differences first. One query."""
    return list(Reconciliation.objects.order_by("-found", "at"))


def is_portal() -> bool:
    """Whether the bound member is the manufacturer, who alone sees the others."""
    return isinstance(current(), Portal)


def members() -> list[Member]:
    """Every active dealership by name, from our own ledger, inbox and watermarks; five queries. Portal only."""
    heard = dict(Watermark.objects.values_list("sender", "drained_at"))
    leaving = {
        receiver: (n, since)
        for receiver, n, since in Ledger.objects.filter(state=LedgerState.RECORDED)
        .order_by()
        .values_list("receiver")
        .annotate(n=Count("id"), since=Min("recorded_at"))
    }
    refused = dict(refused_elsewhere().order_by().values_list("receiver").annotate(n=Count("id")))
    stuck = dict(stuck_messages().order_by().values_list("sender").annotate(n=Count("id")))
    dealerships = Tenant.objects.filter(kind=Kind.DEALERSHIP, state=State.ACTIVE).order_by("name")
    return [
        Member(
            id=tenant.id,
            slug=tenant.slug,
            name=tenant.name,
            heard_at=heard.get(tenant.id),
            waiting=leaving.get(tenant.id, (0, None))[0],
            waiting_since=leaving.get(tenant.id, (0, None))[1],
            refused_there=refused.get(tenant.id, 0),
            stuck_here=stuck.get(tenant.id, 0),
        )
        for tenant in dealerships
    ]


def names() -> dict[UUID, str]:
    """Members by id as this member may name them: a dealership knows the manufacturer alone."""
    if is_portal():
        return dict(Tenant.objects.values_list("id", "name"))
    return {}
