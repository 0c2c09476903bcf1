"""Pages of support access: what is asked, who is in, what was done; and the door by which a guest comes in."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import get_language, gettext_lazy, pgettext, pgettext_lazy
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from dealer.support import actions, queries, words
from dealer.support.forms import ApproveForm
from dealer.support.models import Access, Act
from kernel import audit
from kernel.accounts.access import open_to_all, requires
from kernel.accounts.actors import Actor
from kernel.accounts.address import may_carry_a_sign_in
from kernel.accounts.models import LANGUAGES
from kernel.contracts import Purpose
from kernel.contracts.support import AREA_WORDS, MAY_WORDS, STEP_WORDS, SupportArea, SupportMay, SupportStep
from kernel.errors import Conflict, Invalid, Missing
from kernel.ui.lists import Choice, Column, DateRange, ListPage, Search
from kernel.ui.templatetags import ui

_READ = requires(queries.READS)
_ANSWER = requires(queries.ANSWERS)
#: Rows of the trail that the request's own page shows.
LATEST = 20


class Accesses(ListPage):
    """Every request, whatever became of it."""

    title = gettext_lazy("Support access")
    subtitle = gettext_lazy("Nobody from outside comes in without your approval, and not a minute longer.")
    ordering = ("-number",)
    empty_icon = "key-round"
    empty_title = gettext_lazy("Nobody has asked to be let in")
    columns = (
        Column("who", pgettext_lazy("support", "Who"), value=words.who, phone="title"),
        Column("reason", gettext_lazy("Reason"), phone="subtitle"),
        Column("may", pgettext_lazy("support", "May"), value=lambda row: row.get_may_display()),
        Column("asked_at", pgettext_lazy("support", "Asked"), kind="datetime", sort="asked_at"),
        Column("until", pgettext_lazy("support", "Until"), kind="datetime", sort="until"),
        Column("ended_at", gettext_lazy("Ended at"), kind="datetime", sort="ended_at"),
        Column("state", gettext_lazy("State"), kind="state", tone_kind="support", sort="state", phone="badge"),
    )
    filters = (
        Search(fields=("reason", "asked_by"), placeholder=gettext_lazy("Reason, person")),
        Choice("state", gettext_lazy("State"), choices=list(STEP_WORDS.items())),
        DateRange("asked_at", pgettext_lazy("support", "Asked")),
    )

    def get_queryset(self) -> QuerySet[Access]:
        return queries.visible_accesses(self.request.user)

    def row_url(self, row: Access) -> str:
        return reverse("support:access", args=[row.pk])


accesses = _READ(Accesses.as_view())


# -- one request -----------------------------------------------------------------------------------------------


def _facts(found: Access) -> list[tuple[Any, Any]]:
    facts = [
        (pgettext("support", "Who"), words.who(found)),
        (_("Reason"), found.reason),
        (_("Purpose"), Purpose(found.purpose).label if found.purpose else ""),
        (pgettext("support", "Asked"), ui.local_text(found.asked_at)),
        (
            pgettext("support", "Asked for"),
            " · ".join(
                [
                    _("%(n)d hours") % {"n": found.hours},
                    str(MAY_WORDS[SupportMay(found.asked_may)]),
                    str(AREA_WORDS[SupportArea(found.asked_area)]),
                ]
            ),
        ),
        (_("Answered by"), found.answered_by_name),
        (_("Answered"), ui.local_text(found.answered_at) if found.answered_at else ""),
    ]
    if found.until:
        facts += [
            (pgettext("support", "What they may"), found.get_may_display()),
            (pgettext("support", "What they see"), found.get_area_display()),
            (pgettext("support", "Until"), ui.local_text(found.until)),
        ]
    if found.ended_at:
        facts += [(_("Ended at"), ui.local_text(found.ended_at)), (_("Ended by"), found.ended_by_name)]
    return [(label, value) for label, value in facts if value]


def _page(request: HttpRequest, found: Access, form: ApproveForm | None = None) -> HttpResponseBase:
    may_answer = request.user.has(queries.ANSWERS)
    waits = found.state == SupportStep.ASKED and may_answer
    if form is None and waits:
        form = ApproveForm(found)
    context = {
        "access": found,
        "who": words.who(found),
        "facts": _facts(found),
        "form": form if waits else None,
        "may_end": found.is_open and may_answer,
        "acts": _acts(queries.trail(found)[:LATEST]) if found.guest_id else [],
        "more": found.guest_id and found.acts.count() > LATEST,
        "crumbs": [(_("Support access"), reverse("support:list"))],
    }
    return render(request, "support/access.html", context, status=422 if form is not None and form.errors else 200)


def _acts(rows: Any) -> list[dict[str, Any]]:
    """The trail for a time line: what changed something stands out."""
    return [
        {
            "icon": "pencil" if row.done else "eye",
            "title": row.done or f"{row.method} {row.path}",
            "text": f"{row.method} {row.path}" if row.done else "",
            "at": row.at,
            "tone": "warning" if row.done else "neutral",
        }
        for row in rows
    ]


@_READ
@require_GET
def access(request: HttpRequest, id: str) -> HttpResponseBase:
    """One request: what was asked, the place where it is answered and ended, and what was done."""
    return _page(request, queries.access_access_for_reading(id, request.user))


@_ANSWER
@require_POST
def approve(request: HttpRequest, id: str) -> HttpResponseBase:
    """Let somebody in."""
    found = queries.access_access_for_answering(id, request.user)
    form = ApproveForm(found, request.POST)
    if form.is_valid():
        try:
            found = actions.approve_access(actor=Actor.of(request.user), access=found, **form.cleaned_data)
        except Invalid as refusal:
            refusal.add_to(form)
        except Conflict as refusal:
            messages.error(request, str(refusal))
            return redirect("support:access", found.pk)
        else:
            values = {"until": ui.local_text(found.until)}
            messages.success(request, _("Let in until %(until)s. You can end it at any moment.") % values)
            return redirect("support:access", found.pk)
    return _page(request, found, form)


@_ANSWER
@require_POST
def refuse(request: HttpRequest, id: str) -> HttpResponseBase:
    """Say no."""
    found = queries.access_access_for_answering(id, request.user)
    try:
        actions.refuse_access(actor=Actor.of(request.user), access=found)
    except Conflict as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, _("Refused. Nobody was let in."))
    return redirect("support:access", found.pk)


@_ANSWER
@require_POST
def end(request: HttpRequest, id: str) -> HttpResponseBase:
    """Show the guest out now."""
    found = queries.access_access_for_answering(id, request.user)
    actions.end_access(actor=Actor.of(request.user), access=found)
    messages.success(request, _("Ended. Nobody from outside is in by this access any more."))
    return redirect("support:access", found.pk)


class Trail(ListPage):
    """Everything that a guest opened and did."""

    template_name = "support/trail.html"
    title = gettext_lazy("What was opened and done")
    subtitle = gettext_lazy("Written down before each page was shown. Rows are added, never changed.")
    ordering = ("-number",)
    page_size = 50
    export_right = queries.READS
    export_name = "support-trail"
    empty_icon = "history"
    empty_title = gettext_lazy("Nothing was opened")
    columns = (
        Column("at", gettext_lazy("When"), kind="datetime", sort=("at", "number"), phone="subtitle"),
        Column("method", pgettext_lazy("request", "Method"), sort="method"),
        Column("path", pgettext_lazy("request", "Address"), phone="title"),
        Column("page", gettext_lazy("Page")),
        Column("record", gettext_lazy("Record"), export_only=True),
        Column("done", gettext_lazy("Changed"), phone="badge"),
        Column("status", pgettext_lazy("request", "Answer"), kind="number"),
        Column("address", gettext_lazy("Network address"), export_only=True),
        Column("request_id", gettext_lazy("Request"), export_only=True),
        Column("recorded_at", gettext_lazy("Recorded"), kind="datetime", export_only=True),
    )
    filters = (
        Search(fields=("path", "page", "record"), placeholder=gettext_lazy("Address, record")),
        DateRange("at", gettext_lazy("Period")),
    )

    @cached_property
    def access(self) -> Access:
        return queries.access_access_for_reading(self.kwargs["id"], self.request.user)

    def get_queryset(self) -> QuerySet[Act]:
        return queries.trail(self.access)

    def extra_context(self) -> dict[str, Any]:
        return {
            "crumbs": [
                (_("Support access"), reverse("support:list")),
                (words.who(self.access), reverse("support:access", args=[self.access.pk])),
            ]
        }

    def on_export(self, form: str, rows: int) -> None:
        audit.record(
            actor=Actor.of(self.request.user),
            action="support.export_trail",
            obj=self.access,
            after={"format": form, "rows": rows},
        )


trail = _READ(Trail.as_view())


# -- the door --------------------------------------------------------------------------------------------------


@open_to_all
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def enter(request: HttpRequest, code: str) -> HttpResponseBase:
    """The page of a one-time link. Opening it uses nothing up (mail programs open links by themselves); the button
    signs in, once."""
    if not may_carry_a_sign_in(request):
        return render(request, "accounts/insecure.html", {"host": request.get_host()}, status=403)
    if request.method == "POST":
        try:
            actions.enter(request=request, code=code, language=_language())
        except Missing:
            return render(request, "support/closed.html", {"waits": False}, status=404)
        return redirect("/")
    found = queries.access_of_code(code)
    if found is None or not actions.usable(found):
        waits = found is not None and found.state == SupportStep.ASKED
        return render(request, "support/closed.html", {"waits": waits}, status=404)
    context = {"access": found, "name": found.guest.name if found.guest else ""}
    return render(request, "support/enter.html", context)


def _language() -> str:
    """The language of the visitor's browser, as an account writes it."""
    active = (get_language() or "en").lower()
    return active if active in dict(LANGUAGES) else "en"
