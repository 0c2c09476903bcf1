"""A dealership's pages show times as its own clock does."""

from __future__ import annotations

from collections.abc import Callable
from zoneinfo import ZoneInfo

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone

from dealer.organisation.queries import profile
from kernel.errors import Missing
from kernel.tenancy.models import Kind


class TimeZoneMiddleware:
    """Works in the dealership's time zone while a request of it is answered; stands inside the binding."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if getattr(getattr(request, "tenant", None), "kind", None) != Kind.DEALERSHIP:
            return self.get_response(request)
        try:
            zone = ZoneInfo(profile().time_zone)
        except Missing:
            return self.get_response(request)
        with timezone.override(zone):
            return self.get_response(request)
