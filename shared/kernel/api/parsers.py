"""Reads JSON strictly: one document, UTF-8, no repeated names, no NaN, no text that PostgreSQL cannot keep."""

import json
from collections.abc import Mapping
from typing import IO, Any

from django.utils.translation import gettext as _
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser


class StrictJSONParser(BaseParser):
    """`application/json`. Raises ParseError (400) that says where the text stops making sense."""

    media_type = "application/json"

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        raw = stream.read()
        try:
            text = raw.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise ParseError(_("The body is not UTF-8 text.")) from None
        try:
            data = json.loads(text, object_pairs_hook=_object, parse_constant=_no_constant)
        except json.JSONDecodeError as error:
            raise ParseError(
                _("The JSON cannot be read at line %(line)s, column %(column)s.")
                % {"line": error.lineno, "column": error.colno}
            ) from None
        except (RecursionError, ValueError):
            raise ParseError(_("The JSON is nested too deeply or holds a number that is too long.")) from None
        if "\\u" in text:
            _refuse_unstorable(data)
        return data


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _value in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ParseError(_("The name “%(name)s” stands twice in one object.") % {"name": twice[:80]})
    return found


def _no_constant(name: str) -> Any:
    raise ParseError(_("%(name)s is not a JSON number.") % {"name": name})


def _refuse_unstorable(data: Any) -> None:
    """Raise ParseError when a string holds U+0000 or half a surrogate pair: both come from \\u escapes only."""
    text = json.dumps(data, ensure_ascii=False)
    if "\\u0000" in text:
        raise ParseError(_("The text holds a character that cannot be stored."))
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ParseError(_("The text holds a character that cannot be stored.")) from None
