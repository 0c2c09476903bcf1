"""The id of the request that is being answered: the same in its headers, its problem details, the audit and the log."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from uuid import uuid4

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

#: Ids that a proxy of ours may give: 32 hexadecimal digits (ours, nginx's), a UUID, and the like.
_SHAPE = re.compile(r"[0-9A-Za-z-]{16,64}")

_current: ContextVar[str] = ContextVar("kernel_request_id", default="")


def current_request_id() -> str:
    """The id of the request being answered, or ""."""
    return _current.get()


@contextmanager
def answering(request_id: str) -> Iterator[None]:
    """Everything inside the block belongs to this request."""
    token = _current.set(request_id)
    try:
        yield
    finally:
        _current.reset(token)


class NumberedRequest(HttpRequest):
    """A request that has its id."""

    request_id: str


class RequestIdMiddleware:
    """Sets `request.request_id` and the answer's `X-Request-ID`; stands first.

    The id is the one that the proxy in front of us gave (and wrote into its own log); one that a client sent is not
    believed. Without a proxy it is made here.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: NumberedRequest) -> HttpResponseBase:
        given = request.headers.get("X-Request-ID", "") if settings.TRUSTED_PROXY_HOPS else ""
        request.request_id = given if _SHAPE.fullmatch(given) else uuid4().hex
        with answering(request.request_id):
            response = self.get_response(request)
        response.headers["X-Request-ID"] = request.request_id
        return response


class RequestIdFilter(logging.Filter):
    """Gives every log record `request`: the id in brackets, or nothing outside of requests."""

    def filter(self, record: logging.LogRecord) -> bool:
        found = current_request_id()
        record.request = f" [{found}]" if found else ""
        return True
