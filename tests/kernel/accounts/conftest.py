"""Networks that send mail, to a real server."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.mailserver import MailServer, certificate


@pytest.fixture
def sending(settings: Any) -> Any:
    """Settings of a network that sends mail, until a test says otherwise to a server that does not exist."""
    settings.DEMO, settings.SENDS_MAIL = False, True
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
    settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
    settings.DEFAULT_FROM_EMAIL = "Dealernet <no-reply@dealers.example>"
    return settings


@pytest.fixture
def mail_server(sending: Any) -> Iterator[MailServer]:
    """A mail server that takes everything; the settings lead to it."""
    server = MailServer()
    sending.EMAIL_PORT = server.port
    yield server
    server.stop()


@pytest.fixture
def strict_mail_server(sending: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MailServer]:
    """One that talks over STARTTLS only, and to somebody who signs in only. Its certificate is trusted."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate(tmp_path))
    server = MailServer(tls_context=context, require_starttls=True, auth_required=True)
    server.controller.SMTP_kwargs["authenticator"] = server.authenticate
    sending.EMAIL_HOST, sending.EMAIL_PORT, sending.EMAIL_USE_TLS = "localhost", server.port, True
    sending.EMAIL_HOST_USER, sending.EMAIL_HOST_PASSWORD = "network", "s3cret @word"
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate.pem"))
    yield server
    server.stop()
