"""The hint that leads wait to be routed."""

from celery import current_app
from django.db import connection, transaction

TASK = "leads.work"


def after_commit_work() -> None:
    """When the present transaction commits, tell the portal's worker to look. Once a transaction."""
    from exchange.hints import _quietly, _usable

    if not _usable() or any(getattr(entry[1], "hint", None) == TASK for entry in connection.run_on_commit):
        return

    def wake() -> None:
        _quietly(lambda: current_app.send_task(TASK, queue="portal", retry=False))

    wake.hint = TASK  # type: ignore[attr-defined]
    transaction.on_commit(wake)
