"""How a batch gets into `facts` and `details`: by statements that DuckDB has planned when it opened the file.

To plan them anew takes it five milliseconds a batch, half of what the insertion takes; to register a name for the
columns of one, more than a millisecond.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import duckdb

from bridge.analytics.store.arrow import Offer
from bridge.analytics.store.columns import DETAILS, FACTS, NAMED, PERSONAL
from bridge.analytics.store.facts import FactsConnection

_COLUMNS: Final = DETAILS | FACTS | dict.fromkeys((*NAMED, *PERSONAL), "NUMBER")


class Inserts:
    """The columns of the batch that is being inserted, and the statements that read them."""

    def __init__(self) -> None:
        self._offer = Offer(_COLUMNS)

    def prepare(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Prepare a connection that was opened; its settings must not be locked yet."""
        connection.register("offered", self._offer)
        # The optimizer has nothing to do here, but what it has seen is planned anew each time.
        connection.execute("PRAGMA disable_optimizer")
        connection.execute(f"PREPARE insert_facts AS {_insert('facts', FACTS)}")
        connection.execute(f"PREPARE insert_details AS {_insert('details', DETAILS)}")
        connection.execute("PRAGMA enable_optimizer")

    def insert(self, facts: FactsConnection, columns: Mapping[str, Sequence[Any]], count: int) -> None:
        """Insert these columns of so many events, in the transaction that is open; `names` and people have numbers."""
        with self._offer.of(columns, count):
            facts.execute("EXECUTE insert_facts")
            facts.execute("EXECUTE insert_details")


def _insert(table: str, columns: Iterable[str]) -> str:
    names = ", ".join(f'"{name}"' for name in columns)
    return f"INSERT INTO {table} ({names}) SELECT {names} FROM offered"  # noqa: S608 - our own names
