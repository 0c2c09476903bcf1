"""Secrets by process."""

import pytest

from dealernet import keys


def test_keys_are_stable_and_differ() -> None:
    # Changing the derivation locks every installation out of its database: this value must stay.
    assert keys.derive("secret", "portal") == "0e8aabf9594be9b00eaa10a343aacf2bd7b7ba900dc7f758dd8ea406177fb6c7"
    assert len({keys.derive("secret", name) for name in keys.NAMES}) == len(keys.NAMES)
    assert keys.derive(b"secret", "portal") == keys.derive("secret", "portal")
    assert keys.derive("other", "portal") != keys.derive("secret", "portal")
    with pytest.raises(ValueError, match="empty"):
        keys.derive("", "portal")


@pytest.mark.parametrize(
    ("process", "names"),
    [
        ("portal-web", {"FRONTDESK", "PORTAL", "DJANGO_PORTAL"}),
        ("portal-worker", {"FRONTDESK", "PORTAL", "DJANGO_PORTAL"}),
        ("dealers-web", {"FRONTDESK", "DEALERS", "DJANGO_DEALERS"}),
        ("dealers-worker", {"FRONTDESK", "DEALERS", "DJANGO_DEALERS"}),
        ("courier", {"COURIER"}),
        ("scheduler", set()),
        ("front-door", set()),
    ],
)
def test_a_process_gets_its_own_keys_only(process: str, names: set[str]) -> None:
    assert set(keys.environment_for(process, "secret")) == {f"DEALERNET_KEY_{name}" for name in names}


def test_the_steward_knows_every_password_and_a_stranger_none() -> None:
    assert len(keys.environment_for("steward", "secret")) == len(keys.NAMES)
    with pytest.raises(ValueError, match="No process is called"):
        keys.environment_for("portal", "secret")
