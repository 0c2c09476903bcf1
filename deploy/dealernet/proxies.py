"""Proxies in front of the front door: whose word counts, and what they say about a client. Standard library only.

Anybody can send ``X-Forwarded-For`` and ``X-Forwarded-Proto``. They are read only from a peer whose address lies in a
network that the operator named, and there from the right: each proxy appends the address it saw, so the rightmost one
that is no proxy of ours is the client, and what stands left of it the client may have written itself.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request came from: the client's address as text, and whether it spoke https."""

    address: str
    secure: bool = False


def networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Networks (``10.0.0.0/8``, ``2001:db8::/32``) and single addresses; each text may hold several, by comma.

    Raises ValueError for what is neither, for bits set behind the prefix (``10.0.0.1/8``), and for everybody (``/0``).
    """
    found: list[Network] = []
    for word in (word for text in texts for word in re.split(r"[,\s]+", text) if word):
        try:
            network = ipaddress.ip_network(word)
        except ValueError as error:
            raise ValueError(f"{error}: a trusted proxy is an address or a network such as 10.0.0.0/8") from None
        if network.prefixlen == 0:
            raise ValueError(f"{word} would let every client choose its address: name the proxies alone")
        found.append(network)
    return tuple(found)


def read_address(text: str) -> Address | None:
    """An address as proxies write it: with a port, in brackets, with a zone, IPv4 mapped into IPv6; None for others."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def origin_of(
    peer: str, forwarded_for: Sequence[bytes], forwarded_proto: Sequence[bytes], trusted: Sequence[Network]
) -> Origin:
    """The client behind a connection from `peer`. The sequences are the values of the two headers, in their order.

    From a peer that is no trusted proxy neither header counts. A chain ends at an entry that cannot be read: the proxy
    right of it is the client then. It spoke https when every proxy says so.
    """
    client = read_address(peer)
    if client is None or not _among(client, trusted):
        return Origin(peer if client is None else str(client))
    for entry in reversed(_entries(forwarded_for)):
        found = read_address(entry)
        if found is None:
            break
        client = found
        if not _among(client, trusted):
            break
    schemes = _entries(forwarded_proto)
    return Origin(str(client), bool(schemes) and all(scheme.strip().lower() == "https" for scheme in schemes))


def _entries(values: Sequence[bytes]) -> list[str]:
    return [entry for value in values for entry in value.decode("latin-1").split(",")]


def _among(address: Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks)
