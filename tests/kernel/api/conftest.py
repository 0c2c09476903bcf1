"""Serves the example API at the dealerships' hosts, and makes tokens."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from kernel.accounts import actions
from kernel.accounts.actors import Actor
from kernel.accounts.scopes import scopes_for
from kernel.tenancy import middleware


@pytest.fixture
def example(wall: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(middleware, "DEALER_URLS", "tests.kernel.api.example")


@pytest.fixture
def caller(example: None) -> Callable[..., Client]:
    """`caller(side, role, *scopes)`: a client with a bearer token (all scopes of the role when none is named)."""

    def make(side: Any, role: str, *scopes: str, language: str = "en", **defaults: Any) -> Client:
        person = side.user(role)
        with side.bound():
            _token, text = actions.create_token(
                actor=Actor.of(person), user=person, name="test", scopes=scopes or scopes_for(role)
            )
        headers = {"Authorization": f"Bearer {text}", "Accept-Language": language}
        client: Client = side.client(headers=headers)
        client.raise_request_exception = False
        return client

    return make
