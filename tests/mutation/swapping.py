"""Giving a mutant to the tests: to functions that are imported already, or to the import of a module."""

from __future__ import annotations

import gc
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import CodeType, FunctionType, ModuleType


def functions_of(path: Path) -> list[FunctionType]:
    """Every living function that was made from the file at `path`."""
    return [f for f in gc.get_objects() if type(f) is FunctionType and Path(f.__code__.co_filename) == path]


def swap(functions: list[FunctionType], path: Path, mutated: str) -> bool:
    """Give those functions of the file at `path` the code they have in the mutated source. Whether any had other code;
    False leaves all as it was."""
    wanted = _changed(_codes(path.read_text(encoding="utf-8"), path), _codes(mutated, path))
    living = [function for function in functions if function.__code__ in wanted]
    if not living or any(len(wanted[f.__code__].co_freevars) != len(f.__code__.co_freevars) for f in living):
        return False
    for function in living:
        function.__code__ = wanted[function.__code__]
    return True


def _codes(source: str, path: Path) -> dict[str, list[CodeType]]:
    """Every function's code by its qualified name, in the order of the source."""
    found: dict[str, list[CodeType]] = defaultdict(list)

    def walk(code: CodeType) -> Iterator[CodeType]:
        for part in code.co_consts:
            if isinstance(part, CodeType):
                yield part
                yield from walk(part)

    for code in walk(compile(source, str(path), "exec", dont_inherit=True)):
        found[code.co_qualname].append(code)
    return found


def _changed(before: dict[str, list[CodeType]], after: dict[str, list[CodeType]]) -> dict[CodeType, CodeType]:
    pairs = [
        pair
        for name, codes in before.items()
        if len(codes) == len(after.get(name, ()))
        for pair in zip(codes, after[name], strict=True)
    ]
    return {old: new for old, new in pairs if old != new}


class MutatedImport(importlib.abc.MetaPathFinder):
    """Gives one module, by the file it is in, a source other than its own."""

    def __init__(self, path: Path, source: str) -> None:
        self.path = path
        self.source = source

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname.rpartition(".")[2] not in (self.path.stem, self.path.parent.name):
            return None
        for finder in sys.meta_path:
            found = None if finder is self else finder.find_spec(fullname, path, target)
            if found is not None:
                break
        if found is None or found.origin is None or Path(found.origin) != self.path:
            return None
        return importlib.util.spec_from_file_location(
            fullname, self.path, loader=_Loader(fullname, str(self.path), self.source)
        )


class _Loader(importlib.machinery.SourceFileLoader):
    def __init__(self, name: str, path: str, source: str) -> None:
        super().__init__(name, path)
        self.mutated = source

    def get_code(self, fullname: str) -> CodeType:
        return compile(self.mutated, self.path, "exec", dont_inherit=True)
