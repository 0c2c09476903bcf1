"""Whose word about a client counts, and how a chain of proxies is read."""

import pytest

from dealernet.proxies import Origin, networks, origin_of

TRUSTED = networks(["10.0.0.0/8, 192.0.2.1", "2001:db8:f::/48"])


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "client"),
    [
        # strangers are not believed, whatever they say
        ("203.0.113.9", ["10.0.0.1"], "203.0.113.9"),
        ("203.0.113.9", [], "203.0.113.9"),
        ("192.0.2.2", ["198.51.100.1"], "192.0.2.2"),
        ("2001:db8::1", ["198.51.100.1"], "2001:db8::1"),
        # one proxy
        ("10.0.0.5", ["203.0.113.7"], "203.0.113.7"),
        ("192.0.2.1", ["203.0.113.7"], "203.0.113.7"),
        ("10.0.0.5", [], "10.0.0.5"),
        ("10.0.0.5", [""], "10.0.0.5"),
        # what the client wrote stands left of what the proxy saw
        ("10.0.0.5", ["6.6.6.6, 203.0.113.7"], "203.0.113.7"),
        ("10.0.0.5", ["10.9.9.9, 203.0.113.7"], "203.0.113.7"),
        ("10.0.0.5", ["6.6.6.6", "203.0.113.7"], "203.0.113.7"),
        # a chain
        ("10.0.0.5", ["203.0.113.7, 10.0.0.6,192.0.2.1"], "203.0.113.7"),
        ("10.0.0.5", ["6.6.6.6, 203.0.113.7, 192.0.2.1"], "203.0.113.7"),
        ("10.0.0.5", ["10.0.0.7, 10.0.0.6"], "10.0.0.7"),
        # an unreadable entry ends the chain at the proxy that wrote it down
        ("10.0.0.5", ["203.0.113.7, unknown"], "10.0.0.5"),
        ("10.0.0.5", ["203.0.113.7, unknown, 10.0.0.6"], "10.0.0.6"),
        ("10.0.0.5", ["203.0.113.7, "], "10.0.0.5"),
        ("10.0.0.5", ["\xff\xfe"], "10.0.0.5"),
        # ways of writing
        ("10.0.0.5", ["203.0.113.7:51123"], "203.0.113.7"),
        ("10.0.0.5", ["[2001:db8::7]:443"], "2001:db8::7"),
        ("10.0.0.5", ["2001:DB8:0::7"], "2001:db8::7"),
        ("2001:db8:f::1", ["203.0.113.7"], "203.0.113.7"),
        ("2001:db8:f::1", ["2001:db8::7, 2001:db8:f:0::2"], "2001:db8::7"),
        ("::ffff:10.0.0.5", ["203.0.113.7"], "203.0.113.7"),
        ("10.0.0.5", ["::ffff:203.0.113.7"], "203.0.113.7"),
        ("fe80::1%eth0", ["203.0.113.7"], "fe80::1"),
        ("unknown", ["203.0.113.7"], "unknown"),
    ],
)
def test_the_rightmost_address_that_is_no_proxy_is_the_client(peer: str, forwarded_for: list[str], client: str) -> None:
    values = [value.encode("latin-1") for value in forwarded_for]
    assert origin_of(peer, values, [], TRUSTED) == Origin(client)


@pytest.mark.parametrize(
    ("peer", "said", "secure"),
    [
        ("10.0.0.5", [b"https"], True),
        ("10.0.0.5", [b"HTTPS"], True),
        ("10.0.0.5", [b"https, https"], True),
        ("10.0.0.5", [b"https", b"https"], True),
        ("10.0.0.5", [b"https, http"], False),
        ("10.0.0.5", [b"http", b"https"], False),
        ("10.0.0.5", [b"http"], False),
        ("10.0.0.5", [b"httpsx"], False),
        ("10.0.0.5", [b""], False),
        ("10.0.0.5", [], False),
        ("203.0.113.9", [b"https"], False),
        ("unknown", [b"https"], False),
    ],
)
def test_https_is_what_every_trusted_proxy_says(peer: str, said: list[bytes], secure: bool) -> None:
    assert origin_of(peer, [b"203.0.113.7"], said, TRUSTED).secure is secure


@pytest.mark.parametrize("text", ["0.0.0.0/0", "::/0", "10.0.0.1/8", "proxy.example", "10.0.0.0/33", "10.0.0", "unix"])
def test_who_is_no_network_or_everybody_is_not_trusted(text: str) -> None:
    with pytest.raises(ValueError, match=text.split("/")[0]):
        networks(["192.0.2.1", text])


def test_nobody_is_trusted_until_somebody_is_named() -> None:
    assert networks([]) == networks(["", " , "]) == ()
    assert origin_of("127.0.0.1", [b"203.0.113.7"], [b"https"], ()) == Origin("127.0.0.1")
