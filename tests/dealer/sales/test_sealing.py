"""Envelopes survive a rotation of keys."""

from __future__ import annotations

import os

import pytest
from tests.dealer.sales.makers import PHONE, offered

from dealer.sales import envelope
from dealer.sales.models import Lead
from kernel.tenancy.resealing import seals_of_this_member


def rotate(monkeypatch) -> None:
    before = os.environ["DEALERNET_KEY_DEALERS"]
    monkeypatch.setenv("DEALERNET_KEY_DEALERS_PREVIOUS", before)
    monkeypatch.setenv("DEALERNET_KEY_DEALERS", f"new {before}")


def test_envelopes_open_during_a_rotation_and_after_it_under_the_new_key_alone(wall, north, monkeypatch):
    with north.bound():
        lead, empty = offered(), offered()
        Lead.objects.filter(pk=empty.pk).update(envelope="")
        rotate(monkeypatch)
        assert envelope.unseal(lead.envelope)["phone"] == PHONE
        assert seals_of_this_member()["lead envelopes"]() == 1
        assert seals_of_this_member()["lead envelopes"]() == 1, "repeating does no harm"
        monkeypatch.delenv("DEALERNET_KEY_DEALERS_PREVIOUS")
        with pytest.raises(envelope.EnvelopeError):
            envelope.unseal(lead.envelope)
        with pytest.raises(envelope.EnvelopeError):
            envelope.seal_anew(lead.envelope)
        assert envelope.unseal(Lead.objects.get(pk=lead.pk).envelope)["phone"] == PHONE
        monkeypatch.undo()


def test_the_manufacturer_seals_no_envelopes(wall, portal):
    with portal.bound():
        assert "lead envelopes" not in seals_of_this_member()
