"""Giving rows of a ledger their place in its chain: batch by batch, in the database, by the courier alone.

A batch takes what is not sealed yet in the order of recording. Every row has a digest of what must never change; the
batch's hash covers the hash before it, its own place and every digest in order. What changes later (state, reason,
times of delivery) and what may name a person or a car (`subject_label`, `actor_name`) is no part of a digest, so that
answers and erasure leave the chain whole.

    digest = sha256(text), text = the row's columns of DIGESTED as one JSON array as PostgreSQL writes jsonb,
             moments as microseconds since 1970 in UTC
    leaf   = id (16 bytes) + digest (32 bytes)
    hash   = sha256(previous + "\\n" + number + "\\n" + first + "\\n" + last + "\\n" + sealed_at in microseconds + "\\n" + leaves)
"""  # noqa: E501 - a formula reads best on one line

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

#: Rows that a batch takes at most.
BATCH = 500
#: The hash before the first batch.
GENESIS = "0" * 64
LEAF = 48
#: What of a ledger row the chain keeps for ever, in this order.
DIGESTED = (
    "id",
    "number",
    "contract",
    "version",
    "receiver",
    "subject",
    "seq",
    "purpose",
    "agreement_version",
    "level",
    "released",
    "withheld",
    "path",
    "commitment",
    "event_at",
    "recorded_at",
)
_MOMENTS = ("event_at", "recorded_at")


def micros(moment: str) -> str:
    """SQL: a moment as whole microseconds since 1970, whatever the session's time zone."""
    return f"(extract(epoch FROM {moment}) * 1000000)::bigint"


def leaf(row: str) -> str:
    """SQL: the leaf of a ledger row named `row`."""
    columns = ", ".join(micros(f"{row}.{name}") if name in _MOMENTS else f"{row}.{name}" for name in DIGESTED)
    return f"uuid_send({row}.id) || sha256(convert_to(jsonb_build_array({columns})::text, 'UTF8'))"


def batch_hash(*, previous: str, number: int, first: int, last: int, sealed_at: int, leaves: bytes) -> str:
    """The hash of a batch; `sealed_at` in microseconds since 1970."""
    head = f"{previous}\n{number}\n{first}\n{last}\n{sealed_at}\n".encode()
    return hashlib.sha256(head + leaves).hexdigest()


#: One statement: mark the rows, put their leaves together, write the batch. Nothing when nothing waits.
_SEAL = f"""
WITH head AS (
    SELECT * FROM (
        SELECT number, last, hash, 0 AS rank FROM "{{schema}}".exchange_seal ORDER BY number DESC LIMIT 1) present
    UNION ALL SELECT 0, 0, '{GENESIS}', 1 ORDER BY rank LIMIT 1
), chosen AS (
    SELECT id FROM "{{schema}}".exchange_ledger WHERE seal IS NULL ORDER BY number LIMIT %(most)s
), marked AS (
    UPDATE "{{schema}}".exchange_ledger l SET seal = (SELECT number + 1 FROM head)
    FROM chosen WHERE l.id = chosen.id
    RETURNING l.number AS place, {leaf("l")} AS leaf
), batch AS (
    SELECT head.number + 1 AS number, head.last + 1 AS first, head.last + count(*) AS last,
        string_agg(leaf, ''::bytea ORDER BY place) AS leaves, head.hash AS previous, statement_timestamp() AS at
    FROM marked, head GROUP BY head.number, head.last, head.hash
)
INSERT INTO "{{schema}}".exchange_seal (number, first, last, leaves, previous, hash, sealed_at)
SELECT number, first, last, leaves, previous, encode(sha256(convert_to(
    previous || E'\\n' || number || E'\\n' || first || E'\\n' || last || E'\\n' || {micros("at")} || E'\\n', 'UTF8')
    || leaves), 'hex'), at
FROM batch
RETURNING number, last, hash, last - first + 1
"""


@dataclass(frozen=True)
class Head:
    """The newest batch of a chain: its number, the place of its last row, its hash."""

    number: int
    place: int
    hash: str


def seal_batch(cursor: Any, schema: str) -> tuple[int, Head | None]:
    """Seal up to BATCH rows of a ledger; returns how many, and the batch made.

    Belongs inside a transaction that holds the sender's lock (exchange.courier): two sealers at one ledger would give
    one number twice, which the key refuses. Bound to the courier.
    """
    cursor.execute(_SEAL.format(schema=schema), {"most": BATCH})
    made = cursor.fetchone()
    return (made[3], Head(*made[:3])) if made else (0, None)
