"""What a caller may: the right the view declares for the method, and for tokens the scope too."""

from collections.abc import Iterable
from typing import Any

from rest_framework.exceptions import NotAuthenticated
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from kernel.accounts.models import Token
from kernel.accounts.roles import Right
from kernel.api.problems import ApiProblem
from kernel.errors import Forbidden


def rights_for(view: Any, method: str) -> tuple[Right, ...] | None:
    """The rights of which one opens this method of a view; () = everyone signed in; None = nobody (not declared)."""
    declared = getattr(view, "required", {})
    method = "GET" if method == "HEAD" else method
    if method not in declared:
        return None
    wanted = declared[method]
    if wanted is None:
        return ()
    return (wanted,) if isinstance(wanted, Right) else tuple(wanted) if isinstance(wanted, Iterable) else ()


def scope_for(view: Any, method: str) -> str:
    """The scope a token needs for this method of a view ("" = none)."""
    noun = getattr(view, "scope", "")
    return f"{noun}:{'read' if method in SAFE_METHODS else 'write'}" if noun else ""


class HasRight(BasePermission):
    """Refuses whatever the view does not declare."""

    def has_permission(self, request: Request, view: Any) -> bool:
        if not request.user.is_authenticated:
            raise NotAuthenticated()
        method = request.method or "GET"
        if method == "OPTIONS" or not hasattr(view, method.lower()):
            return True  # only says which methods there are; an unknown method goes on to 405
        rights = rights_for(view, method)
        if rights is None or (rights and not any(request.user.has(right) for right in rights)):
            raise Forbidden(rights[0] if rights else "")
        scope = scope_for(view, method)
        if isinstance(request.auth, Token) and scope and scope not in request.auth.scopes:
            raise ApiProblem("scope_missing", f"{scope}")
        return True
