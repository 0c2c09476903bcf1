"""Language codes of Django and of HTML."""

from django.utils.translation import get_language

# BCP 47 tags as browsers and screen readers know them.
HTML_LANG = {"zh-hans": "zh-Hans", "zh-hant": "zh-Hant", "en": "en"}


def html_lang() -> str:
    """The page's ``lang`` attribute for the active language."""
    language = get_language() or "en"
    return HTML_LANG.get(language, language)
