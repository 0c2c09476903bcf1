"""Writes of sharing, one module a noun. Every action is keyword-only or one transaction, and leaves its audit row."""

from dealer.sharing.actions.agreements import end_sharing, receive_agreement, sign_agreement
from dealer.sharing.actions.counting import send_counts, send_due_counts
from dealer.sharing.actions.levels import change_level, why_required
from dealer.sharing.actions.readings import keep_readings
from dealer.sharing.actions.records import owner_record, share, share_owner, stop_after_withdrawal

__all__ = [
    "change_level",
    "end_sharing",
    "keep_readings",
    "owner_record",
    "receive_agreement",
    "send_counts",
    "send_due_counts",
    "share",
    "share_owner",
    "sign_agreement",
    "stop_after_withdrawal",
    "why_required",
]
