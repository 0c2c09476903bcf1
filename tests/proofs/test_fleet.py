"""A sample of `dealernet prove fleet`: the steward is really killed, and everything ends whole."""

from __future__ import annotations

import json
import os
import subprocess
import sys


def test_killed_upgrades_and_killed_set_ups_end_whole():
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("DEALERNET_", "DJANGO_"))}
    done = subprocess.run(
        [sys.executable, "-m", "dealernet", "prove", "fleet", "--sample", "0.08", "--json"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert (found["proof"], found["passed"], found["violations"]) == ("fleet", True, [])
    figures = found["figures"]
    assert figures["kills"] == 4
    assert figures["schemas_equal"] == figures["dealerships"] == 6
    assert figures["planted_found"] == figures["planted"] == 6


def test_only_isolation_is_proved_on_a_network_that_runs(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "dealernet", "prove", "fleet", "--data", str(tmp_path)], capture_output=True, check=False
    )
    assert done.returncode == 2
