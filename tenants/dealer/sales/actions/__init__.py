"""Writes of sales, one module a noun. Every action is keyword-only, one transaction, and leaves its audit row."""

from dealer.sales.actions.contracts import (
    approve_contract,
    cancel_contract,
    mark_instalment_paid,
    reject_contract,
    sign_contract,
)
from dealer.sales.actions.deliveries import deliver_vehicle
from dealer.sales.actions.leads import (
    accept_lead,
    apply_offer,
    apply_recall,
    assign_lead,
    decline_lead,
    expire_leads,
    record_outcome,
)
from dealer.sales.actions.leaving import hand_back_leads
from dealer.sales.actions.policy import change_policy
from dealer.sales.actions.prospects import (
    assign_prospect,
    create_prospect,
    lose_prospect,
    record_follow_up,
    refresh_temperatures,
    reopen_prospect,
    update_prospect,
)
from dealer.sales.actions.quotations import make_quotation, refuse_quotation
from dealer.sales.actions.retelling import retell
from dealer.sales.actions.test_drives import book_test_drive, cancel_test_drive, complete_test_drive

__all__ = [
    "accept_lead",
    "apply_offer",
    "apply_recall",
    "approve_contract",
    "assign_lead",
    "assign_prospect",
    "book_test_drive",
    "cancel_contract",
    "cancel_test_drive",
    "change_policy",
    "complete_test_drive",
    "create_prospect",
    "decline_lead",
    "deliver_vehicle",
    "expire_leads",
    "hand_back_leads",
    "lose_prospect",
    "make_quotation",
    "mark_instalment_paid",
    "record_follow_up",
    "record_outcome",
    "refresh_temperatures",
    "refuse_quotation",
    "reject_contract",
    "reopen_prospect",
    "retell",
    "sign_contract",
    "update_prospect",
]
