"""Where a check is told to look away, the reason stands beside it."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = ("platform", "tenants", "sync", "shared", "deploy", "tests")
#: A rule and its reason: the one after a hyphen, the other as a comment of its own.
REASONED = re.compile(r"# noqa: [A-Z]+[0-9]+(, [A-Z]+[0-9]+)* - \w.*|# type: ignore\[[a-z-]+\]  # \w.*")
SUPPRESSION = re.compile(r"#\s*(noqa|type:\s*ignore|nosec|mypy:|ruff:|pragma: no cover|pylint:).*")


def suppressions(path: Path) -> list[str]:
    """What a file's comments tell the checks, each from its sign to the end of its line."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [match[0] for line in lines if (match := SUPPRESSION.search(line))]


def files() -> list[Path]:
    found = [path for source in SOURCES for path in (ROOT / source).rglob("*.py")]
    return [path for path in found if "migrations" not in path.parts and path != Path(__file__)]


def test_every_suppression_names_its_rule_and_its_reason() -> None:
    told = {str(path.relative_to(ROOT)): suppressions(path) for path in files()}
    assert sum(map(len, told.values())) > 5, "nothing was found: the search is broken"
    bare = [f"{path}: {text}" for path, texts in told.items() for text in texts if not REASONED.fullmatch(text)]
    assert bare == []


@pytest.mark.parametrize("setting", ["disable_error_code", "ignore_errors", "follow_imports", "enable_error_code = []"])
def test_no_part_of_the_product_is_checked_less_than_the_rest(setting: str) -> None:
    assert setting not in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("line", "fits"),
    [
        ("x = 1  # noqa", False),
        ("x = 1  # noqa: S308", False),
        ("x = 1  # noqa: S308 - our own file", True),
        ("x = 1  # type: ignore", False),
        ("x = 1  # type: ignore[misc]", False),
        ("x = 1  # type: ignore[misc]  # why", True),
        ("x = 1  # nosec", False),
    ],
)
def test_what_a_reason_looks_like(line: str, fits: bool) -> None:
    match = SUPPRESSION.search(line)
    assert match is not None
    assert bool(REASONED.fullmatch(match[0])) is fits
