"""A page in a Django of one tenant, and the same page behind the wall: `python -m dealernet.bench.single SCHEMA …`.

`one`: Django's own PostgreSQL backend on a dealership's schema, without a directory, bindings or pool. `wall`: the
product. Each process reads a path a line and answers with the seconds that the page took, so that both can be asked by
turns.
"""

from __future__ import annotations

import os
import sys
import time
from typing import Any
from uuid import UUID


def main(how: str, dealer: str, host: str, name: str, database_host: str, port: str, cookie: str) -> None:
    """Answer until the input ends."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dealernet.settings")
    from django.conf import settings

    from kernel.tenancy import keys
    from kernel.tenancy.bindings import Dealer

    binding = Dealer(UUID(dealer))
    if how == "one":
        settings.DATABASES = {
            "default": {
                "ENGINE": "django.db.backends.postgresql",
                "NAME": name,
                "HOST": database_host,
                "PORT": port,
                "USER": binding.login,
                "PASSWORD": keys.password(binding.login),
                "CONN_MAX_AGE": None,
                "DISABLE_SERVER_SIDE_CURSORS": True,
            }
        }
        settings.MIDDLEWARE = [
            f"{__name__}.OneTenant" if entry == "kernel.tenancy.middleware.HostMiddleware" else entry
            for entry in settings.MIDDLEWARE
        ]
        # django-tenants refuses another backend than its own; nothing of it is used here.
        settings.INSTALLED_APPS = [app for app in settings.INSTALLED_APPS if app != "django_tenants"]
        settings.DATABASE_ROUTERS = []
        OneTenant.id, OneTenant.slug = binding.id, host.partition(".")[0]
    import django

    django.setup()
    from django.test import Client

    client = Client(headers={"host": host})
    key, _, value = cookie.partition("=")
    client.cookies[key] = value
    for line in sys.stdin:
        began = time.perf_counter()
        answer = client.get(line.strip())
        print(f"{answer.status_code} {time.perf_counter() - began:.6f}", flush=True)


class OneTenant:
    """What stands for the host's middleware where there is one tenant: nothing is looked up and nothing is swapped."""

    id: UUID
    slug: str

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response

    def __call__(self, request: Any) -> Any:
        from kernel.tenancy import limits
        from kernel.tenancy.bindings import Dealer, _current
        from kernel.tenancy.directory import Member
        from kernel.tenancy.middleware import DEALER_URLS

        request.tenant = Member(self.id, "dealership", self.slug, self.slug, limits.standard())
        request.urlconf = DEALER_URLS
        token = _current.set(Dealer(self.id))
        try:
            return self.get_response(request)
        finally:
            _current.reset(token)


if __name__ == "__main__":
    # Under its own name: the middleware is loaded by it.
    from dealernet.bench import single

    single.main(*sys.argv[1:])
