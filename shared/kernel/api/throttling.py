"""Limits by token or person (by address for nobody), counted in blocks of a minute."""

from typing import Any

from django.conf import settings
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from kernel.accounts import throttle
from kernel.accounts.address import client_address
from kernel.accounts.models import Token
from kernel.accounts.throttle import Limit


class CallerThrottle(BaseThrottle):
    """`settings.API_CALLS_PER_MINUTE` for each token or person; a view may set `calls_per_minute` of its own."""

    def allow_request(self, request: Request, view: Any) -> bool:
        own: int | None = getattr(view, "calls_per_minute", None)
        subject = self._subject(request) + (f"|{type(view).__name__}" if own is not None else "")
        limit = Limit("api", own or int(getattr(settings, "API_CALLS_PER_MINUTE", 30_000)), 60)
        return throttle.count(limit, subject) <= limit.times

    def wait(self) -> float:
        return throttle.seconds_left(60)

    @staticmethod
    def _subject(request: Request) -> str:
        if isinstance(request.auth, Token):
            return f"token {request.auth.pk}"
        if request.user.is_authenticated:
            return f"person {request.user.pk}"
        return f"address {client_address(request._request)}"
