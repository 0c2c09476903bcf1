"""Checks a login name and a password, in the same time whether or not the login exists."""

from typing import Any
from uuid import UUID

from django.contrib.auth.backends import BaseBackend
from django.contrib.auth.hashers import make_password
from django.http import HttpRequest

from kernel.accounts.models import User


class LoginBackend(BaseBackend):
    """The one authentication backend. Retired people and those who never set a password cannot sign in."""

    def authenticate(
        self, request: HttpRequest | None, login: str = "", password: str = "", **credentials: Any
    ) -> User | None:
        user = User.objects.filter(login__iexact=login).first() if "\x00" not in login else None
        if user is None or not user.is_active or not user.has_usable_password():
            # The same work as a real check, so that the time of the answer does not tell who exists.
            make_password(password)
            return None
        return user if user.check_password(password) else None

    def get_user(self, user_id: UUID | str) -> User | None:
        return User.objects.filter(pk=user_id, is_active=True).first()
