"""What operators set by the environment."""

import os
import subprocess
import sys

import pytest


def minutes(given):
    """The settings as a process of its own reads them."""
    words = "from dealernet import settings; print(settings.RESPOND_MINUTES)"
    env = {**os.environ, **given}
    return subprocess.run([sys.executable, "-c", words], env=env, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(("given", "expected"), [({}, "30"), ({"DEALERNET_RESPOND_MINUTES": "45"}, "45")])
def test_how_long_a_dealership_has_to_answer_can_be_set(given, expected):
    assert minutes(given).stdout.strip() == expected


@pytest.mark.parametrize("given", ["0", "-5", "soon"])
def test_a_time_to_answer_that_makes_no_sense_is_refused(given):
    answer = minutes({"DEALERNET_RESPOND_MINUTES": given})
    assert answer.returncode != 0
    assert "DEALERNET_RESPOND_MINUTES must be a whole number, 1 or more." in answer.stderr
