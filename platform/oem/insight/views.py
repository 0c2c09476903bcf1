"""Pages of insight, on the portal: the start page."""

from __future__ import annotations

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from kernel.accounts.access import signed_in
from kernel.ui import navigation
from oem.insight import worklists  # noqa: F401 - registers the sections
from oem.insight.home import sections_for

#: Keys of the navigation that are no jobs of their own.
NO_JOBS = frozenset({"home", "account", "sign_out"})


@signed_in
@require_http_methods(["GET", "HEAD"])
def home(request: HttpRequest) -> HttpResponseBase:
    """The start page: what this person has to do, the most urgent first; without that, the pages of the role."""
    sections = sections_for(request.user)
    jobs = []
    if not sections:
        jobs = [entry for item, entry in navigation.entries(request) if not item.menu and item.key not in NO_JOBS]
    return render(request, "insight/home.html", {"sections": sections, "jobs": jobs})
