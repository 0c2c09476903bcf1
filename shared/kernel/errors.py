"""What an action may refuse, and how: the same four refusals for pages, API and exchange.

Pages turn `Invalid` into form errors and keep what was typed; the API turns every one of these into an RFC 9457
problem. Messages are for people: complete translated sentences naming the field and the remedy.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django.forms import BaseForm

Text = str | Promise

WHOLE = ""
"""The field name of an error that concerns the whole form or body."""


class DomainError(Exception):
    """Base of every refusal. `code` is stable (part of the API), `message` is translated, `status` is HTTP's."""

    status = 400
    code = "refused"
    message: Text = _("This is not possible.")

    def __init__(self, code: str | None = None, message: Text | None = None) -> None:
        if code is not None:
            self.code = code
        if message is not None:
            self.message = message
        super().__init__(self.code, self.message)

    def __str__(self) -> str:
        return str(self.message)


@dataclass(frozen=True)
class FieldError:
    """One thing wrong with one field; `field` is "" for the whole, dotted for nested (`lines.0.code`)."""

    field: str
    code: str
    message: Text


#: What is wrong with one field.
Problem = Text | FieldError | Iterable[Text | FieldError]


class Invalid(DomainError):
    """The input is wrong (422 in the API, form errors on a page).

    `fields` maps a field name ("" = the whole) to a message, a list of messages, a FieldError or a list of those.
    `code` is the code of every message that brings none of its own.
    """

    status = 422
    code = "invalid"
    message = _("Please correct the fields named below.")

    def __init__(
        self,
        fields: Mapping[str, Problem] | Iterable[FieldError],
        code: str = "invalid",
    ) -> None:
        super().__init__(code)
        self.errors: list[FieldError] = []
        if isinstance(fields, Mapping):
            for field, given in fields.items():
                for one in [given] if isinstance(given, (str, Promise, FieldError)) else given:
                    self.errors.append(one if isinstance(one, FieldError) else FieldError(field, code, one))
        else:
            self.errors.extend(fields)

    def __str__(self) -> str:
        return "; ".join(f"{e.field}: {e.message}" if e.field else str(e.message) for e in self.errors)

    @property
    def fields(self) -> dict[str, list[str]]:
        """The messages by field name."""
        grouped: dict[str, list[str]] = {}
        for error in self.errors:
            grouped.setdefault(error.field, []).append(str(error.message))
        return grouped

    def add_to(self, form: "BaseForm") -> None:
        """Show the errors on a form; those of fields that it does not have appear above the form."""
        for error in self.errors:
            form.add_error(error.field if error.field in form.fields else None, str(error.message))


class Conflict(DomainError):
    """The input is fine but the state of things does not allow it (409): too late, already taken, wrong order."""

    status = 409
    code = "conflict"
    message = _("Somebody was faster, or the record has moved on. Please reload and look again.")

    def __init__(self, code: str = "conflict", message: Text | None = None) -> None:
        super().__init__(code, message)


class IllegalTransition(Conflict):
    """A state cannot follow another one. Carries both."""

    code = "illegal_transition"

    def __init__(self, obj: Any, old: str, new: str) -> None:
        super().__init__("illegal_transition")
        self.old, self.new = str(old), str(new)
        self.args = (type(obj).__name__, self.old, self.new)

    def __repr__(self) -> str:
        return f"IllegalTransition({self.args[0]}: {self.old} -> {self.new})"


class Forbidden(DomainError, PermissionDenied):
    """The person lacks the right for this page or action as such (403). For single objects raise Missing."""

    status = 403
    code = "forbidden"
    message = _("Your role does not include this.")

    def __init__(self, right: str = "", message: Text | None = None) -> None:
        super().__init__("forbidden", message)
        self.right = str(right)


class Missing(DomainError, Http404):
    """It does not exist, or not for this person: the two are never told apart (404)."""

    status = 404
    code = "not_found"
    message = _("There is nothing at this address.")

    def __init__(self, message: Text | None = None) -> None:
        super().__init__("not_found", message)


class TooMany(DomainError):
    """Too many attempts (429). `retry_after` is in whole seconds."""

    status = 429
    code = "too_many_requests"
    message = _("Too many attempts. Please wait a moment and try again.")

    def __init__(self, retry_after: int, message: Text | None = None) -> None:
        super().__init__("too_many_requests", message)
        self.retry_after = max(1, int(retry_after))
