"""Admission: how many requests of one member a web process works on at once.

A process works on `WEB_AT_ONCE` requests at once and has more threads than that, so that those who wait take nobody's
place. Of one dealership it works on `limits.requests` at once; `WEB_WAITING` more wait, in the order of coming, the
members taking turns. Who finds no place gets 503 with Retry-After, and what was typed comes back with it.
"""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.db import OperationalError, connection
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import translation
from prometheus_client import Counter, Histogram

from kernel.api import problems
from kernel.tenancy.middleware import MembersRequest
from kernel.tenancy.places import Full, Places
from kernel.ui import errors

#: Seconds that a request waits for its turn, and after which the refused may come again.
WAIT, RETRY_AFTER = 10.0, 2

WAITED = Histogram("dealernet_admission_wait_seconds", "How long requests waited for their turn", ["tier"])
REFUSED = Counter("dealernet_admission_refused", "Requests that found no place", ["tier", "why"])

#: The places of this process.
places = Places(settings.WEB_AT_ONCE)


class AdmissionMiddleware:
    """Stands inside the binding and before everything that asks the database."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: MembersRequest) -> HttpResponseBase:
        member = request.tenant
        tier = "portal" if member.is_portal else "dealers"
        name = str(member.id)
        most = places.total if member.is_portal else member.limits.requests
        queue = None if member.is_portal else settings.WEB_WAITING
        try:
            waited = places.occupy(name, most=most, wait=WAIT, queue=queue)
        except Full:
            REFUSED.labels(tier, "busy").inc()
            return _refusal(request)
        try:
            if waited:
                WAITED.labels(tier).observe(waited)
            # Here and not in a view, where Django would make a 500 of it.
            connection.ensure_connection()
            return self.get_response(request)
        except OperationalError:
            REFUSED.labels(tier, "database").inc()
            return _refusal(request)
        finally:
            places.free(name)


def _refusal(request: HttpRequest) -> HttpResponseBase:
    # The person is not known yet; the cookie and the browser say which language.
    with translation.override(translation.get_language_from_request(request)):
        if request.path_info.startswith("/api/"):
            response: HttpResponseBase = problems.plain_response(request, 503)
        else:
            response = errors.unavailable(request, RETRY_AFTER)
    response.headers["Retry-After"] = str(RETRY_AFTER)
    response.headers["Cache-Control"] = "no-store"
    return response
