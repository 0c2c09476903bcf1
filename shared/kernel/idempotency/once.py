"""`idempotent`: runs an API method once for each Idempotency-Key and gives the same answer again.

The header is optional, bare or in quotes (RFC 8941 string). Same key and same request → the stored answer with
`Idempotent-Replayed: true`; same key and another request → 422; the first one still running → 409. Only successes are
kept: a refusal has no effect, so repeating it is safe and may succeed once its cause is gone.
"""

import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from rest_framework.request import Request
from rest_framework.response import Response

from kernel import clock
from kernel.api.problems import ApiProblem
from kernel.api.renderers import JSONRenderer
from kernel.idempotency.models import StoredAnswer
from kernel.tenancy.bindings import current

KEPT_FOR = timedelta(days=2)
_NOT_KEPT = frozenset({"vary", "set-cookie", "content-type", "content-length", "allow"})


def key_of(header: str) -> str:
    """The key in a header's value. Raises ApiProblem (400) for an empty, too long or unprintable one."""
    key = header.strip()
    if len(key) >= 2 and key[0] == key[-1] == '"':
        key = key[1:-1]
    if not 1 <= len(key) <= 255 or not key.isascii() or not key.isprintable():
        raise ApiProblem("idempotency_key_invalid")
    return key


def fingerprint_of(request: Request) -> str:
    """SHA-256 of what the request says: method, full path, content type and the bytes of the body."""
    digest = hashlib.sha256()
    for part in (request.method or "", request.get_full_path(), request.content_type or ""):
        digest.update(part.encode() + b"\x00")
    digest.update(request._request.body)
    return digest.hexdigest()


def _owner_of(request: Request) -> UUID:
    return request.auth.pk if request.auth is not None else request.user.pk


def _lock(owner: UUID, key: str) -> bool:
    """Take the transaction's lock on a key of this tenant; False when another transaction holds it."""
    digest = hashlib.sha256(f"{current().login}|{owner}|{key}".encode()).digest()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [int.from_bytes(digest[:8], "big", signed=True)])
        return bool(cursor.fetchone()[0])


def _replay(stored: StoredAnswer, fingerprint: str) -> HttpResponse:
    if stored.fingerprint != fingerprint:
        raise ApiProblem("idempotency_key_reused")
    response = HttpResponse(bytes(stored.body), status=stored.status, content_type=stored.headers.get("Content-Type"))
    for name, value in stored.headers.items():
        response.headers[name] = value
    response.headers["Idempotent-Replayed"] = "true"
    return response


def _content(response: HttpResponseBase) -> tuple[bytes, str]:
    if isinstance(response, Response):
        return JSONRenderer().render(response.data), "application/json"
    assert isinstance(response, HttpResponse)
    return response.content, response.headers.get("Content-Type", "")


def _keep(request: Request, owner: UUID, key: str, fingerprint: str, response: HttpResponseBase) -> None:
    body, content_type = _content(response)
    headers = {k: v for k, v in response.headers.items() if k.lower() not in _NOT_KEPT}
    now = clock.now()
    # An expired answer may still stand there until the tidying task comes by.
    StoredAnswer.objects.filter(owner=owner, key=key).delete()
    StoredAnswer.objects.create(
        key=key,
        owner=owner,
        method=request.method or "",
        path=request.path[:500],
        fingerprint=fingerprint,
        status=response.status_code,
        headers=json.loads(json.dumps({**headers, "Content-Type": content_type})),
        body=body,
        expires_at=now + KEPT_FOR,
    )


Method = Callable[..., HttpResponseBase]


def idempotent(method: Method) -> Method:
    """Decorate a DRF view's method; `kernel.api.views.ApiView` does it for every `post`."""

    @wraps(method)
    def once(view: Any, request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
        header = request.headers.get("Idempotency-Key")
        if header is None:
            return method(view, request, *args, **kwargs)
        key, owner, fingerprint = key_of(header), _owner_of(request), fingerprint_of(request)
        with transaction.atomic():
            if not _lock(owner, key):
                raise ApiProblem("request_in_progress", headers={"Retry-After": "1"})
            stored = StoredAnswer.objects.filter(owner=owner, key=key, expires_at__gt=clock.now()).first()
            if stored is not None:
                return _replay(stored, fingerprint)
            response = method(view, request, *args, **kwargs)
            if response.status_code < 400:
                _keep(request, owner, key, fingerprint, response)
            else:
                transaction.set_rollback(True)
        return response

    return once
