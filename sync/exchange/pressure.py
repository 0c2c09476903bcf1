"""Back-pressure: whoever does not work off its mail gets no more of it, and nobody else is held up.

Mail that waits stays in the sender's ledger, where it is seen and can still be stopped; an inbox never holds more than
FULL messages and one batch that nobody applied. The sender finds in its own mailbox that it is so, and since when.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID

#: Messages without being applied at which an inbox takes no more.
FULL = 5_000


def is_full(cursor: Any, schema: str) -> bool:
    """Whether an inbox holds so much that nobody applied."""
    waiting = f"SELECT 1 FROM \"{schema}\".exchange_inbox WHERE state = 'received' LIMIT %s"
    cursor.execute(f"SELECT count(*) FROM ({waiting}) x", [FULL])
    return bool(cursor.fetchone()[0] >= FULL)


def note(cursor: Any, sender: str, full: Collection[UUID], taking: Collection[UUID]) -> None:
    """Write down at a sender which receivers take no more, and that those who take something do. At most two
    statements, and one where nothing changes."""
    cursor.execute(f'SELECT receiver FROM "{sender}".exchange_holdup')
    known = {row[0] for row in cursor.fetchall()}
    for receiver in set(full) - known:
        cursor.execute(
            f'INSERT INTO "{sender}".exchange_holdup (receiver) VALUES (%s) ON CONFLICT DO NOTHING', [receiver]
        )
    if over := known & set(taking) - set(full):
        cursor.execute(f'DELETE FROM "{sender}".exchange_holdup WHERE receiver = ANY(%s)', [list(over)])
