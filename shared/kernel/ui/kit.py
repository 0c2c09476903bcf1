"""The living style page: every component in every state, on invented data (only with DEBUG on)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django import forms
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from kernel import clock
from kernel.ui import charts
from kernel.ui.forms import DateInput, Form, MoneyInput, PhoneInput, PillSelect, VinInput
from kernel.ui.lists import Choice, Column, DateRange, ListPage, Search, Toggle

STATES = [("offered", _("Offered")), ("accepted", _("Accepted")), ("won", _("Won")), ("lost", _("Lost"))]
TEMPERATURES = [("hot", _("Hot")), ("warm", _("Warm")), ("cold", _("Cold"))]


class SampleForm(Form):
    """Every kind of control."""

    phone = forms.CharField(label=_("Phone"), widget=PhoneInput, help_text=_("The number you will call back."))
    surname = forms.CharField(label=_("Surname"), max_length=40)
    interest = forms.ChoiceField(
        label=_("Interest"), choices=[("buy", _("Buy")), ("lease", _("Lease"))], widget=PillSelect
    )
    model = forms.ChoiceField(label=_("Model"), choices=[("", "—"), ("x5", "Aurora X5"), ("c3", "Aurora C3")])
    wanted_on = forms.DateField(label=_("Wanted on"), widget=DateInput, required=False)
    budget = forms.DecimalField(label=_("Budget"), widget=MoneyInput, required=False, decimal_places=2)
    vin = forms.CharField(label=_("VIN"), widget=VinInput, required=False)
    note = forms.CharField(label=_("Note"), widget=forms.Textarea, required=False)
    consent = forms.BooleanField(label=_("The customer agrees to be called."), required=False)
    channels = forms.MultipleChoiceField(
        label=_("Contact by"),
        choices=[("call", _("Call")), ("mail", _("E-mail")), ("sms", _("Text message"))],
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )
    sections = [(_("More details"), ["vin", "note", "channels", "consent"], "folded")]


@dataclass(frozen=True)
class SampleOrder:
    number: str
    customer: str
    car: str
    state: str
    amount: Decimal
    at: datetime
    phone: str

    def get_state_display(self) -> Any:
        return dict(STATES)[self.state]


def sample_orders(number: int = 57) -> list[SampleOrder]:
    names = ["王小明", "李静", "陈思远", "张伟", "刘洋", "Anna Schmidt", "赵敏", "黄志强"]
    cars = ["Aurora X5 2.0T", "Aurora C3 EV", "Borea S7 PHEV", "Borea T2"]
    return [
        SampleOrder(
            number=f"SC-2026-{1000 + at}",
            customer=names[at % len(names)],
            car=cars[at % len(cars)],
            state=STATES[at % len(STATES)][0],
            amount=Decimal(128800 + at * 3700),
            at=clock.now() - timedelta(hours=at * 7),
            phone=f"+86138{12340000 + at * 37}",
        )
        for at in range(number)
    ]


class KitList(ListPage):
    title = _("Sales contracts")
    subtitle = _("Components: list")
    columns = [
        Column("number", _("Number"), sort="number", phone="meta", unlabelled=True, nowrap=True),
        Column("car", _("Car"), sort="car", phone="title"),
        Column("customer", _("Customer"), sort="customer", phone="subtitle"),
        Column("state", _("State"), kind="state", sort="state", phone="badge"),
        Column("amount", _("Amount"), kind="money", sort="amount", total=True),
        Column("at", _("Signed"), kind="datetime", sort="at"),
        Column("phone", _("Phone"), kind="phone", phone="call"),
    ]
    filters = [
        Search(fields=("customer", "number", "car"), placeholder=_("Name, number or car")),
        Choice("state", _("State"), choices=STATES),
        DateRange("at", _("Signed")),
        Toggle("mine", _("Only mine"), test=lambda row: row.customer == "王小明"),
    ]
    ordering = "-at"
    export_right = "customers_export"
    export_name = "contracts"
    actions = [{"label": _("New contract"), "url": "#", "icon": "plus"}]

    def get_queryset(self) -> list[SampleOrder]:
        return sample_orders()

    def row_url(self, row: SampleOrder) -> str:
        return f"#{row.number}"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        _only_in_development()
        return super().dispatch(request, *args, **kwargs)


def _only_in_development() -> None:
    if not settings.DEBUG:
        raise Http404


def _charts() -> dict[str, Any]:
    channels = [(_("Website"), 148), (_("Showroom visit"), 121), (_("Telephone marketing"), 64), (_("Referral"), None)]
    months = [f"{month}" for month in range(1, 13)]
    leads = [42, 38, 57, 61, 70, 66, 81, 78, 90, 97, 88, 104]
    return {
        "bars": charts.horizontal_bars(
            _("Leads by channel"), [charts.Bar(label, value, url="#") for label, value in channels]
        ),
        "columns": charts.vertical_bars(
            _("Deliveries by month"),
            [charts.Bar(month, value if value != 38 else None) for month, value in zip(months, leads, strict=True)],
        ),
        "stacked": charts.stacked_bars(
            _("Claims by state"),
            months[:6],
            [
                charts.Series(_("Approved"), [12, 15, 11, 18, 21, 19], "s-good"),
                charts.Series(_("Partly approved"), [4, None, 6, 5, 7, 4], "s2"),
                charts.Series(_("Refused"), [2, 1, 3, None, 2, 2], "s-bad"),
            ],
        ),
        "lines": charts.lines(
            _("Leads by week"),
            months,
            [charts.Series("North", leads), charts.Series("South", [v // 2 + 9 for v in leads])],
        ),
        "area": charts.lines(_("First response, minutes"), months, [charts.Series("North", leads[::-1])]),
        "funnel": charts.funnel(
            _("Lead funnel"),
            [
                charts.Bar(_("Offered"), 412, url="#"),
                charts.Bar(_("Accepted"), 361, url="#"),
                charts.Bar(_("Test drive"), 148, url="#"),
                charts.Bar(_("Contract"), 57, url="#"),
                charts.Bar(_("Delivered"), None),
            ],
        ),
        "heat": charts.heat_strip(
            _("Leads by weekday and hour"),
            [str(hour) for hour in range(8, 20)],
            [
                charts.Series(day, [(at * (rank + 3)) % 11 for at in range(12)])
                for rank, day in enumerate(("一", "二", "三"))
            ],
        ),
    }


def kit(request: HttpRequest) -> HttpResponse:
    """All components. ``?errors`` shows the form with its errors."""
    _only_in_development()
    now = clock.now()
    data = {"phone": "12", "budget": "abc", "surname": "王"} if "errors" in request.GET else None
    context = {
        "title": _("Components"),
        "form": SampleForm(data),
        "charts": _charts(),
        "now": now,
        "soon": now + timedelta(minutes=9, seconds=30),
        "later": now + timedelta(hours=3),
        "past": now - timedelta(minutes=4),
        "ago": now - timedelta(minutes=8),
        "yesterday": now - timedelta(hours=26),
        "states": [*STATES, ("needs_review", _("Needs review")), ("refused", _("Refused")), ("new", _("New"))],
        "points": [12, 18, 15, 22, 19, 27, 31],
        "steps": [
            {"label": _("Offered"), "state": "done"},
            {"label": _("Accepted"), "state": "done"},
            {"label": _("Test drive"), "state": "now"},
            {"label": _("Quotation"), "state": ""},
            {"label": _("Contract"), "state": ""},
        ],
        "events": [
            {
                "icon": "phone-call",
                "title": _("Follow-up"),
                "text": "想试驾 X5，周六上午。",
                "at": now,
                "who": "李静",
                "tone": "info",
            },
            {
                "icon": "check",
                "title": _("Accepted"),
                "at": now - timedelta(hours=2),
                "who": "王小明",
                "tone": "success",
            },
            {"icon": "inbox", "title": _("Offered"), "at": now - timedelta(hours=3), "who": "", "tone": "neutral"},
        ],
        "facts": [
            (_("Customer"), "王小明"),
            (_("District"), "吉林省 长春市 朝阳区"),
            (_("Budget"), "¥180,000"),
            (_("Note"), None),
        ],
        "tabs": [
            {"label": _("Overview"), "url": "#", "current": True},
            {"label": _("Follow-ups"), "url": "#", "count": 4},
            {"label": _("Documents"), "url": "#", "count": 0},
        ],
        "crumbs": [(_("Leads"), "#"), (_("Today"), "#")],
        "changes": [
            (_("Level"), _("Full"), _("Counts only")),
            (_("Phone"), "", "138 1234 5678"),
            (_("Name"), "A", "A"),
        ],
        "table_headers": [_("Part"), pgettext_lazy("quantity", "Number"), _("Amount")],
        "table_rows": [["制动盘", 2, "¥860.00"], ["机油滤清器", 1, "¥45.00"]],
    }
    return render(request, "ui/kit.html", context)
