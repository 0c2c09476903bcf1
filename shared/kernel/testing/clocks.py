"""Setting the kernel's clock in tests."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import datetime

from kernel import clock

_PERMIT = clock.allow_history()


def at(moment: datetime) -> AbstractContextManager[None]:
    """Let the kernel's clock show `moment` (aware) inside the block."""
    return clock.history(moment, _PERMIT)
