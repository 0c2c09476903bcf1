"""The first middleware: finds the member by Host and binds the whole request to its login."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import cast

from django.conf import settings
from django.db import OperationalError
from django.db import connection as any_connection
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from kernel.tenancy import directory, keys
from kernel.tenancy.backend.base import DatabaseWrapper
from kernel.tenancy.bindings import Binding, Unbound, bound

connection = cast(DatabaseWrapper, any_connection)

PORTAL_URLS = "dealernet.urls_portal"
DEALER_URLS = "dealernet.urls_dealer"
#: In all three languages: whose page it is cannot be asked of a schema that does not answer.
FENCED = (
    "An upgrade is not finished here. Nothing is lost; please come back in a few minutes.\n"
    "升级尚未完成，数据没有丢失，请几分钟后再试。\n"
    "升級尚未完成，資料沒有遺失，請幾分鐘後再試。"
)


def _plain(status: int, text: str, **headers: str) -> HttpResponse:
    return HttpResponse(text + "\n", status=status, content_type="text/plain; charset=utf-8", headers=headers)


#: Pages that every host of a member answers itself: to sign in on a new address and to leave one that does not work,
#: and what programs and pages fetch.
STAYS = (
    "/sign-in/",
    "/sign-out/",
    "/password/",
    "/account/",
    "/language/",
    "/settings/addresses/",
    "/api/",
    "/static/",
    "/theme.css",
    "/logo/",
    "/healthz",
    "/readyz",
)


def _goes_to_the_main_address(request: HttpRequest) -> bool:
    """Whether a browser asks for a page that the main address should show."""
    asks = request.method in ("GET", "HEAD") and request.META.get("HTTP_HX_REQUEST") != "true"
    return asks and not request.path.startswith(STAYS)


def _at_the_main_address(request: HttpRequest, primary: str) -> HttpResponse:
    """Never for good: the main address can change again."""
    _name, colon, port = request.META["HTTP_HOST"].partition(":")
    place = f"{request.scheme}://{primary}{colon}{port}{request.get_full_path()}"
    return _plain(302, f"This address has moved to {place}", Location=place, **{"Cache-Control": "no-store"})


def _promise_https_for_this_host_alone(request: HttpRequest, response: HttpResponseBase) -> None:
    """A name of a dealership's own may have other sites below it, of which we know nothing: no `includeSubDomains`, no
    `preload`. Django's SecurityMiddleware, outside of this, keeps a header that is there."""
    if request.is_secure():
        response.headers["Strict-Transport-Security"] = f"max-age={settings.SECURE_HSTS_SECONDS}"


class MembersRequest(HttpRequest):
    """A request from the moment on when its member is known."""

    tenant: directory.Member


class HostMiddleware:
    """Sets `request.tenant` (a `Member`) and `request.urlconf`; everything after it runs bound.

    An unknown host gets a plain 404 that touched no schema; a host whose login this process has no key for gets
    421; a database at its connection limit, and a member fenced off by an upgrade, get 503 with Retry-After.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: MembersRequest) -> HttpResponseBase:
        host = directory.host_name(request.META.get("HTTP_HOST", ""))
        if host is None:
            return _plain(400, "This host name cannot be read.")
        try:
            member = directory.member_at(host)
            if member is None:
                return _plain(404, "Nothing is served under this host name.")
            if not keys.holds("PORTAL" if member.is_portal else "DEALERS"):
                return _plain(421, "This server does not serve that host.")
            if member.fenced:
                return _plain(503, FENCED, **{"Retry-After": "300"})
            if member.primary and _goes_to_the_main_address(request):
                return _at_the_main_address(request, member.primary)
            request.tenant = member
            request.urlconf = PORTAL_URLS if member.is_portal else DEALER_URLS
            connection.give_back()  # a request that waits for its turn keeps nobody from the directory
            with bound(member.binding):
                response = self.get_response(request)
            if not host.endswith(f".{settings.BASE_DOMAIN}"):
                _promise_https_for_this_host_alone(request, response)
        except OperationalError:
            return _plain(503, "The database is busy. Please try again.", **{"Retry-After": "2"})
        if isinstance(response, StreamingHttpResponse):
            response.streaming_content = _rebound(member.binding, iter(response))
        return response


def _rebound(binding: Binding, chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Stream under the binding of the request that made the stream."""
    assert not isinstance(binding, Unbound)
    with bound(binding):
        yield from chunks
