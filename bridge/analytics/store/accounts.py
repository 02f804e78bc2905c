"""What each bridge said last about itself, as the writer keeps it."""

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from bridge.analytics.store.facts import FactsConnection
from bridge.analytics.store.times import moment

Account = tuple[str, str, int, dict[str, Any]]
"""Sender, instance, when it was heard (ms), what it said."""
ACCOUNTS: Final = (
    "SELECT sender, instance, epoch_us(seen) // 1000, account FROM accounts ORDER BY sender, instance"
)
"""Asks for all of them; `accounts_of` reads the rows."""


def keep_account(
    connection: FactsConnection, sender: str, instance: str, seen_ms: int, account: dict[str, Any]
) -> None:
    """Keep a sender's account in place of the one before."""
    connection.begin()
    try:
        connection.execute("DELETE FROM accounts WHERE sender = ? AND instance = ?", [sender, instance])
        connection.execute(
            "INSERT INTO accounts VALUES (?, ?, ?, ?)",
            [sender, instance, moment(seen_ms * 1000), msgspec.json.encode(account).decode()],
        )
        connection.commit()
    except BaseException:
        connection.rollback()
        raise


def accounts_of(rows: Iterable[tuple[Any, ...]]) -> list[Account]:
    """Return what these rows say."""
    return [(sender, instance, seen, msgspec.json.decode(said)) for sender, instance, seen, said in rows]
