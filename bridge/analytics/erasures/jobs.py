"""Does what erasures ask for: all that wait, one after the other, and one copy of the store's file for all of them.

A job is begun again where a restart has cut it short; to repeat a piece does no harm. What stands in its way (a disk
without room for the copy, above all) is said, and it is tried again. From its first moment on nothing of what it erases
comes in.
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any, Final

from bridge.analytics.admin import AdminFile, client_keys
from bridge.analytics.admin.erasures import (
    ErasureJob,
    begin,
    end,
    find,
    forget_value,
    progress,
    put_off,
    unfinished,
)
from bridge.analytics.erasures.receipts import still_in
from bridge.analytics.erasures.written import blot_admin, blot_kept
from bridge.analytics.store import Store
from bridge.analytics.store.erasing import ErasedCounts
from bridge.analytics.store.subjects import Erasure
from bridge.contracts import Clock
from bridge.errors import StoreWaits

# What the command line has asked for is seen within this time.
_LOOK_SECONDS: Final = 2.0
_AGAIN_SECONDS: Final = 60.0
_PROGRESS_SECONDS: Final = 0.5


class ErasureJobs:
    """Works on the jobs of admin.db; one at a time does."""

    def __init__(
        self,
        store: Store,
        admin: AdminFile,
        clock: Clock,
        logger: Any,
        *,
        erased: Callable[[int], None] = lambda _count: None,
    ) -> None:
        """`erased` hears how many events each job has deleted."""
        self._store = store
        self._admin = admin
        self._clock = clock
        self._logger = logger
        self._erased = erased

    async def run(self, asked: asyncio.Event) -> None:
        """Work for as long as the process runs; `asked` is set where something was asked for in this process."""
        while True:
            pause = _LOOK_SECONDS
            asked.clear()
            try:
                await self.work()
            except StoreWaits as waits:
                self._logger.warning("an erasure has to wait", problem=str(waits))
                pause = _AGAIN_SECONDS
            except Exception as error:
                self._logger.exception("an erasure has failed, and is tried again", exc_info=error)
                pause = _AGAIN_SECONDS
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await asked.wait()

    async def work(self) -> list[ErasureJob]:
        """Do all that wait; returns them as they are then. Raises what stands in the way, and keeps it with them."""
        jobs = await self._admin.read(unfinished)
        if not jobs:
            return []
        try:
            # The others wanted but their last words.
            left = [job for job in jobs if job.value is not None]
            reworded = {job.id: await self._take_out(job) for job in left}
            for job in left:
                await self._say(job, "copy", await self._counts(job))
            if left:
                await self._store.exchange()
            for job in left:
                await self._forget(job, reworded[job.id])
            # Only then is it nowhere.
            await self._admin.settle()
            for job in jobs:
                await self._end(job)
        except Exception as error:
            # What it was is in the log; a database's own words may hold what is to be erased.
            problem = (
                str(error) if isinstance(error, StoreWaits) else "it has failed: look at this server's log"
            )
            await self._admin.write(lambda connection: put_off(connection, [job.id for job in jobs], problem))
            raise
        return [await self._now(job) for job in jobs]

    async def _take_out(self, job: ErasureJob) -> list[str]:
        """Take a job's subject out of everything; returns what people had written of it."""
        eraser, erasure = self._store.eraser, _erasure_of(job)
        digest = await eraser.digest(erasure.field, erasure.value)
        now_ms = int(self._clock.time() * 1000)
        await self._admin.write(lambda connection: begin(connection, job.id, digest, now_ms=now_ms))
        # What was done before a restart counts, too.
        counts, said = await self._counts(job), self._clock.monotonic()
        async for _ in eraser.take_out(erasure, counts):
            if self._clock.monotonic() - said > _PROGRESS_SECONDS:
                await self._say(job, "events", counts)
                said = self._clock.monotonic()
        await self._say(job, "events", counts)
        reworded = await blot_kept(self._store.kept, erasure)
        if erasure.field == "key":
            await self._admin.write(lambda connection: client_keys.forget(connection, erasure.value))
        return reworded + await self._admin.write(lambda connection: blot_admin(connection, erasure))

    async def _say(self, job: ErasureJob, step: str, counts: ErasedCounts) -> None:
        said = counts.as_dict()
        await self._admin.write(lambda connection: progress(connection, job.id, step, said))

    async def _counts(self, job: ErasureJob) -> ErasedCounts:
        now = await self._now(job)
        return ErasedCounts(now.deleted, now.kept, now.blotted, now.total or 0)

    async def _now(self, job: ErasureJob) -> ErasureJob:
        return await self._admin.read(lambda connection: find(connection, job.id)) or job

    async def _forget(self, job: ErasureJob, reworded: list[str]) -> None:
        await self._store.eraser.end(_erasure_of(job))
        now_ms = int(self._clock.time() * 1000)
        receipt = {"still_in": still_in(await self._store.accounts(), reworded, now_ms=now_ms)}
        await self._admin.write(lambda connection: forget_value(connection, job.id, receipt))

    async def _end(self, job: ErasureJob) -> None:
        now_ms = int(self._clock.time() * 1000)
        await self._admin.write(lambda connection: end(connection, job.id, now_ms=now_ms))
        counts = await self._counts(job)
        self._erased(counts.deleted)
        self._logger.warning(
            "erased", job=job.id, field=job.field, deleted=counts.deleted, kept=counts.kept, by=job.asked_by
        )


def _erasure_of(job: ErasureJob) -> Erasure:
    assert job.value is not None  # noqa: S101 - until it is forgotten
    return Erasure(job.field, job.value, job.asked_ms, job.keeps_counts)
