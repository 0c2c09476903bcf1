"""What the pages of sales share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.forms import BaseForm
from django.http import HttpRequest
from django.views.decorators.http import require_http_methods

from dealer.organisation.queries import profile
from kernel import audit
from kernel.accounts.actors import Actor
from kernel.errors import FieldError, Invalid

page = require_http_methods(["GET", "HEAD", "POST"])


def show(refusal: Invalid, form: BaseForm, names: Mapping[str, str] | None = None) -> None:
    """Show an action's refusal on a form whose fields have other names than the action's."""
    renamed = names or {}
    Invalid(
        [FieldError(renamed.get(error.field, error.field), error.code, error.message) for error in refusal.errors]
    ).add_to(form)


def status_of(form: Any) -> int:
    """422 for a form that was sent and is wrong."""
    return 422 if form.is_bound and form.errors else 200


class AuditedExport:
    """For lists that show people: a file that leaves the page is written down, with who took what."""

    request: HttpRequest
    export_name: str

    def on_export(self, form: str, rows: int) -> None:
        after = {"list": self.export_name, "format": form, "rows": rows, "filters": self.request.GET.urlencode()[:500]}
        audit.record(actor=Actor.of(self.request.user), action="sales.export", obj=profile(), after=after)
