"""For the testing kit: signs a person in without a browser."""

from uuid import UUID

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY

from kernel import clock
from kernel.accounts.models import User
from kernel.accounts.sessions import ADDRESS_KEY, AGENT_KEY, PROVED_KEY, SessionStore
from kernel.tenancy.bindings import Dealer, current


def open_session(user: User, *, tenant_id: UUID) -> tuple[str, str]:
    """Open a session for a person of the bound tenant; returns the cookie's name and value.

    Raises ValueError when `tenant_id` is not the bound dealership.
    """
    binding = current()
    if isinstance(binding, Dealer) and binding.id != tenant_id:
        raise ValueError("the session would belong to another tenant")
    store = SessionStore()
    store.create()
    store[SESSION_KEY] = str(user.pk)
    store[BACKEND_SESSION_KEY] = "kernel.accounts.backends.LoginBackend"
    store[HASH_SESSION_KEY] = user.get_session_auth_hash()
    store[ADDRESS_KEY] = "127.0.0.1"
    store[AGENT_KEY] = "test client"
    store[PROVED_KEY] = clock.now().isoformat()
    store.save()
    assert store.session_key
    return settings.SESSION_COOKIE_NAME, store.session_key
