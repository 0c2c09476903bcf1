"""Whether a process can do its work: what load balancers and `dealernet doctor` ask."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from celery import current_app
from django.db import OperationalError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_safe
from django_prometheus.exports import ExportToDjangoView

from exchange import metrics as exchange_metrics
from kernel.accounts.access import open_to_all
from kernel.tenancy import directory, keys
from kernel.tenancy.bindings import Portal, Unbound, bound, current

#: Seconds a message may wait to leave before a member counts as lagging.
LAG_LIMIT = 60.0


def readiness() -> tuple[bool, dict[str, Any]]:
    """What this process needs and how it is. Bound to a member it names that member's lag too."""
    found: dict[str, Any] = {"database": _tried(_database), "broker": _tried(_broker)}
    if not isinstance(current(), Unbound):
        found["lag_seconds"] = _lag()
    ready = found["database"] == found["broker"] == "ok" and found.get("lag_seconds", 0.0) < LAG_LIMIT
    return ready, found


def _tried(ask: Callable[[], None]) -> str:
    try:
        ask()
    except Exception as error:  # whatever is wrong, the answer is "not ready"
        return type(error).__name__
    return "ok"


def _database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _broker() -> None:
    if str(current_app.conf.broker_url).startswith("memory:"):
        return
    with current_app.connection_for_write(transport_options={"socket_timeout": 2}) as link:
        link.ensure_connection(max_retries=1, timeout=2)


def _lag() -> float:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(extract(epoch FROM clock_timestamp() - min(recorded_at)), 0)::float "
            "FROM exchange_ledger WHERE state = 'recorded'"
        )
        return round(cursor.fetchone()[0], 1)


@open_to_all
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """This process is alive."""
    return HttpResponse("ok\n", content_type="text/plain; charset=utf-8")


@open_to_all
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """This process can do its work."""
    ready, found = readiness()
    return JsonResponse({"ready": ready, **found}, status=200 if ready else 503)


@require_safe
def ask(request: HttpRequest) -> HttpResponse:
    """Whether a host name (`domain`) is one of ours: 200 or 404. The directory alone is asked, no member's schema."""
    name = directory.host_name(request.GET.get("domain", ""))
    try:
        ours = name is not None and directory.member_at(name) is not None
    except OperationalError:
        return HttpResponse(status=503, headers={"Retry-After": "2"})
    return HttpResponse(status=200 if ours else 404)


def metrics(request: HttpRequest) -> HttpResponseBase:
    """This process's figures, and in the manufacturer's web process the exchange's."""
    answer: HttpResponse = ExportToDjangoView(request)
    if keys.holds("PORTAL"):
        try:
            with bound(Portal()):
                answer.content += exchange_metrics.exposition().encode()
        except OperationalError:  # figures of a process are worth having when the database is not there
            answer.content += b"# exchange: no database\n"
    return answer


class ManagementMiddleware:
    """Answers the front door's own questions, whatever the Host. Stands first.

    Only the front door can ask: it reaches the process through a Unix socket (no REMOTE_ADDR) and strips the header
    from what clients send.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        asked = request.META.get("HTTP_X_DEALERNET_MANAGEMENT") == "1" and not request.META.get("REMOTE_ADDR")
        if asked and request.path == "/readyz":
            return readyz(request)
        if asked and request.path == "/metrics":
            return metrics(request)
        if asked and request.path == "/ask":
            return ask(request)
        return self.get_response(request)
