"""The play that `apim-bridge demo` gives: an outage and a kill -9 while a gateway goes on writing.

    gateway (here) ──▶ rolling log ──▶ bridge (child process) ──▶ Moesif look-alike (child process)
                                                              └─▶ dashboard (child process)

Nothing is staged: this is the bridge that runs in production, and it is killed whatever it is doing.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import aiohttp

from bridge.demo.sight import Act, Sight
from bridge.demo.stage import BridgeProcess, Dashboard, Moesif, StageError, configuration
from bridge.demo.traffic import Traffic
from bridge.demo.verdict import Counts

_TICK_SECONDS: Final = 0.2
# When an act begins, as a share of the time that the gateway writes.
_BEGINS: Final = {Act.OUTAGE: 0.25, Act.KILL: 0.45, Act.RESTART: 0.6, Act.RETURN: 0.75}
_START_SECONDS: Final = 30
_STOP_SECONDS: Final = 60
_LOST_ANSWER_SECONDS: Final = 5
# If nothing has moved for this long, the rest will not come.
_PATIENCE_SECONDS: Final = 20
_NOTHING_LEFT_SECONDS: Final = 2

_NOTHING_HEARD: Final[dict[str, Any]] = {
    "books": {"journalled": 0},
    "sinks": {"moesif": {"pending": 0, "state": "", "retry_in_seconds": 0.0}, "analytics": {"pending": 0}},
}


@dataclass(frozen=True, slots=True)
class Ending:
    """How the show ended."""

    counts: Counts
    last: Sight
    outage_seconds: float
    """How long Moesif was down."""
    away_seconds: float
    """How long there was no bridge."""


async def play(folder: Path, *, seconds: float, rate: int, watch: Callable[[Sight], None]) -> Ending:
    """Give the whole show in a folder of its own; `watch` sees it several times a second.

    `seconds`: how long the gateway writes; `rate`: events a second. Raises StageError; whatever happens, no
    child process is left.
    """
    (folder / "logs").mkdir()
    timeout = aiohttp.ClientTimeout(_START_SECONDS)
    async with (
        aiohttp.ClientSession(timeout=timeout) as session,
        Dashboard.starting(folder, session) as dashboard,
        Moesif.started(folder, session) as moesif,
        BridgeProcess(folder, session) as daemon,
    ):
        if dashboard is not None:
            await dashboard.ready()
        config = configuration(folder, moesif.url, "" if dashboard is None else dashboard.url)
        (folder / "bridge.toml").write_text(config, encoding="utf-8")
        traffic = Traffic(folder / "logs", seconds=seconds, rate=rate)
        return await _Show(moesif, dashboard, daemon, traffic, seconds, watch).play()


class _Show:
    def __init__(
        self,
        moesif: Moesif,
        dashboard: Dashboard | None,
        daemon: BridgeProcess,
        traffic: Traffic,
        seconds: float,
        watch: Callable[[Sight], None],
    ) -> None:
        self._moesif = moesif
        self._dashboard = dashboard
        self._daemon = daemon
        self._traffic = traffic
        self._seconds = seconds
        self._watch = watch
        self._began = time.monotonic()
        self._begun: dict[Act, float] = {}
        self._moesif_up = True
        self._status = _NOTHING_HEARD
        self._answers = False
        self._report: dict[str, Any] = {}
        self._seen = 0
        """Events that the dashboard shows."""
        self._writing: asyncio.Task[None] | None = None
        self._away_seconds = 0.0

    async def play(self) -> Ending:
        try:
            await self._acts()
        finally:
            if self._writing is not None:
                self._writing.cancel()
        books, report = await self._daemon.books(), await self._moesif.report()
        counts = Counts.of(
            self._traffic.written, books, report, None if self._dashboard is None else await self._shown()
        )
        begun = self._begun
        return Ending(
            counts,
            await self._look(),
            outage_seconds=begun[Act.RETURN] - begun[Act.OUTAGE],
            away_seconds=self._away_seconds,
        )

    async def _acts(self) -> None:
        self._begin(Act.START)
        await self._daemon.start()
        await self._until(lambda: self._answers, within=_START_SECONDS, hope="the bridge answers")

        self._begin(Act.FLOW)
        self._writing = asyncio.create_task(self._traffic.run())
        await self._time_for(Act.OUTAGE)

        self._begin(Act.OUTAGE)
        # The batch is taken and its answer lost: the bridge must send it again, under the same ids.
        await self._moesif.turn(fail_next=["reset_after"])
        await self._until(
            lambda: "reset_after" in self._report["requests"],
            within=_LOST_ANSWER_SECONDS,
            hope="the bridge sends a batch",
        )
        await self._moesif.turn(refuse_connections=True)
        self._moesif_up = False
        await self._time_for(Act.KILL)

        self._begin(Act.KILL)
        await self._daemon.kill()
        await self._time_for(Act.RESTART)

        self._begin(Act.RESTART)
        await self._daemon.start()
        await self._until(lambda: self._answers, within=_START_SECONDS, hope="the bridge answers")
        self._away_seconds = time.monotonic() - self._began - self._begun[Act.KILL]
        await self._time_for(Act.RETURN)

        self._begin(Act.RETURN)
        await self._moesif.turn(refuse_connections=False)
        self._moesif_up = True
        await self._until(self._writing.done)

        self._begin(Act.LAST)
        await self._drained()

        self._begin(Act.STOP)
        self._daemon.ask_to_stop()
        await self._until(
            lambda: self._daemon.exit_code is not None, within=_STOP_SECONDS, hope="the bridge ends"
        )
        if self._daemon.exit_code:
            raise StageError(f"the bridge ended with exit code {self._daemon.exit_code}")

    def _begin(self, act: Act) -> None:
        self._begun[act] = time.monotonic() - self._began

    async def _time_for(self, act: Act) -> None:
        await self._until(lambda: self._traffic.seconds >= self._seconds * _BEGINS[act])

    async def _drained(self) -> None:
        """Return when everything was delivered, or when nothing moves any more."""
        before, moved = (0, 0, 0), time.monotonic()

        def still() -> bool:
            nonlocal before, moved
            now = (self._journalled, self._report["unique"], self._seen)
            if now != before:
                before, moved = now, time.monotonic()
            pending = sum(sink["pending"] for sink in self._status["sinks"].values())
            arrived = now[1] if self._dashboard is None else min(now[1:])
            done = arrived >= self._traffic.written and not pending
            lag_bytes = self._status["sources"]["log"]["lag_bytes"]
            nothing_left = self._answers and not pending and not lag_bytes
            patience = _NOTHING_LEFT_SECONDS if nothing_left else _PATIENCE_SECONDS
            return done or time.monotonic() - moved > patience

        await self._until(still)

    async def _until(
        self, reached: Callable[[], bool], *, within: float = float("inf"), hope: str = ""
    ) -> None:
        """Look at everything, again and again, until something is reached; raises StageError."""
        deadline = time.monotonic() + within
        while True:
            self._watch(await self._look())
            if reached():
                return
            if time.monotonic() > deadline:
                raise StageError(f"waited {within:.0f} s that {hope}: {self._daemon.last_words}")
            self._check_alive()
            await asyncio.sleep(_TICK_SECONDS)

    def _check_alive(self) -> None:
        if self._writing is not None and self._writing.done():
            self._writing.result()
        code = self._daemon.exit_code
        if code is not None and max(self._begun) not in (Act.KILL, Act.STOP):
            raise StageError(f"the bridge ended by itself, exit code {code}: {self._daemon.last_words}")

    @property
    def _sink(self) -> dict[str, Any]:
        sink: dict[str, Any] = self._status["sinks"]["moesif"]
        return sink

    @property
    def _journalled(self) -> int:
        journalled: int = self._status["books"]["journalled"]
        return journalled

    @property
    def _bridge_state(self) -> Literal["starting", "up", "killed", "stopping", "stopped"]:
        if self._daemon.exit_code is not None:
            return "killed" if max(self._begun) is Act.KILL else "stopped"
        if max(self._begun) is Act.STOP:
            return "stopping"
        return "up" if self._answers else "starting"

    async def _look(self) -> Sight:
        status, self._report, retries, self._seen = await asyncio.gather(
            self._daemon.status(), self._moesif.report(), self._daemon.retries(), self._shown()
        )
        self._answers = status is not None
        self._status = status or self._status
        return Sight(
            seconds=time.monotonic() - self._began,
            begun=dict(self._begun),
            written=self._traffic.written,
            writing=self._writing is not None and not self._writing.done(),
            rolls=self._traffic.rolls,
            journalled=self._journalled,
            pending=self._sink["pending"],
            retries=retries,
            bridge=self._bridge_state,
            kills=self._daemon.kills,
            sink_state=self._sink["state"] if self._answers else "",
            retry_in_seconds=self._sink["retry_in_seconds"],
            arrived=self._report["unique"],
            copies=self._report["duplicates"],
            moesif_up=self._moesif_up,
            dashboard="" if self._dashboard is None else f"{self._dashboard.url}/?from=-15m",
            shown=self._seen,
        )

    async def _shown(self) -> int:
        return 0 if self._dashboard is None else await self._dashboard.shown()
