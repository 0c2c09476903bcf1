"""The signed daily file of a ledger's head: a few lines of text that anyone can keep and check with openssl.

The last line is an Ed25519 signature over every byte before it. The key follows from the courier's and stays when keys
rotate (`kernel.tenancy.keys.lasting`): a file of two years ago is checked with the public key of today. That key stands
in every file and in `public-key.pem` beside them; keep it apart from the files. docs/operate/ledger.md has the steps.
"""

from __future__ import annotations

import base64
import logging
import os
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings

from kernel.tenancy import keys

log = logging.getLogger(__name__)

TITLE = "Dealernet ledger head, version 1"
PUBLIC_KEY = "public-key.pem"
_MOMENT = "%Y-%m-%dT%H:%M:%S.%fZ"


class NotSigned(ValueError):
    """A file is no signed head of a ledger, or its signature does not fit its text or the key."""


@dataclass(frozen=True)
class SignedHead:
    """What a file says: on `day` the chain of `member` had a batch `number` with `hash`, whose last row has `place`."""

    member: UUID
    name: str
    day: date
    number: int
    place: int
    hash: str
    written_at: datetime

    def text(self) -> str:
        return (
            f"{TITLE}\nmember: {self.member}\nname: {self.name}\nday: {self.day.isoformat()}\nbatch: {self.number}\n"
            f"place: {self.place}\nhash: {self.hash}\nwritten: {self.written_at.astimezone(UTC).strftime(_MOMENT)}\n"
        )


def _private_key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(keys.lasting("COURIER", "heads"))


def public_key() -> bytes:
    """The 32 bytes of the public key. For processes that hold the courier's key."""
    return _private_key().public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def public_key_pem() -> bytes:
    """The same as openssl reads it."""
    return _private_key().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def sign(head: SignedHead) -> str:
    """The file of a head."""
    text = f"{head.text()}public-key: {base64.b64encode(public_key()).decode()}\n"
    return f"{text}signature: {base64.b64encode(_private_key().sign(text.encode())).decode()}\n"


def read(document: str, *, key: bytes | None = None) -> SignedHead:
    """What a signed file says. Raises NotSigned; with a `key` (32 bytes) also when it was signed with another."""
    body, mark, signature = document.rpartition("signature: ")
    lines = dict(line.split(": ", 1) for line in body.splitlines()[1:] if ": " in line)
    if not mark or not body.startswith(f"{TITLE}\n"):
        raise NotSigned("this is no signed head of a ledger")
    try:
        with_key = base64.b64decode(lines["public-key"], validate=True)
        Ed25519PublicKey.from_public_bytes(with_key).verify(base64.b64decode(signature.strip()), body.encode())
        found = SignedHead(
            member=UUID(lines["member"]),
            name=lines["name"],
            day=date.fromisoformat(lines["day"]),
            number=int(lines["batch"]),
            place=int(lines["place"]),
            hash=lines["hash"],
            written_at=datetime.strptime(lines["written"], _MOMENT).replace(tzinfo=UTC),
        )
    except (InvalidSignature, KeyError, ValueError) as problem:
        raise NotSigned("the signature does not fit the text") from problem
    if key is not None and with_key != key:
        raise NotSigned("it was signed with another key")
    return found


# -- the folder --------------------------------------------------------------------------------------------------


def folder() -> Path:
    """Where the files are kept: a folder for each member, by its id, and the public key beside them."""
    return Path(settings.LEDGER_HEADS)


def path_of(member: UUID, day: date) -> Path:
    return folder() / str(member) / f"{day.isoformat()}.txt"


def keep(head: SignedHead) -> str:
    """Sign a head and write its file; the text of the file. A file of that day that is there already stands: whoever
    died before noting it in the database goes on with the same. A disk that is full does not stop the exchange."""
    path = path_of(head.member, head.day)
    try:
        there = path.read_text("ascii")
        said = read(there, key=public_key())
        if (said.member, said.day) == (head.member, head.day):
            return there
    except (OSError, ValueError):
        pass  # there is none, or what is there is none
    document = sign(head)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
        _write(path, document.encode())
        _write(folder() / PUBLIC_KEY, public_key_pem())
    except OSError:
        log.exception("ledger: the signed head of %s could not be written to %s", head.name, path)
    return document


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all."""
    partial = path.with_name(f"{path.name}.{os.getpid()}.part")
    partial.write_bytes(content)
    partial.replace(path)


def kept(member: UUID) -> list[Path]:
    """The files of a member, oldest first."""
    return sorted((folder() / str(member)).glob("*.txt"))
