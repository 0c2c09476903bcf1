"""The exchange's figures for Prometheus, as the manufacturer sees them: read from the database when asked for."""

from __future__ import annotations

from datetime import datetime

from exchange import health
from kernel import clock

_HELP = {
    "waiting": "Messages that wait, by where.",
    "oldest_seconds": "Age of the oldest message that waits, by where.",
    "stuck": "Messages that need a decision here.",
    "refused_there": "Messages of ours that their receivers refused.",
    "held_up": "Receivers that take no more for now.",
    "members_behind": "Dealerships whose mailbox was not seen empty for minutes.",
    "lag_seconds": "Since when the dealership that is most behind was not seen empty.",
    "differences": "Messages that the two sides did not agree on when they were last compared.",
    "compared_seconds": "Age of the oldest comparison of the two sides.",
}


def exposition() -> str:
    """Prometheus text. Called bound to the portal."""
    figures, members, compared = health.health(), health.members(), health.comparisons()
    places = {
        "leaving": (figures.outgoing, figures.outgoing_since),
        "unanswered": (figures.unanswered, figures.unanswered_since),
        "arrived": (figures.incoming, figures.incoming_since),
    }
    heard = [member.heard_at for member in members if member.heard_at is not None]
    values = {
        "waiting": {f'{{where="{where}"}}': float(n) for where, (n, _since) in places.items()},
        "oldest_seconds": {f'{{where="{where}"}}': _age(since) for where, (_n, since) in places.items()},
        "stuck": {"": float(figures.stuck)},
        "refused_there": {"": float(figures.refused_there)},
        "held_up": {"": float(figures.held_up)},
        "members_behind": {"": float(sum(member.silent for member in members))},
        "lag_seconds": {"": _age(min(heard, default=None))},
        "differences": {"": float(sum(row.found for row in compared))},
        "compared_seconds": {"": _age(min((row.at for row in compared), default=None))},
    }
    lines = []
    for name, samples in values.items():
        family = f"dealernet_exchange_{name}"
        lines += [f"# HELP {family} {_HELP[name]}", f"# TYPE {family} gauge"]
        lines += [f"{family}{labels} {value}" for labels, value in samples.items()]
    return "\n".join(lines) + "\n"


def _age(since: datetime | None) -> float:
    return 0.0 if since is None else round(max(0.0, (clock.now() - since).total_seconds()), 1)
