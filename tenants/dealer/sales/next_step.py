"""The one obvious next step with a prospect, worked out from what stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from dealer.sales.models import (
    ContractState,
    Prospect,
    ProspectState,
    Quotation,
    QuotationState,
    SalesContract,
    Stage,
    TestDrive,
    TestDriveState,
)
from kernel.accounts.models import User
from kernel.accounts.roles import Right


@dataclass(frozen=True)
class Step:
    """What to do next: a title, why, and the button. `post` marks a step that is done by the button itself."""

    title: Any
    text: Any = ""
    label: Any = ""
    url: str = ""
    icon: str = "arrow-right"
    post: bool = False


def next_step(
    prospect: Prospect,
    drives: Sequence[TestDrive],
    quotations: Sequence[Quotation],
    contracts: Sequence[SalesContract],
    user: User,
    today: date,
) -> Step | None:
    """The step for this person, or None when there is nothing for him to do."""
    contract = next((one for one in contracts if one.state in (ContractState.SIGNED, ContractState.APPROVED)), None)
    if contract is not None and contract.state == ContractState.SIGNED:
        url = reverse("sales:contract", args=[contract.pk])
        if user.has(Right.SALES_APPROVE):
            return Step(_("A contract waits for approval"), contract.number, _("Look at the contract"), url)
        return Step(_("The contract waits for your manager"), contract.number, _("Look at the contract"), url)
    if not user.has(Right.SALES_WORK):
        return None
    if contract is not None:
        url = reverse("sales:deliver", args=[contract.pk])
        return Step(_("Deliver the car"), contract.number, _("Deliver"), url, "key-round")
    if prospect.state == ProspectState.LOST:
        url = reverse("sales:reopen_prospect", args=[prospect.pk])
        return Step(_("Closed: does not buy"), prospect.get_lost_reason_display(), _("Take up again"), url, post=True)
    if prospect.state == ProspectState.WON:
        return None
    return _open_step(prospect, drives, quotations, today)


def _open_step(prospect: Prospect, drives: Sequence[TestDrive], quotations: Sequence[Quotation], today: date) -> Step:
    follow_up = reverse("sales:follow_up", args=[prospect.pk])
    if prospect.last_contact_at is None:
        return Step(
            _("Call now"), _("Nobody has spoken to this customer yet."), _("Write down the call"), follow_up, "phone"
        )
    booked = next((drive for drive in drives if drive.state == TestDriveState.BOOKED), None)
    if booked is not None:
        url = reverse("sales:test_drive", args=[booked.pk])
        return Step(_("A test drive is booked"), booked.title, _("Open the test drive"), url, "car-front")
    quotation = next((one for one in quotations if one.state == QuotationState.OPEN), None)
    if quotation is not None and not quotation.has_run_out(today):
        url = reverse("sales:sign", args=[quotation.pk])
        return Step(_("The quotation is open"), quotation.number, _("Sign the contract"), url, "file-check")
    if prospect.is_overdue(today):
        return Step(
            _("This contact is overdue"), prospect.next_contact_plan, _("Write down the contact"), follow_up, "phone"
        )
    if prospect.stage == Stage.CONTACTED:
        url = reverse("sales:book_test_drive", args=[prospect.pk])
        return Step(_("Get him behind the wheel"), prospect.car, _("Book a test drive"), url, "car-front")
    url = reverse("sales:quote", args=[prospect.pk])
    return Step(_("Put it in writing"), prospect.car, _("Make a quotation"), url, "file-text")


_WAY = (
    (Stage.CONTACTED, pgettext_lazy("step", "Contact")),
    (Stage.TEST_DRIVE, _("Test drive")),
    (Stage.QUOTED, _("Quotation")),
    (Stage.CONTRACTED, _("Contract")),
    (Stage.DELIVERED, _("Delivery")),
)


def steps_of(prospect: Prospect) -> list[dict[str, Any]]:
    """The way from contact to delivery for the progress line: done, now, or still to come."""
    order = list(Stage.values)
    here = order.index(prospect.stage)
    shown: list[dict[str, Any]] = []
    for stage, label in _WAY:
        place = order.index(stage)
        state = "done" if place <= here else "now" if place == here + 1 and prospect.is_open else ""
        if prospect.state == ProspectState.LOST and place == here + 1:
            state = "failed"
        shown.append({"label": label, "state": state})
    return shown
