"""What the long-running processes of our own have in common: Django ready, and a clean end on a signal."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable


def begin(process: str) -> Callable[[], bool]:
    """Make Django ready and return a function that says whether SIGTERM or SIGINT asked the process to stop."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dealernet.settings")
    os.environ.setdefault("DEALERNET_PROCESS", process)
    import django

    django.setup()
    asked = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: asked.append(True))
    return lambda: bool(asked)
