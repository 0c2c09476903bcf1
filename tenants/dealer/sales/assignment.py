"""Which consultant a lead goes to: the one with the fewest open leads. Why is kept and can be worked out again.

The explanation is data: `{"rule", "version", "candidates": [{"id", "name", "open", "last"}], "chosen"}`; `open`
counts the leads offered to or worked by a consultant, `last` is when they were last given one (ISO 8601, or null).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, Max, Q

from dealer.sales.models import WORKED_STATES, Lead, LeadState
from kernel.accounts.models import User
from kernel.accounts.roles import Role

FEWEST_OPEN = "fewest_open_leads"
BY_HAND = "by_hand"
VERSION = 1


def choose(candidates: list[dict[str, Any]]) -> str | None:
    """The id of the candidate with the fewest open leads; among equals who has waited longest, then the smaller id.

    None without candidates. Pure: run again on a kept explanation it gives the same answer.
    """
    if not candidates:
        return None
    return min(candidates, key=lambda one: (one["open"], one["last"] or "", one["id"]))["id"]


class Desk:
    """Hands out several leads in a row; counts what it hands out itself."""

    def __init__(self) -> None:
        consultants = list(User.objects.filter(role=Role.SALES_CONSULTANT, is_active=True).order_by("id"))
        counted = {
            row["consultant_id"]: row
            for row in Lead.objects.filter(consultant__in=consultants)
            .order_by()
            .values("consultant_id")
            .annotate(open=Count("id", filter=Q(state__in=[LeadState.OFFERED, *WORKED_STATES])), last=Max("offered_at"))
        }
        self.candidates: list[dict[str, Any]] = []
        for user in consultants:
            row = counted.get(user.id)
            self.candidates.append(
                {
                    "id": str(user.id),
                    "name": user.name,
                    "open": row["open"] if row else 0,
                    "last": row["last"].isoformat() if row and row["last"] else None,
                }
            )

    def give(self, at: datetime) -> tuple[UUID | None, dict[str, Any]]:
        """The consultant for the next lead (None when there is nobody) and the explanation to keep with it."""
        candidates = [dict(one) for one in self.candidates]
        chosen = choose(candidates)
        for one in self.candidates:
            if one["id"] == chosen:
                one["open"] += 1
                one["last"] = at.isoformat()
        explanation = {"rule": FEWEST_OPEN, "version": VERSION, "candidates": candidates, "chosen": chosen}
        return (UUID(chosen) if chosen else None), explanation


def by_hand(chosen: User, *, by: str) -> dict[str, Any]:
    """The explanation of a choice that a person made."""
    return {"rule": BY_HAND, "version": VERSION, "chosen": str(chosen.id), "name": chosen.name, "by": by}
