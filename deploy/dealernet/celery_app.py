"""Celery: the alarm clock of the workers. Every task is a hint that rows are waiting; losing one costs seconds."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dealernet.settings")

app = Celery("dealernet")
app.conf.update(
    broker_url=os.environ.get("BROKER_URL", "memory://"),
    task_ignore_result=True,
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    worker_hijack_root_logger=False,
    worker_cancel_long_running_tasks_on_connection_loss=False,
    broker_connection_retry_on_startup=True,
    broker_transport_options={
        "visibility_timeout": 120,
        "unacked_restore_interval": 2,
        "unacked_restore_throttle": 1,
    },
    task_time_limit=90,
    task_soft_time_limit=75,
    timezone="UTC",
    beat_schedule={},
)
app.autodiscover_tasks(
    [
        "exchange",
        "kernel.accounts",
        "oem.leads",
        "oem.insight",
        "dealer.organisation",
        "dealer.sharing",
        "dealer.sales",
    ]
)
