"""One finding of a check: a stable code, how bad it is, and a sentence in the reader's language."""

from dataclasses import dataclass
from typing import Literal

from django.utils.functional import Promise

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Problem:
    """`message` is lazy: render it with `str()` when the reader's language is active."""

    code: str
    message: str | Promise
    severity: Severity = "error"
