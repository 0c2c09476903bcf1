"""The tenant's style sheet."""

from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_cache_control
from django.views.decorators.http import require_safe

from kernel.ui.branding import branding_of, theme
from kernel.ui.navigation import tier_of


@require_safe
def theme_css(request: HttpRequest, primary: str = "", accent: str = "") -> HttpResponse:
    """The tenant's colours as CSS variables (``/theme.css``); called without colours it asks the branding.

    Public to whoever reaches the host: sign-in pages need it. The address carries a version, so it is
    kept for a day.
    """
    if not primary and not accent:
        found = branding_of(request, tier_of(request))
        primary, accent = found.primary, found.accent
    response = HttpResponse(theme(primary, accent), content_type="text/css; charset=utf-8")
    patch_cache_control(response, public=True, max_age=86400)
    return response
