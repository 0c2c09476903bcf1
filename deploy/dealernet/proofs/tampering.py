"""Six ways in which the owner of the database could change a ledger, and what the check finds of each.

Every kind is done in a transaction of a superuser, checked inside it, and rolled back: the ledger stays as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import closing
from typing import Any

from exchange.chain import verifying
from exchange.chain.anchors import other_side
from exchange.chain.sealing import batch_hash, leaf, micros
from exchange.courier import Party, parties
from kernel.tenancy import steward
from kernel.tenancy.bindings import Courier, bound

Tamper = Callable[[Any, str], None]


def _middle(cursor: Any, schema: str) -> tuple[Any, int]:
    """A row that is neither first nor last in the chain, and its batch."""
    cursor.execute(
        f'SELECT id, seal FROM "{schema}".exchange_ledger WHERE seal IS NOT NULL ORDER BY seal, number '
        f'OFFSET (SELECT max(last) FROM "{schema}".exchange_seal) / 2 LIMIT 1'
    )
    found = cursor.fetchone()
    return found[0], found[1]


def edit(cursor: Any, schema: str) -> None:
    """A field that left is struck from the list of those that did."""
    message, _batch = _middle(cursor, schema)
    cursor.execute(
        f"UPDATE \"{schema}\".exchange_ledger SET released = '[]', level = 'nothing' WHERE id = %s", [message]
    )


def delete(cursor: Any, schema: str) -> None:
    """A row disappears, and what left with it."""
    message, _batch = _middle(cursor, schema)
    cursor.execute(f'DELETE FROM "{schema}".exchange_payload WHERE id = %s', [message])
    cursor.execute(f'DELETE FROM "{schema}".exchange_ledger WHERE id = %s', [message])


def reorder(cursor: Any, schema: str) -> None:
    """Two rows exchange their places."""
    cursor.execute(
        f'SELECT (array_agg(number ORDER BY number))[1:2] FROM "{schema}".exchange_ledger WHERE seal IS NOT NULL '
        f"GROUP BY seal HAVING count(*) > 1 ORDER BY seal LIMIT 1"
    )
    one, other = cursor.fetchone()[0]
    for before, after in ((one, -1), (other, one), (-1, other)):
        cursor.execute(f'UPDATE "{schema}".exchange_ledger SET number = %s WHERE number = %s', [after, before])


def insert(cursor: Any, schema: str) -> None:
    """A row that was never written stands in the middle."""
    message, _batch = _middle(cursor, schema)
    cursor.execute(
        f'CREATE TEMPORARY TABLE forged ON COMMIT DROP AS SELECT * FROM "{schema}".exchange_ledger WHERE id = %s',
        [message],
    )
    cursor.execute(
        f"UPDATE forged SET id = gen_random_uuid(), subject = gen_random_uuid(), "
        f'number = (SELECT max(number) + 1 FROM "{schema}".exchange_ledger)'
    )
    cursor.execute(f'INSERT INTO "{schema}".exchange_ledger SELECT * FROM forged')


def truncate(cursor: Any, schema: str) -> None:
    """The newest batch is cut off, rows and all."""
    cursor.execute(f'SELECT max(number) FROM "{schema}".exchange_seal')
    newest = cursor.fetchone()[0]
    cursor.execute(
        f'DELETE FROM "{schema}".exchange_payload p USING "{schema}".exchange_ledger l '
        f"WHERE l.id = p.id AND l.seal = %s",
        [newest],
    )
    cursor.execute(f'DELETE FROM "{schema}".exchange_ledger WHERE seal = %s', [newest])
    cursor.execute(f'DELETE FROM "{schema}".exchange_seal WHERE number = %s', [newest])


def rewrite(cursor: Any, schema: str) -> None:
    """A row is changed and every digest and hash from there to the end made anew: the chain fits itself."""
    edit(cursor, schema)
    cursor.execute(f'SELECT number, first, last, {micros("sealed_at")} FROM "{schema}".exchange_seal ORDER BY number')
    previous = "0" * 64
    for number, first, last, sealed_at in cursor.fetchall():
        cursor.execute(
            f"SELECT string_agg({leaf('l')}, ''::bytea ORDER BY number) "
            f'FROM "{schema}".exchange_ledger l WHERE seal = %s',
            [number],
        )
        leaves = bytes(cursor.fetchone()[0])
        digest = batch_hash(
            previous=previous, number=number, first=first, last=last, sealed_at=sealed_at, leaves=leaves
        )
        cursor.execute(
            f'UPDATE "{schema}".exchange_seal SET leaves = %s, previous = %s, hash = %s WHERE number = %s',
            [leaves, previous, digest, number],
        )
        previous = digest


#: What is done → what the check must find, and nothing else.
KINDS: dict[verifying.Found, Tamper] = {
    verifying.Found.EDITED: edit,
    verifying.Found.DELETED: delete,
    verifying.Found.REORDERED: reorder,
    verifying.Found.INSERTED: insert,
    verifying.Found.TRUNCATED: truncate,
    verifying.Found.REWRITTEN: rewrite,
}


def findings_after(
    tamper: Tamper | None, database: str, member: Party, others: Collection[Party]
) -> list[verifying.Finding]:
    """What the check finds at a member after one kind of tampering (None: without any), which is then undone."""
    with closing(steward.superuser(database)) as raw, raw.cursor() as cursor:
        raw.autocommit = False
        if tamper is not None:
            tamper(cursor, member.schema)
        found = verifying.verify(cursor, member, others).findings
        raw.rollback()
        return found


def found_kinds(database: str, slug_schema: str) -> dict[str, list[str]]:
    """By kind of tampering ("none" first) the kinds that the check found, each once, at the member with a schema.

    Its ledger needs two batches, one of them with two rows, and an anchor of its newest batch. Unbound.
    """
    with bound(Courier()):
        everyone = parties()
    member = next(party for party in everyone.values() if party.schema == slug_schema)
    others = other_side(member, everyone)
    tried: dict[str, Tamper | None] = {"none": None, **{str(kind): tamper for kind, tamper in KINDS.items()}}
    return {
        name: sorted({str(finding.found) for finding in findings_after(tamper, database, member, others)})
        for name, tamper in tried.items()
    }
