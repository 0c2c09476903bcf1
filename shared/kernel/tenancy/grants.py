"""Which login may do what with which table, declared on the model and granted by the steward.

`Model.grants = Grants(…)`. Letters: r = SELECT, a = INSERT, w = UPDATE, d = DELETE (PostgreSQL's own).
Tables of the tiers (schemas `oem` and `d_…`) default to `own="raw"`: rows are added and changed, and stay. A table
whose rows an action deletes says `DELETABLE`. Append-only tables say `own="ra"` and name in `own_update` the state
columns that may change.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django.db.models import Model

#: The logins and groups that may be given rights besides a schema's own login. The owner is none of them.
LOGINS = ("frontdesk", "oem", "dealerships", "courier")
VERBS = {"r": "SELECT", "a": "INSERT", "w": "UPDATE", "d": "DELETE"}


@dataclass(frozen=True)
class Grants:
    """Rights on one table. `dealers` (public tables only) goes to the group role of all dealership logins."""

    own: str = ""
    own_update: tuple[str, ...] = ()
    frontdesk: str = ""
    oem: str = ""
    dealers: str = ""
    courier: str = ""
    courier_update: tuple[str, ...] = ()

    def statements(self, *, table: str, own_login: str | None, fresh: bool = False) -> list[str]:
        """What takes every right on one table away and gives these. `table` and `own_login` are quoted identifiers.

        `fresh`: the table was made in this transaction, so there is nothing to take away.
        """
        everybody = ", ".join(filter(None, ("PUBLIC", own_login, *LOGINS)))
        out = [] if fresh else [f"REVOKE ALL ON {table} FROM {everybody}"]
        for login, verbs in (
            (own_login, self.own),
            ("frontdesk", self.frontdesk),
            ("oem", self.oem),
            ("dealerships", self.dealers),
            ("courier", self.courier),
        ):
            if login and verbs:
                out.append(f"GRANT {', '.join(VERBS[v] for v in verbs)} ON {table} TO {login}")
        for login, columns in ((own_login, self.own_update), ("courier", self.courier_update)):
            if login and columns:
                out.append(f"GRANT UPDATE ({', '.join(chr(34) + c + chr(34) for c in columns)}) ON {table} TO {login}")
        return out


#: What a table of a tier gets when its model says nothing.
TIER_DEFAULT = Grants(own="raw")
#: What a table gets whose rows an action deletes.
DELETABLE = Grants(own="rawd")


def grants_of(model: type[Model], *, public: bool) -> Grants:
    """The declared grants of a model; a public table must declare them."""
    declared = getattr(model, "grants", None)
    if declared is None:
        if public:
            raise LookupError(f"{model._meta.label} stands in the public schema and must declare its grants")
        return TIER_DEFAULT
    return declared
