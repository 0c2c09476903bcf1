"""The audit trail, for those who may read it."""

from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from kernel import audit
from kernel.accounts.access import requires
from kernel.accounts.actors import Actor
from kernel.accounts.roles import Right
from kernel.audit import queries
from kernel.audit.models import Entry, Origin
from kernel.ui.lists import Choice, Column, DateRange, ListPage, Search


class Entries(ListPage):
    """Who did what, when, to what."""

    title = _("Audit trail")
    subtitle = _("What was done here, by whom. Rows are added, never changed.")
    ordering = ("-at", "-number")
    page_size = 50
    export_right = Right.AUDIT_READ
    export_name = "audit"
    empty_icon = "history"
    columns = (
        Column("at", _("When"), kind="datetime", sort=("at", "number"), phone="subtitle"),
        Column("action", _("Action"), sort="action", phone="title"),
        Column("actor_name", _("Who"), sort="actor_name"),
        Column("object_label", _("What")),
        Column("object_type", _("Kind"), export_only=True),
        Column("object_id", _("Record"), export_only=True),
        Column("origin", _("Came through"), phone="badge"),
        Column("note", _("Note"), export_only=True),
        Column("recorded_at", _("Recorded"), kind="datetime", export_only=True),
    )
    filters = (
        Search(fields=("action", "actor_name", "object_label", "object_id"), placeholder=_("Action, person, record")),
        DateRange("at", _("Period")),
        Choice("origin", _("Came through"), choices=Origin),
    )

    def get_queryset(self) -> Any:
        return queries.entries()

    def row_url(self, row: Entry) -> str:
        return f"/audit/{row.pk}/"

    def on_export(self, form: str, rows: int) -> None:
        audit.record(
            actor=Actor.of(self.request.user),
            action="audit.export",
            obj=self.request.user,
            after={"format": form, "rows": rows},
        )


entries = requires(Right.AUDIT_READ)(Entries.as_view())


@requires(Right.AUDIT_READ)
@require_http_methods(["GET", "HEAD"])
def entry(request: HttpRequest, id: str) -> HttpResponseBase:
    """One row with the values before and after."""
    shown = queries.access_entry_for_reading(id, request.user)
    names = sorted({*(shown.before or {}), *(shown.after or {})})
    changed = [(name, (shown.before or {}).get(name), (shown.after or {}).get(name)) for name in names]
    return render(request, "audit/entry.html", {"entry": shown, "changed": changed})
