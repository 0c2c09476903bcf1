"""Middleware: who asks, in which language; and pages for refusals that views let pass."""

from collections.abc import Callable, Iterable, Iterator
from typing import cast

from django.conf import settings
from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import translation
from django.utils.cache import patch_vary_headers

from kernel.accounts.access import BEFORE_A_FACTOR, to_factors
from kernel.accounts.models import LANGUAGES, Anonymous
from kernel.accounts.sessions import SessionStore
from kernel.audit.context import coming_from
from kernel.errors import DomainError, Forbidden, Missing, TooMany

GetResponse = Callable[[HttpRequest], HttpResponseBase]

_KNOWN = frozenset(code for code, _name in LANGUAGES)


class AccountMiddleware:
    """Sets `request.user` (a User or Anonymous); answers refusals that a view lets pass.

    The person is loaded at every request, so a changed role, a retired person or an ended session counts from the next
    request on. Stands after the session middleware, inside the binding.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        # Without the cookie there is nobody: no query for anonymous requests and for bearer tokens.
        has_cookie = settings.SESSION_COOKIE_NAME in request.COOKIES
        session = cast(SessionStore, request.session)
        person = session.person() if has_cookie else None
        request.user = person or Anonymous()  # type: ignore[assignment]  # nobody, who is no User but answers like one
        origin = "api" if request.path.startswith("/api/") else "user"
        with coming_from(origin):
            response = self.get_response(request)
        if has_cookie and request.user.is_authenticated:
            session.touch()
        patch_vary_headers(response, ("Cookie",))
        return response

    def process_view(self, request: HttpRequest, *_view: object) -> HttpResponseBase | None:
        # Here, and not before: the tenant's time zone, which says what day it is, is in force only now.
        if not request.user.must_add_factor:
            return None
        if request.path.startswith("/api/"):
            request.user = Anonymous()  # type: ignore[assignment]  # a page's session counts for nothing; a token does
            return None
        assert request.resolver_match is not None
        return None if request.resolver_match.view_name in BEFORE_A_FACTOR else to_factors(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponseBase | None:
        # Forbidden and Missing are Django's PermissionDenied and Http404 too: its 403 and 404 pages show them.
        if not isinstance(exception, DomainError) or isinstance(exception, (Forbidden, Missing)):
            return None
        return refused(request, exception)


def refused(request: HttpRequest, refusal: DomainError) -> HttpResponseBase:
    """The page that says why something was refused, with the refusal's status (409, 422, 429)."""
    response = render(request, "accounts/refused.html", {"refusal": refusal}, status=refusal.status)
    if isinstance(refusal, TooMany):
        response.headers["Retry-After"] = str(refusal.retry_after)
    return response


def language_of(request: HttpRequest) -> str:
    """The language to answer in: the person's, else the cookie's, else the best match of Accept-Language.

    For the API Accept-Language comes first: a program asks for the language that it will show.
    """
    chosen = request.user.language or request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME, "")
    if request.path.startswith("/api/") and request.headers.get("Accept-Language"):
        chosen = ""
    return chosen if chosen in _KNOWN else translation.get_language_from_request(request)


class LanguageMiddleware:
    """Answers in the language of `language_of`, also what is streamed. Stands after AccountMiddleware."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        language = request.LANGUAGE_CODE = language_of(request)
        with translation.override(language):
            response = self.get_response(request)
        if isinstance(response, StreamingHttpResponse):
            response.streaming_content = _in_language(language, iter(response))
        response.headers.setdefault("Content-Language", request.LANGUAGE_CODE)
        patch_vary_headers(response, ("Accept-Language",))
        return response


def _in_language(language: str, chunks: Iterable[bytes]) -> Iterator[bytes]:
    with translation.override(language):
        yield from chunks
