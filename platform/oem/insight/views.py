"""Pages of insight, on the portal: the start page."""

from __future__ import annotations

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from kernel.accounts.access import signed_in
from oem.insight.worklists import worklist

#: Keys of the navigation that are no jobs of their own.
NO_JOBS = frozenset({"home", "account", "sign_out"})


@signed_in
@require_http_methods(["GET", "HEAD"])
def home(request: HttpRequest) -> HttpResponseBase:
    """The start page: what this person has to do, the most urgent first; without that, the pages of the role."""
    return worklist.page(request, title=_("To do"), no_jobs=NO_JOBS)
