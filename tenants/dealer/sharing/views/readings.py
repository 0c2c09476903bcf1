"""Who at the manufacturer looked."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy

from dealer.customers.models import Customer
from dealer.customers.queries import access_customer_for_reading
from dealer.organisation.queries import profile
from dealer.sharing import queries, words
from dealer.sharing.models import For, How, Reading
from kernel import audit
from kernel.accounts.access import requires
from kernel.accounts.actors import Actor
from kernel.accounts.roles import Right
from kernel.contracts import is_pseudonym
from kernel.ui.lists import Choice, Column, DateRange, ListPage
from kernel.ui.templatetags import ui

_READ = requires(Right.SHARING_READ)


def _about(row: Reading) -> SafeString | str:
    """What was seen: the one customer by name, the car, or how many owners."""
    named = vars(row).get("named", "")
    if named and len(row.owner_keys) == 1:
        return format_html(
            '<a class="underline" href="{}">{}</a>', reverse("customers:card", args=[row.owner_keys[0]]), named
        )
    if row.vin:
        return ui.vin(row.vin)
    return ngettext("%(n)d owner", "%(n)d owners", row.rows) % {"n": row.rows}


class ReadingsPage(ListPage):
    """Every time that somebody at the manufacturer looked at owners or cars that this dealership had shared."""

    title = gettext_lazy("Who looked at what we shared")
    subtitle = gettext_lazy(
        "The manufacturer reports its own reading, within minutes. It cannot be changed here or there."
    )
    columns = [
        Column("about", gettext_lazy("About"), value=_about, kind="html", phone="title"),
        Column("reader", pgettext_lazy("reading", "Who"), value=words.reader, phone="subtitle"),
        Column("reading_for", pgettext_lazy("reading", "For"), value=lambda row: row.get_reading_for_display()),
        Column("how", gettext_lazy("How"), value=lambda row: row.get_how_display(), sort="how", phone="badge"),
        Column("narrowed", gettext_lazy("Searched by"), value=words.narrowed),
        Column("rows", gettext_lazy("Records"), kind="number", sort="rows"),
        Column("at", gettext_lazy("When"), kind="datetime", sort=("at", "number")),
        Column("of", gettext_lazy("Kind"), value=lambda row: row.get_of_display(), export_only=True),
        Column("purpose", gettext_lazy("Shared for"), value=lambda row: row.get_purpose_display(), export_only=True),
        Column("vin", gettext_lazy("VIN"), export_only=True),
        Column("owners", gettext_lazy("Customers"), value=lambda row: " ".join(row.owner_keys), export_only=True),
        Column("reader_id", pgettext_lazy("reading", "Person"), value="reader", export_only=True),
    ]
    filters = [
        Choice("how", gettext_lazy("How"), choices=How),
        Choice("reading_for", pgettext_lazy("reading", "For"), choices=For),
        DateRange("at", gettext_lazy("When")),
    ]
    ordering = ("-at", "-number")
    export_right = Right.SHARING_READ
    export_name = "readings"
    empty_icon = "eye"
    empty_title = gettext_lazy("Nobody at the manufacturer has looked yet")

    def get_queryset(self) -> Any:
        customer = self.request.GET.get("customer", "")
        if customer:
            return queries.readings_of(access_customer_for_reading(customer, self.request.user).pk, self.request.user)
        return queries.visible_readings(self.request.user)

    @cached_property
    def rows(self) -> list[Any]:
        return _with_names(super().rows)

    def on_export(self, form: str, rows: int) -> None:
        after = {"format": form, "rows": rows, "filters": self.request.GET.urlencode()[:500]}
        audit.record(actor=Actor.of(self.request.user), action="sharing.export_readings", obj=profile(), after=after)


def _with_names(rows: list[Reading]) -> list[Reading]:
    """Put the customer's name to each row that is about one, as `named`. One query."""
    single = {row.owner_keys[0] for row in rows if len(row.owner_keys) == 1 and not is_pseudonym(row.owner_keys[0])}
    names = {str(id_): name for id_, name in Customer.objects.filter(pk__in=single).values_list("pk", "name")}
    for row in rows:
        vars(row)["named"] = names.get(row.owner_keys[0], "") if len(row.owner_keys) == 1 else ""
    return rows


readings = _READ(ReadingsPage.as_view())
