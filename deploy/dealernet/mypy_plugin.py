"""What mypy has to be told of requests: our middleware sets `user` to a class of our own.

Django's stubs type `request.user` as anybody's user model or Django's AnonymousUser, which is never set here. Whoever
is not signed in is `kernel.accounts.models.Anonymous`, which answers what views ask of a User before they know who it
is.
"""

from __future__ import annotations

from collections.abc import Callable

from mypy.nodes import TypeInfo
from mypy.plugin import AttributeContext, Plugin
from mypy.types import Instance, Type

USERS = frozenset({"django.http.request.HttpRequest.user", "rest_framework.request.Request.user"})


class RequestPlugin(Plugin):
    """Gives `request.user` the type of what our middleware sets there."""

    def get_attribute_hook(self, fullname: str) -> Callable[[AttributeContext], Type] | None:
        return self._user if fullname in USERS else None

    def _user(self, context: AttributeContext) -> Type:
        found = self.lookup_fully_qualified("kernel.accounts.models.User")
        node = found.node if found else None
        return Instance(node, []) if isinstance(node, TypeInfo) else context.default_attr_type


def plugin(_version: str) -> type[Plugin]:
    """mypy's entry point."""
    return RequestPlugin
