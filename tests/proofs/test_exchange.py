"""A sample of `dealernet prove exchange`: messages are really struck on their way, and arrive once."""

from __future__ import annotations

import json
import os
import subprocess
import sys


def test_messages_that_are_struck_on_their_way_arrive_once_and_in_order():
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("DEALERNET_", "DJANGO_"))}
    done = subprocess.run(
        [sys.executable, "-m", "dealernet", "prove", "exchange", "--sample", "0.02", "--seed", "7", "--json"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert (found["proof"], found["passed"], found["violations"]) == ("exchange", True, [])
    figures = found["figures"]
    assert figures["runs"] == figures["died"] >= 8
    assert {figures[name] for name in ("lost", "doubled", "disordered", "leaked", "unequal")} == {0}
    assert figures["controls_red"] == figures["controls"] == 4
    assert (figures["planted_found"], figures["planted_false"]) == (20, 0)
