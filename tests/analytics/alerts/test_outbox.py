"""The outbox: in order within a channel, each channel for itself, tried again for a while, and kept over a restart."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path

import pytest
from fakes.receivers import HookReceiver, hook_receiver
from rigs.alerts import WatchedStore, watched
from standardwebhooks import Webhook

from bridge.analytics.admin import channels as kept
from bridge.analytics.admin.channels import MOST_WAITING, Message
from bridge.analytics.alerts.channels import Channel
from bridge.analytics.alerts.notices import Notice
from bridge.analytics.alerts.outbox import Outbox
from bridge.analytics.alerts.sending import ChannelSender
from bridge.analytics.server.metrics import TABLE

_SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
_LOOPBACK = {"reachable_networks": ["127.0.0.0/8"]}


@pytest.fixture
async def receiver() -> AsyncIterator[HookReceiver]:
    async with hook_receiver() as receiver:
        yield receiver


@asynccontextmanager
async def _sending(folder: Path, url: str) -> AsyncIterator[tuple[WatchedStore, Outbox]]:
    async with watched(folder, **_LOOPBACK) as store, ChannelSender.opened(store.served.settings) as sender:
        channel = Channel("Ops", "webhook", url=url, secret=_SECRET)
        await store.served.admin.write(lambda connection: kept.keep_channel(connection, "ops", channel))
        yield store, Outbox(store.served, sender, lambda: 1.0)


async def _say(store: WatchedStore, number: str, channel: str = "ops") -> None:
    notice = Notice("fired", "x", number, "calls above 0", "2026-03-10T08:00:00+00:00", ())
    body = {"notice": asdict(notice)}
    now_ms = int(store.clock.now * 1000)
    await store.served.admin.write(
        lambda connection: kept.add_message(connection, number, channel, number, body, now_ms)
    )


async def _messages(store: WatchedStore) -> list[Message]:
    found = await store.served.admin.read(lambda connection: kept.messages(connection, None, 1000))
    return found[::-1]


async def _look(outbox: Outbox) -> None:
    await outbox.look()
    await outbox.settled()


async def test_messages_go_in_order_and_one_keeps_its_id_in_every_try(
    tmp_path: Path, receiver: HookReceiver
) -> None:
    """While the first is not taken, the second waits; both arrive once, the first under the id that it always had."""
    async with _sending(tmp_path, receiver.url) as (store, outbox):
        await _say(store, "msg_a")
        await _say(store, "msg_b")
        receiver.status = 500
        for _ in range(3):
            await _look(outbox)
            store.clock.now += 45
        receiver.status = 200
        for _ in range(3):
            await _look(outbox)
            store.clock.now += 1
        assert [headers["webhook-id"] for headers, _ in receiver.got] == ["msg_a"] * 4 + ["msg_b"]
        assert [(one.outcome, one.tries) for one in await _messages(store)] == [("sent", 4), ("sent", 1)]
        # What was said is not kept beyond its outcome.
        assert [one.body for one in await _messages(store)] == [None, None]


async def test_what_waits_survives_a_restart(tmp_path: Path, receiver: HookReceiver) -> None:
    """A message that waits when the process ends goes out with the next one."""
    receiver.status = 503
    async with _sending(tmp_path, receiver.url) as (store, outbox):
        await _say(store, "msg_a")
        await _look(outbox)
    receiver.status = 200
    async with _sending(tmp_path, receiver.url) as (store, outbox):
        store.clock.now += 60
        await _look(outbox)
        (headers, body) = receiver.got[-1]
        # Its time is that of the try: a receiver refuses what is older than five minutes.
        assert headers["webhook-timestamp"] == str(int(store.clock.now))
        assert [one.outcome for one in await _messages(store)] == ["sent"]
        assert (
            Webhook(_SECRET).sign("msg_a", store.served.now(), body.decode()) == headers["webhook-signature"]
        )


async def test_one_channel_that_does_not_answer_holds_up_no_other(
    tmp_path: Path, receiver: HookReceiver
) -> None:
    """A message goes out while another channel's receiver takes its time."""
    async with hook_receiver() as slow, _sending(tmp_path, receiver.url) as (store, outbox):
        slow.delay = 3600
        stuck = Channel("Slow", "webhook", url=slow.url, secret=_SECRET)
        await store.served.admin.write(lambda connection: kept.keep_channel(connection, "slow", stuck))
        await _say(store, "msg_slow", "slow")
        await outbox.look()
        await _say(store, "msg_a")
        await outbox.look()
        await outbox._under_way["ops"]
        assert [one.outcome for one in await _messages(store)] == ["waiting", "sent"]
        for task in outbox._under_way.values():
            task.cancel()


async def test_it_is_given_up_after_six_hours_and_counted(tmp_path: Path, receiver: HookReceiver) -> None:
    """What nobody takes is tried for six hours, then failed with the last answer; what is refused fails at once."""
    async with _sending(tmp_path, receiver.url) as (store, outbox):
        await _say(store, "msg_a")
        receiver.status, receiver.answer = 500, "broken"
        for _ in range(100):
            await _look(outbox)
            store.clock.now += 600
        receiver.status, receiver.answer = 400, "no such form"
        await _say(store, "msg_b")
        await _look(outbox)
        first, second = await _messages(store)
        assert (first.outcome, first.said) == ("failed", "it answered 500 broken")
        assert 20 < first.tries < 40
        assert (second.outcome, second.tries, second.said) == ("failed", 1, "it answered 400 no such form")
        exposed = store.served.metrics.exposed({one.name: () for one in TABLE}, "")[0].decode()
        assert 'apim_bridge_analytics_messages_failed_total{channel="ops"} 2.0' in exposed


async def test_a_channel_that_takes_nothing_keeps_a_bounded_number(tmp_path: Path) -> None:
    """Of more messages than may wait, the oldest is given up and shown as failed."""
    async with _sending(tmp_path, "http://127.0.0.1:9/hook") as (store, _):
        for number in range(MOST_WAITING + 3):
            await _say(store, f"msg_{number}")
        messages = await store.served.admin.read(lambda connection: kept.messages(connection, "ops", 1000))
        failed = [one.id for one in messages if one.outcome == "failed"]
        assert sorted(failed) == ["msg_0", "msg_1", "msg_2"]
        waiting = await store.served.admin.read(kept.waiting_counts)
        assert waiting == {"ops": MOST_WAITING}


async def test_a_clock_that_is_set_back_puts_nothing_off(tmp_path: Path, receiver: HookReceiver) -> None:
    """What was put off while the clock was a day ahead is tried within a quarter of an hour."""
    async with _sending(tmp_path, receiver.url) as (store, outbox):
        await _say(store, "msg_before")
        store.clock.now += 3600
        receiver.status = 500
        await _look(outbox)
        receiver.status = 200
        store.clock.now -= 3600
        await _look(outbox)
        assert [one.outcome for one in await _messages(store)] == ["sent"]
