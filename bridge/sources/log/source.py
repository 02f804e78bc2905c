"""The log source: follows the gateway's metrics log through every rotation and hands its events to intake.

    look ──▶ read and frame (thread) ──▶ ingest ──▶ on disk with the position (P1, P2)

Two arrivals may be on their way: intake decodes one while the journal syncs the one before. An arrival that
fails goes again before anything that came after it.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple, TypeVar

from bridge.contracts import Receipt
from bridge.errors import JournalWaits
from bridge.sources import SourceFittings
from bridge.sources.log import shown
from bridge.sources.log.chunk import Chunk
from bridge.sources.log.following import Following
from bridge.sources.log.happenings import LogHappenings
from bridge.sources.log.positions import Launch
from bridge.sources.log.settings import LogSourceSettings
from bridge.sources.log.shown import FileLag

_T = TypeVar("_T")

IN_FLIGHT: Final = 2
# A look at thousands of files takes long: spend a fifth of the time on looks at most.
_LOOKS_TO_READS: Final = 4


class _Flight(NamedTuple):
    """A chunk on its way to the journal."""

    chunk: Chunk
    receipt: asyncio.Task[Receipt]


def _most_open(settings: LogSourceSettings, fittings: SourceFittings) -> int:
    return min(settings.descriptors, fittings.descriptors)


class LogSource:
    """Follows logs; `contracts.ShownSource`."""

    def __init__(
        self,
        name: str,
        settings: LogSourceSettings,
        fittings: SourceFittings,
    ) -> None:
        clock = fittings.clock
        happenings = LogHappenings(fittings.metrics, fittings.logger, name, clock)
        self.name = name
        self._poll_seconds = settings.poll_interval
        self._ingest = fittings.ingest
        self._happenings = happenings
        self._clock = clock
        self._following = Following(
            settings,
            fittings.positions,
            happenings=happenings,
            clock=clock,
            max_open=_most_open(settings, fittings),
        )
        self._next_look = self._rested = clock.monotonic()
        self._ready: deque[Chunk] = deque()
        self._in_flight: deque[_Flight] = deque()
        self._reading: asyncio.Future[Any] | None = None
        self._stopping = False

    def renew(self, settings: LogSourceSettings, fittings: SourceFittings) -> None:
        """Use other settings from now on; the ones for the very first start no longer matter."""
        self._poll_seconds = settings.poll_interval
        self._following.renew(settings, _most_open(settings, fittings))

    async def run(self) -> None:
        """Follow the logs until cancelled."""
        while True:
            # Reading gets four times as long as a look at thousands of files takes.
            await self.poll(may_look=self._clock.monotonic() >= self._rested)
            await self._clock.sleep(self._poll_seconds)

    async def finish(self) -> None:
        """Read every log once more to its current end; what the journal has no room for stays in the log."""
        self._stopping = True
        try:
            await self.poll()
        except JournalWaits as waits:
            self._happenings.no_room(str(waits))
        finally:
            self._following.close()

    async def poll(self, *, may_look: bool = True) -> None:
        """Look at the logs, or only glance at them, and return when all that was seen is on disk.

        What a poll that was cancelled or failed has left on its way goes first.
        """
        if self._reading is not None:
            await asyncio.wait([self._reading])
        more = not self._glance() and may_look and await self._in_thread(self._look_and_read)
        while True:
            if self._ready:
                # The oldest may have failed, and nothing may overtake it.
                if len(self._in_flight) == IN_FLIGHT or any(f.receipt.done() for f in self._in_flight):
                    await self._land()
                else:
                    self._launch()
                    # One turn of the event loop: a full journal says so before the next chunk.
                    await asyncio.sleep(0)
            elif more and len(self._in_flight) < IN_FLIGHT:
                more = await self._in_thread(self._read_on)
            elif self._in_flight:
                await self._land()
            else:
                return

    def status(self) -> Mapping[str, Any]:
        """Return each log, how far it was journalled, and what is wrong."""
        return shown.status(self._following)

    def gauges(self) -> Iterator[tuple[str, tuple[str, ...], float]]:
        """Yield how far the logs were journalled, how many there are, and what is wrong."""
        for name, labels, value in shown.gauges(self._following):
            yield name, (self.name, *labels), value

    def lag(self) -> list[FileLag]:
        """Return for each log what is not journalled yet; logs that were read and closed are summed up in one."""
        return shown.lag(self._following)

    def _launch(self) -> None:
        """Send the next chunk on its way to the journal."""
        chunk = self._ready.popleft()
        launch = Launch(self._following.next_launch)
        if self._in_flight and (behind := self._in_flight[0].chunk).log is not None:
            launch = Launch(launch.number, behind.log.key, behind.before)
        self._following.next_launch += 1
        # A task of its own: cancelling `run` must not leave open whether it was committed.
        receipt = asyncio.ensure_future(self._ingest(chunk.arrival(self.name, launch)))
        self._in_flight.append(_Flight(chunk, receipt))

    async def _land(self) -> None:
        """Wait for the oldest chunk that is on its way; put it back, with what is behind it, if it failed.

        Raises what `ingest` raised, except for JournalWaits while there is time to wait for room.
        """
        oldest = self._in_flight[0]
        while not (await asyncio.wait([oldest.receipt], timeout=self._poll_seconds))[0]:
            await self._look_if_due()
        error = oldest.receipt.exception()
        if error is None:
            self._in_flight.popleft()
            self._following.committed(oldest.chunk)
            self._happenings.room_again()
            return
        await asyncio.wait([flight.receipt for flight in self._in_flight])
        for flight in reversed(self._in_flight):
            if flight.receipt.exception() is None:
                self._following.committed(flight.chunk)
            else:
                self._ready.appendleft(flight.chunk)
        self._in_flight.clear()
        if self._stopping or not isinstance(error, JournalWaits):
            raise error
        self._happenings.no_room(str(error))
        until = self._clock.monotonic() + error.retry_after_seconds
        while (seconds := until - self._clock.monotonic()) > 0:
            await self._clock.sleep(min(seconds, self._poll_seconds))
            # The log is the buffer: what is rotated away meanwhile must be held open.
            await self._look_if_due()
        # A journal without room for events still has room for the counts of losses.
        if (losses := self._following.losses()) is not None:
            self._ready.appendleft(losses)

    async def _look_if_due(self) -> None:
        if not self._stopping and self._clock.monotonic() >= self._next_look:
            await self._in_thread(self._look)

    async def _in_thread(self, step: Callable[[], _T]) -> _T:
        """Return what a step brought; after a cancellation it goes on, and `poll` waits for its end."""
        self._reading = reading = asyncio.ensure_future(asyncio.to_thread(step))
        try:
            return await asyncio.shield(reading)
        finally:
            if reading.done():
                self._reading = None

    def _glance(self) -> bool:
        """Make ready what was written since; return False when it takes a look to know, or to read it."""
        chunks = None if self._stopping or self._ready else self._following.glance()
        self._ready.extend(chunks or ())
        return chunks is not None

    def _look(self) -> None:
        self._following.look()
        ended = self._clock.monotonic()
        # From its end: a look at many thousand files takes longer than the pause, and the logs have to be read.
        self._rested = ended + _LOOKS_TO_READS * self._following.look_seconds
        self._next_look = max(self._rested, ended + self._poll_seconds)

    def _look_and_read(self) -> bool:
        self._look()
        return self._read_next()

    def _read_on(self) -> bool:
        if not self._stopping and self._clock.monotonic() >= self._next_look:
            self._look()
        return self._read_next()

    def _read_next(self) -> bool:
        """Make the next chunk ready, if there is one; done here, so that a cancellation cannot lose it."""
        chunk = self._following.next_chunk()
        if chunk is not None:
            self._ready.append(chunk)
        return chunk is not None
