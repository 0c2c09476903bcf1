"""Errors of the API: RFC 9457 problem details with stable types, in the asker's language, never a stack trace.

`type` is `/api/problems/<code>`, a page of this product that explains it. A refusal with a code that is not registered
keeps the type of its kind (conflict, invalid, …) and carries its own `code` beside it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from rest_framework import exceptions as drf
from rest_framework.response import Response

from kernel.api.renderers import JSONRenderer
from kernel.errors import DomainError, FieldError, Forbidden, Invalid, Missing, Text, TooMany

MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True)
class Problem:
    """One registered kind of problem; `title` is short, `remedy` says what to do."""

    code: str
    status: int
    title: Text
    remedy: Text


PROBLEMS: dict[str, Problem] = {}


def register(code: str, status: int, title: Text, remedy: Text) -> None:
    """Add a kind of problem with a page of its own. Raises ValueError for a code that is taken."""
    if code in PROBLEMS:
        raise ValueError(f"the problem {code} is registered already")
    PROBLEMS[code] = Problem(code, status, title, remedy)


for _entry in (
    ("bad_request", 400, _("The request cannot be read"), _("Check address, headers and body.")),
    (
        "malformed_json",
        400,
        _("The body is not valid JSON"),
        _("Send one JSON document in UTF-8 without repeated names."),
    ),
    (
        "idempotency_key_invalid",
        400,
        _("The Idempotency-Key cannot be used"),
        _("Send 1 to 255 printable ASCII characters."),
    ),
    ("cursor_invalid", 400, _("The cursor is not valid"), _("Start again at the first page and follow “next”.")),
    ("not_authenticated", 401, _("No sign-in"), _("Send a token: “Authorization: Bearer dn_…”.")),
    ("token_invalid", 401, _("The token is not valid"), _("It may be revoked or expired. Make a new one.")),
    ("forbidden", 403, _("Your role does not include this"), _("Ask whoever manages people here for the right.")),
    ("scope_missing", 403, _("The token lacks a scope"), _("Make a token with the scope that is named.")),
    ("csrf_failed", 403, _("The page's safety mark is missing"), _("Reload the page, or use a token.")),
    ("not_found", 404, _("Not found"), _("It does not exist, or not for you.")),
    ("method_not_allowed", 405, _("This method is not possible here"), _("Use one of the methods in “Allow”.")),
    ("not_acceptable", 406, _("This format is not offered"), _("Accept application/json.")),
    ("conflict", 409, _("The state does not allow this"), _("Load the record again and look at its state.")),
    ("illegal_transition", 409, _("The state does not allow this"), _("Load the record again and look at its state.")),
    ("request_in_progress", 409, _("The same request is still running"), _("Wait a moment and repeat it unchanged.")),
    ("length_required", 411, _("The length of the body is missing"), _("Send a Content-Length.")),
    ("too_large", 413, _("The body is too large"), _("Split it into several requests.")),
    ("unsupported_media_type", 415, _("This content type is not understood"), _("Send application/json.")),
    ("invalid", 422, _("The content is not valid"), _("Correct the fields named under “errors”.")),
    ("idempotency_key_reused", 422, _("The Idempotency-Key was used before"), _("Use a new key for a new request.")),
    (
        "storage_full",
        409,
        _("The storage of this dealership is full"),
        _("Nothing was added. Ask the manufacturer for more, and send it again unchanged."),
    ),
    ("too_many_requests", 429, _("Too many requests"), _("Wait the seconds named in Retry-After.")),
    (
        "server_error",
        500,
        _("Something went wrong on our side"),
        _("Try again. If it stays, tell us the request's id."),
    ),
    ("unavailable", 503, _("The service is busy"), _("Try again in a moment.")),
):
    register(*_entry)

_BY_STATUS = {
    400: "bad_request",
    401: "not_authenticated",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    406: "not_acceptable",
    409: "conflict",
    411: "length_required",
    413: "too_large",
    415: "unsupported_media_type",
    422: "invalid",
    429: "too_many_requests",
    503: "unavailable",
}


class ApiProblem(DomainError):
    """A refusal of the API's own (bad key, bad cursor, missing scope) with one of the registered codes."""

    def __init__(self, code: str, detail: Text | None = None, headers: Mapping[str, str] | None = None) -> None:
        problem = PROBLEMS[code]
        super().__init__(code, detail if detail is not None else problem.remedy)
        self.status = problem.status
        self.headers = dict(headers or {})


def body_of(
    status: int, code: str, detail: Text = "", errors: Iterable[FieldError] = (), request: Any = None
) -> dict[str, Any]:
    """The members of a problem, translated into the active language."""
    kind = PROBLEMS.get(code) or PROBLEMS[_BY_STATUS.get(status, "server_error" if status >= 500 else "bad_request")]
    body: dict[str, Any] = {
        "type": f"/api/problems/{kind.code}",
        "title": str(kind.title),
        "status": status,
        "code": code,
        "detail": str(detail or kind.remedy),
    }
    request_id = getattr(getattr(request, "_request", request), "request_id", "")
    if request_id:
        body["instance"] = f"urn:dealernet:request:{request_id}"
    listed = [{"field": e.field, "code": e.code, "message": str(e.message)} for e in errors]
    if listed:
        body["errors"] = listed
    return body


def plain_response(request: HttpRequest, status: int, code: str = "", detail: Text = "") -> HttpResponse:
    """A problem for answers that no API view made (unknown address, error in a middleware)."""
    code = code or _BY_STATUS.get(status, "server_error" if status >= 500 else "bad_request")
    body = body_of(status, code, detail, request=request)
    return HttpResponse(JSONRenderer().render(body), status=status, content_type=MEDIA_TYPE)


def flatten(detail: Any, path: str = "") -> list[FieldError]:
    """The errors of a DRF ValidationError as a flat list; nested fields are dotted (`lines.0.code`)."""
    if isinstance(detail, Mapping):
        found: list[FieldError] = []
        for key, inner in detail.items():
            step = "" if key == "non_field_errors" else str(key)
            found += flatten(inner, ".".join(part for part in (path, step) if part))
        return found
    if isinstance(detail, (list, tuple)):
        found = []
        for index, inner in enumerate(detail):
            nested = isinstance(inner, (Mapping, list, tuple))
            found += flatten(inner, f"{path}.{index}".lstrip(".") if nested else path)
        return found
    return [FieldError(path, getattr(detail, "code", "invalid"), str(detail))]


def _answer(request: Any, status: int, code: str, detail: Text = "", errors: Iterable[FieldError] = ()) -> Response:
    return Response(body_of(status, code, detail, errors, request), status=status, content_type=MEDIA_TYPE)


def _of_domain(error: DomainError, request: Any) -> Response:
    errors = error.errors if isinstance(error, Invalid) else ()
    response = _answer(request, error.status, error.code, error.message, errors)
    if isinstance(error, TooMany):
        response["Retry-After"] = str(error.retry_after)
    if isinstance(error, ApiProblem):
        for name, value in error.headers.items():
            response[name] = value
    return response


def _of_drf(error: drf.APIException, request: Any) -> Response:
    if isinstance(error, drf.ValidationError):
        return _answer(request, 422, "invalid", errors=flatten(error.detail))
    code = {
        drf.ParseError: "malformed_json",
        drf.AuthenticationFailed: "token_invalid",
        drf.NotAuthenticated: "not_authenticated",
    }.get(type(error), _BY_STATUS.get(error.status_code, "server_error"))
    if isinstance(error, drf.PermissionDenied) and str(error.detail).startswith("CSRF Failed"):
        return _answer(request, 403, "csrf_failed")
    own_words = isinstance(error, (drf.ParseError, drf.MethodNotAllowed, drf.UnsupportedMediaType))
    response = _answer(request, error.status_code, code, str(error.detail) if own_words else "")
    # The library sets both, its stubs know neither.
    wait, challenge = getattr(error, "wait", None), getattr(error, "auth_header", None)
    if wait is not None:
        response["Retry-After"] = str(max(1, int(wait)))
    if challenge:
        response["WWW-Authenticate"] = challenge
    return response


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's EXCEPTION_HANDLER. None for what nobody foresaw: that becomes a 500 problem without details."""
    request = context.get("request")
    if isinstance(error, DomainError):
        return _of_domain(error, request)
    if isinstance(error, Http404):
        return _of_domain(Missing(), request)
    if isinstance(error, PermissionDenied):
        return _of_domain(Forbidden(), request)
    if isinstance(error, RequestDataTooBig):
        return _answer(request, 413, "too_large")
    if isinstance(error, drf.APIException):
        return _of_drf(error, request)
    return None
