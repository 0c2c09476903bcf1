"""Everything this dealership holds on one customer, for the customer: PIPL art. 45, GDPR art. 15.

Each app says in its `holdings.py` which of its tables hold something on a customer and how a row leads to one:

    holds(FollowUp, "prospect__customer_id", _("Follow-ups"))

A test fails for a table that leads to a customer and is not named here. The copy is a ZIP: `about-you.pdf` to read,
the newest rows of each kind in it, and `about-you.json` with every row. Rows come in parts, so a long history costs
time in proportion to its length and no more.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models, transaction
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from dealer.customers.models import Customer
from dealer.customers.queries import access_customer_for_reading
from dealer.organisation.queries import profile
from kernel import audit, clock, printing
from kernel.accounts.access import requires
from kernel.accounts.actors import Actor
from kernel.accounts.roles import Right
from kernel.automotive import phone
from kernel.ui.templatetags.ui import local_text

#: Whose work it is to answer such a request.
RIGHT = Right.CUSTOMERS_EXPORT
#: Rows of one kind on paper; the JSON file has them all.
ON_PAPER = 50
#: Rows fetched at once.
PART = 1000

Rows = Callable[[Customer], Iterable[dict[str, Any]]]


@dataclass(frozen=True)
class Holding:
    """One table with something on customers. `path` leads from a row to the customer's id; `limited` narrows rows
    further in the same join; `rows` replaces both where a path cannot say it."""

    model: type[models.Model]
    title: str | Promise
    path: str = ""
    limited: Q = field(default_factory=Q)
    leave_out: frozenset[str] = frozenset()
    rows: Rows | None = None

    @property
    def name(self) -> str:
        return self.model._meta.label_lower

    @property
    def columns(self) -> list[models.Field[Any, Any]]:
        """The columns that say something: without keys of search, and without what is left out by name."""
        return [
            column
            for column in self.model._meta.concrete_fields
            if not isinstance(column, models.GeneratedField) and column.name not in self.leave_out
        ]

    def of(self, customer: Customer) -> Iterator[dict[str, Any]]:
        """Every row on a customer, newest first as the table orders, by column."""
        if self.rows is not None:
            yield from self.rows(customer)
            return
        found = self.model._default_manager.filter(self.limited, **{self.path: customer.pk})
        names = [column.attname for column in self.columns]
        # A row may lead to the customer in two ways (owner and driver of a car): it comes once.
        keys = found.order_by().values("pk").distinct()
        yield from self.model._default_manager.filter(pk__in=keys).values(*names).iterator(chunk_size=PART)

    def labels(self) -> dict[str, str]:
        """Names of the columns as people read them."""
        return {column.attname: str(column.verbose_name).capitalize() for column in self.columns}


_holdings: dict[str, Holding] = {}


def holds(
    model: type[models.Model],
    path: str,
    title: str | Promise,
    *,
    limited: Q | None = None,
    leave_out: Collection[str] = (),
    rows: Rows | None = None,
) -> None:
    """Register a table that holds something on customers."""
    made = Holding(model, title, path, limited or Q(), frozenset(leave_out), rows)
    _holdings[made.name] = made


def holdings() -> list[Holding]:
    """Every registered table, in the order of registration."""
    return list(_holdings.values())


def covered() -> set[type[models.Model]]:
    """The models that the copy gathers."""
    return {holding.model for holding in _holdings.values()}


# -- the copy --------------------------------------------------------------------------------------------------


@transaction.atomic
def give_copy(*, actor: Actor, customer: Customer) -> bytes:
    """A ZIP with everything held on a customer, in the customer's language; audited. Raises Forbidden."""
    actor.require(RIGHT)
    at = clock.now()
    with translation.override(customer.language):
        rows: dict[str, int] = {}
        paper: list[dict[str, Any]] = []
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            with archive.open("about-you.json", "w") as raw, io.TextIOWrapper(raw, "utf-8") as out:
                _write_json(out, customer, at, rows, paper)
            archive.writestr("about-you.pdf", _pdf(customer, at, paper))
    audit.record(actor=actor, action="customers.give_copy", obj=customer, after={"rows": rows})
    return packed.getvalue()


def _write_json(
    out: io.TextIOWrapper, customer: Customer, at: datetime, counted: dict[str, int], paper: list[dict[str, Any]]
) -> None:
    mine = profile()
    head = {"held_by": mine.name, "customer": customer.number, "at": at}
    out.write(json.dumps(head, cls=DjangoJSONEncoder, ensure_ascii=False)[:-1] + ', "holdings": {')
    for position, holding in enumerate(holdings()):
        labels, shown = holding.labels(), []
        out.write((", " if position else "") + json.dumps(holding.name) + ": [")
        n = 0
        for row in holding.of(customer):
            out.write((",\n" if n else "\n") + json.dumps(row, cls=DjangoJSONEncoder, ensure_ascii=False))
            if n < ON_PAPER:
                shown.append(_row_on_paper(row, labels))
            n += 1
        out.write("]")
        counted[holding.name] = n
        paper.append({"title": str(holding.title), "rows": shown, "count": n})
    out.write("}}\n")


#: Columns that mean nothing on paper: they tie rows together, and stand in the JSON file.
_TIES = ("id", "_id", "_reversed", "_hash")


def _row_on_paper(row: dict[str, Any], labels: dict[str, str]) -> list[list[str]]:
    return [
        [labels.get(name, name), _said(value)]
        for name, value in row.items()
        if value not in (None, "", [], {}) and not name.endswith(_TIES)
    ]


def _said(value: Any) -> str:
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    if isinstance(value, datetime):
        return local_text(value)
    if isinstance(value, date):
        return local_text(value, "date")
    text = value if isinstance(value, str) else json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False)
    return text[:1500]


def _pdf(customer: Customer, at: datetime, paper: list[dict[str, Any]]) -> bytes:
    mine = profile()
    data = {
        "about": [[_("Customer"), customer.name], [_("No."), str(customer.number)], [_("Held by"), mine.name]],
        "intro": _(
            "This is everything that %(dealer)s holds on you, with what was shared with whom and who looked at it. "
            "The file about-you.json beside it holds every row. Ask us to correct or erase it: %(phone)s."
        )
        % {"dealer": mine.name, "phone": phone.display(mine.phone) or "–"},
        "kinds": [
            {
                **kind,
                "more": _("%(shown)d of %(count)d; the others stand in the file about-you.json.")
                % {"shown": len(kind["rows"]), "count": kind["count"]}
                if kind["count"] > len(kind["rows"])
                else "",
            }
            for kind in paper
            if kind["count"]
        ],
        "empty_title": _("Nothing is held of these kinds"),
        "empty": [kind["title"] for kind in paper if not kind["count"]],
    }
    return printing.render(
        "customers/about_you",
        data,
        title=_("What is held about you"),
        issuer=mine.name,
        at=at,
        language=customer.language,
    )


@requires(RIGHT)
@require_POST
def copy(request: HttpRequest, id: str) -> HttpResponseBase:
    """Everything held on a customer, as a ZIP to hand over."""
    customer = access_customer_for_reading(id, request.user)
    answer = HttpResponse(give_copy(actor=Actor.of(request.user), customer=customer), content_type="application/zip")
    answer["Content-Disposition"] = f'attachment; filename="about-customer-{customer.number}.zip"'
    answer["Cache-Control"] = "no-store"
    return answer
