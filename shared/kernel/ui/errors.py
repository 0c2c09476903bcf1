"""Error pages: friendly, translated, one next step. The URLconfs name these as handlers.

``handler400 = "kernel.ui.errors.bad_request"`` and so on. They read nothing from the database beyond
what the request already holds: the page for 500 and 503 is rendered without navigation.
"""

import sys
from types import SimpleNamespace
from typing import Any

import psycopg2
from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.template.loader import render_to_string
from django.utils.translation import gettext_lazy as _

from kernel.ui.languages import html_lang


class _Bare:
    """The shell of an error page: no tenant, no navigation, nothing that could fail again."""

    home_url = "/"
    theme_url = search_url = language_url = ""
    groups: list[Any] = []
    phone: list[Any] = []
    menu: list[Any] = []

    branding = SimpleNamespace(name="Dealernet", caption="", logo_url="", theme_version="", initial="D")


def page(request: HttpRequest, status: int, **values: Any) -> HttpResponse:
    """Render the error page with ``status``; an htmx request gets the sentence alone as a toast."""
    values.setdefault("next_url", "/")
    values.setdefault("next_label", _("Go to the start page"))
    values.setdefault("fields", [])
    context = {
        **values,
        "shell": _Bare(),
        "html_lang": html_lang(),
        "reference": str(getattr(request, "request_id", "") or ""),
    }
    response = HttpResponse(render_to_string("ui/error.html", context), status=status)
    if getattr(request, "htmx", False):
        # Percent-encoding is not understood by the script, so only ASCII sentences travel as a header.
        sentence = str(values["sentence"])
        if sentence.isascii():
            response["X-Message"] = sentence
    return response


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return page(
        request,
        400,
        symbol="circle-alert",
        heading=_("We could not read this request"),
        sentence=_("Go back, reload the page and try again."),
    )


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return page(
        request,
        403,
        symbol="lock",
        heading=_("This page is not for your role"),
        sentence=_("If you need it for your work, ask the person who manages accounts."),
    )


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return page(
        request,
        403,
        symbol="refresh-cw",
        heading=_("This form is too old"),
        sentence=_("For your safety forms expire. Open the page again and send the form once more."),
        next_url=request.path if request.method == "GET" else "/",
    )


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return page(
        request,
        404,
        symbol="search",
        heading=_("We found nothing here"),
        sentence=_("The address is wrong, or the entry is gone or not yours to see."),
    )


def server_error(request: HttpRequest) -> HttpResponse:
    """500; or 503 when the database went away or was too busy meanwhile: trying again will help then."""
    if _database_went_away(sys.exc_info()[1]):
        return unavailable(request)
    return page(
        request,
        500,
        symbol="triangle-alert",
        heading=_("Something went wrong on our side"),
        sentence=_("Your last saved data is safe. Try again; if it happens again, tell us the reference."),
    )


def _database_went_away(error: BaseException | None) -> bool:
    # Of a session that dies in the middle of an answer psycopg2 knows no more than that something went wrong.
    said_nothing = type(getattr(error, "__cause__", None)) is psycopg2.DatabaseError
    return isinstance(error, (OperationalError, InterfaceError)) or said_nothing


def unavailable(request: HttpRequest, retry_after: int = 5) -> HttpResponse:
    """503 with ``Retry-After`` in seconds."""
    reading = request.method in ("GET", "HEAD")
    kept = [] if reading else _typed(request)
    response = page(
        request,
        503,
        symbol="clock",
        heading=_("Just a moment, please"),
        sentence=_("The system is busy or being updated. Try again in a few seconds.")
        if reading
        else _("The system is busy or being updated. What you typed is kept here: send it again in a few seconds.")
        if kept
        else _("The system is busy or being updated. Go back: what you typed is still there. Send it again."),
        **({"next_url": request.get_full_path(), "next_label": _("Try again")} if reading or kept else {}),
        fields=kept,
    )
    response["Retry-After"] = str(retry_after)
    return response


def _typed(request: HttpRequest) -> list[tuple[str, str]]:
    """What a form held, to be sent again as it was. Nothing when it cannot be told back in a page: files, passwords,
    and what is no form."""
    try:
        typed = [(name, value) for name, values in request.POST.lists() for value in values]
        files = bool(request.FILES)
    except (RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent, MultiPartParserError, UnreadablePostError):
        return []
    return [] if files or any("password" in name for name, _value in typed) else typed
