"""What can go wrong on a message's way, by name: the same on pages, in the API and in docs/operate/exchange.md."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from exchange.health import Health, Member
from exchange.models import Reconciliation


@dataclass(frozen=True)
class Failure:
    """A way in which the exchange can fail: its stable code, what it is, and what to do."""

    code: str
    title: str | Promise
    what_to_do: str | Promise


_ALL = (
    Failure(
        "altered",
        _("The two sides hold different versions of a message"),
        _("Somebody changed a row by hand, or a disk is broken. Compare both sides with the sealed chain."),
    ),
    Failure(
        "unknown_at_sender",
        _("The receiver has a message that its sender does not know"),
        _("The sender was restored from an old backup, or somebody deleted a row. Look at the sender's sealed chain."),
    ),
    Failure(
        "missing_at_receiver",
        _("A message was delivered and the receiver does not have it"),
        _("Have exactly these delivered again. Then find out why, for instance an old backup."),
    ),
    Failure(
        "not_answered",
        _("A message was applied and its sender does not know"),
        _("Have exactly these answered again."),
    ),
    Failure(
        "refused",
        _("A message was refused and needs a decision"),
        _("Read the reason. When the cause is gone, try it again; if it is not needed any more, leave it aside."),
    ),
    Failure(
        "parked",
        _("A message is of a kind that this release does not know"),
        _("Upgrade, then try it again. It is kept as it came."),
    ),
    Failure(
        "refused_there",
        _("A message was refused by its receiver"),
        _("A person there must try it again or leave it aside. Only messages of the same subject wait behind it."),
    ),
    Failure(
        "receiver_full",
        _("The other side takes no more for now"),
        _("It works off what it has. Deliveries go on by themselves, and nobody else is held up."),
    ),
    Failure(
        "late_to_leave",
        _("Messages wait to leave for more than a minute"),
        _("Look whether the courier runs. Nothing is lost: it goes on where it was."),
    ),
    Failure(
        "late_to_apply",
        _("Messages have arrived and nobody applies them"),
        _("Look whether the workers run. Nothing is lost: they go on where they were."),
    ),
    Failure(
        "late_answer",
        _("Messages were delivered and the other side does not apply them"),
        _("The other side's workers are behind or stand still. Nothing is to be done here; it goes on by itself."),
    ),
    Failure(
        "silent",
        _("Nothing was heard of a dealership for minutes"),
        _("The courier cannot reach it, or carries so much of it. Look at its state and at the courier."),
    ),
)
#: By code, the most urgent first.
FAILURES = {failure.code: failure for failure in _ALL}
#: Differences that are mended when somebody asks for it.
MENDED = ("missing_at_receiver", "not_answered")


def present(health: Health, members: list[Member], compared: list[Reconciliation]) -> list[Failure]:
    """What is wrong now, the most urgent first."""
    found = set(_in_figures(health))
    found |= {"silent" for member in members if member.silent and member.heard_at is not None}
    found |= {one["difference"] for row in compared for one in row.differences}
    return [failure for code, failure in FAILURES.items() if code in found]


def _in_figures(health: Health) -> Iterator[str]:
    by_code = {
        "refused": health.refused,
        "parked": health.stuck - health.refused,
        "refused_there": health.refused_there,
        "receiver_full": health.held_up,
        "late_to_leave": not health.held_up and health.is_late(health.outgoing_since),
        "late_to_apply": health.is_late(health.incoming_since),
        "late_answer": health.is_late(health.unanswered_since),
    }
    yield from (code for code, present in by_code.items() if present)
