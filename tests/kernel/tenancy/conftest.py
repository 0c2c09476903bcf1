"""What tests of the wall share: the next release, one app's migrations with more of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kernel.testing.releases import NextRelease


@pytest.fixture
def release(tmp_path: Path) -> Iterator[NextRelease]:
    """The next release, the same as today's until something is added."""
    made = NextRelease(tmp_path)
    yield made
    made.end()


@pytest.fixture
def next_release(release: NextRelease) -> Callable[..., None]:
    """`next_release(app, operation, …)`: from here on the app (its import path) has a migration `9999_next` with these
    operations, as source text."""
    return release.add
