"""What the pages of workshop and warranty do alike: run one action and say what came of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.forms import BaseForm
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from kernel.errors import Conflict, Invalid

page = require_http_methods(["GET", "HEAD", "POST"])


def step(request: HttpRequest, act: Callable[[], Any], *, back: str, done: str = "") -> HttpResponseBase:
    """Run an action that is one press of a button and go back; a refusal is said on the page gone back to."""
    try:
        act()
    except Conflict as refusal:
        messages.error(request, str(refusal.message))
    except Invalid as refusal:
        for error in refusal.errors:
            messages.error(request, str(error.message))
    else:
        if done:
            messages.success(request, done)
    return redirect(back)


def succeeded(request: HttpRequest, form: BaseForm, act: Callable[..., Any]) -> Any:
    """What an action with a sent form's data gave (True for nothing); None when the form or the action refuses: the
    form then says why and keeps what was typed."""
    if request.method != "POST" or not form.is_valid():
        return None
    try:
        return act(**form.cleaned_data) or True
    except Invalid as refusal:
        refusal.add_to(form)
    except Conflict as refusal:
        form.add_error(None, str(refusal.message))
    return None


def form_page(request: HttpRequest, template: str, form: BaseForm, **context: Any) -> HttpResponseBase:
    """A page around a form; 422 when it was refused."""
    return render(request, template, {"form": form, **context}, status=422 if form.is_bound and form.errors else 200)
