"""What the views of accounts have in common: a form, one action, and the page again when either refuses."""

from collections.abc import Callable
from typing import Any

from django.forms import BaseForm
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from kernel.errors import Invalid

page = require_http_methods(["GET", "HEAD", "POST"])


def done(form: BaseForm, act: Callable[..., Any]) -> Any:
    """Run an action with a valid form's data; None when the form or the action refuses (the form then says why)."""
    if not form.is_valid():
        return None
    try:
        return act(**form.cleaned_data) or True
    except Invalid as refusal:
        refusal.add_to(form)
        return None


def form_page(request: HttpRequest, template: str, form: BaseForm, **context: Any) -> HttpResponseBase:
    status = 422 if form.is_bound and form.errors else 200
    return render(request, template, {"form": form, **context}, status=status)
