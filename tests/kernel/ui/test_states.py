from enum import StrEnum

import pytest

from kernel.ui import states


class Sample(StrEnum):
    WON = "won"


def test_a_states_tone_comes_from_its_value():
    assert states.tone(Sample.WON) == "success"
    assert states.tone("unheard of") == "neutral"
    assert states.tone(None) == "neutral"


def test_a_kind_has_its_own_colours():
    states.register({"closed": "success"}, kind="test_repair_order")
    assert states.tone("closed", "test_repair_order") == "success"
    assert states.tone("closed") == "neutral"


def test_an_unknown_tone_is_refused():
    with pytest.raises(ValueError, match="pink"):
        states.register({"closed": "pink"})
