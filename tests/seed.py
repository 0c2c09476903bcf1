"""What every test finds: a person for each role on each side. All people are invented."""

from __future__ import annotations

from kernel.accounts.models import User
from kernel.accounts.roles import DEALERSHIP_ROLES, PORTAL_ROLES
from kernel.testing.network import PASSWORD, Network


def seed(network: Network) -> None:
    """Fill the template database of the tests."""
    for side in (network.portal, network.north, network.south):
        roles = PORTAL_ROLES if side is network.portal else DEALERSHIP_ROLES
        with side.bound():
            for role in sorted(roles):
                user = User(
                    login=role, name=f"{role} {side.slug}", role=role, email=f"{role}@{side.slug}.example"
                )
                user.set_password(PASSWORD)
                user.save(force_insert=True)
