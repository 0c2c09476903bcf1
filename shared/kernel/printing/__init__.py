"""Paper: PDF from a Typst template of an app and plain data, in the three languages, with text that can be selected.

    render("customers/consent_record", {"rows": [...]}, title=_("Consent record"), issuer="北城星河", at=clock.now())

The template of app `customers` is `customers/printing/consent_record.typ`. It begins with `#import "/paper.typ": *`,
which sets page, fonts and footer and hands over `data`. Whatever a person typed reaches the page as data only, never
as markup. Nothing is fetched: the font comes with the release, and templates import no packages.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, cast

import manimgx_fonts_cjk
import typst
from django.apps import apps
from django.utils import formats, timezone, translation
from django.utils.functional import Promise

#: The cut of the font for a language, and what Typst needs to know to break lines and quote in it.
SCRIPTS = {
    "zh-hans": ("Noto Sans CJK SC", "zh", "cn"),
    "zh-hant": ("Noto Sans CJK TC", "zh", "tw"),
    "en": ("Noto Sans CJK SC", "en", "gb"),
}
#: An archive's profile: everything inside the file, nothing that runs (ISO 19005-2).
ARCHIVE = "a-2b"
_HERE = Path(__file__).parent
# Control characters have no shape; marks of direction could turn a line round so that it reads as something else.
_SHAPELESS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufff9-\ufffb]")
_NAME = re.compile("[a-z_]+")
_HALF = re.compile("[\ud800-\udfff]")


class PrintingError(RuntimeError):
    """A template is missing or wrong; the message says where."""


def render(
    template: str, data: Mapping[str, Any], *, title: str | Promise, issuer: str, at: datetime, language: str = ""
) -> bytes:
    """One PDF, A4, with `issuer`, the day of `at` and the page number at the foot of every page.

    `data` holds text (translated lazily or not), numbers, booleans, None, lists and dicts; money and times come as
    text, for only the caller knows how they are to be read. `at` is aware; its day is that of the time zone in force.
    `language` is that of the pages, by default the one in force. The same arguments give the same bytes. It is PDF/A
    unless the font lacks a character of the data (an emoji): that one shows as a box then. A thousand rows of a table
    take about a second. Raises PrintingError for a template that is not there or wrong, TypeError for data of other
    kinds.
    """
    spoken = language or translation.get_language() or "en"
    font, lang, region = SCRIPTS.get(spoken, SCRIPTS["en"])
    with translation.override(spoken):
        paper = {
            "title": title,
            "issuer": issuer,
            "day": formats.date_format(timezone.localtime(at), "DATE_FORMAT"),
            "font": font,
            "lang": lang,
            "region": region,
        }
        text = json.dumps(_printable({"paper": paper, "data": data}), ensure_ascii=False)
    try:
        return _compile(template, text, at)
    except typst.TypstError as error:
        raise PrintingError(f"{template}: {error.message} {error.diagnostic}") from None


def _compile(template: str, text: str, at: datetime) -> bytes:
    source = source_of(template)
    try:
        return _made(source, text, at, [ARCHIVE])
    except typst.TypstError as error:
        if not error.message.startswith("PDF/A"):
            raise
        return _made(source, text, at, [])


def _made(source: bytes, text: str, at: datetime, standards: list[Any]) -> bytes:
    compiler = typst.Compiler(source, root=str(_HERE), font_paths=_fonts(), ignore_system_fonts=True)
    second = at.astimezone(UTC).replace(microsecond=0)
    made = compiler.compile(format="pdf", sys_inputs={"all": text}, pdf_standards=standards, timestamp=second)
    return cast(bytes, made)


def source_of(template: str) -> bytes:
    """The Typst source of ``<app label>/<name>``. Raises PrintingError."""
    label, _, name = template.partition("/")
    if not _NAME.fullmatch(name):
        raise PrintingError(f"there is no template {template}: write <app label>/<name>")
    try:
        return (Path(apps.get_app_config(label).path) / "printing" / f"{name}.typ").read_bytes()
    except (LookupError, OSError) as error:
        raise PrintingError(f"there is no template {template}: {error}") from None


@cache
def _fonts() -> typst.Fonts:
    folder = Path(manimgx_fonts_cjk.__file__).parent
    return typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(folder)])


def _printable(value: Any) -> Any:
    """`value` with every text as it can be printed. Raises TypeError for what has no obvious form on paper."""
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, (str, Promise)):
        return _HALF.sub("□", _SHAPELESS.sub("", str(value)))
    if isinstance(value, Mapping):
        return {str(key): _printable(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_printable(one) for one in value]
    raise TypeError(f"say {type(value).__name__} as text before it is printed")
