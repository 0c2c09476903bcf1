"""The manufacturer's name, in the languages of the pages.

Records keep the name that it had when they were made; people read it in their own language, as long as it is still the
manufacturer's name.
"""

from __future__ import annotations

from django.conf import settings
from django.utils.translation import get_language


def manufacturer_name(language: str | None = None) -> str:
    """The name in a language (zh-hans, zh-hant, en), or in the one that is active."""
    wanted = (language or get_language() or "").lower()
    return settings.MANUFACTURER_NAMES.get(wanted, settings.MANUFACTURER_NAME)


def in_words(recorded: str, language: str | None = None) -> str:
    """A recorded name as people read it; one that the manufacturer has no more stays as it is."""
    present = {settings.MANUFACTURER_NAME, *settings.MANUFACTURER_NAMES.values()}
    return manufacturer_name(language) if recorded in present else recorded
