"""Writes down every request of a guest before it is answered, and shows out whoever's time is over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import Resolver404, resolve
from django.utils.translation import gettext as _

from dealer.support import actions, queries
from dealer.support.models import Access
from kernel.accounts.models import Anonymous
from kernel.contracts.support import MAY_WORDS, SupportMay
from kernel.ui.templatetags import ui

#: The look of the page, which shows nothing and comes with each.
_LOOKS = frozenset({"theme_css"})


class TrailMiddleware:
    """Stands after the accounts' middleware. A guest whose request cannot be written down gets no answer.

    Sets `request.standing_notice`: what the page's head says as long as the guest is here.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not request.user.is_guest:
            return self.get_response(request)
        access = queries.open_access_of(request.user)
        if access is None:
            # The account itself has ended too; this is the second lock, for a row that somebody changed by hand.
            request.session.flush()
            request.user = cast(Any, Anonymous())
            return self.get_response(request)
        vars(request)["standing_notice"] = notice(access)
        page, record = _named(request)
        if page in _LOOKS:
            return self.get_response(request)
        act = actions.note_act(
            access=access,
            method=request.method or "",
            path=_address(request),
            page=page,
            record=record,
            request=request,
        )
        response = self.get_response(request)
        actions.note_status(act, response.status_code)
        return response


def _address(request: HttpRequest) -> str:
    """The address with the names of what was asked for, without the values: a search names people, whose erasure may
    not alter the trail."""
    asked = "&".join(f"{name}=…" for name in request.GET)
    return f"{request.path}?{asked}" if asked else request.path


def _named(request: HttpRequest) -> tuple[str, str]:
    """The page's name in the program and the ids in its address; empty for an address that leads nowhere."""
    try:
        match = resolve(request.path_info, urlconf=getattr(request, "urlconf", None))
    except Resolver404:
        return "", ""
    return match.view_name, ", ".join(str(value) for value in match.kwargs.values())


def notice(access: Access) -> str:
    """Who is in, what they may, and until when, in the guest's language."""
    values = {
        "who": access.guest.name if access.guest else "",
        "may": MAY_WORDS[SupportMay(access.may)],
        "until": ui.local_text(access.until),
    }
    return _("Support access: %(who)s · %(may)s · until %(until)s. Every page and every act is written down.") % values
