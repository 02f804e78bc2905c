"""The commands for a bridge: replay, rewind, purge, reload, restore, tap.

The daemon offers these over its control socket. Without a daemon the command line takes the state folder's lock: it
does what needs the journal alone (`at_rest`), or, for a replay, opens a bridge that takes no events.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

import msgspec

from bridge.app.bridge import Bridge
from bridge.app.last_events import last_events
from bridge.app.letters import PAGE, Letters, choice_of, take_int
from bridge.app.reload import Reload
from bridge.app.view import View
from bridge.delivery.filters import Filter
from bridge.errors import ControlError, Unacceptable
from bridge.events.event import decode
from bridge.events.times import format_ms, parse_ms
from bridge.journal import BlockCorrupt, DeadLetter, Selection
from bridge.transports.http.callers import Callers
from bridge.web.admin import STUCK_SECONDS, AdminPages, Readiness
from bridge.web.control import ControlSocket

_REPLAY_LOOK_SECONDS: Final = 1


class Operations:
    """Answers questions and carries out commands on one bridge."""

    def __init__(self, bridge: Bridge, reload: Reload | None = None) -> None:
        """`reload` is the daemon's; a command without a daemon has nothing to reload."""
        self._bridge = bridge
        self._reload = reload
        self.view = View(bridge, reload)

    def control_socket(self) -> ControlSocket:
        """Return the commands that the control socket serves."""
        letters = Letters(self._bridge.journal, self._bridge.happenings)
        return ControlSocket(
            commands={
                "health": self.health,
                "status": self.view.status,
                "dead-letters": letters.list,
                "purge": letters.purge,
                "rewind": self.rewind,
                "reload": self.reload,
                "restore": letters.restore,
            },
            streams={"replay": self.replay, "tap": self.tap},
        )

    def admin_pages(self) -> AdminPages:
        """Return what the admin listener shows."""
        admin = self._bridge.settings.admin
        token = admin.token
        # A caller with a certificate of ours is not somebody else's web page.
        open_door = admin.tls is None or admin.tls.client_ca is None
        return AdminPages(
            metrics=self.view.metrics,
            status=self.view.status,
            last_events=lambda: last_events(self._bridge.journal),
            readiness=lambda: Readiness(
                self._bridge.obstacle(),
                {name: lane.status().trouble for name, lane in self._bridge.lanes.items()},
            ),
            stuck_seconds=self.view.stuck_seconds,
            token=token.get_secret_value() if token is not None else None,
            callers=Callers(admin.listen, admin.hosts, "[bridge.admin]") if open_door else None,
        )

    async def health(self, _arguments: dict[str, Any]) -> dict[str, Any]:
        """Confirm that the event loop and the journal's writer are alive; raises ControlError when the writer is stuck.

        For a container's health check: it needs no port, token or certificate.
        """
        stuck = self.view.stuck_seconds()
        if stuck > STUCK_SECONDS:
            raise ControlError(
                f"the journal's writer has been busy with one transaction for {stuck:.0f} s; look at the disk"
            )
        return {"status": "ok"}

    async def reload(self, _arguments: dict[str, Any]) -> dict[str, Any]:
        """Apply a changed configuration."""
        if self._reload is None:
            raise ControlError("no bridge runs; the next start takes the configuration as it is")
        return await self._reload()

    async def rewind(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Put a sink's cursor back by receive time; its lane is restarted from there."""
        to_ms = take_int(arguments, "to_ms")
        async with self._bridge.changing:
            sink = self._known_sink(arguments.get("sink"))
            running = await self._bridge.stop_lane(sink)
            try:
                events, from_ms = await self._bridge.journal.rewind(sink, to_ms)
            finally:
                if running:
                    self._bridge.start_lane(sink)
        self._bridge.happenings.rewound(sink, events)
        return {"sink": sink, "events": events, "from": format_ms(from_ms)}

    async def replay(self, arguments: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
        """Send dead letters of one sink again; yields how far it is, first how many there are."""
        sink = self._known_sink(arguments.get("sink"))
        selection = choice_of(arguments)
        lane = self._bridge.lanes[sink]
        total, too_old = await self._survey(selection, lane.sink.traits.max_event_age_seconds)
        yield {"total": total, "too_old": too_old, "max_age_seconds": lane.sink.traits.max_event_age_seconds}
        delivered = refused = 0
        lane.wake()
        steps = lane.replay(selection)
        step = asyncio.ensure_future(anext(steps, None))
        try:
            while True:
                # Now and then even without news, to show what the replay waits for.
                await asyncio.wait((step,), timeout=_REPLAY_LOOK_SECONDS)
                if step.done():
                    if (progress := step.result()) is None:
                        break
                    delivered, refused = progress
                    step = asyncio.ensure_future(anext(steps, None))
                if self._bridge.lanes.get(sink) is not lane:
                    raise ControlError(f"sink {sink} was changed meanwhile; replay again")
                yield {"delivered": delivered, "refused": refused, "trouble": lane.status().trouble}
        finally:
            step.cancel()
        self._bridge.happenings.replayed(sink, delivered, refused)

    async def tap(self, arguments: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
        """Yield events as they are journalled (masked, as they are there) while someone listens."""
        journal = self._bridge.journal
        wanted = Filter(arguments.get("only") or {}, {})
        seq = journal.last_seq + 1
        while True:
            # A slow reader misses events, but holds nothing up.
            seq = max(seq, journal.last_seq - 8)
            try:
                block = await journal.next_block(seq)
            except BlockCorrupt as corrupt:
                seq = corrupt.seq + 1
                continue
            seq = block.seq + 1
            for event_id, body, asked_for in zip(
                block.ids, block.bodies, wanted.wanted(block.bodies), strict=True
            ):
                if asked_for:
                    yield {"id": event_id, "source": block.source, "event": msgspec.Raw(body)}

    def _known_sink(self, name: object) -> str:
        if isinstance(name, str) and name in self._bridge.lanes:
            return name
        raise ControlError(f"no sink is called {name!r}; there is {', '.join(self._bridge.lanes)}")

    async def _survey(self, selection: Selection, max_age_seconds: float | None) -> tuple[int, int]:
        dead = self._bridge.journal.dead
        if max_age_seconds is None:
            return await dead.count(selection), 0
        oldest_ms = (self._bridge.clock.time() - max_age_seconds) * 1000
        total = too_old = after = 0
        while letters := await dead.select(selection, after=after, limit=PAGE):
            after = letters[-1].number
            total += len(letters)
            too_old += sum((_event_ms(letter) or oldest_ms) < oldest_ms for letter in letters)
            await asyncio.sleep(0)
        return total, too_old


def _event_ms(letter: DeadLetter) -> int | None:
    try:
        return parse_ms(decode(letter.event).requestTimestamp)
    except Unacceptable:
        return None
