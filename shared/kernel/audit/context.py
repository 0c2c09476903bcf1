"""What an audit row takes from its surroundings: the door (page, API, demo) and the request's id."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_origin: ContextVar[str] = ContextVar("kernel_audit_origin", default="")
_request_id: ContextVar[str] = ContextVar("kernel_audit_request_id", default="")


def current_origin() -> str:
    """The door set for this context, or ""."""
    return _origin.get()


def current_request_id() -> str:
    """The id of the request being answered, or ""."""
    return _request_id.get()


@contextmanager
def coming_from(origin: str, request_id: str = "") -> Iterator[None]:
    """Mark everything recorded inside the block as coming through `origin` (a value of `audit.models.Origin`)."""
    first, second = _origin.set(origin), _request_id.set(request_id or _request_id.get())
    try:
        yield
    finally:
        _origin.reset(first)
        _request_id.reset(second)
