"""Who does something: a person, the system itself, or the exchange acting for the other tier."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from kernel.accounts.roles import RIGHTS, Right, Role
from kernel.errors import Conflict, Forbidden

if TYPE_CHECKING:
    from kernel.accounts.models import User

Kind = Literal["user", "system", "exchange"]


@dataclass(frozen=True, slots=True)
class Actor:
    """The doer of an action, as it stands in the audit trail. `id` and `role` are set for people only."""

    kind: Kind
    id: UUID | None = None
    name: str = ""
    role: str = ""

    @classmethod
    def of(cls, user: "User") -> "Actor":
        """The actor for a person. Raises Forbidden for an anonymous or retired one."""
        if not getattr(user, "is_authenticated", False) or not user.is_active:
            raise Forbidden()
        return cls(kind="user", id=user.pk, name=user.name or user.login, role=user.role)

    def has(self, right: Right) -> bool:
        """Say whether the actor may; the system and the exchange may everything."""
        return self.kind != "user" or right in RIGHTS.get(Role(self.role), frozenset())

    def require(self, *rights: Right) -> None:
        """Raise Forbidden unless the actor has at least one of the rights."""
        if not any(self.has(right) for right in rights):
            raise Forbidden(rights[0] if rights else "")


def may_give(actor: Actor, role: str) -> bool:
    """Say whether the actor may give, change or take a role, and reset what its people sign in with.

    Only a general manager (or the system) may for a general manager, so that looking after accounts does not become
    looking at customers.
    """
    return actor.kind != "user" or role != Role.GENERAL_MANAGER or actor.role == Role.GENERAL_MANAGER


def require_no_guest(person: "User") -> None:
    """Raise Conflict for somebody let in from outside: what is done for people, or by them for themselves, could give
    a guest a way in beside the one that was approved."""
    if person.is_guest:
        raise Conflict("guest_account", _("This account belongs to a support access and ends with it."))


SYSTEM = Actor(kind="system", name="Dealernet")
EXCHANGE = Actor(kind="exchange", name="Exchange")
