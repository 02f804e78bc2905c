"""Monitors that go on: when each is asked, how it stands, what is kept, and what a restart leaves out."""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import structlog
from fakes.watched_endpoint import WatchedEndpoint
from rigs.clock import EPOCH, FakeClock
from rigs.waiting import until

from bridge.analytics.admin import AdminFile, monitors, probes
from bridge.analytics.admin.monitors import OPERATORS, KeptMonitor
from bridge.analytics.monitoring.monitor import Monitor
from bridge.analytics.monitoring.probe import Prober
from bridge.analytics.monitoring.rounds import MOST_AT_ONCE, Rounds, next_due
from bridge.analytics.monitoring.spans import ProbeRow
from bridge.analytics.monitoring.standing import Standing
from bridge.analytics.monitoring.summary import hours_of, windows
from bridge.transports.http.lookup import Lookup
from bridge.transports.http.reach import Reach

MINUTE = 60_000


class Watch:
    """Rounds over a real file and real sockets, with time that stands still until it is moved."""

    def __init__(self, admin: AdminFile, rounds: Rounds, clock: FakeClock) -> None:
        self.admin = admin
        self.rounds = rounds
        self.clock = clock

    async def add(self, id_: str, url: str, **fields: Any) -> None:
        monitor = Monitor(name=id_, url=url, **{"retries": 1} | fields)
        now_ms = int(self.clock.time() * 1000)
        await self.admin.write(
            lambda connection: monitors.keep(connection, OPERATORS, id_, monitor, now_ms=now_ms, most=100)
        )
        await self.rounds.changed()

    async def go_on(self, condition: Callable[[], object], seconds: int = 1) -> None:
        """Let time go by until the condition holds; `seconds` at each step."""
        while not condition():
            await self.clock.advance(seconds)
            await asyncio.sleep(0.001)

    async def go_on_for(self, seconds: int) -> None:
        """Let time go by."""
        until = self.clock.time() + seconds
        await self.go_on(lambda: self.clock.time() >= until)

    async def state(self, id_: str, state: str) -> KeptMonitor:
        """Return a monitor when it stands so, and that is on disk."""
        found: list[KeptMonitor] = []

        async def look() -> bool:
            kept = await self.admin.read(lambda connection: monitors.find(connection, OPERATORS, id_))
            found[:] = [kept] if kept is not None else []
            return bool(found) and found[0].standing.state == state

        while not await look():
            # Not a moment goes by, but who has slept long enough wakes.
            await self.clock.advance(0)
        return found[0]

    async def probes(self, kept: KeptMonitor) -> list[tuple[int, str]]:
        """Return state and reason of what is kept of each probe."""
        rows = await self.admin.read(lambda connection: probes.probes(connection, kept.number, 0, 1 << 60))
        return [(row.state, row.reason or "") for row in rows]

    async def incidents(self, kept: KeptMonitor) -> list[monitors.Incident]:
        return await self.admin.read(lambda connection: monitors.incidents(connection, kept.number, 0))


@asynccontextmanager
async def watch(folder: Path, clock: FakeClock) -> AsyncIterator[Watch]:
    prober = Prober(Reach(["127.0.0.0/8"]), ssl.create_default_context(), Lookup(), time.monotonic)
    async with AdminFile.opened(folder) as admin:
        rounds = Rounds(admin, lambda _: prober, clock, structlog.get_logger())
        async with rounds.going():
            yield Watch(admin, rounds, clock)


async def asked(there: WatchedEndpoint, times: int) -> None:
    await until(lambda: len(there.asked) >= times)
    assert len(there.asked) == times


async def test_it_goes_down_after_its_retries_and_comes_up_again(tmp_path: Path) -> None:
    """A failure is tried again; then it is down, from the first failure on, until the first answer."""
    clock = FakeClock()
    async with WatchedEndpoint().running() as there, watch(tmp_path, clock) as made:
        await made.add("pay", there.url)
        up = await made.state("pay", "up")
        there.status = 503
        await made.go_on(lambda: len(there.asked) == 2)
        failing = await made.state("pay", "failing")
        began = failing.standing.last_ms
        assert await made.incidents(up) == []
        await made.go_on_for(31)
        down = await made.state("pay", "down")
        assert down.standing.since_ms == began
        (incident,) = await made.incidents(up)
        assert (incident.begin_ms, incident.end_ms, incident.reason, incident.status) == (
            began,
            None,
            "status",
            503,
        )
        assert "it answered 503, and 2xx was expected" in incident.detail
        there.status = 200
        await made.go_on_for(61)
        again = await made.state("pay", "up")
        (incident,) = await made.incidents(up)
        assert (incident.end_ms, incident.ending) == (again.standing.since_ms, "up")
        assert [state for state, _ in await made.probes(up)][-4:] == [1, 0, 0, 1]


async def test_a_restart_goes_on_where_it_was(tmp_path: Path) -> None:
    """What was down is down, and stays one incident; the time between is not measured."""
    clock = FakeClock()
    async with WatchedEndpoint().running() as there:
        async with watch(tmp_path, clock) as made:
            await made.add("pay", there.url, retries=0)
            await made.state("pay", "up")
            await there.vanish()
            await made.go_on_for(61)
            down = await made.state("pay", "down")
            await made.go_on_for(20)
        clock.now += 3600
        async with watch(tmp_path, clock) as made:
            await there.return_()
            await made.go_on_for(31)
            await made.state("pay", "up")
            (incident,) = await made.incidents(down)
            assert incident.ending == "up"
            now_ms = int(clock.time() * 1000)
            hours = await made.admin.read(lambda connection: hours_of(connection, down.number, now_ms))
            known = windows(hours, now_ms)["24h"]
            # Of more than an hour, less than two minutes and a half are known.
            assert 0 < known["measured"] * 86_400 < 150
            assert known["down_seconds"] < 90


async def test_a_restart_keeps_to_the_times(tmp_path: Path) -> None:
    """A monitor that is not due is not asked by a restart; one that is overdue is asked soon."""
    clock = FakeClock()
    async with WatchedEndpoint().running() as there:
        async with watch(tmp_path, clock) as made:
            await made.add("slow", there.url, interval_seconds=7200)
            await made.state("slow", "up")
            await asked(there, 1)
        async with watch(tmp_path, clock) as made:
            due = made.rounds.all()[0]
            await made.go_on_for(1)
            await asked(there, 1)
        clock.now += 7201
        async with watch(tmp_path, clock) as made:
            await made.go_on_for(31)
            await made.go_on(lambda: len(there.asked) == 2, seconds=0)
            assert made.rounds.all()[0].number == due.number


def test_monitors_do_not_fire_at_once() -> None:
    """A hundred with the same interval are spread over it, each at its own time in every round."""
    monitor = Monitor(name="one", url="https://gateway/", interval_seconds=100)
    kept = [KeptMonitor(number, OPERATORS, "one", 1, monitor, Standing(), 0) for number in range(1, 101)]
    due = [next_due(one, EPOCH) for one in kept]
    assert all(EPOCH < at <= EPOCH + 100 for at in due)
    for tenth in range(10):
        assert 8 <= sum(tenth * 10 < at - EPOCH <= tenth * 10 + 10 for at in due) <= 12
    again = [next_due(one, at + 1) for one, at in zip(kept, due, strict=True)]
    assert [round(later - at, 3) for later, at in zip(again, due, strict=True)] == [100] * 100


async def test_only_so_many_at_a_time(tmp_path: Path) -> None:
    """Endpoints that hang hold a bounded number of places; what waits is asked when they end."""
    clock = FakeClock()
    async with WatchedEndpoint().running() as there, watch(tmp_path, clock) as made:
        there.hangs = True
        for number in range(MOST_AT_ONCE + 8):
            await made.add(f"m{number:02}", there.url, retries=0, limit_seconds=2, interval_seconds=3600)
        await made.go_on(lambda: len(there.asked) >= MOST_AT_ONCE, seconds=0)
        assert len(there.asked) == MOST_AT_ONCE
        await made.go_on(lambda: len(there.asked) == MOST_AT_ONCE + 8, seconds=0)


async def test_what_is_paused_is_not_asked_and_not_measured(tmp_path: Path) -> None:
    """Its incident ends with the pause, and no time is counted until it goes on."""
    clock = FakeClock()
    async with WatchedEndpoint().running() as there, watch(tmp_path, clock) as made:
        there.status = 500
        await made.add("pay", there.url, retries=0)
        down = await made.state("pay", "down")
        await made.go_on_for(1)
        await made.add("pay", there.url, retries=0, paused=True)
        await made.go_on_for(600)
        await asked(there, 1)
        paused = await made.state("pay", "new")
        (incident,) = await made.incidents(down)
        assert incident.ending == "paused"
        there.status = 200
        await made.add("pay", there.url, retries=0)
        await made.state("pay", "up")
        assert [state for state, _ in await made.probes(paused)] == [0, 3, 1]


async def test_what_is_removed_leaves_nothing(tmp_path: Path) -> None:
    """Its probes, hours and incidents go with it, and a probe that was under way is not kept."""
    clock = FakeClock()
    async with WatchedEndpoint().running() as there, watch(tmp_path, clock) as made:
        there.hangs = True
        await made.add("pay", there.url, limit_seconds=1)
        await asked(there, 1)
        await made.admin.write(lambda connection: monitors.remove(connection, OPERATORS, "pay"))
        await made.rounds.changed()
        await there.vanish()
        await made.go_on_for(60)
        for table in ("monitors", "probes", "probe_hours", "incidents"):
            rows = await made.admin.read(
                lambda connection, name=table: connection.execute(f"SELECT * FROM {name}").fetchall()  # type: ignore[misc]
            )
            assert rows == [], table


async def test_hours_are_what_the_probes_said(tmp_path: Path) -> None:
    """Rolled up or not, the figures are the same; what is old is let go of."""
    clock = FakeClock()
    async with WatchedEndpoint().running() as there, watch(tmp_path, clock) as made:
        await made.add("pay", there.url, interval_seconds=30, retries=0)
        kept = await made.state("pay", "up")
        start = int(clock.time() * 1000) // probes.HOUR_MS * probes.HOUR_MS + probes.HOUR_MS

        def fill(connection: Any) -> None:
            probes.watch(connection, start, start + 6 * probes.HOUR_MS)
            for place in range(6 * 120):
                down = 130 <= place < 190
                row = ProbeRow(
                    start + place * 30_000,
                    100 + place,
                    0 if down else 1,
                    45_000,
                    200,
                    "status" if down else None,
                )
                probes.note(connection, kept.number, row)

        await made.admin.write(fill)
        now = start + 6 * probes.HOUR_MS
        before = await made.admin.read(lambda connection: hours_of(connection, kept.number, now))
        await made.admin.write(lambda connection: probes.roll_up(connection, kept.number, now))
        after = await made.admin.read(lambda connection: hours_of(connection, kept.number, now))
        assert [hour for hour in after if hour.probes] == [hour for hour in before if hour.probes]
        day = windows(after, now)["24h"]
        assert day["down_seconds"] == 30 * 60
        assert 0.91 < day["uptime"] < 0.92
        far = now + 200 * probes.DAY_MS
        await made.admin.write(lambda connection: probes.roll_up(connection, kept.number, far))
        left = await made.admin.read(
            lambda connection: [
                connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0]
                for name in ("probes", "probe_hours")
            ]
        )
        assert left == [0, 0]
