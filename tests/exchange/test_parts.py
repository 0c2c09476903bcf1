"""A sweep asks about some members at a time, and misses none."""

from __future__ import annotations

import pytest

from exchange import courier
from kernel.tenancy.bindings import Courier, bound


@pytest.mark.parametrize("at_once", [1, 2, 100])
def test_every_member_is_in_one_part(committed, monkeypatch, at_once):
    monkeypatch.setattr(courier, "MEMBERS_AT_ONCE", at_once)
    with bound(Courier()):
        everyone = courier.parties()
    parts = list(courier._in_parts(everyone))
    assert [id_ for part in parts for id_ in part] == list(everyone)
    assert max(map(len, parts)) <= at_once
    assert courier.sweep() == 0
