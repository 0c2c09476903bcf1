"""Writes of sharing, one module a noun. Every action is keyword-only or one transaction, and leaves its audit row."""

from dealer.sharing.actions.agreements import end_sharing, receive_agreement, sign_agreement
from dealer.sharing.actions.backfills import SINGLE, go_on_backfilling, start_backfill, stop_backfill
from dealer.sharing.actions.comparing import give_figures, keep_comparison
from dealer.sharing.actions.counting import send_counts, send_due_counts
from dealer.sharing.actions.ending import end_agreement, end_due, keep_agreement, notice_days
from dealer.sharing.actions.levels import change_level, why_required
from dealer.sharing.actions.proposals import end_by_manufacturer, receive_proposal, take_back_proposal
from dealer.sharing.actions.readings import keep_readings
from dealer.sharing.actions.records import owner_record, share, share_owner, stop_after_withdrawal
from dealer.sharing.actions.telling import tell_decision, tell_what_changed

__all__ = [
    "SINGLE",
    "change_level",
    "end_agreement",
    "end_by_manufacturer",
    "end_due",
    "end_sharing",
    "give_figures",
    "go_on_backfilling",
    "keep_agreement",
    "keep_comparison",
    "keep_readings",
    "notice_days",
    "owner_record",
    "receive_agreement",
    "receive_proposal",
    "send_counts",
    "send_due_counts",
    "share",
    "share_owner",
    "sign_agreement",
    "start_backfill",
    "stop_after_withdrawal",
    "stop_backfill",
    "take_back_proposal",
    "tell_decision",
    "tell_what_changed",
    "why_required",
]
