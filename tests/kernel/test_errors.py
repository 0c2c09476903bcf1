"""Refusals, transitions and ids."""

from enum import StrEnum
from types import SimpleNamespace

import pytest
from django import forms
from django.core.exceptions import PermissionDenied
from django.http import Http404

from kernel.errors import (
    Conflict,
    FieldError,
    Forbidden,
    IllegalTransition,
    Invalid,
    Missing,
    TooMany,
)
from kernel.ids import new_id
from kernel.transitions import may_move, move


class State(StrEnum):
    NEW = "new"
    DONE = "done"
    GONE = "gone"


TRANSITIONS = {State.NEW: {State.DONE}, State.DONE: {State.GONE}}


def test_invalid_takes_messages_lists_and_field_errors():
    error = Invalid({"a": "one", "b": ["two", FieldError("b", "own", "three")], "": "whole"}, code="c")
    assert error.errors == [
        FieldError("a", "c", "one"),
        FieldError("b", "c", "two"),
        FieldError("b", "own", "three"),
        FieldError("", "c", "whole"),
    ]
    assert error.fields == {"a": ["one"], "b": ["two", "three"], "": ["whole"]}
    assert str(error) == "a: one; b: two; b: three; whole"
    assert Invalid([FieldError("x", "y", "z")]).fields == {"x": ["z"]}


def test_invalid_shows_on_a_form_whatever_its_fields():
    class Small(forms.Form):
        a = forms.CharField()

    form = Small({"a": "x"})
    assert form.is_valid()
    Invalid({"a": "one", "elsewhere": "two", "": "three"}).add_to(form)
    assert form.errors == {"a": ["one"], "__all__": ["two", "three"]}


def test_refusals_are_what_django_expects_of_them():
    assert isinstance(Forbidden("x"), PermissionDenied)
    assert isinstance(Missing(), Http404)
    assert (Forbidden("x").right, Forbidden("x").status, Missing().status) == ("x", 403, 404)
    assert (Conflict("late", "Too late.").code, str(Conflict("late", "Too late."))) == ("late", "Too late.")
    assert TooMany(0).retry_after == 1


ALLOWED = [(State.NEW, State.DONE), (State.DONE, State.GONE)]


@pytest.mark.parametrize(("old", "new"), ALLOWED)
def test_a_record_moves_along_its_table(old, new):
    record = SimpleNamespace(state=old)
    assert move(record, "state", new, TRANSITIONS) == old
    assert record.state == new


@pytest.mark.parametrize(("old", "new"), [(a, b) for a in State for b in State if (a, b) not in ALLOWED])
def test_a_record_never_leaves_its_table(old, new):
    record = SimpleNamespace(state=old)
    with pytest.raises(IllegalTransition) as refused:
        move(record, "state", new, TRANSITIONS)
    assert (refused.value.old, refused.value.new, refused.value.status) == (old, new, 409)
    assert record.state == old
    assert f"{old} -> {new}" in repr(refused.value)


def test_the_table_allows_what_it_says():
    assert may_move("new", "done", TRANSITIONS)
    assert not may_move("new", "new", TRANSITIONS)
    assert not may_move("gone", "new", TRANSITIONS)


def test_ids_are_random():
    assert new_id() != new_id()
    assert new_id().version == 4
