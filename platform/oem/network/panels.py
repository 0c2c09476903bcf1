"""Panels that apps above this one add to a dealership's page (its agreement, its figures), in their `navigation.py`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.template.loader import render_to_string

from kernel.accounts.roles import Right
from oem.network.models import Dealership


@dataclass(frozen=True)
class Panel:
    """One card. `context` reads what `template` shows; the panel is left out for people without `right`."""

    key: str
    title: Any
    template: str
    context: Callable[[HttpRequest, Dealership], dict[str, Any]]
    right: Right | None = None
    order: int = 100


_panels: dict[str, Panel] = {}


def register(panel: Panel) -> None:
    """Add a panel; the same key replaces."""
    _panels[panel.key] = panel


def panels_for(request: HttpRequest, dealership: Dealership) -> list[dict[str, Any]]:
    """Title and HTML of every panel that this person may see, in order."""
    shown = []
    for panel in sorted(_panels.values(), key=lambda p: (p.order, p.key)):
        if panel.right is None or request.user.has(panel.right):
            context = {"dealership": dealership, **panel.context(request, dealership)}
            shown.append({"title": panel.title, "html": render_to_string(panel.template, context, request)})
    return shown
