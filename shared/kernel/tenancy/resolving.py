"""Asking the name servers for a record: behind an interface, because tests and the demo have no name servers."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, cast

import dns.exception
import dns.name
import dns.resolver
from django.conf import settings
from django.utils.module_loading import import_string

#: Seconds for one name, all servers and tries together.
PATIENCE = 5.0


class Unanswered(Exception):
    """No name server said anything that counts: neither that the record is there nor that it is not."""


class Resolver(Protocol):
    """Looks a name up. Must be safe to use from several threads."""

    def txt(self, name: str) -> frozenset[str]:
        """The TXT records that stand at exactly this name; empty where there are none. Raises Unanswered."""
        ...


class DnsResolver:
    """The name servers of this machine, or those of `settings.OWN_HOST_NAMESERVERS` (addresses, `host:port`).

    A record that is reached through an alias (CNAME, DNAME) does not count: it proves whose the target is.
    """

    def __init__(self) -> None:
        self._servers = list(settings.OWN_HOST_NAMESERVERS)
        self._asking = dns.resolver.Resolver(configure=not self._servers)
        if self._servers:
            pairs = [server.rpartition(":") if ":" in server else (server, "", "53") for server in self._servers]
            self._asking.nameservers = [address for address, _, _ in pairs]
            self._asking.nameserver_ports = {address: int(port) for address, _, port in pairs}

    def txt(self, name: str) -> frozenset[str]:
        asked = dns.name.from_text(name)
        try:
            answer = self._asking.resolve(asked, "TXT", search=False, lifetime=PATIENCE)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return frozenset()
        except (dns.exception.DNSException, OSError) as error:
            raise Unanswered(f"{type(error).__name__}: {error}") from error
        if answer.canonical_name != asked:
            return frozenset()
        return frozenset(b"".join(record.strings).decode("ascii", "replace") for record in answer)


class TableResolver:
    """A file in place of name servers: lines of a name, a space and the text, at `settings.OWN_HOST_RECORDS`. The text
    `!` means that nobody answers for the name. Read at every question."""

    def txt(self, name: str) -> frozenset[str]:
        path = Path(settings.OWN_HOST_RECORDS)
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        found = {text.strip() for at, _, text in (line.partition(" ") for line in lines) if at == name}
        if "!" in found:
            raise Unanswered("the table says that nobody answers")
        return frozenset(found)


def resolver() -> Resolver:
    """A resolver of the class that `settings.OWN_HOST_RESOLVER` names."""
    return cast(Resolver, import_string(settings.OWN_HOST_RESOLVER)())
