"""What the lead desk must decide now: the leads that only a person can move, each with its one next step."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import models
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from kernel import clock
from kernel.accounts.roles import Right
from oem.leads import words
from oem.leads.actions import UNREACHABLE_AFTER
from oem.leads.models import Event, Lead, LeadState

#: A worker routes within seconds; what still waits after this long is shown to a person.
NOT_ROUTED_AFTER = timedelta(minutes=5)


class Why(models.TextChoices):
    """Why a lead waits for a person."""

    UNREADABLE = "unreadable", words.REASONS["unreadable"]
    NOBODY_LEFT = "nobody_left", words.REASONS["nobody_left"]
    NOBODY_MAY = "nobody_may", words.REASONS["nobody_may"]
    UNREACHABLE = "dealership_unreachable", words.REASONS["dealership_unreachable"]
    LEFT = "dealership_left", words.REASONS["dealership_left"]
    ROUTING_FAILED = "routing_failed", words.REASONS["routing_failed"]
    NOT_ROUTED = "not_routed", _("Not routed yet")
    REVIEW = "review", _("A person must look at it")


@dataclass(frozen=True)
class Step:
    """The one thing to do next; `post` steps are done at once, the others open a form."""

    label: Any
    url: str
    icon: str
    post: bool = False


def waiting() -> Q:
    """Condition on Lead: a person must act. Each part is answered by an index of its own."""
    now = clock.now()
    return (
        Q(state=LeadState.NEEDS_REVIEW)
        | Q(state=LeadState.OFFERED, respond_before__lt=now - UNREACHABLE_AFTER)
        | Q(state__in=[LeadState.RECEIVED, LeadState.ROUTED], received_at__lt=now - NOT_ROUTED_AFTER)
    )


def leads_at_desk(user: Any) -> QuerySet[Lead]:
    """The leads that wait for the desk, whoever waits longest first; `why_code` says why."""
    if not user.has(Right.LEADS_ROUTE):
        return Lead.objects.none()
    return with_reason(Lead.objects.filter(waiting())).order_by("received_at", "number")


def with_reason(leads: QuerySet[Lead]) -> QuerySet[Lead]:
    """The same leads with `why_code`: the reason with which each was last set aside, or None."""
    last = Event.objects.filter(lead=OuterRef("pk"), code="needs_review").order_by("-number")
    return leads.annotate(why_code=Subquery(last.values("reason")[:1]))


def count() -> int:
    """How many leads wait for the desk."""
    return Lead.objects.filter(waiting()).count()


def why(lead: Lead) -> Why | None:
    """Why a lead waits for a person; None when it does not. `lead` comes from `with_reason`, or has `why_code` set."""
    now = clock.now()
    if lead.state == LeadState.NEEDS_REVIEW:
        code = getattr(lead, "why_code", None) or ""
        return Why(code) if code in Why.values else Why.REVIEW
    if lead.state == LeadState.OFFERED and lead.respond_before and lead.respond_before < now - UNREACHABLE_AFTER:
        return Why.UNREACHABLE
    if lead.state in (LeadState.RECEIVED, LeadState.ROUTED) and lead.received_at < now - NOT_ROUTED_AFTER:
        return Why.NOT_ROUTED
    return None


def next_step(lead: Lead) -> Step | None:
    """The one obvious next step of a lead at the desk; None when nothing is to be done there."""
    match why(lead):
        case None:
            return None
        case Why.UNREADABLE | Why.REVIEW:
            return Step(_("Read and complete"), reverse("leads:complete", args=[lead.id]), "pencil")
        case Why.NOT_ROUTED:
            return Step(_("Route now"), reverse("leads:route", args=[lead.id]), "route", post=True)
        case _:
            return Step(_("Choose a dealership"), reverse("leads:assign", args=[lead.id]), "store")
