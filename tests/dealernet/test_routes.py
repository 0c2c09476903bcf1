"""Every view of both hosts says who may open it: `@requires(…)`, `ApiView.required`, or `@open_to_all`."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, get_resolver, path

from kernel.accounts.access import open_to_all, signed_in
from kernel.ui.lists import ListPage


def views(resolver: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    """Every route with its view."""
    for entry in resolver.url_patterns:
        route = before + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from views(entry, route)
        else:
            yield route, entry.callback


def silent(found: Any) -> list[str]:
    return [route for route, view in found if "required_rights" not in vars(view)]


@pytest.mark.parametrize("urls", ["dealernet.urls_portal", "dealernet.urls_dealer"])
def test_every_view_says_who_may_open_it(urls: str) -> None:
    found = list(views(get_resolver(urls)))
    assert len(found) > 100
    assert silent(found) == []


def test_a_view_that_says_nothing_is_found() -> None:
    def page(request: HttpRequest) -> HttpResponse:
        return HttpResponse()

    patterns: list[URLPattern] = [
        path("forgotten/", page),
        path("a-list/", ListPage.as_view()),
        path("everybody/", open_to_all(lambda request: HttpResponse())),
        path("members/", signed_in(lambda request: HttpResponse())),
    ]
    assert silent((str(entry.pattern), entry.callback) for entry in patterns) == ["forgotten/", "a-list/"]
