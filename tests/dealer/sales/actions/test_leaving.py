"""The dealership leaves: the manufacturer's leads go back by the exchange's own messages."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.dealer.sales.actions.test_leads import outcomes
from tests.dealer.sales.makers import accepted, offered

from dealer.sales import actions
from dealer.sales.models import Lead, LeadState
from kernel import clock
from kernel.accounts.actors import SYSTEM
from kernel.errors import Forbidden


def test_offered_leads_are_declined_worked_ones_returned_and_contracts_stay(wall, north):
    with north.bound():
        consultant = north.actor("sales_consultant")
        worked = accepted(consultant).lead_id
        signed = accepted(consultant, phone="+8613812340002").lead_id
        actions.record_outcome(actor=consultant, lead_id=signed, event="contracted")
        open_one, late = offered(), offered()
        Lead.objects.filter(pk=late.pk).update(respond_before=clock.now() - timedelta(seconds=1))
        assert actions.hand_back_leads(actor=SYSTEM, reason="left") == {"declined": 1, "returned": 1, "kept": 1}
        assert actions.hand_back_leads(actor=SYSTEM, reason="left") == {"declined": 0, "returned": 0, "kept": 1}
        assert dict(Lead.objects.values_list("id", "state")) == {
            worked: LeadState.RETURNED,
            signed: LeadState.CONTRACTED,
            open_one.pk: LeadState.DECLINED,
            late.pk: LeadState.EXPIRED,
        }
        assert outcomes(worked) == ["accepted", "returned"]
        assert outcomes(open_one.pk) == ["declined"]
        assert outcomes(late.pk) == []


def test_only_who_works_all_leads_hands_them_back(wall, north):
    with pytest.raises(Forbidden), north.bound():
        actions.hand_back_leads(actor=north.actor("sales_consultant"), reason="left")
