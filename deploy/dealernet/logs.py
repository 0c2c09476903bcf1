"""How log lines are written: with everything that helps, and without the values of rows."""

from __future__ import annotations

import logging
import re

#: PostgreSQL's second line of an error quotes the row: `Key (phone)=(+86…) already exists.`, `Failing row contains …`.
_QUOTES = re.compile(r"^(DETAIL|CONTEXT):.*$", re.MULTILINE)


class LineFormatter(logging.Formatter):
    """A line (and the trace of an exception) without what the database quotes of rows."""

    def format(self, record: logging.LogRecord) -> str:
        return _QUOTES.sub(r"\1: left out, it may quote a row", super().format(record))
