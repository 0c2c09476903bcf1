"""The list by law, as a page with one button, and as a file."""

from __future__ import annotations

import itertools
from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from dealer.customers.models import Customer
from dealer.customers.queries import access_customer_for_reading
from dealer.organisation.queries import profile
from dealer.sharing import statutory
from dealer.sharing.statutory import Disclosed, Period
from kernel import audit, clock
from kernel.accounts.access import requires
from kernel.accounts.actors import Actor
from kernel.accounts.roles import Right
from kernel.audit import exports
from kernel.ui import export
from kernel.ui.forms import DateInput, Form


class PeriodForm(Form):
    """Which days the list is about, both included."""

    first = forms.DateField(label=gettext_lazy("From"), widget=DateInput)
    last = forms.DateField(label=gettext_lazy("To and including"), widget=DateInput)

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        if "first" in found and "last" in found and found["first"] > found["last"]:
            self.add_error("first", _("The first day is after the last day."))
        return found


@requires(Right.SHARING_READ)
@require_http_methods(["GET", "HEAD"])
def statutory_list(request: HttpRequest) -> HttpResponseBase:
    """What the list would hold; with `file=csv` or `file=pdf` the list as a file."""
    asked = request.GET.get("customer", "")
    customer = access_customer_for_reading(asked, request.user) if asked else None
    usual = statutory.by_law()
    given = {"first": request.GET.get("first", usual.first), "last": request.GET.get("last", usual.last)}
    form = PeriodForm(given)
    if not form.is_valid():
        return _page(request, form, None, customer, status=422)
    period = Period(form.cleaned_data["first"], form.cleaned_data["last"])
    disclosed = Disclosed(request.user, period, customer)
    match request.GET.get("file"):
        case "csv":
            return _csv(request, disclosed)
        case "pdf" if sum(disclosed.numbers()) <= statutory.MOST_ON_PAPER:
            return _pdf(request, disclosed)
        case "pdf":
            form.add_error(None, _("This list is too long for paper: take it as CSV, or choose fewer days."))
            return _page(request, form, disclosed, customer, status=422)
    return _page(request, form, disclosed, customer)


def _page(
    request: HttpRequest, form: PeriodForm, disclosed: Disclosed | None, customer: Customer | None, status: int = 200
) -> HttpResponseBase:
    given, read = disclosed.numbers() if disclosed else (0, 0)
    context = {
        "form": form,
        "customer": customer,
        "facts": disclosed.facts() if disclosed else [],
        "given": given,
        "read": read,
        "may_export": not request.user.is_guest,
    }
    return render(request, "sharing/statutory.html", context, status=status)


def _require_may_take(request: HttpRequest) -> None:
    if request.user.is_guest:
        raise PermissionDenied
    exports.check(request)


def _pdf(request: HttpRequest, disclosed: Disclosed) -> HttpResponseBase:
    """The list on paper."""
    _require_may_take(request)
    answer = HttpResponse(statutory.paper(disclosed), content_type="application/pdf")
    answer["Content-Disposition"] = (
        f'attachment; filename="disclosed-{timezone.localtime(clock.now()):%Y%m%d-%H%M}.pdf"'
    )
    answer["Cache-Control"] = "private, no-store"
    _note(request, disclosed, "pdf", sum(disclosed.numbers()))
    return answer


def _csv(request: HttpRequest, disclosed: Disclosed) -> HttpResponseBase:
    """The list as a file. The audit row says who took which."""
    _require_may_take(request)
    head: list[list[object]] = [list(fact) for fact in disclosed.facts()]
    head += [[], list(disclosed.headings())]
    rows = itertools.chain(head, map(disclosed.cells, disclosed.lines()))
    answer, number = export.write_csv("disclosed", [disclosed.title()], rows)
    _note(request, disclosed, "csv", number - len(head))
    return answer


def _note(request: HttpRequest, disclosed: Disclosed, form: str, lines: int) -> None:
    after: dict[str, Any] = {
        "format": form,
        "rows": lines,
        "first": disclosed.period.first.isoformat(),
        "last": disclosed.period.last.isoformat(),
    }
    if disclosed.customer:
        after["customer"] = str(disclosed.customer.pk)
    audit.record(actor=Actor.of(request.user), action="sharing.export_disclosed", obj=profile(), after=after)
