"""Checking a ledger: finds what was edited, deleted, reordered, inserted, cut off or rewritten, and names the place.

Four things are compared: every row with its digest in the chain, every batch with its hash and the one before, the
chain with its anchors at the other side and in the signed files, and every payload that is still kept with the
commitment of its row. A ledger is read in parts, in the order of recording; nothing is locked and nobody waits.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any
from uuid import UUID

from exchange.chain import signing
from exchange.chain.sealing import GENESIS, LEAF, batch_hash, leaf, micros
from exchange.courier import Party
from exchange.outbound import commit_to

#: Rows of a ledger, and batches of its chain, that are asked for at once.
ROWS_AT_ONCE = 20_000
BATCHES_AT_ONCE = 500
#: Findings of one kind that are named; more of the kind are counted in the last of them.
NAMED = 100


class Found(StrEnum):
    """What was done to a ledger. Stable codes."""

    EDITED = "edited"
    DELETED = "deleted"
    REORDERED = "reordered"
    INSERTED = "inserted"
    TRUNCATED = "truncated"
    REWRITTEN = "rewritten"
    PAYLOAD = "payload"


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong. `place` counts rows of the chain from 1, `batch` is the batch's number; each is None
    where it cannot be told. `detail` is for people."""

    found: Found
    place: int | None
    batch: int | None
    message: UUID | None
    detail: str

    def to_json(self) -> dict[str, Any]:
        return {
            "found": str(self.found),
            "place": self.place,
            "batch": self.batch,
            "message": str(self.message) if self.message else None,
            "detail": self.detail,
        }


@dataclass
class Verified:
    """What was compared at one member, and what is wrong. `unprovable` payloads came back from the other side after a
    restore, without the salt of their commitment; `waiting` rows had no place yet; `set_aside` anchors are of a chain
    that was lost with its database."""

    rows: int = 0
    batches: int = 0
    head: str = GENESIS
    number: int = 0
    waiting: int = 0
    payloads: int = 0
    unprovable: int = 0
    anchors: int = 0
    set_aside: int = 0
    findings: list[Finding] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Everything, findings as `Finding.to_json`."""
        return {**asdict(self), "findings": [finding.to_json() for finding in self.findings]}


@dataclass(frozen=True)
class Witness:
    """What somebody else knows of a chain: its batch `number` had `hash`. `where` in words."""

    number: int
    place: int
    hash: str
    at: datetime
    where: str


@dataclass
class _Batch:
    """What the chain says of a batch, and what its rows say so far."""

    first: int
    rows: int
    leaves: bytes
    seen: int = 0
    digest: Any = field(default_factory=hashlib.sha256)


def verify(
    cursor: Any,
    member: Party,
    others: Iterable[Party],
    *,
    files: Iterable[Path] = (),
    elsewhere: Mapping[UUID, int] = MappingProxyType({}),
    begun_anew: Sequence[tuple[datetime, int]] = (),
) -> Verified:
    """Check the chain of one member with a cursor of the courier's (or the database's owner's).

    `others` keep its anchors and received its messages; `files` are signed heads; `elsewhere` maps imported
    dealerships to the last number of their inbox that another installation wrote. `begun_anew`: when the member came
    back from a backup without its living ledger, and the batch after which its chain went on; what was known of later
    batches then is set aside, and counted.
    """
    result = Verified()
    # Witnesses first: whatever they know of was sealed before the chain is read.
    known = [*_anchors(cursor, member, others), *_signed(result, member, files)]
    witnesses = [one for one in known if not any(one.at < at and one.number > last for at, last in begun_anew)]
    result.set_aside = len(known) - len(witnesses)
    gone = _received_but_gone(cursor, member, others, elsewhere)
    hashes = _chain_and_rows(cursor, result, member)
    _compare_witnesses(result, witnesses, hashes, gone)
    _payloads(cursor, result, member)
    return result


# -- the other side's memory -------------------------------------------------------------------------------------


def _anchors(cursor: Any, member: Party, others: Iterable[Party]) -> Iterator[Witness]:
    for other in others:
        cursor.execute(
            f'SELECT number, place, hash, min(at) FROM "{other.schema}".exchange_anchor WHERE chain = %s '
            f"GROUP BY number, place, hash",
            [member.id],
        )
        for number, place, digest, at in cursor.fetchall():
            yield Witness(number, place, digest, at, f"the anchor in {other.schema}")


def _signed(result: Verified, member: Party, files: Iterable[Path]) -> Iterator[Witness]:
    for path in files:
        try:
            head = signing.read(path.read_text("ascii"), key=signing.public_key())
        except (OSError, ValueError) as problem:
            result.findings.append(Finding(Found.REWRITTEN, None, None, None, f"{path.name}: {problem}"))
            continue
        if head.member == member.id:
            yield Witness(
                head.number, head.place, head.hash, head.written_at, f"the signed file of {head.day.isoformat()}"
            )


def _received_but_gone(
    cursor: Any, member: Party, others: Iterable[Party], elsewhere: Mapping[UUID, int]
) -> list[tuple[UUID, str]]:
    """Messages that somebody received from this member and its ledger does not know."""
    found = []
    for other in others:
        cursor.execute(
            f'SELECT i.id FROM "{other.schema}".exchange_inbox i WHERE i.sender = %s AND i.number > %s '
            f'AND NOT EXISTS (SELECT FROM "{member.schema}".exchange_ledger l WHERE l.id = i.id) ORDER BY i.number',
            [member.id, elsewhere.get(other.id, 0)],
        )
        found += [(row[0], other.schema) for row in cursor.fetchall()]
    return found


def _compare_witnesses(
    result: Verified, witnesses: list[Witness], hashes: dict[int, str], gone: list[tuple[UUID, str]]
) -> None:
    witnesses.sort(key=lambda witness: witness.number)
    result.anchors = len(witnesses)
    beyond = [witness for witness in witnesses if witness.number > result.number]
    agreed = 0
    for witness in witnesses:
        known = hashes.get(witness.number)
        if known == witness.hash:
            agreed = max(agreed, witness.place)
        elif known is not None:
            detail = f"not the chain that {witness.where} knows up to place {witness.place}"
            result.findings.append(Finding(Found.REWRITTEN, agreed + 1, witness.number, None, detail))
            break
    reported = {finding.message for finding in result.findings}
    lost = [(message, where) for message, where in gone if message not in reported]
    if any(finding.found is Found.TRUNCATED for finding in result.findings):
        return
    if any(finding.found is Found.DELETED and finding.message is None for finding in result.findings):
        lost = []  # whose messages a batch held that is gone from the middle, nobody can tell any more
    if beyond:
        last = beyond[-1]
        detail = f"the chain ends at place {result.rows}; {last.where} knows it up to place {last.place}"
        result.findings.append(Finding(Found.TRUNCATED, result.rows + 1, last.number, None, detail))
    elif lost:
        message, where = lost[0]
        detail = f"the chain ends at place {result.rows}; {len(lost)} messages more were received in {where}"
        result.findings.append(Finding(Found.TRUNCATED, result.rows + 1, None, message, detail))


# -- the chain and its rows --------------------------------------------------------------------------------------


def _chain_and_rows(cursor: Any, result: Verified, member: Party) -> dict[int, str]:
    """Walk along the chain and through the ledger at the same time; returns the hash of every batch."""
    hashes: dict[int, str] = {}
    batches: dict[int, _Batch] = {}
    previous, last, before_it = GENESIS, 0, 0
    for number, first, to, leaves, before, digest, sealed_at in _batches(cursor, member):
        problem = _link(number, first, to, before, before_it + 1, last + 1, previous)
        if problem:
            result.findings.append(problem)
        computed = batch_hash(previous=before, number=number, first=first, last=to, sealed_at=sealed_at, leaves=leaves)
        rows = len(leaves) // LEAF
        if computed != digest or rows != to - first + 1:
            detail = f"the batch of places {first} to {to} does not have the hash that stands with it"
            result.findings.append(Finding(Found.EDITED, first, number, None, detail))
        hashes[number] = digest
        batches[number] = _Batch(first, rows, leaves)
        previous, last, before_it = digest, to, number
        result.rows, result.number, result.head = to, number, digest
    result.batches = len(batches)
    _rows(cursor, result, member, batches)
    return hashes


def _link(number: int, first: int, to: int, before: str, wanted: int, place: int, previous: str) -> Finding | None:
    """What is wrong between a batch and the one before it."""
    if number != wanted:
        detail = f"batches {wanted} to {number - 1} with places {place} to {first - 1} are gone"
        return Finding(Found.DELETED, place, wanted, None, detail)
    if before != previous or first != place:
        detail = f"the batch of places {first} to {to} does not follow on the one before it"
        return Finding(Found.REWRITTEN, first, number, None, detail)
    return None


def _batches(cursor: Any, member: Party) -> Iterator[tuple[int, int, int, bytes, str, str, int]]:
    after = 0
    while True:
        cursor.execute(
            f"SELECT number, first, last, leaves, previous, hash, {micros('sealed_at')} "
            f'FROM "{member.schema}".exchange_seal WHERE number > %s ORDER BY number LIMIT %s',
            [after, BATCHES_AT_ONCE],
        )
        rows = cursor.fetchall()
        for number, first, last, leaves, previous, digest, sealed_at in rows:
            yield number, first, last, bytes(leaves), previous, digest, sealed_at
        if len(rows) < BATCHES_AT_ONCE:
            return
        after = rows[-1][0]


def _rows(cursor: Any, result: Verified, member: Party, batches: dict[int, _Batch]) -> None:
    """Compare every row with the chain: whole batches by one hash, and only what differs row by row."""
    strange: dict[int, int] = {}
    for seal, leaves in _pieces(cursor, member):
        batch = batches.get(seal)
        if batch is None:
            strange[seal] = strange.get(seal, 0) + len(leaves) // LEAF
            continue
        batch.seen += len(leaves) // LEAF
        batch.digest.update(leaves)
    bad = [
        number
        for number, batch in batches.items()
        if batch.seen != batch.rows or batch.digest.digest() != hashlib.sha256(batch.leaves).digest()
    ]
    if bad or strange:
        result.findings += _limited(_differences(cursor, member, batches, bad))
        result.findings += _strange(cursor, result, member, strange)
    cursor.execute(f'SELECT count(*) FROM "{member.schema}".exchange_ledger WHERE seal IS NULL')
    result.waiting = cursor.fetchone()[0]


def _pieces(cursor: Any, member: Party) -> Iterator[tuple[int, bytes]]:
    """Leaves by batch, in the order of recording; a batch can come in several pieces."""
    cursor.execute(f'SELECT coalesce(max(number), 0) FROM "{member.schema}".exchange_ledger')
    end = cursor.fetchone()[0]
    cursor.execute(f'SELECT coalesce(min(number), 1) FROM "{member.schema}".exchange_ledger')
    begin = cursor.fetchone()[0]
    while begin <= end:
        cursor.execute(
            f"SELECT seal, string_agg({leaf('l')}, ''::bytea ORDER BY number) "
            f'FROM "{member.schema}".exchange_ledger l '
            f"WHERE seal IS NOT NULL AND number >= %s AND number < %s GROUP BY seal",
            [begin, begin + ROWS_AT_ONCE],
        )
        for seal, leaves in cursor.fetchall():
            yield seal, bytes(leaves)
        begin += ROWS_AT_ONCE


def _split(leaves: bytes) -> dict[UUID, bytes]:
    """id → digest, in order."""
    return {
        UUID(bytes=leaves[at : at + 16]): leaves[at + 16 : at + LEAF]
        for at in range(0, len(leaves) // LEAF * LEAF, LEAF)
    }


def _differences(cursor: Any, member: Party, batches: dict[int, _Batch], bad: Collection[int]) -> Iterator[Finding]:
    """Row by row, what differs in the batches `bad`."""
    wanted = {number: _split(batches[number].leaves) for number in bad}
    where = {message: number for number, rows in wanted.items() for message in rows}
    cursor.execute(
        f"SELECT seal, string_agg({leaf('l')}, ''::bytea ORDER BY number) "
        f'FROM "{member.schema}".exchange_ledger l WHERE seal = ANY(%s) OR id = ANY(%s) GROUP BY seal',
        [list(bad), list(where)],
    )
    present = {seal: _split(bytes(leaves)) for seal, leaves in cursor.fetchall()}
    stands = {message: seal for seal, rows in present.items() for message in rows}
    for number in bad:
        first, said, is_ = batches[number].first, wanted[number], present.get(number, {})
        ranks = {message: rank for rank, message in enumerate(message for message in is_ if message in said)}
        rank = 0
        for place, (message, digest) in enumerate(said.items(), first):
            if message in ranks:
                moved, changed = ranks[message] != rank, is_[message] != digest
                rank += 1
                if changed:  # the number is part of the digest: who takes another place does not fit it any more
                    kind, what = (Found.REORDERED, "given another place") if moved else (Found.EDITED, "changed")
                    yield Finding(kind, place, number, message, f"the row at place {place} was {what}")
            elif message in stands:
                yield Finding(Found.REORDERED, place, number, message, f"the row at place {place} was moved elsewhere")
            else:
                yield Finding(Found.DELETED, place, number, message, f"the row at place {place} is gone")
        for message in is_:
            if message not in where:
                detail = f"a row was put into the batch of places {first} to {first + len(said) - 1}"
                yield Finding(Found.INSERTED, first, number, message, detail)


def _strange(cursor: Any, result: Verified, member: Party, strange: Mapping[int, int]) -> Iterator[Finding]:
    """Rows that say they are in a batch which the chain does not have: cut off from its end, or put in. Those of a
    batch that is gone from its middle are told with that batch, and those sealed since the chain was read are well."""
    cursor.execute(f'SELECT number FROM "{member.schema}".exchange_seal WHERE number = ANY(%s)', [list(strange)])
    missing = sorted(set(strange) - {row[0] for row in cursor.fetchall()})
    after = [number for number in missing if number > result.number]
    if after:
        rows = sum(strange[number] for number in after)
        detail = f"the chain ends at place {result.rows}; {rows} rows say they stood after it"
        yield Finding(Found.TRUNCATED, result.rows + 1, after[0], None, detail)
    if missing and missing[0] < 1:
        yield Finding(Found.INSERTED, None, missing[0], None, f"{strange[missing[0]]} rows say they stood before it")


def _limited(findings: Iterable[Finding]) -> Iterator[Finding]:
    """So many of each kind by name, and how many more there are."""
    counts: dict[Found, int] = {}
    for finding in findings:
        counts[finding.found] = counts.get(finding.found, 0) + 1
        if counts[finding.found] <= NAMED:
            yield finding
    for found, number in counts.items():
        if number > NAMED:
            yield Finding(found, None, None, None, f"and {number - NAMED} more rows were {found}")


# -- payloads ----------------------------------------------------------------------------------------------------


def _payloads(cursor: Any, result: Verified, member: Party) -> None:
    """Compare what is still kept of contents with the commitments of their rows."""
    findings: list[Finding] = []
    for message, place, commitment, salt, body in _kept(cursor, member):
        result.payloads += 1
        if not salt:
            result.unprovable += 1
        elif commit_to(salt, json.loads(body)) != commitment:
            detail = f"the content of the row with number {place} is not what left"
            findings.append(Finding(Found.PAYLOAD, None, None, message, detail))
    result.findings += _limited(findings)


def _kept(cursor: Any, member: Party) -> Iterator[tuple[UUID, int, str, str, str]]:
    cursor.execute(f'SELECT coalesce(max(number), 0) FROM "{member.schema}".exchange_ledger')
    end, begin = cursor.fetchone()[0], 0
    while begin < end:
        cursor.execute(
            f'SELECT p.id, l.number, l.commitment, p.salt, p.body::text FROM "{member.schema}".exchange_ledger l '
            f'JOIN "{member.schema}".exchange_payload p USING (id) WHERE l.number > %s AND l.number <= %s',
            [begin, begin + ROWS_AT_ONCE],
        )
        yield from cursor.fetchall()
        begin += ROWS_AT_ONCE
