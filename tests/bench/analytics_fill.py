"""Fills an analytics store with the calls of thirty days in a minute.

    python tests/bench/analytics_fill.py FOLDER EVENTS

One event in ninety comes in by the real way. DuckDB makes three of each for each day, with ids, times and latencies of
their own, in the order in which they would have come; they are rolled up as the process does it. What is personal and
left of an event is not made again.
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import duckdb

if __name__ == "__main__":
    sys.path[1:1] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]

from bench.analytics_calls import bodies

from bridge.analytics.server.ingest import received
from bridge.analytics.store import Store
from bridge.analytics.store.columns import FACTS
from bridge.analytics.store.people import FACTS_NAME

DAYS: Final = 30
_COPIES_A_DAY: Final = 3
_DAY_MS: Final = 86_400_000
_CHANGED: Final = {
    "id": "new_id",
    "time": "new_time",
    "received": "new_time + INTERVAL 1 SECOND",
    "latency": "(latency * (0.5 + random()))::INTEGER",
    "backend_latency": "(backend_latency * (0.5 + random()))::INTEGER",
}


async def fill(folder: Path, events: int, end_ms: int) -> None:
    """Make a store with about so many events, the last of them asked at `end_ms`."""
    async with _seeded(folder, events // (DAYS * _COPIES_A_DAY), end_ms) as store:
        await store.settle()
    with duckdb.connect(folder / FACTS_NAME) as connection:
        connection.execute("SET memory_limit = '1GB'")
        _multiply(connection, end_ms)
        connection.execute("CHECKPOINT")
    async with Store.opened(folder) as store:
        await store.roll_up(end_ms)
        await store.settle()


@asynccontextmanager
async def _seeded(folder: Path, count: int, end_ms: int) -> AsyncIterator[Store]:
    async with Store.opened(folder) as store:
        for body in bodies(count, 2_000, lambda number: end_ms - _DAY_MS + number * _DAY_MS // count):
            await store.append(received(body, end_ms))
        yield store


def _multiply(connection: duckdb.DuckDBPyConnection, end_ms: int) -> None:
    execute = connection.execute
    execute(
        "CREATE TEMP TABLE seeds AS"
        " SELECT f.*, d.shape, d.rest, d.correlation_id FROM facts f JOIN details d USING (id)"
    )
    execute("DELETE FROM facts")
    execute("DELETE FROM details")
    columns = ", ".join(f'"{name}"' for name in FACTS)
    values = ", ".join(_CHANGED.get(name, f'"{name}"') for name in FACTS)
    for day in range(DAYS):
        execute(
            "CREATE OR REPLACE TEMP TABLE calls AS "
            f"SELECT *, uuid() AS new_id, make_timestamp({(end_ms - (DAYS - day) * _DAY_MS) * 1000}::BIGINT"
            f" + (random() * {_DAY_MS - 1})::BIGINT * 1000) AS new_time FROM seeds, range({_COPIES_A_DAY})"
        )
        execute(f"INSERT INTO facts ({columns}) SELECT {values} FROM calls ORDER BY new_time")
        execute(
            "INSERT INTO details (id, time, shape, correlation_id, rest) SELECT new_id, new_time, shape,"
            " CASE WHEN correlation_id IS NOT NULL THEN uuid()::VARCHAR END, rest FROM calls ORDER BY new_time"
        )


if __name__ == "__main__":
    asyncio.run(fill(Path(sys.argv[1]), int(sys.argv[2]), int(time.time() * 1000)))
