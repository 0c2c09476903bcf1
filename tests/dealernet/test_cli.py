"""The command line: what exists is listed, common options stand anywhere, mistakes are said."""

from pathlib import Path

import pytest

from dealernet import cli


def test_every_module_in_commands_is_listed_with_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    commands = cli.available()
    assert commands["up"] == "Start everything; stop everything with Ctrl-C."
    assert all(commands.values())
    with pytest.raises(SystemExit) as ended:
        cli.main(["--help"])
    assert ended.value.code == 0
    assert "Start everything" in capsys.readouterr().out


@pytest.mark.parametrize("command", sorted(cli.available()))
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main([command, "--help"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert "--json" in said
    assert "--data" in said


@pytest.mark.parametrize(
    "words",
    [
        ["--json", "--data", "/d", "dealer", "list"],
        ["dealer", "--json", "list", "--data=/d"],
        ["dealer", "list", "--data", "/d", "--json"],
    ],
)
def test_common_options_stand_anywhere(words: list[str]) -> None:
    common, rest = cli.take_common(words)
    assert (common.json, common.data, rest) == (True, Path("/d"), ["dealer", "list"])


def test_words_after_two_dashes_are_left_alone() -> None:
    common, rest = cli.take_common(["dealer", "--", "--json"])
    assert (common.json, rest) == (False, ["dealer", "--", "--json"])


@pytest.mark.parametrize("words", [[], ["nothing"], ["up", "--port", "65535"], ["up", "--without", "south"]])
def test_a_wrong_call_ends_with_status_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(words)
    assert ended.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_a_command_without_a_network_says_where_it_looked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["fleet", "status", "--data", str(tmp_path), "--json"]) == 2
    said = capsys.readouterr()
    assert "No network was started in" in said.err
    assert said.out.startswith('{"error": ')
