"""Keys change while the network works: nothing that was acknowledged is lost, and nobody waits."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest
from tests.dealernet.test_crashes import Senders, dealernet, pids, token
from tests.dealernet.test_up import Network, network

from dealernet import config
from dealernet.config import ConfigurationError
from dealernet.embedded import processes

__all__ = ["network"]


@pytest.mark.slow
def test_keys_rotate_under_load_and_everything_opens_with_the_new_ones_alone(network: Network) -> None:
    network.start()
    dealernet(network, "dealer", "add", "北方星河（测试）", "--slug", "north", "--province", "北京")
    desk = token(network, "portal", "lead_desk", "intake:write", "leads:read")
    before = config.secrets_of(network.data)
    assert dealernet(network, "keys", "status") == {"changing": False}
    assert dealernet(network, "keys", "forget") == {"forgotten": False}
    senders = Senders(network.port, desk)
    try:
        assert senders.go_on(20)
        done: dict[str, Any] = dealernet(network, "keys", "rotate")
        assert (done["dealerships"], "lead envelopes" in done["sealed"]) == (1, True)
        assert dealernet(network, "keys", "status") == {"changing": True}
        assert senders.go_on(20)
        assert senders.failed == 0, "nobody noticed"
        # Every connection anew: under the new passwords, in processes that began with the old keys.
        processes.send(pids(network, "postgres"), signal.SIGKILL)
        assert senders.go_on(20)
        assert dealernet(network, "keys", "forget") == {"forgotten": True}
        processes.send(pids(network, "postgres"), signal.SIGKILL)
        processes.send(pids(network, "dealers-web") | pids(network, "portal-web"), signal.SIGKILL)
        assert senders.go_on(20)
    finally:
        senders.stop()
    after = config.secrets_of(network.data)
    assert after.current != before.current
    assert after.previous == ""
    assert set(after.lasting) == {"heads", "matching", "pseudonyms"}
    network.end(signal.SIGTERM)
    network.start()
    assert network.status("portal.localhost", "/sign-in/") == 200
    assert network.status("north.localhost", "/sign-in/") == 200


def test_a_secret_file_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("0" * 64 + "\nlasting a b\nodd line of more than three words\n")
    assert config.secrets_of(tmp_path).lasting == {"a": "b"}
    (tmp_path / "secret").write_text("too short\n")
    with pytest.raises(ConfigurationError, match="too short"):
        config.secrets_of(tmp_path)
