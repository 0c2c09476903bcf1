"""Language codes of Django and of HTML."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.translation import get_language
from django.views import i18n
from django.views.decorators.http import require_POST

# BCP 47 tags as browsers and screen readers know them.
HTML_LANG = {"zh-hans": "zh-Hans", "zh-hant": "zh-Hant", "en": "en"}


def html_lang() -> str:
    """The page's ``lang`` attribute for the active language."""
    language = get_language() or "en"
    return HTML_LANG.get(language, language)


Remember = Callable[[HttpRequest, str], None]
_remember: list[Remember] = []


def on_choice(remember: Remember) -> None:
    """Have ``remember(request, language)`` called when somebody signed in chooses a language."""
    _remember.append(remember)


@require_POST
def set_language(request: HttpRequest) -> HttpResponseBase:
    """Switch the page's language: a cookie for this browser, and the person's own setting.

    POST ``language`` (one of LANGUAGES) and ``next`` (a path of this host). An unknown language changes
    nothing.
    """
    language = request.POST.get("language", "")
    user = getattr(request, "user", None)
    if language in dict(settings.LANGUAGES) and user is not None and user.is_authenticated:
        for remember in _remember:
            remember(request, language)
    return i18n.set_language(request)
