"""Two people at once: what happens to the second one while the first has not finished."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from django.db import connection, transaction

from kernel.tenancy import steward


def while_it_waits(side: Any, first: Callable[[], Any], second: Callable[[], Any]) -> BaseException | Any:
    """Do `first` and leave its transaction open, begin `second` in another thread, and commit `first` when `second`
    waits for it. Returns what `second` returned, or the error it ended with. Needs committed mode; called unbound.
    """
    outcome: list[Any] = []

    def work() -> None:
        try:
            with side.bound():
                outcome.append(second())
        except Exception as error:
            outcome.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=work)
    with side.bound(), transaction.atomic():
        first()
        thread.start()
        _until_somebody_waits(side.schema)
    thread.join()
    return outcome[0]


def _until_somebody_waits(login: str) -> None:
    admin = steward.superuser("postgres")
    end = time.monotonic() + 30
    with admin.cursor() as cursor:
        waiting = False
        while not waiting:
            assert time.monotonic() < end, "the second one does not wait"
            cursor.execute(
                "SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE usename = %s AND wait_event_type = 'Lock')",
                [login],
            )
            (waiting,) = cursor.fetchone()
            time.sleep(0.01)
    admin.close()
