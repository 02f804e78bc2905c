"""A lane and a disk that does not take its commit: it waits for the disk, and sends nothing twice."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

from rigs.delivery import start_moesif
from rigs.events import event, events
from rigs.rig import delivering
from rigs.waiting import until

from bridge.demo.moesif_lookalike import KEY, MoesifLookalike


async def test_a_lane_waits_for_a_full_disk(tmp_path: Path) -> None:
    """A cursor that finds the disk full is committed when there is room; the lane did not crash."""
    async with MoesifLookalike(key=KEY) as moesif, delivering(tmp_path) as made:
        moesif.knobs.status_for = lambda event: (
            400 if event["metadata"]["correlationId"].endswith("9") else None
        )
        lane = start_moesif(made, moesif)
        await made.ingest(*events(10), event(0x19, userAgent="x" * 200_000))
        connection = made.journal._writer._connection
        with closing(sqlite3.connect(tmp_path / "journal.db")) as looking:
            pages = looking.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}").fetchone()
        await until(lambda: "full" in lane.status().trouble)
        assert lane.status().state == "retrying"
        assert "make room" in lane.status().trouble
        connection.execute("PRAGMA max_page_count = 1000000").fetchone()
        await made.delivered()
        await until(lambda: lane.status().trouble == "")
        assert made.counted("lane_restarts", "moesif") == 0
        assert moesif.duplicates == 0
        assert len(await made.letters()) == 2


async def test_a_lane_that_waits_for_the_disk_can_be_stopped(tmp_path: Path) -> None:
    """A stop does not wait for a disk that stays full; what was not committed is sent again by the next run."""
    async with MoesifLookalike(key=KEY) as moesif, delivering(tmp_path) as made:
        lane = start_moesif(made, moesif)
        made.journal._writer._connection.execute("PRAGMA busy_timeout = 20")
        with closing(sqlite3.connect(tmp_path / "journal.db", isolation_level=None)) as foreign:
            # Nothing is delivered, and so committed, before the lock is there.
            moesif.knobs.status = 503
            await made.ingest(*events(5))
            await until(lambda: lane.status().state == "retrying")
            foreign.execute("BEGIN IMMEDIATE")
            moesif.knobs.status = None
            await until(lambda: "write lock" in lane.status().trouble)
            async with asyncio.timeout(10):
                await made.stop("moesif")
            foreign.execute("ROLLBACK")
        assert made.journal.pending["moesif"] == 5
        start_moesif(made, moesif)
        await made.delivered()
        assert moesif.unique == 5
