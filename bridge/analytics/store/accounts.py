"""What each bridge said last about itself, as the writer keeps it."""

from typing import Any

import msgspec

from bridge.analytics.store.facts import FactsConnection
from bridge.analytics.store.times import moment


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
