"""Keeps probing: who is due is asked, a bounded number at a time, and what came is kept.

When a monitor is due follows from its number and its interval alone, so that monitors with the same interval are
spread over it, and a restart changes nothing. What a restart, a busy machine or a clock set forward has left out is
made up for soon, and not all at once.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from sqlite3 import Connection
from typing import Any, Final

import msgspec

from bridge.analytics.admin import AdminFile, monitors, probes
from bridge.analytics.admin.monitors import OPERATORS, KeptMonitor
from bridge.analytics.monitoring.monitor import Monitor
from bridge.analytics.monitoring.probe import ProbeOutcome, Prober
from bridge.analytics.monitoring.spans import ProbeRow
from bridge.analytics.monitoring.standing import ProbeState, Standing
from bridge.contracts import Clock
from bridge.errors import StoreWaits

MOST_AT_ONCE: Final = 32
BEAT_SECONDS: Final = 10
"""How often it is kept that somebody watches; so much more than that is not believed to have been watched."""
_SPREAD_SECONDS: Final = 30
# What is measured while the disk is full; more is let go of, and was not measured.
_MOST_UNWRITTEN: Final = 10_000
_STATES: Final = {"up": ProbeState.UP, "down": ProbeState.DOWN, "failing": ProbeState.FAILING}


@dataclass(slots=True)
class _Watched:
    """A monitor, and when it is asked next."""

    kept: KeptMonitor
    due: float
    """In seconds since the epoch."""
    asked: bool = False
    """Whether a probe is under way."""

    @property
    def monitor(self) -> Monitor:
        return self.kept.monitor


class Rounds:
    """The monitors of this process, and their probes."""

    def __init__(self, admin: AdminFile, prober: Callable[[str], Prober], clock: Clock, logger: Any) -> None:
        """`prober` says who asks for an owner: others may reach less than operators."""
        self._admin = admin
        self._prober = prober
        self._clock = clock
        self._logger = logger
        self._watched: dict[int, _Watched] = {}
        self._asking: set[asyncio.Task[None]] = set()
        self._places = asyncio.Semaphore(MOST_AT_ONCE)
        self._unwritten: list[Callable[[Connection], None]] = []
        self._wake = asyncio.Event()
        self._watch_ms = (0, 0)
        self.counted: Counter[tuple[int, str]] = Counter()
        """Probes by monitor and result, since the start."""

    @asynccontextmanager
    async def going(self) -> AsyncIterator[None]:
        """Probe while the block runs."""
        await self.changed()
        task = asyncio.create_task(self._go())
        try:
            yield
        finally:
            for one in (task, *self._asking):
                one.cancel()
            await asyncio.gather(task, *self._asking, return_exceptions=True)
            with contextlib.suppress(StoreWaits):
                await self._write()

    def all(self, owner: str = OPERATORS) -> list[KeptMonitor]:
        """Return an owner's monitors as they stand now, by id."""
        found = (watched.kept for watched in self._watched.values() if watched.kept.owner == owner)
        return sorted(found, key=lambda kept: kept.id)

    async def changed(self) -> None:
        """Look again which monitors there are. Raises StoreWaits."""
        now = self._clock.time()
        kept = await self._admin.read(monitors.every)
        before, self._watched = self._watched, {}
        for one in kept:
            known = before.get(one.number)
            if known is None:
                self._watched[one.number] = _Watched(one, first_due(one, now))
                continue
            self._watched[one.number] = known
            if known.kept.version != one.version:
                self._change(known, one, now)
        self._wake.set()

    async def settle(self) -> None:
        """Bring what has come to disk, so that what is read next agrees with how the monitors stand."""
        if self._unwritten:
            # On a full disk what was known before is told.
            with contextlib.suppress(StoreWaits):
                await self._write()

    async def ask(self, monitor: Monitor, owner: str = OPERATORS) -> ProbeOutcome:
        """Probe a monitor for somebody who wants to see what comes of it; nothing is kept."""
        async with self._places:
            return await self._prober(owner).probe(monitor)

    def _change(self, known: _Watched, new: KeptMonitor, now: float) -> None:
        paused, standing = new.monitor.paused, known.kept.standing
        if paused and not known.monitor.paused:
            number, now_ms = new.number, int(now * 1000)
            stopped = ProbeRow(now_ms, 0, ProbeState.STOPPED, 0, None, None)
            standing = Standing()

            def stop(connection: Connection) -> None:
                probes.note(connection, number, stopped)
                monitors.end_incident(connection, number, now_ms, "paused")
                monitors.stand(connection, number, Standing())

            self._unwritten.append(stop)
        if new.monitor.url != known.monitor.url:
            standing = msgspec.structs.replace(standing, expires_ms=None)
        known.kept = _with(new, standing)
        known.due = now

    async def _go(self) -> None:
        while True:
            self._wake.clear()
            now = self._clock.time()
            for one in self._watched.values():
                # A clock that was set back must not make anybody wait for the time that is to come again.
                one.due = min(one.due, now + one.monitor.interval_seconds)
                if one.due <= now and not one.asked and not one.monitor.paused:
                    one.asked = True
                    task = asyncio.create_task(self._probe(one))
                    self._asking.add(task)
                    task.add_done_callback(self._asking.discard)
            try:
                await self._beat(now)
            except StoreWaits as waits:
                self._logger.warning("what came of probes could not be kept yet", problem=str(waits))
            except Exception as error:
                self._logger.exception("what came of probes could not be kept", exc_info=error)
            await self._rest()

    async def _rest(self) -> None:
        """Wait until somebody is due, something came, or it is time for a beat."""
        active = [one for one in self._watched.values() if not one.monitor.paused]
        due = min((one.due for one in active if not one.asked), default=float("inf"))
        now = self._clock.time()
        seconds = min(max(0.0, due - now), BEAT_SECONDS)
        waits = [
            asyncio.ensure_future(self._clock.sleep(seconds)),
            asyncio.ensure_future(self._wake.wait()),
        ]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waits:
                one.cancel()
            await asyncio.gather(*waits, return_exceptions=True)

    async def _probe(self, one: _Watched) -> None:
        try:
            async with self._places:
                kept, began = one.kept, self._clock.time()
                outcome = await self._prober(kept.owner).probe(kept.monitor)
            # What came of a monitor that was changed meanwhile says nothing of what it is now.
            stays = self._watched.get(kept.number) is one and one.kept.version == kept.version
            if stays and not one.monitor.paused:
                self._take(one, outcome, began)
        except Exception as error:
            # Not a result: nothing is known. It is tried again at its next time.
            self._logger.exception("a probe could not be made", monitor=one.kept.id, exc_info=error)
            one.due = next_due(one.kept, self._clock.time())
        finally:
            one.asked = False
            self._wake.set()

    def _take(self, one: _Watched, outcome: ProbeOutcome, began: float) -> None:
        """Take what came of a probe: how the monitor stands, when it is due, and what is to be kept."""
        number, monitor, before = one.kept.number, one.monitor, one.kept.standing
        at_ms, now = int(began * 1000), self._clock.time()
        after = before.after(outcome, at_ms, monitor)
        one.due = now + monitor.retry_seconds if after.state == "failing" else next_due(one.kept, now)
        # With room for a turn that has to be waited for, and for the probe itself.
        covers_ms = int((one.due - began + monitor.limit_seconds + BEAT_SECONDS) * 1000)
        state = _STATES[after.state]
        row = ProbeRow(at_ms, outcome.took_ms, state, covers_ms, outcome.status, outcome.reason)
        self.counted[number, "failed" if outcome.reason else "answered"] += 1
        one.kept = _with(one.kept, after)

        def keep(connection: Connection) -> None:
            if not monitors.stand(connection, number, after):
                return
            probes.note(connection, number, row)
            if after.state == "down" and before.state != "down":
                probes.count_as_down(connection, number, after.since_ms)
                monitors.begin_incident(connection, number, after)
            elif after.state == "up" and before.state == "down":
                monitors.end_incident(connection, number, at_ms, "up")

        self._unwritten.append(keep)
        if (after.state == "down") != (before.state == "down"):
            self._say(one.kept)

    def _say(self, kept: KeptMonitor) -> None:
        outcome, standing = kept.standing.outcome, kept.standing
        if standing.state == "down" and outcome is not None:
            self._logger.warning(
                "a monitor is down", monitor=kept.id, reason=outcome.reason, problem=outcome.detail
            )
        else:
            self._logger.info("a monitor is up again", monitor=kept.id)

    async def _beat(self, now: float) -> None:
        """Keep what came, and that somebody watches. Raises StoreWaits."""
        begin, end = self._watch_ms
        now_ms = int(now * 1000)
        if not end or not end <= now_ms <= end + 3 * BEAT_SECONDS * 1000:
            # The process was held up, the machine slept, or its clock was set: nobody watched meanwhile.
            begin, end = now_ms, 0
        active = any(not one.monitor.paused for one in self._watched.values())
        if self._unwritten or (active and now_ms >= end + BEAT_SECONDS * 1000):
            self._watch_ms = begin, now_ms
            await self._write()

    async def _write(self) -> None:
        """Bring what has come to disk; what does not get there is tried again. Raises StoreWaits."""
        works, (begin, end) = self._unwritten, self._watch_ms
        self._unwritten = []

        def write(connection: Connection) -> None:
            for work in works:
                work(connection)
            if end:
                probes.watch(connection, begin, end)

        try:
            await self._admin.write(write)
        except StoreWaits:
            self._unwritten = [*works, *self._unwritten][-_MOST_UNWRITTEN:]
            raise

    async def forget(self, is_known: Callable[[str], bool]) -> None:
        """Remove the monitors of keys that are not known any more. Raises StoreWaits."""
        gone = [one.kept for one in self._watched.values() if one.kept.owner and not is_known(one.kept.owner)]
        for kept in gone:
            await self._admin.write(partial(monitors.remove, owner=kept.owner, id_=kept.id))
        if gone:
            await self.changed()

    async def roll_up(self) -> None:
        """Sum up what is old enough, one monitor after the other. Raises StoreWaits."""
        now_ms = int(self._clock.time() * 1000)
        for number in [*self._watched]:
            await self._admin.write(partial(probes.roll_up, monitor=number, now_ms=now_ms))
        await self._admin.write(lambda connection: probes.forget_watches(connection, now_ms))


def _with(kept: KeptMonitor, standing: Standing) -> KeptMonitor:
    return KeptMonitor(kept.number, kept.owner, kept.id, kept.version, kept.monitor, standing, kept.made_ms)


def _phase(kept: KeptMonitor) -> float:
    """Return where in its interval a monitor is due: numbers that follow each other are far apart."""
    return (kept.number * 0.618_033_988_75 % 1) * kept.monitor.interval_seconds


def next_due(kept: KeptMonitor, now: float) -> float:
    """Return the first time behind `now` that is a monitor's own."""
    interval, phase = kept.monitor.interval_seconds, _phase(kept)
    return (((now - phase) // interval) + 1) * interval + phase


def first_due(kept: KeptMonitor, now: float) -> float:
    """Return when a monitor is due after a start."""
    if not kept.standing.last_ms:
        return now
    if kept.standing.state == "failing":
        return min(now, kept.standing.last_ms / 1000 + kept.monitor.retry_seconds)
    due = next_due(kept, kept.standing.last_ms / 1000)
    if now < due <= now + kept.monitor.interval_seconds:
        return due
    spread = min(kept.monitor.interval_seconds, _SPREAD_SECONDS)
    return now + _phase(kept) % spread
