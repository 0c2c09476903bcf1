"""Where a request comes from, and whether it may carry a sign-in."""

import ipaddress

from django.conf import settings
from django.http import HttpRequest


def client_address(request: HttpRequest) -> str | None:
    """The client's address: that of the connection or, behind `TRUSTED_PROXY_HOPS` proxies of ours, the one they saw.

    X-Forwarded-For counts only as many entries from its right end as there are trusted proxies: what a client writes
    into it itself stands further left and is ignored. None when there is no readable address (unix socket).
    """
    hops = int(getattr(settings, "TRUSTED_PROXY_HOPS", 0))
    text = request.META.get("REMOTE_ADDR", "")
    if hops:
        seen = [part.strip() for part in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if part.strip()]
        if seen:
            text = seen[-min(hops, len(seen))]
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None


def main_host(request: HttpRequest) -> str:
    """The host, with its port, that links in mails name: the member's main address, whichever was asked."""
    host = request.get_host()
    primary = getattr(getattr(request, "tenant", None), "primary", "")
    _name, colon, port = host.partition(":")
    return f"{primary}{colon}{port}" if primary else host


def may_carry_a_sign_in(request: HttpRequest) -> bool:
    """Say whether browsers will keep our `__Host-` cookies here: over https, or on `localhost` and `*.localhost`."""
    host = (request.get_host().rpartition(":")[0] or request.get_host()).lower()
    return request.is_secure() or host == "localhost" or host.endswith(".localhost")
