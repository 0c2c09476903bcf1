"""The switchboard, and one line of it with its preview."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.db.models import Count
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from dealer.organisation.queries import profile
from dealer.sharing import actions, previews, queries, words
from dealer.sharing.flows import FLOWS, Flow
from dealer.sharing.models import AgreementState, Grant, LevelChange
from dealer.sharing.takingback.models import WithdrawalState
from dealer.sharing.views.backfills import past_of
from exchange.models import Ledger, LedgerState
from kernel import clock
from kernel.accounts.access import requires
from kernel.accounts.actors import Actor
from kernel.accounts.roles import Right
from kernel.contracts import Level
from kernel.contracts.comparing import kept_for
from kernel.errors import Conflict, Invalid
from kernel.tenancy.manufacturer import in_words

page = require_http_methods(["GET", "HEAD", "POST"])
_READ = requires(Right.SHARING_READ)
#: Days that the numbers on the switchboard look back.
LOOK_BACK = 30


@dataclass(frozen=True)
class Choosable:
    """One of the four levels of a card."""

    level: Level
    words: Any
    current: bool
    possible: bool
    question: str
    lowers: bool


@dataclass(frozen=True)
class Card:
    """One kind of data on the switchboard."""

    grant: Grant
    flow: Flow
    choices: list[Choosable]
    sent: int
    kept: int
    latest: LevelChange | None
    why_fixed: Any
    #: Records that the manufacturer holds at a higher level than is in force now.
    stays: int

    @property
    def stored(self) -> str:
        """How long the manufacturer keeps it, where the agreement says so."""
        days = self.grant.retention_days
        return kept_for(days) if days is not None else ""

    @property
    def in_words(self) -> Any:
        return self.flow.in_words[self.grant.level]


def _question(flow: Flow, level: Level, lowers: bool) -> str:
    """What the confirmation says: what holds from the next second on."""
    parts = [_("From the next second on the manufacturer sees:"), str(flow.in_words[level])]
    if lowers:
        parts.append(_("What has not been delivered yet is stopped."))
        parts.append(_("What the manufacturer has received before stays there until it is withdrawn."))
    # Chinese sentences follow each other without a space.
    return ("" if (get_language() or "").startswith("zh") else " ").join(parts)


def _card(grant: Grant, numbers: Counter[tuple[str, str]], stays: int) -> Card:
    flow, now = FLOWS[grant.contract], grant.level
    choices = [
        Choosable(
            level=level,
            words=flow.in_words[level],
            current=level is now,
            possible=not grant.required and level <= Level(grant.template) and level is not now,
            question=_question(flow, level, level < now),
            lowers=level < now,
        )
        for level in Level
    ]
    return Card(
        grant=grant,
        flow=flow,
        choices=choices,
        sent=numbers[grant.contract, "sent"],
        kept=numbers[grant.contract, "kept"],
        latest=next(iter(vars(grant)["latest"]), None),
        why_fixed=actions.why_required(grant, grant.agreement.version) if grant.required else "",
        stays=stays,
    )


def _numbers() -> Counter[tuple[str, str]]:
    """How many records of each contract left, and stayed, in the last days. One query."""
    since = clock.now() - timedelta(days=LOOK_BACK)
    rows = Ledger.objects.filter(event_at__gte=since).order_by().values_list("contract", "state").annotate(Count("pk"))
    found: Counter[tuple[str, str]] = Counter()
    for contract, state, number in rows:
        found[contract, "kept" if state in (LedgerState.WITHHELD, LedgerState.STOPPED) else "sent"] += number
    return found


@_READ
@require_GET
def switchboard(request: HttpRequest) -> HttpResponseBase:
    """The whole of sharing on one page."""
    order = list(FLOWS)
    grants = [grant for grant in queries.switchboard() if grant.contract in FLOWS]
    numbers = _numbers()
    stays = queries.sent_at_higher_levels(grants)
    grants.sort(key=lambda grant: order.index(grant.contract))
    cards = [_card(grant, numbers, stays.get(grant.pk, 0)) for grant in grants]
    versions = list(queries.agreements())
    signed = next((one for one in versions if one.state == AgreementState.SIGNED), None)
    context = {
        "cards": cards,
        "agreement": signed,
        "days_left": signed.days_left(clock.now()) if signed else None,
        "proposed": next((one for one in versions if one.state == AgreementState.PROPOSED), None),
        "may_change": request.user.has(Right.SHARING_CHANGE),
        "manufacturer": in_words(profile().manufacturer_name),
        "days": LOOK_BACK,
        "questions": queries.visible_withdrawals(request.user).filter(state=WithdrawalState.ASKED).count(),
    }
    return render(request, "sharing/switchboard.html", context)


@requires(Right.SHARING_CHANGE)
@require_POST
def change_level(request: HttpRequest, id: str) -> HttpResponseBase:
    """Set a level."""
    grant = queries.access_grant_for_changing(id, request.user)
    try:
        change = actions.change_level(
            actor=Actor.of(request.user),
            contract=grant.contract,
            purpose=grant.purpose,
            level=request.POST.get("level", ""),
        )
    except (Conflict, Invalid) as refusal:
        messages.error(
            request, "; ".join(str(e.message) for e in refusal.errors) if isinstance(refusal, Invalid) else str(refusal)
        )
        return redirect("sharing:switchboard")
    text = _("%(what)s: %(level)s from now on.") % {
        "what": words.contract_label(grant.contract),
        "level": Level(change.after).label,
    }
    if change.stopped:
        text += " " + ngettext(
            "%(n)d waiting message was stopped.", "%(n)d waiting messages were stopped.", change.stopped
        ) % {"n": change.stopped}
    messages.success(request, text)
    if queries.visible_withdrawals(request.user).filter(contract=grant.contract, state=WithdrawalState.ASKED).exists():
        return redirect("sharing:withdrawals")
    return redirect("sharing:switchboard")


@_READ
@require_GET
def flow(request: HttpRequest, id: str) -> HttpResponseBase:
    """One kind of data: what each level would let out of the dealership's own records, and the history."""
    grant = queries.access_grant_for_reading(id, request.user)
    asked = request.GET.get("level", "")
    level = Level(asked) if asked in Level.values else grant.level
    found = previews.preview(grant, level)
    context = {
        "grant": grant,
        "flow": FLOWS[grant.contract],
        "level": level,
        "words": FLOWS[grant.contract].in_words[level],
        "tabs": [
            {"label": one.label, "url": f"?level={one.value}", "current": one is level}
            for one in Level
            if one <= Level(grant.template)
        ],
        "preview": found,
        "changes": grant.changes.all()[:50],
        **past_of(grant, request),
        **_example(found, grant.contract, level),
    }
    return render(request, "sharing/flow.html", context)


@_READ
@require_GET
def preview(request: HttpRequest, id: str) -> HttpResponseBase:
    """The part of a card that shows the latest own record at the level in force."""
    grant = queries.access_grant_for_reading(id, request.user)
    asked = request.GET.get("level", "")
    level = Level(asked) if asked in Level.values else grant.level
    found = previews.preview(grant, level, limit=1)
    context = {"grant": grant, "level": level, "preview": found, **_example(found, grant.contract, level)}
    return render(request, "sharing/_preview.html", context)


def _example(found: Any, contract: str, level: Level) -> dict[str, Any]:
    decision = found.examples[0] if found.examples else None
    leave, stay = previews.static_fields(contract, level)
    return {
        "decision": decision,
        "lines": previews.decision_lines(decision) if decision else [],
        "explained": decision.explain() if decision else [],
        "leave": leave,
        "stay": stay,
    }
