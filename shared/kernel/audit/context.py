"""What an audit row takes from its surroundings: the door (page, API, demo) and the request's id."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from kernel.requests import answering, current_request_id

_origin: ContextVar[str] = ContextVar("kernel_audit_origin", default="")


def current_origin() -> str:
    """The door set for this context, or ""."""
    return _origin.get()


@contextmanager
def coming_from(origin: str, request_id: str = "") -> Iterator[None]:
    """Mark everything recorded inside the block as coming through `origin` (a value of `audit.models.Origin`)."""
    token = _origin.set(origin)
    try:
        with answering(request_id or current_request_id()):
            yield
    finally:
        _origin.reset(token)
