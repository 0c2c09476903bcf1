"""The mutants of a module: its source with one thing changed.

mutmut's operators make most of them; `_more` adds what a wall and a gate are made of: statements that are left out,
conditions turned round, operands and decorators dropped, results that become nothing.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import libcst as cst
from libcst.metadata import ByteSpanPositionProvider, MetadataWrapper, PositionProvider
from mutmut.mutation.mutators import mutation_operators, operator_string

#: Decorators that shape a class or a function: without them it cannot even be imported or called.
_SHAPES = {"property", "dataclass", "contextmanager", "classmethod", "staticmethod", "cached_property"}
#: Calls whose words are read by people and tested as words elsewhere.
_WORDS = {"_", "gettext", "gettext_lazy", "ngettext", "ngettext_lazy"}
#: Calls that say something to mypy or to the log alone.
_SILENT = {"cast", "debug", "info", "warning", "exception"}
#: Calls that fail at once with anything else in them (as in mutmut itself).
_CRASHES = {"len", "isinstance"}


@dataclass(frozen=True)
class Mutant:
    """One change. `lines`: where in the source; `in_function`: in the body of a function, so that a function that is
    already imported can be given the new code; else the module has to be imported anew."""

    id: str
    where: str
    was: str
    became: str
    lines: range
    in_function: bool
    source: str


def mutants_of(source: str) -> list[Mutant]:
    """Every mutant, in the order of the source."""
    wrapper = MetadataWrapper(cst.parse_module(source), unsafe_skip_copy=True)
    visitor = _Visitor()
    wrapper.visit(visitor)
    found: dict[str, Mutant] = {}
    times: dict[tuple[str, str, str], int] = {}
    encoded = source.encode()
    spans = wrapper.resolve(ByteSpanPositionProvider)
    for place, old, new in visitor.changes:
        text = _changed(wrapper.module, encoded, spans.get(old), old, new)
        if text == source or text in found or not _is_python(text):
            continue
        was, became = _difference(source, text)
        key = (place.where, was, became)
        times[key] = times.get(key, 0) + 1
        name = hashlib.sha256("\0".join((*key, str(times[key]))).encode()).hexdigest()[:10]
        found[text] = Mutant(name, place.where, was, became, place.lines, place.in_function, text)
    return list(found.values())


def _changed(module: cst.Module, source: bytes, span: Any, old: cst.CSTNode, new: cst.CSTNode) -> str:
    """The source with a node replaced: put in where the old one stands, if it stands there as it is written alone."""
    if span is not None:
        end = span.start + span.length
        if source[span.start : end] == module.code_for_node(old).encode():
            return (source[: span.start] + module.code_for_node(new).encode() + source[end:]).decode()
    return cst.ensure_type(module.deep_replace(old, new), cst.Module).code


def _is_python(text: str) -> bool:
    try:
        ast.parse(text)
    except SyntaxError:
        return False
    return True


def _difference(source: str, text: str) -> tuple[str, str]:
    """The lines that went and the lines that came, without their indentation."""
    old, new = source.splitlines(), text.splitlines()
    while old and new and old[0] == new[0]:
        del old[0], new[0]
    while old and new and old[-1] == new[-1]:
        del old[-1], new[-1]
    return " ⏎ ".join(map(str.strip, old)), " ⏎ ".join(map(str.strip, new))


@dataclass(frozen=True)
class _Place:
    where: str
    lines: range
    in_function: bool


class _Visitor(cst.CSTVisitor):
    METADATA_DEPENDENCIES = (PositionProvider,)

    def __init__(self) -> None:
        super().__init__()
        self.changes: list[tuple[_Place, cst.CSTNode, cst.CSTNode]] = []
        self._stack: list[cst.CSTNode] = []
        self._outside: list[cst.CSTNode] = []  # heads of functions: run when the module is imported

    def on_visit(self, node: cst.CSTNode) -> bool:
        if _is_left_out(node):
            return False
        self._stack.append(node)
        in_raise = any(isinstance(above, cst.Raise) for above in self._stack[:-1])
        for new in _changes(node, in_raise=in_raise):
            self.changes.append((self._place(node), node, new))
        return True

    def on_leave(self, original_node: cst.CSTNode) -> None:
        if self._stack and self._stack[-1] is original_node:
            self._stack.pop()
        super().on_leave(original_node)

    def _place(self, node: cst.CSTNode) -> _Place:
        names = [above.name.value for above in self._stack if isinstance(above, (cst.FunctionDef, cst.ClassDef))]
        statement = next((n for n in reversed(self._stack) if isinstance(n, cst.SimpleStatementLine)), node)
        lines: set[int] = set()
        for part in (statement, self._positioned(node)):
            span: Any = self.get_metadata(PositionProvider, part, None)
            if span is not None:
                lines.update((span.start.line, span.end.line))
        if isinstance(node, cst.If):  # its condition alone; the branches are others' lines
            span = self.get_metadata(PositionProvider, node.test)
            lines = {span.start.line, span.end.line}
        return _Place(".".join(names) or "module", range(min(lines), max(lines) + 1), self._in_function())

    def _positioned(self, node: cst.CSTNode) -> cst.CSTNode:
        """The node, or the nearest one above it that has a place of its own (operators have none)."""
        for above in (node, *reversed(self._stack)):
            span: Any = self.get_metadata(PositionProvider, above, None)
            if span is not None and isinstance(above, (cst.BaseExpression, cst.BaseStatement, cst.BaseSmallStatement)):
                return above
        return node

    def _in_function(self) -> bool:
        """Whether the node stands in the body of a function: not in its decorators and defaults."""
        outermost = next((i for i, above in enumerate(self._stack) if isinstance(above, cst.FunctionDef)), None)
        if outermost is None:
            return False
        below = self._stack[outermost + 1 : outermost + 2]
        return bool(below) and below[0] is cst.ensure_type(self._stack[outermost], cst.FunctionDef).body


def _is_left_out(node: cst.CSTNode) -> bool:
    """What cannot matter, or is checked by other means: see docs/mutation.md."""
    match node:
        case cst.Annotation() | cst.Import() | cst.ImportFrom():
            return True
        case cst.Expr(value=cst.SimpleString() | cst.ConcatenatedString() | cst.FormattedString()):
            return True  # docstrings
        case cst.FunctionDef(name=cst.Name(value="__repr__" | "__str__")):
            return True
        case cst.If(test=cst.Name(value="TYPE_CHECKING")):
            return True
        case cst.Assign(targets=[cst.AssignTarget(target=cst.Name(value="__all__"))]):
            return True
        case cst.Call():
            return _called(node) in _WORDS | _SILENT | _CRASHES
        case cst.Decorator():
            return _decorating(node) in _SHAPES
    return False


def _called(node: cst.BaseExpression) -> str:
    match node:
        case cst.Call(func=cst.Name(value=name)) | cst.Call(func=cst.Attribute(attr=cst.Name(value=name))):
            return name
    return ""


def _decorating(node: cst.Decorator) -> str:
    match node.decorator:
        case cst.Name(value=name) | cst.Attribute(attr=cst.Name(value=name)):
            return name
    return _called(node.decorator)


def _is_text(node: cst.CSTNode) -> bool:
    return isinstance(node, (cst.SimpleString, cst.FormattedString, cst.ConcatenatedString))


def _changes(node: cst.CSTNode, *, in_raise: bool) -> Iterator[cst.CSTNode]:
    for kind, operator in mutation_operators:
        if not isinstance(node, kind):
            continue
        if operator is operator_string:
            # The words of an error are for people. Of the rest once: SQL and encodings know no case.
            yield from [] if in_raise else list(operator(node))[:1]
        elif isinstance(node, cst.Call) and in_raise and any(_is_text(arg.value) for arg in node.args):
            continue
        else:
            yield from operator(node)
    if not isinstance(node, cst.FormattedString) or not in_raise:
        yield from _more(node)


def _more(node: cst.CSTNode) -> Iterable[cst.CSTNode]:
    match node:
        case cst.Expr(value=cst.Call() | cst.Yield()) | cst.Raise() | cst.Del():
            yield cst.Pass()
        case cst.Return(value=cst.BaseExpression() as value) if not _is_none(value):
            yield node.with_changes(value=cst.Name("None"), whitespace_after_return=cst.SimpleWhitespace(" "))
        case cst.If() | cst.CompIf():
            yield node.with_changes(test=_not(node.test))
        case cst.BooleanOperation():
            yield node.left
            yield node.right
        case cst.FunctionDef() | cst.ClassDef():
            for decorator in node.decorators:
                if _decorating(decorator) not in _SHAPES:
                    yield node.with_changes(decorators=[d for d in node.decorators if d is not decorator])


def _is_none(node: cst.BaseExpression) -> bool:
    return isinstance(node, cst.Name) and node.value == "None"


def _not(test: cst.BaseExpression) -> cst.BaseExpression:
    if isinstance(test, cst.UnaryOperation) and isinstance(test.operator, cst.Not):
        return test.expression
    inner = test.with_changes(lpar=[cst.LeftParen(), *test.lpar], rpar=[*test.rpar, cst.RightParen()])
    return cst.UnaryOperation(operator=cst.Not(whitespace_after=cst.SimpleWhitespace(" ")), expression=inner)
