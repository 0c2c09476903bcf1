"""Which mutants are made, and that a living function and a new import both get them."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest
from tests.mutation.mutants import Mutant, mutants_of
from tests.mutation.settings import ROOT, load_harmless, load_targets
from tests.mutation.swapping import MutatedImport, functions_of, swap

GUARD = '''"""A guard."""

from functools import lru_cache

LIMIT = 5


def may_enter(age: int, invited: bool = False) -> bool:
    """Whether somebody of this age may enter."""
    if age < 0:
        raise ValueError(f"an age of {age}")
    note(age)
    return age >= LIMIT and invited


@lru_cache
def note(age):
    return str(age)
'''


def changes(source: str) -> set[tuple[str, str]]:
    return {(mutant.was, mutant.became) for mutant in mutants_of(source)}


@pytest.mark.parametrize(
    ("was", "became"),
    [
        ("LIMIT = 5", "LIMIT = 6"),
        ("if age < 0:", "if age <= 0:"),
        ("if age < 0:", "if not (age < 0):"),
        ('raise ValueError(f"an age of {age}")', "pass"),
        ("note(age)", "pass"),
        ("return age >= LIMIT and invited", "return age >= LIMIT or invited"),
        ("return age >= LIMIT and invited", "return age >= LIMIT"),
        ("return age >= LIMIT and invited", "return invited"),
        ("return age >= LIMIT and invited", "return None"),
        ("@lru_cache", ""),
    ],
)
def test_what_a_guard_must_not_do_is_a_mutant(was: str, became: str) -> None:
    assert (was, became) in changes(GUARD)


def test_words_for_people_and_types_make_no_mutants() -> None:
    texts = [became for _, became in changes(GUARD)]
    assert not [text for text in texts if "XX" in text or "ValueError(" in text]
    assert {text for text in texts if "may_enter" in text} == {"def may_enter(age: int, invited: bool = True) -> bool:"}


def test_every_mutant_has_a_name_of_its_own_that_stays_when_lines_move() -> None:
    first, moved = mutants_of(GUARD), mutants_of("# a remark\n\n" + GUARD)
    assert len({mutant.id for mutant in first}) == len(first)
    assert [mutant.id for mutant in first] == [mutant.id for mutant in moved]
    assert [mutant.lines.start + 2 for mutant in first] == [mutant.lines.start for mutant in moved]


@pytest.fixture
def guard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of an importable module `guard_of_a_test`."""
    file = tmp_path / "guard_of_a_test.py"
    file.write_text(GUARD)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, file.stem, raising=False)
    return file


def mutant(was: str, became: str) -> Mutant:
    return next(mutant for mutant in mutants_of(GUARD) if (mutant.was, mutant.became) == (was, became))


def test_a_function_that_lives_gets_the_mutants_code(guard: Path) -> None:
    module = importlib.import_module(guard.stem)
    may_enter = module.may_enter
    assert not may_enter(9)
    assert swap(functions_of(guard), guard, mutant("return age >= LIMIT and invited", "return age >= LIMIT").source)
    assert may_enter(9)


def test_what_no_living_function_has_is_said(guard: Path) -> None:
    importlib.import_module(guard.stem)
    assert not swap(functions_of(guard), guard, mutant("LIMIT = 5", "LIMIT = 6").source)


def test_a_new_import_gets_the_mutant(guard: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    finder = MutatedImport(guard, mutant("LIMIT = 5", "LIMIT = 6").source)
    monkeypatch.setattr(sys, "meta_path", [finder, *sys.meta_path])
    module = importlib.import_module(guard.stem)
    assert module.LIMIT == 6
    assert module.__file__ == str(guard)


def test_targets_and_their_tests_exist_and_every_harmless_mutant_has_a_reason() -> None:
    targets = load_targets()
    for target in targets.values():
        assert target.source.is_file()
        assert target.tests
        assert all((ROOT / path).exists() for path in target.tests)
    listed = load_harmless()
    assert listed.keys() <= targets.keys()
    assert all(len(why) > 20 for reasons in listed.values() for why in reasons.values())
