"""Identifiers: random UUIDs (version 4), because version 7 would show the time of creation to outsiders."""

from uuid import UUID, uuid4


def new_id() -> UUID:
    """Return a fresh random identifier; the `default=` of every primary key named `id`."""
    return uuid4()
