"""Writes of the workshop: appointments, repair orders, jobs and lines."""

from dealer.workshop.actions.appointments import (
    arrive,
    book_appointment,
    cancel_appointment,
    change_appointment,
    miss_appointment,
)
from dealer.workshop.actions.jobs import (
    add_job,
    assign_technician,
    finish_job,
    remove_job,
    start_job,
    update_job,
)
from dealer.workshop.actions.lines import add_line, add_whole_job, change_rates, remove_line, update_line
from dealer.workshop.actions.orders import (
    cancel_repair_order,
    close_repair_order,
    finish_and_close,
    mark_ready,
    open_repair_order,
    resume_work,
    start_work,
    update_repair_order,
)

__all__ = [
    "add_job",
    "add_line",
    "add_whole_job",
    "arrive",
    "assign_technician",
    "book_appointment",
    "cancel_appointment",
    "cancel_repair_order",
    "change_appointment",
    "change_rates",
    "close_repair_order",
    "finish_and_close",
    "finish_job",
    "mark_ready",
    "miss_appointment",
    "open_repair_order",
    "remove_job",
    "remove_line",
    "resume_work",
    "start_job",
    "start_work",
    "update_job",
    "update_line",
    "update_repair_order",
]
