"""The outbox: takes what waits in admin.db to its channels, each channel for itself, and keeps how it went."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final

from bridge.analytics.admin import channels as kept
from bridge.analytics.admin.channels import Message
from bridge.analytics.alerts.sending import (
    GIVEN_UP_SECONDS,
    LONGEST_PAUSE,
    ChannelSender,
    NotDelivered,
    luck,
    pause_after,
)
from bridge.analytics.server.metrics import AnalyticsMetrics
from bridge.analytics.server.served import Served

_LOOK_SECONDS: Final = 1.0
_AT_ONCE: Final = 8


class Outbox:
    """Sends what waits."""

    def __init__(self, served: Served, sender: ChannelSender, luck_: Callable[[], float] = luck) -> None:
        self._served = served
        self._sender = sender
        self._luck = luck_
        self._under_way: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Send until cancelled."""
        for channel in await self._served.admin.read(kept.channels):
            show_counts(self._served.metrics, channel)
        try:
            while True:
                try:
                    await self.look()
                except Exception as error:
                    # What waits is on disk: the next look takes it.
                    self._served.logger.exception("messages could not be sent", exc_info=error)
                await self._served.clock.sleep(_LOOK_SECONDS)
        finally:
            for task in self._under_way.values():
                task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.gather(*self._under_way.values(), return_exceptions=True)

    async def look(self) -> None:
        """Begin with each message that is due, a few at a time, one of a channel."""
        self._under_way = {name: task for name, task in self._under_way.items() if not task.done()}
        if len(self._under_way) >= _AT_ONCE:
            return
        now_ms = self._now_ms()
        # Nothing is put off for longer: the clock was set back.
        ahead_ms = now_ms + LONGEST_PAUSE * 1000
        waiting = await self._served.admin.read(kept.first_waiting)
        due = [one for one in waiting if not now_ms < one.next_ms <= ahead_ms]
        for one in sorted(due, key=lambda message: message.next_ms):
            if one.channel not in self._under_way and len(self._under_way) < _AT_ONCE:
                self._under_way[one.channel] = asyncio.create_task(self.send(one))

    async def settled(self) -> None:
        """Return when what is under way has its outcome."""
        await asyncio.gather(*self._under_way.values())

    async def send(self, message: Message) -> None:
        """Try once to send a message, and keep how it went."""
        admin = self._served.admin
        found = await admin.read(lambda connection: kept.channel_of(connection, message.channel))
        if found is None or message.body is None:
            await self._settle(message, "failed", "the channel is not there any more")
            return
        try:
            missed = await self._sender.send(found[1], message.id, message.body, self._served.clock.time())
        except NotDelivered as failure:
            await self._not_delivered(message, failure)
        except Exception as error:
            self._served.logger.exception(
                "a message could not be made", channel=message.channel, exc_info=error
            )
            await self._settle(message, "failed", "this server has failed; look at its log")
        else:
            if missed is not None:
                self._served.logger.warning(
                    "not all of a channel have got a message", channel=message.channel, problem=missed
                )
            await self._settle(message, "sent", missed)

    async def _not_delivered(self, message: Message, failure: NotDelivered) -> None:
        now_ms, said = self._now_ms(), str(failure)
        pause = pause_after(message.tries, failure.after_seconds, self._luck())
        next_ms = now_ms + int(pause * 1000)
        if not failure.again or next_ms > message.made_ms + GIVEN_UP_SECONDS * 1000:
            await self._settle(message, "failed", said)
            return
        self._served.metrics.count("analytics_messages_put_off", 1, message.channel)
        await self._served.admin.write(lambda connection: kept.put_off(connection, message.id, next_ms, said))

    async def _settle(self, message: Message, outcome: str, said: str | None) -> None:
        now_ms = self._now_ms()
        self._served.metrics.count(f"analytics_messages_{outcome}", 1, message.channel)
        if outcome == "failed":
            self._served.logger.warning("a message was given up", channel=message.channel, problem=said)
        await self._served.admin.write(
            lambda connection: kept.settle(connection, message.id, outcome, now_ms, said)
        )

    def _now_ms(self) -> int:
        return int(self._served.clock.time() * 1000)


def show_counts(metrics: AnalyticsMetrics, channel: str) -> None:
    """Show a channel's counts as 0: Prometheus sees no increase in what comes into being at 1."""
    for outcome in ("sent", "failed", "put_off"):
        metrics.count(f"analytics_messages_{outcome}", 0, channel)
