"""Context processor of the page shell."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.functional import SimpleLazyObject

from kernel.ui import navigation
from kernel.ui.branding import Branding, branding_of
from kernel.ui.languages import html_lang

PHONE_PLACES = 4


class Shell:
    """What the page shell shows for one request; built when a template first asks."""

    def __init__(self, request: HttpRequest) -> None:
        self.tier = navigation.tier_of(request)
        self.branding: Branding = branding_of(request, self.tier)
        found = navigation.entries(request)
        pages = [(item, entry) for item, entry in found if not item.menu]
        self.menu = [entry for item, entry in found if item.menu]
        self.groups = navigation.grouped(entry for _, entry in pages)
        self.phone = [entry for item, entry in pages if item.phone][:PHONE_PLACES]
        self.more = len(pages) > len(self.phone)
        here = any(entry.current for _, entry in pages)
        self.more_current = here and not any(entry.current for entry in self.phone)
        self.theme_url = _url("theme_css", request)
        self.search_url = _url("search", request)
        self.language_url = _url("set_language", request)
        self.home_url = "/"


def _url(name: str, request: HttpRequest) -> str:
    try:
        return reverse(name, urlconf=getattr(request, "urlconf", None))
    except NoReverseMatch:
        return ""


def shell(request: HttpRequest) -> dict[str, Any]:
    """``shell`` (navigation, branding, addresses), ``html_lang``, ``languages``, ``csp_nonce``."""
    return {
        "shell": SimpleLazyObject(lambda: Shell(request)),
        "html_lang": html_lang(),
        "languages": settings.LANGUAGES,
        "csp_nonce": getattr(request, "csp_nonce", None),
    }
