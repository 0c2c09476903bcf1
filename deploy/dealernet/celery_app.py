"""Celery: the alarm clock of the workers. Every task is a hint that rows are waiting; losing one costs seconds."""

import os
import signal

from celery import Celery
from celery.schedules import crontab
from celery.signals import worker_init, worker_process_init

from dealernet.embedded.launch import die_with_parent

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
    beat_schedule={
        "leads: route and pass on": {
            "task": "leads.work",
            "schedule": 5.0,
            "options": {"queue": "portal", "expires": 10},
        },
        "leads at dealers: expire": {
            "task": "tenancy.fan_out",
            "args": ["sales.expire_leads"],
            "schedule": 15.0,
            "options": {"queue": "dealers", "expires": 15},
        },
        "prospects: temperature": {
            "task": "tenancy.fan_out",
            "args": ["sales.refresh_temperatures"],
            "schedule": crontab(hour=16, minute=10),  # 00:10 in China
            "options": {"queue": "dealers"},
        },
        "customers: blind marks": {
            "task": "tenancy.fan_out",
            "args": ["customers.mark"],
            "schedule": crontab(minute="*/10"),
            "options": {"queue": "dealers", "expires": 600},
        },
        "sharing: counts of closed days": {
            "task": "tenancy.fan_out",
            "args": ["sharing.send_daily_counts"],
            "schedule": crontab(minute=20),  # a day closes at each dealership's own midnight
            "options": {"queue": "dealers"},
        },
        "sharing: agreements that end": {
            "task": "tenancy.fan_out",
            "args": ["sharing.tend_agreements"],
            "schedule": 60.0,  # into the books; nothing leaves after the end by the clock alone
            "options": {"queue": "dealers", "expires": 60},
        },
        "sharing: records from before": {
            "task": "tenancy.fan_out",
            "args": ["sharing.backfill"],
            "schedule": 60.0,  # each asks for its next batch by itself; this finds what was lost
            "options": {"queue": "dealers", "expires": 60},
        },
        "exports: made and deleted": {
            "task": "tenancy.fan_out",
            "args": ["organisation.tidy_exports"],
            "schedule": 300.0,
            "options": {"queue": "dealers", "expires": 300},
        },
        "turns: what was lost": {
            "task": "tenancy.sweep_turns",
            "schedule": 5.0,
            "options": {"queue": "dealers", "expires": 10},
        },
        "support: end what is over": {
            "task": "tenancy.fan_out",
            "args": ["support.close_expired"],
            "schedule": 60.0,  # into the books; a guest is out by the clock alone
            "options": {"queue": "dealers", "expires": 60},
        },
        "owners: tell who looked": {
            "task": "owners.report_readings",
            "schedule": 60.0,
            "options": {"queue": "portal", "expires": 60},
        },
        "insight: compare a month": {
            "task": "insight.count_month",
            "schedule": crontab(minute=40),
            "options": {"queue": "portal", "expires": 3600},
        },
        "privacy: delete what a law had kept": {
            "task": "privacy.delete_kept",
            "schedule": crontab(hour=17, minute=40),  # 01:40 in China
            "options": {"queue": "portal"},
        },
        "erasures: done to the end": {
            "task": "tenancy.fan_out",
            "args": ["sharing.finish_erasures"],
            "schedule": 300.0,
            "options": {"queue": "dealers", "expires": 300},
        },
        "clearing: portal": {"task": "kernel.accounts.tidy_portal", "schedule": 300.0, "options": {"queue": "portal"}},
        "clearing: dealers": {
            "task": "tenancy.fan_out",
            "args": ["kernel.accounts.tidy_dealer"],
            "schedule": 300.0,
            "options": {"queue": "dealers"},
        },
    },
)
app.autodiscover_tasks()


#: Background work gives way to people at their screens when the processors are busy.
NICE = 5


@worker_init.connect
def _give_way(**_kwargs: object) -> None:
    os.nice(NICE)


@worker_process_init.connect
def _end_with_the_worker(**_kwargs: object) -> None:
    """A pool child does not outlive a killed worker: its task is not acknowledged and comes again."""
    die_with_parent(signal.SIGKILL, os.getppid())
