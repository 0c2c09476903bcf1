"""The drill: the release before is restored and upgraded on its own data, backed up, and restored under kills."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest


@pytest.mark.slow
def test_the_release_before_is_upgraded_on_its_data_and_a_backup_restores_everything():
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("DEALERNET_", "DJANGO_"))}
    done = subprocess.run(
        [sys.executable, "-m", "dealernet", "prove", "installation", "--json"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert (found["proof"], found["passed"], found["violations"]) == ("installation", True, [])
    figures = found["figures"]
    assert figures["tables_compared"] == 201
    assert (figures["kills"], figures["refusals"], figures["pages_opened"]) == (5, 3, 18)
    assert figures["messages_compared"] > 1400
