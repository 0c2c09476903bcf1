"""Pseudonyms are stable within network and purpose and tell nothing outside."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.pseudonyms import Pseudonymiser
from kernel.contracts import Purpose, is_pseudonym

KEY = bytes(range(32))
VIN = "LSVAA4187E2184847"


def test_it_is_the_first_130_bits_of_the_hmac() -> None:
    digest = hmac.new(KEY, f"demo|analytics|{VIN}".encode(), hashlib.sha256).digest()
    expected = "p_" + base64.b32encode(digest)[:26].decode().lower()
    assert Pseudonymiser(KEY, "demo")("analytics", VIN) == expected
    assert Pseudonymiser(KEY, "demo")(Purpose.ANALYTICS, VIN) == expected


def test_key_network_purpose_and_value_each_change_it() -> None:
    words = {
        Pseudonymiser(KEY, "demo")("analytics", VIN),
        Pseudonymiser(KEY[::-1], "demo")("analytics", VIN),
        Pseudonymiser(KEY, "other")("analytics", VIN),
        Pseudonymiser(KEY, "demo")("customer_care", VIN),
        Pseudonymiser(KEY, "demo")("analytics", VIN[::-1]),
    }
    assert len(words) == 5


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_every_word_is_known_as_a_pseudonym(value: str) -> None:
    assert is_pseudonym(Pseudonymiser(KEY, "demo")("analytics", value))


def test_parts_cannot_blur_into_each_other() -> None:
    with pytest.raises(ValueError, match="network"):
        Pseudonymiser(KEY, "demo|analytics")
    with pytest.raises(ValueError, match="purpose"):
        Pseudonymiser(KEY, "demo")("analytics|x", VIN)


def test_a_short_key_is_refused_and_no_key_is_printed() -> None:
    with pytest.raises(ValueError, match="at least 32 bytes"):
        Pseudonymiser(KEY[:31], "demo")
    assert repr(Pseudonymiser(KEY, "demo")) == "Pseudonymiser(network='demo')"
