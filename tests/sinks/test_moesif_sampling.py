"""Moesif's sampling rates: asked, applied, refreshed, and kept on failure and across restarts."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from fakes.destinations import SECRET, batch_of, fittings
from rigs.events import events
from structlog.testing import CapturingLogger

from bridge.batches import Batch
from bridge.demo.moesif_lookalike import MoesifLookalike
from bridge.errors import RetryLater
from bridge.sinks.moesif.happenings import MoesifHappenings
from bridge.sinks.moesif.rates import LiveRates
from bridge.sinks.moesif.sampling import draw
from bridge.sinks.moesif.sink import MoesifSettings, MoesifSink
from bridge.telemetry.metrics import Metrics
from bridge.transports.http.post import Reply


@pytest.fixture
async def moesif() -> AsyncIterator[MoesifLookalike]:
    async with MoesifLookalike(key=SECRET) as started:
        yield started


def sink_to(moesif: MoesifLookalike, **settings: Any) -> MoesifSink:
    """Return a sink that samples."""
    given = {"type": "moesif", "key": SECRET, "base_url": moesif.url, "sampling_enabled": "true", **settings}
    return MoesifSink("moesif", MoesifSettings.model_validate(given), fittings())


async def deliver(sink: MoesifSink, batch: Batch) -> tuple[int, bytes | None]:
    """Send a batch; returns how many events were sampled out, and the state."""
    payload = await sink.encode(batch)
    assert payload.count + payload.sampled_out == len(batch)
    return payload.sampled_out, await sink.send(payload)


def asked(moesif: MoesifLookalike) -> list[int | str]:
    """Return what `GET /v1/config` was answered, each time."""
    return [request.status for request in moesif.requests if request.path == "/v1/config"]


async def test_sampled_events_stay_at_home_and_are_counted(moesif: MoesifLookalike) -> None:
    """What the draw leaves out is not sent but counted; what stays carries its weight; a second try is the same."""
    moesif.knobs.config = {"sample_rate": 30}
    sink = sink_to(moesif)
    await sink.start(None)
    batch = batch_of(*events(200))
    weights = {name: draw(name, 30) for name in batch.ids}
    payload = await sink.encode(batch)
    assert payload.left_out == [place for place, weight in enumerate(weights.values()) if not weight]
    assert payload.count == 200 - payload.sampled_out
    again = await sink.encode(batch)
    assert json.loads(gzip.decompress(again.body)) == json.loads(gzip.decompress(payload.body))
    await sink.send(payload)
    sent = {event["transaction_id"]: event.get("weight", 1) for event in moesif.events}
    assert sent == {name: weight for name, weight in weights.items() if weight}
    assert asked(moesif) == [200]
    await sink.close()


async def test_nothing_is_asked_when_sampling_is_off(moesif: MoesifLookalike) -> None:
    """Off, the sink neither asks for rates nor draws, and has no state."""
    moesif.knobs.config = {"sample_rate": 0}
    sink = sink_to(moesif, sampling_enabled="false")
    await sink.start(b"of before")
    assert await deliver(sink, batch_of(*events(5))) == (0, None)
    assert asked(moesif) == []
    await sink.close()


async def test_everything_sampled_out(moesif: MoesifLookalike) -> None:
    """At rate 0 the payload is empty and says how many it leaves out."""
    moesif.knobs.config = {"sample_rate": 0}
    sink = sink_to(moesif)
    payload = await sink.encode(batch_of(*events(5)))
    assert (payload.count, payload.sampled_out) == (0, 5)
    await sink.close()


async def test_rates_outlive_a_restart(moesif: MoesifLookalike) -> None:
    """The state that is committed with the cursor brings the last good rates back while Moesif says nothing."""
    moesif.knobs.config = {"sample_rate": 100, "user_sample_rate": {"UNKNOWN": 0}}
    sink = sink_to(moesif)
    await sink.start(None)
    batch = batch_of(*events(5))
    _, state = await deliver(sink, batch)
    assert state is not None
    assert SECRET.encode() not in state
    assert (await deliver(sink, batch))[1] is None  # committed already
    await sink.start(None)
    assert (await deliver(sink, batch))[1] == state  # it was not committed after all
    await sink.close()
    for status in (500, 401, 404):
        moesif.knobs.config_status = status
        other = sink_to(moesif)
        await other.start(state)
        assert other._rates is not None
        assert (await other._rates.of("")).users == {"UNKNOWN": 0}
        await other.close()
    unread = sink_to(moesif, sampling_fallback_rate="25")
    await unread.start(b"of another release")
    assert unread._rates is not None
    assert (await unread._rates.of("")).everyone == 25
    await unread.close()


async def test_an_answer_to_events_makes_it_ask_again(moesif: MoesifLookalike) -> None:
    """Moesif names its configuration with each answer: another name is asked for at once, the same one never."""
    moesif.knobs.config = {"sample_rate": 100}
    sink = sink_to(moesif)
    rates = sink._rates
    assert rates is not None
    now = 1000.0
    rates._now = lambda: now
    batch = batch_of(*events(5))
    assert (await deliver(sink, batch))[0] == 0
    now += 30
    assert (await deliver(sink, batch))[0] == 0
    assert asked(moesif) == [200]
    moesif.knobs.config = {"sample_rate": 0}
    await deliver(sink, batch)
    assert (await deliver(sink, batch))[0] == 5
    assert asked(moesif) == [200, 200]
    now += 61
    await sink.encode(batch)
    assert asked(moesif) == [200, 200, 304]
    await sink.close()


class Asked:
    """Moesif's side of `LiveRates`, with a clock of its own."""

    def __init__(self) -> None:
        self.now = 0.0
        self.entered = asyncio.Event()
        self.answered = asyncio.Event()
        self.answered.set()
        self.times: list[float] = []
        self.sent: list[dict[str, str]] = []
        self.answer: Reply | Exception = Reply({"ETag": "one"}, b'{"sample_rate":10}')
        happenings = MoesifHappenings(Metrics(), CapturingLogger(), "moesif", self)
        self.rates = LiveRates(self.ask, happenings, self, fallback_rate=60, refresh_seconds=60)

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds

    async def ask(self, _tenant: str, headers: Any) -> Reply:
        self.times.append(self.now)
        self.sent.append(dict(headers))
        self.entered.set()
        await self.answered.wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def rate(self, *, after: float = 0) -> float:
        """Return the rate for all, so many seconds later."""
        self.now += after
        return (await self.rates.of("")).everyone


async def test_failures_keep_what_was_there() -> None:
    """Before any answer the fallback holds, after it the last good rates, whatever comes instead of new ones."""
    asked = Asked()
    good, asked.answer = asked.answer, RetryLater("no", reason="connection")
    assert await asked.rate() == 60
    assert await asked.rate(after=59) == 60
    asked.answer = good
    assert await asked.rate(after=1) == 10
    for bad in (
        RetryLater("no", reason="connection"),
        TimeoutError(),
        Reply({}, b"<html>"),
        Reply({}, b"[]"),
        Reply({}, b"[" * 100_000),
        Reply({}, b"\xff"),
    ):
        asked.answer = bad
        assert await asked.rate(after=60) == 10
    assert asked.times == [0, 60, *range(120, 421, 60)]
    assert asked.sent[0] == {}
    assert asked.sent[-1] == {"If-None-Match": "one"}


async def test_all_wait_for_the_first_answer() -> None:
    """Batches that are encoded side by side all have the rates that one question brings; none goes unsampled."""
    asked = Asked()
    asked.answered.clear()
    waiting = [asyncio.create_task(asked.rate()) for _ in range(4)]
    await asked.entered.wait()
    late = asyncio.create_task(asked.rate())
    await asyncio.sleep(0)
    asked.answered.set()
    assert await asyncio.gather(*waiting, late) == [10] * 5
    assert asked.times == [0]


async def test_news_are_asked_for_once() -> None:
    """If Moesif keeps announcing a configuration that it does not return, the sink asks once for each name."""
    asked = Asked()
    await asked.rate()
    asked.rates.named("", "other")
    await asked.rate(after=1)
    assert asked.times == [0]  # too soon
    await asked.rate(after=5)
    asked.rates.named("", "other")
    asked.rates.named("", None)
    asked.rates.named("nobody", "other")
    await asked.rate(after=10)
    assert asked.times == [0, 6]
    asked.rates.named("", "third")
    await asked.rate(after=1)
    assert asked.times == [0, 6, 17]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("sampling_enabled", "perhaps"),
        ("sampling_refresh_interval_ms", "0"),
        ("sampling_fallback_rate", "101"),
        ("sampling_precedence", "mine"),
    ],
)
def test_settings_are_checked(moesif: MoesifLookalike, key: str, value: str) -> None:
    """A value that WSO2's publisher would crash at, or take for another one, is a fault."""
    with pytest.raises(ValueError, match=key):
        sink_to(moesif, **{key: value})
