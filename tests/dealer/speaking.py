"""People of the test network who read in a language of their own: it goes before the browser's."""

from __future__ import annotations

from django.test import Client

from kernel.accounts.models import User
from kernel.testing import Side


def speaking(side: Side, role: str, language: str) -> Client:
    """A client signed in as the person with `role`, who reads `language`."""
    with side.bound():
        User.objects.filter(role=role).update(language=language)
    return side.client(role)
