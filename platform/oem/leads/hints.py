"""The hint that leads wait to be routed."""

from django.db import connection, transaction

from exchange.hints import send_task

TASK = "leads.work"


def work_now() -> None:
    """Tell the portal's worker to look."""
    send_task(TASK, queue="portal")


def after_commit_work() -> None:
    """When the present transaction commits, tell the portal's worker to look. Once a transaction."""
    if work_now not in [entry[1] for entry in connection.run_on_commit]:
        transaction.on_commit(work_now)
