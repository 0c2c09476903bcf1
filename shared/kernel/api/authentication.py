"""Who calls the API: a bearer token, or the session of a page (then with the CSRF token)."""

from typing import Any

from django.utils import translation
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from kernel.accounts import throttle, tokens
from kernel.accounts.address import client_address
from kernel.accounts.models import Token, User
from kernel.accounts.throttle import Limit

WRONG_TOKENS = Limit("wrong-token", 60, 60)
"""Wrong tokens from one address in a minute, before that address gets 429."""


class BearerAuthentication(BaseAuthentication):
    """`Authorization: Bearer dn_…`. Sets `request.auth` to the Token; a wrong one is 401 even beside a session."""

    def authenticate(self, request: Request) -> tuple[User, Token] | None:
        scheme, _space, text = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        address = client_address(request._request) or "-"
        token = tokens.find(text.strip())
        if token is None:
            throttle.check(WRONG_TOKENS, address)
            throttle.count(WRONG_TOKENS, address)
            raise AuthenticationFailed()
        request._request.user = token.user
        if not request.META.get("HTTP_ACCEPT_LANGUAGE"):
            # Only now is it known who asks; LanguageMiddleware ends this together with its own choice.
            request._request.LANGUAGE_CODE = token.user.language
            translation.activate(token.user.language)
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="dealernet"'


class PageSessionAuthentication(SessionAuthentication):
    """The person signed in on this host's pages; unsafe methods need the CSRF token."""

    def authenticate(self, request: Request) -> tuple[Any, None] | None:
        user = getattr(request._request, "user", None)
        if user is None or not user.is_authenticated:
            return None
        self.enforce_csrf(request)
        return user, None
