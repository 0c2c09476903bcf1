"""Which colour a state has. Apps add their own with ``register``; an unknown state is neutral."""

from typing import Any

TONES = ("neutral", "info", "success", "warning", "error", "primary", "accent", "hot", "warm", "cold")

_STATES = {
    # waiting for us
    "warning": "offered pending due needs_review requested awaiting_approval sent_back partly_approved parked "
    "withheld soon paused",
    # on its way
    "info": "new received routed planned booked submitted recorded in_transit contacted appointment test_drive "
    "quoted delivered reserved in_stock",
    "primary": "open in_progress accepted signed working released active",
    # well done
    "success": "won approved applied completed done paid granted ok contracted executed handed_over in_force full kept",
    # gone wrong
    "error": "refused failed overdue late error rejected revoked blocked",
    # over
    "neutral": "closed lost declined expired recalled cancelled duplicate draft skipped stopped retired nothing "
    "sold inactive returned",
    # temperature of a prospect
    "hot": "hot",
    "warm": "warm",
    "cold": "cold",
}
_tones: dict[str, str] = {state: tone for tone, states in _STATES.items() for state in states.split()}


def register(tones: dict[str, str], kind: str = "") -> None:
    """Add state → tone; with ``kind`` only for chips that name that kind."""
    for state, tone_name in tones.items():
        if tone_name not in TONES:
            raise ValueError(f"unknown tone {tone_name!r}")
        _tones[f"{kind}:{state}" if kind else state] = tone_name


def tone(state: Any, kind: str = "") -> str:
    """The tone of a state (its value, not its label)."""
    value = str(getattr(state, "value", state) or "")
    return _tones.get(f"{kind}:{value}") or _tones.get(value) or "neutral"
