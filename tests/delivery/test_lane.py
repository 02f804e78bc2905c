"""Lanes from a real journal to the Moesif look-alike: what becomes of events, whatever it answers."""

import asyncio
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from fakes.destinations import batch_of, fittings
from rigs.clock import FakeClock
from rigs.delivery import moesif_settings, start_moesif
from rigs.events import event, events
from rigs.rig import delivering
from rigs.waiting import until

from bridge.batches import Batch, Packed
from bridge.contracts import Payload
from bridge.delivery.batch import Delivery
from bridge.delivery.feed import Company, Step
from bridge.delivery.happenings import DeliveryHappenings
from bridge.delivery.in_flight import InFlight, Outcome
from bridge.delivery.pace import Pace
from bridge.delivery.parking import Parking
from bridge.delivery.sender import Sender
from bridge.demo.moesif_knobs import Failure
from bridge.demo.moesif_lookalike import MoesifLookalike
from bridge.errors import RetryLater
from bridge.journal.blocks import pack_events
from bridge.sinks.moesif.sink import MoesifSink
from bridge.telemetry import logs
from bridge.telemetry.metrics import Metrics

Json = dict[str, Any]


@pytest.fixture
async def moesif() -> AsyncIterator[MoesifLookalike]:
    async with MoesifLookalike() as lookalike:
        yield lookalike


def statuses(moesif: MoesifLookalike) -> list[int | Failure]:
    return [request.status for request in moesif.requests]


def names(moesif: MoesifLookalike) -> list[str]:
    """The correlation ids in the order of their arrival."""
    return [event["metadata"]["correlationId"] for event in moesif.events]


def api(event: Json) -> str:
    name: str = event["metadata"]["apiName"]
    return name


# Delivery


async def test_everything_arrives_once(tmp_path: Path, moesif: MoesifLookalike) -> None:
    """2xx: each event is there once, and the cursor is past all of them (P3)."""
    async with delivering(tmp_path) as made:
        await made.ingest(*events(30))
        start_moesif(made, moesif)
        await made.delivered()
        await made.ingest(*events(30, first=30))
        await made.delivered()
        assert moesif.unique == 60
        assert moesif.duplicates == 0
        assert made.journal.totals.sum("events_delivered", "moesif") == 60


async def test_blocks_fill_batches_and_batches_span_blocks(tmp_path: Path, moesif: MoesifLookalike) -> None:
    """A block of 25 becomes batches of ten, and what is left shares a batch with the next blocks."""
    async with delivering(tmp_path) as made:
        await made.ingest(*events(25))
        await made.ingest(*events(3, first=25))
        await made.ingest(*events(4, first=28))
        start_moesif(made, moesif, batch_max_events=10, concurrency=1)
        await made.delivered()
        assert [request.count for request in moesif.requests] == [10, 10, 10, 2]
        assert names(moesif) == sorted(names(moesif))


async def test_batch_bytes_are_bounded(tmp_path: Path, moesif: MoesifLookalike) -> None:
    """A batch has at most `batch_max_bytes` of events; one that is larger than that goes alone."""
    size = len(event(0))
    async with delivering(tmp_path) as made:
        await made.ingest(*events(4), event(4, apiCreator="x" * 9 * size), *events(4, first=5))
        start_moesif(made, moesif, batch_max_bytes=3 * size + 1, concurrency=1)
        await made.delivered()
        assert [request.count for request in moesif.requests] == [3, 1, 1, 3, 1]


async def test_lingering_batch_waits_for_company(tmp_path: Path, moesif: MoesifLookalike) -> None:
    """An event waits `linger` for others, a full batch does not wait, and a stop waits no more."""
    async with delivering(tmp_path) as made:
        lane = start_moesif(made, moesif, linger=3600, batch_max_events=4)
        await made.ingest(*events(2))
        await made.ingest(*events(2, first=2))
        await made.delivered()
        assert [request.count for request in moesif.requests] == [4]
        await made.ingest(*events(2, first=4))
        await FakeClock.let_run()
        assert made.journal.pending["moesif"] == 2
        lane.hurry()
        await made.delivered()
        assert [request.count for request in moesif.requests] == [4, 2]


@pytest.mark.parametrize(
    ("linger", "blocks", "waited_for"),
    [
        (0.1, [0.0], [True]),
        (0.1, [0.0, 0.05], [True, False]),
        (0.1, [0.0, 0.03, 0.06, 0.09], [True, True, True, False]),
        (1.0, [0.0, 0.25, 0.5, 0.75], [True, True, True, False]),
        (1.0, [0.0, 0.7, 0.71, 0.72], [True, False, True, True]),
        (0.0, [0.0], [False]),
    ],
)
def test_who_would_come_too_late_is_not_waited_for(
    linger: float, blocks: list[float], waited_for: list[bool]
) -> None:
    """A batch goes out as soon as the next block, by the gap between the last two, would miss its `linger`."""
    company = Company(linger)
    assert [company.expected(1000.0 + at) for at in blocks] == waited_for
    assert company.deadline == 1000.0 + linger


async def test_order_of_commits_whatever_the_order_of_answers(
    tmp_path: Path, moesif: MoesifLookalike
) -> None:
    """A batch that hangs holds the cursor; later ones are delivered, but committed only after it (P3)."""
    async with delivering(tmp_path) as made:
        moesif.knobs.fail_next = ["hang"]
        await made.ingest(*events(40))
        lane = start_moesif(made, moesif, batch_max_events=10, concurrency=4)
        await moesif.received(30)
        await FakeClock.let_run()
        assert (await made.journal.cursor("moesif")).at == 0
        assert made.journal.pending["moesif"] == 40
        assert lane.status().state == "delivering"
        moesif.release()
        await made.delivered()
        assert moesif.duplicates == 0


@pytest.mark.parametrize("concurrency", [1, 3])
async def test_no_more_at_a_time_than_concurrency(
    tmp_path: Path, moesif: MoesifLookalike, concurrency: int
) -> None:
    """At most `concurrency` requests are on their way."""
    async with delivering(tmp_path) as made:
        moesif.knobs.fail_next = ["hang"] * 20
        await made.ingest(*events(20))
        lane = start_moesif(made, moesif, batch_max_events=2, concurrency=concurrency)
        await moesif.wait_for(lambda: len(moesif.requests) == concurrency)
        await FakeClock.let_run()
        assert lane.status().in_flight == len(moesif.requests) == concurrency
        moesif.knobs.fail_next = []
        moesif.release()
        await made.delivered()
        assert moesif.unique == 20


async def test_slow_disk_does_not_pile_up_what_a_crash_would_repeat(
    tmp_path: Path, moesif: MoesifLookalike
) -> None:
    """While the cursor cannot be committed, the lane delivers only so much more."""
    async with delivering(tmp_path) as made:
        await made.ingest(*events(200))
        with closing(sqlite3.connect(tmp_path / "journal.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            lane = start_moesif(made, moesif, batch_max_events=1)
            await moesif.received(64)
            for _ in range(50):
                await until(lambda: lane.status().in_flight == 0)
                await FakeClock.let_run()
            # What the stuck commit has, what was gathered meanwhile, and the eight in flight.
            assert moesif.unique <= 64 + 3 * 8
            other.execute("ROLLBACK")
            await made.delivered()
        assert moesif.unique == 200
        assert moesif.duplicates == 0


async def test_replay_to_an_ordered_sink_comes_after_one_batch() -> None:
    """A replay waits for the batch in flight alone, however many more are there to be sent."""
    in_flight = InFlight(1, ordered=True)
    delivered: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
    delivered.set_result(Outcome())
    sent: list[str] = []

    async def read() -> None:
        while len(sent) < 10:
            await in_flight.room()
            in_flight.add(Step(1, 1, 0), delivered)  # type: ignore[arg-type] # a task that has ended
            sent.append("batch")

    async def replay() -> None:
        async with in_flight.replay():
            sent.append("replay")

    async with asyncio.TaskGroup() as group:
        reading = group.create_task(read())
        await asyncio.sleep(0)
        group.create_task(replay())
        while not reading.done():
            await asyncio.sleep(0)
            list(in_flight.ended())
    assert sent.index("replay") == 1


async def test_waiting_batch_lets_go_of_its_events(moesif: MoesifLookalike) -> None:
    """Once encoded, a batch keeps its events only as they are packed in their block: several may wait (P8)."""
    clock = FakeClock(hasty=True)
    settings = moesif_settings(moesif)
    sink = MoesifSink("moesif", settings, fittings())
    pace = Pace(clock, concurrency=1, retry_max=1, max_requests_per_second=None)
    happenings = DeliveryHappenings(Metrics(), logs.logger(), "moesif", clock)
    bodies = events(12)
    batch = replace(batch_of(*bodies[1:11]), packed=[Packed(pack_events(bodies), 1, 11)])
    body = batch.bodies[3]
    moesif.knobs.status = 500
    sender, parking = Sender(sink, pace, clock, happenings), Parking(clock, happenings)
    in_flight = InFlight(1, ordered=False)
    delivery = asyncio.create_task(Delivery(batch, sender, parking, in_flight, 600).run())
    del batch, bodies
    await moesif.wait_for(lambda: len(moesif.requests) > 3)
    # This function's own, and the call's.
    assert sys.getrefcount(body) <= 2
    # What is refused later is split, though the events must be unpacked for that.
    moesif.knobs.status = None
    moesif.knobs.max_body_bytes = 2000
    moesif.knobs.status_for = lambda event: 400 if event["metadata"]["correlationId"].endswith("4") else None
    ((at, letter),) = (await delivery).letters
    assert (at, letter.event) == (3, body)
    assert moesif.unique == 9
    await sink.close()


# Trouble that passes


@pytest.mark.parametrize("status", [500, 502, 503, 408, 429])
async def test_server_trouble_is_sat_out(tmp_path: Path, moesif: MoesifLookalike, status: int) -> None:
    """5xx, 408 and 429 for a while: nothing is lost, and nothing is sent twice without need."""
    async with delivering(tmp_path) as made:
        moesif.knobs.status = status
        await made.ingest(*events(30))
        lane = start_moesif(made, moesif, batch_max_events=10)
        await moesif.wait_for(lambda: len(moesif.requests) > 10)
        assert lane.status().state == "retrying"
        assert str(status) in lane.status().trouble
        assert made.journal.pending["moesif"] == 30
        moesif.knobs.status = None
        await made.delivered()
        assert lane.status().state == "idle"
        assert moesif.unique == 30
        assert moesif.duplicates == 0
        assert not await made.letters()


async def test_refused_connections_are_sat_out(tmp_path: Path, moesif: MoesifLookalike) -> None:
    """Nobody listens for a while: everything arrives afterwards, though new events came meanwhile."""
    async with delivering(tmp_path) as made:
        await made.ingest(*events(10))
        await moesif.refuse_connections()
        lane = start_moesif(made, moesif)
        await until(lambda: made.counted("retries", "moesif", "connection") >= 5)
        await made.ingest(*events(10, first=10))
        assert lane.status().state == "retrying"
        await moesif.accept_connections()
        await made.delivered()
        assert moesif.unique == 20
        assert moesif.duplicates == 0


async def test_lost_answer_repeats_with_the_same_ids(tmp_path: Path, moesif: MoesifLookalike) -> None:
    """Connections reset before and after the events were taken: at least once, each copy with the same id (P5)."""
    async with delivering(tmp_path) as made:
        moesif.knobs.fail_next = ["reset", "drop", "reset_after"]
        await made.ingest(*events(5))
        start_moesif(made, moesif)
        await made.delivered()
        assert moesif.unique == 5
        assert set(moesif.copies.values()) == {2}


async def test_hanging_request_times_out(tmp_path: Path, moesif: MoesifLookalike) -> None:
    """A request without an answer ends after `request_timeout`, and its events are sent again."""
    async with delivering(tmp_path) as made:
        moesif.knobs.fail_next = ["hang"]
        await made.ingest(*events(5))
        start_moesif(made, moesif, request_timeout=0.2)
        await made.delivered()
        assert made.counted("retries", "moesif", "timeout") == 1
        assert moesif.unique == 5


@pytest.mark.parametrize(
    ("header", "least", "most"),
    [
        ("120", 120, 120),
        ("in 300 s", 200, 300),
        ("after lunch", 0, 0.5),
    ],
)
async def test_retry_after_is_honoured(
    tmp_path: Path, moesif: MoesifLookalike, header: str, least: float, most: float
) -> None:
    """429 with seconds or a date holds the lane until then; nonsense is ignored."""
    clock = FakeClock()
    async with delivering(tmp_path, clock=clock) as made:
        if header == "in 300 s":
            header = format_datetime(datetime.now(UTC) + timedelta(seconds=300), usegmt=True)
        moesif.knobs.status, moesif.knobs.retry_after = 429, header
        await made.ingest(*events(5))
        lane = start_moesif(made, moesif)
        await until(lambda: lane.status().state == "retrying")
        wait = lane.status().retry_in_seconds
        assert least <= wait <= most
        moesif.knobs.status = None
        await clock.advance(wait * 0.99)
        assert statuses(moesif) == [429] or wait < 1
        await clock.advance(wait)
        await made.delivered()


# Trouble that needs an operator


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (401, "credentials"),
        (402, "credentials"),
        (403, "credentials"),
        (404, "configuration"),
        (405, "configuration"),
        (410, "gone"),
        (302, "configuration"),
        (418, "configuration"),
    ],
)
async def test_wrong_configuration_pauses_and_heals(
    tmp_path: Path, moesif: MoesifLookalike, status: int, reason: str
) -> None:
    """The sink pauses and says why; no event is given up, and it goes on by itself when it works again."""
    async with delivering(tmp_path) as made:
        moesif.knobs.status = status
        await made.ingest(*events(20))
        lane = start_moesif(made, moesif, batch_max_events=5)
        await moesif.wait_for(lambda: len(moesif.requests) > 8)
        seen = lane.status()
        assert (seen.state, seen.pause_reason) == ("paused", reason)
        assert "moesifKey" in seen.trouble
        assert made.journal.pending["moesif"] == 20
        moesif.knobs.status = None
        await made.delivered()
        assert lane.status().pause_reason == ""
        assert moesif.unique == 20
        assert not await made.letters()


async def test_wrong_key_is_probed_slowly(tmp_path: Path, moesif: MoesifLookalike) -> None:
    """An hour with a wrong key costs few requests, and an operator can have it tried again at once."""
    clock = FakeClock()
    async with delivering(tmp_path, clock=clock) as made:
        moesif.keys = {"another"}
        await made.ingest(*events(3))
        lane = start_moesif(made, moesif)
        for _ in range(60):
            await until(lambda: lane.status().state == "paused" and lane.status().in_flight == 0)
            await clock.advance(60)
        assert 12 <= len(moesif.requests) <= 60
        await until(lambda: lane.status().in_flight == 0)
        moesif.keys = {moesif.requests[0].key}
        lane.wake()
        await made.delivered()


async def test_redirect_does_not_take_the_key_elsewhere(tmp_path: Path, moesif: MoesifLookalike) -> None:
    """A redirect pauses the sink; the server that it points to never sees a request."""

    async def redirect(_request: web.BaseRequest) -> web.Response:
        return web.Response(status=308, headers={"Location": f"{moesif.url}/v1/events/batch"})

    async with delivering(tmp_path) as made:
        app = web.Application()
        app.router.add_post("/v1/events/batch", redirect)
        async with TestServer(app) as server:
            lane = start_moesif(made, moesif, base_url=str(server.make_url("/")))
            await made.ingest(*events(3))
            await until(lambda: lane.status().state == "paused")
            await made.stop("moesif")
        assert moesif.requests == []


# Events that are not wanted


async def test_one_poison_event_becomes_a_dead_letter(tmp_path: Path, moesif: MoesifLookalike) -> None:
    """400 for one event of 200: it alone becomes a dead letter, with the answer, after few requests."""
    async with delivering(tmp_path) as made:
        moesif.knobs.status_for = lambda event: 400 if api(event) == "Poison" else None
        moesif.knobs.answer = "apiName is not liked"
        await made.ingest(*events(137), event(137, apiName="Poison"), *events(62, first=138))
        start_moesif(made, moesif)
        await made.delivered()
        (letter,) = await made.letters()
        assert (letter.reason, letter.status, letter.answer) == ("refused", 400, "apiName is not liked")
        assert letter.event == event(137, apiName="Poison")
        assert moesif.unique == 199
        assert moesif.duplicates == 0
        assert len(moesif.requests) <= 17


@pytest.mark.parametrize("poison", [[0, 1], [3, 90], [0, 99], [49, 50], list(range(20))])
async def test_several_poison_events(tmp_path: Path, moesif: MoesifLookalike, poison: list[int]) -> None:
    """Wherever the bad events are, even the first twenty, only they are given up, and the lane does not pause."""
    clock = FakeClock(hasty=True)
    began = clock.monotonic()
    async with delivering(tmp_path, clock=clock) as made:
        moesif.knobs.status_for = lambda event: 422 if api(event) == "Poison" else None
        await made.ingest(*(event(n, apiName="Poison" if n in poison else "Pizza") for n in range(100)))
        start_moesif(made, moesif)
        await made.delivered()
        assert [letter.event for letter in await made.letters()] == [
            event(n, apiName="Poison") for n in poison
        ]
        assert moesif.unique == 100 - len(poison)
        assert moesif.duplicates == 0
        assert clock.monotonic() == began


@pytest.mark.parametrize("count", [1, 3, 40, 200])
async def test_refusing_everything_gives_nothing_up(
    tmp_path: Path, moesif: MoesifLookalike, count: int
) -> None:
    """Every event refused: nothing is committed and the lane pauses, until the destination takes events again."""
    async with delivering(tmp_path) as made:
        moesif.knobs.status, moesif.knobs.answer = 400, "no events today"
        await made.ingest(*events(count))
        lane = start_moesif(made, moesif)
        await until(lambda: lane.status().pause_reason == "refuses_everything")
        assert len(moesif.requests) < 45
        assert "no events today" in lane.status().trouble
        await moesif.wait_for(lambda: len(moesif.requests) > 100)
        assert made.journal.pending["moesif"] == count
        assert not await made.letters()
        moesif.knobs.status = None
        await made.delivered()
        assert moesif.unique == count
        assert not await made.letters()


@pytest.mark.parametrize("concurrency", [1, 4])
async def test_refused_batch_is_given_up_when_others_pass(
    tmp_path: Path, moesif: MoesifLookalike, concurrency: int
) -> None:
    """A batch that is refused as a whole pauses the lane only until another one passes: then it is its events."""
    async with delivering(tmp_path) as made:
        moesif.knobs.status_for = lambda event: 400 if api(event) == "Poison" else None
        await made.ingest(*events(3, apiName="Poison"))
        lane = start_moesif(made, moesif, concurrency=concurrency)
        await until(lambda: lane.status().pause_reason == "refuses_everything")
        assert not await made.letters()
        await made.ingest(*events(5, first=3))
        await made.delivered()
        assert [letter.reason for letter in await made.letters()] == ["refused"] * 3
        assert lane.status().state == "idle"
        assert moesif.unique == 5


async def test_too_large_batches_are_split(tmp_path: Path, moesif: MoesifLookalike) -> None:
    """413: the batch is halved until it fits, and all of it arrives."""
    async with delivering(tmp_path) as made:
        moesif.knobs.max_body_bytes = 6000
        await made.ingest(*events(64))
        start_moesif(made, moesif)
        await made.delivered()
        assert moesif.unique == 64
        assert 413 in statuses(moesif)
        assert not await made.letters()


@pytest.mark.parametrize("company", [0, 9])
async def test_single_event_too_large(tmp_path: Path, moesif: MoesifLookalike, company: int) -> None:
    """One event that is too large by itself is a dead letter, alone or among others, and pauses nothing."""
    async with delivering(tmp_path) as made:
        moesif.knobs.max_event_bytes = 3000
        await made.ingest(*events(company), event(99, apiCreator="x" * 5000))
        start_moesif(made, moesif)
        await made.delivered()
        (letter,) = await made.letters()
        assert (letter.reason, letter.status) == ("too_large", 413)
        assert moesif.unique == company


class Clumsy(MoesifSink):
    """Cannot map an event of the API named Unmappable."""

    async def encode(self, batch: Batch) -> Payload:
        if any(event.apiName == "Unmappable" for event in batch.events()):
            raise KeyError("what")
        return await super().encode(batch)


@pytest.mark.parametrize("company", [0, 20])
async def test_unmappable_event_costs_itself_alone(
    tmp_path: Path, moesif: MoesifLookalike, company: int
) -> None:
    """A fault in the mapping makes one dead letter; neither its batch nor the lane suffers."""
    async with delivering(tmp_path) as made:
        await made.ingest(*events(company), event(99, apiName="Unmappable"), *events(company, first=100))
        settings = moesif_settings(moesif)
        made.start(Clumsy("moesif", settings, fittings()), settings)
        await made.delivered()
        (letter,) = await made.letters()
        assert (letter.reason, letter.status, letter.answer) == ("unmappable", None, "KeyError: 'what'")
        assert moesif.unique == 2 * company
        assert made.counted("lane_restarts", "moesif") == 0


# Events that make the destination fail


@pytest.mark.parametrize("poison", [[17], [0, 39], [17, 18, 19]])
@pytest.mark.parametrize("concurrency", [1, 4])
async def test_events_that_break_the_destination_are_found(
    tmp_path: Path, moesif: MoesifLookalike, poison: list[int], concurrency: int
) -> None:
    """A batch that always gets 500, while others pass, is bisected after `poison_after`: reason `server_error`."""
    clock = FakeClock(hasty=True)
    async with delivering(tmp_path, clock=clock) as made:
        moesif.knobs.status_for = lambda event: 500 if api(event) == "Poison" else None
        moesif.knobs.answer = "NullPointerException"
        began = clock.monotonic()
        await made.ingest(*(event(n, apiName="Poison" if n in poison else "Pizza") for n in range(200)))
        start_moesif(made, moesif, batch_max_events=40, concurrency=concurrency, poison_after=600)
        await made.delivered()
        letters = await made.letters()
        assert [letter.event for letter in letters] == [event(n, apiName="Poison") for n in poison]
        assert {(letter.reason, letter.status) for letter in letters} == {("server_error", 500)}
        assert {letter.answer for letter in letters} == {"NullPointerException"}
        assert clock.monotonic() - began > 600
        assert moesif.unique == 200 - len(poison)
        assert moesif.duplicates == 0


async def test_lone_batch_is_searched_by_its_own_halves(tmp_path: Path, moesif: MoesifLookalike) -> None:
    """With nothing else to send, the good half of a batch shows at once that the destination is healthy."""
    clock = FakeClock(hasty=True)
    began = clock.monotonic()
    async with delivering(tmp_path, clock=clock) as made:
        moesif.knobs.status_for = lambda event: 502 if api(event) == "Poison" else None
        await made.ingest(event(0, apiName="Poison"), *events(29, first=1))
        # Each try costs a request: with longer waits the ten minutes take fewer of them.
        start_moesif(made, moesif, poison_after=600, retry_max=20)
        await made.delivered()
        assert [letter.reason for letter in await made.letters()] == ["server_error"]
        assert moesif.unique == 29
        assert 600 < clock.monotonic() - began < 800


async def test_batch_of_breaking_events_is_given_up_when_others_pass(
    tmp_path: Path, moesif: MoesifLookalike
) -> None:
    """Every event of the oldest batch breaks the destination: later batches show that the events are to blame."""
    async with delivering(tmp_path) as made:
        moesif.knobs.status_for = lambda event: 500 if api(event) == "Poison" else None
        await made.ingest(*events(5, apiName="Poison"), *events(95, first=5))
        start_moesif(made, moesif, batch_max_events=5, concurrency=2, poison_after=60)
        await made.delivered()
        assert [letter.reason for letter in await made.letters()] == ["server_error"] * 5
        assert moesif.unique == 95


async def test_long_outage_gives_nothing_up(tmp_path: Path, moesif: MoesifLookalike) -> None:
    """A day of 500s after a few successes is the destination's trouble: no event is blamed for it."""
    clock = FakeClock(hasty=True)
    async with delivering(tmp_path, clock=clock) as made:
        moesif.knobs.fail_next = [500, 201, 500, 201]
        await made.ingest(*events(60))
        lane = start_moesif(made, moesif, batch_max_events=10, poison_after=600, retry_max=600)
        await moesif.received(20)
        moesif.knobs.status = 500
        later = clock.monotonic() + 86400
        await until(lambda: clock.monotonic() > later)
        assert lane.status().state == "retrying"
        assert not await made.letters()
        # It comes back limping.
        moesif.knobs.fail_next = [201, 500, 500, 201, 500, 201, 500, 500, 500, 201]
        moesif.knobs.status = None
        await made.delivered()
        assert moesif.unique == 60
        assert not await made.letters()


async def test_slow_destination_gets_smaller_batches(tmp_path: Path, moesif: MoesifLookalike) -> None:
    """Batches that time out for long are halved, though nothing else passes: smaller ones may be quick enough."""
    async with delivering(tmp_path) as made:

        class Slow(MoesifSink):
            async def send(self, payload: Payload) -> None:
                if payload.count > 20:
                    raise RetryLater("too slow", reason="timeout")
                await super().send(payload)

        await made.ingest(*events(100))
        settings = moesif_settings(moesif, batch_max_events=50, poison_after=30)
        made.start(Slow("moesif", settings, fittings()), settings)
        await made.delivered()
        assert moesif.unique == 100
        assert not await made.letters()


# What the sink does not want


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"only": {"eventType": ["fault"]}}, {1, 4}),
        ({"exclude": {"eventType": ["fault"]}}, {0, 2, 3}),
        (
            {"only": {"apiName": ["PizzaShackAPI", "Pasta"]}, "exclude": {"proxyResponseCode": ["403"]}},
            {0, 2, 3},
        ),
        ({"only": {"properties.subtype": ["AIAPI"]}}, {2}),
        ({"only": {"properties.isEgress": ["true"]}}, {3}),
        ({"exclude": {"properties.team": ["blue"]}}, {0, 1, 3, 4}),
        ({"only": {"apiName": ["Nobody"]}}, set()),
        # As other gateways write the names.
        ({"only": {"apiCreation": ["ann"], "api_creator": ["ann", "bob"]}}, {2}),
        ({"exclude": {"properties.is_egress": ["true"], "event_type": ["fault"]}}, {0, 2}),
    ],
)
async def test_filters(
    tmp_path: Path, moesif: MoesifLookalike, settings: dict[str, Any], expected: set[int]
) -> None:
    """`only` and `exclude` look at fields and at properties; what they leave out is counted, not sent."""
    async with delivering(tmp_path) as made:
        await made.ingest(
            event(0, apiCreator="bob"),
            event(1, errorCode=900910, errorType="AUTH", proxyResponseCode=403),
            event(2, apiName="Pasta", apiCreator="ann", properties={"subtype": "AIAPI", "team": "blue"}),
            event(3, proxyResponseCode=404, properties={"isEgress": True}),
            event(4, eventType="fault", apiName="Tea"),
        )
        start_moesif(made, moesif, **settings)
        await made.delivered()
        assert {int(name[-12:], 16) for name in names(moesif)} == expected
        assert made.journal.totals.sum("events_filtered", "moesif") == 5 - len(expected)
        assert len(moesif.requests) == bool(expected)


async def test_filtered_batches_are_filled_up(tmp_path: Path, moesif: MoesifLookalike) -> None:
    """A sink that wants one event in ten still gets whole batches, and no empty request."""
    async with delivering(tmp_path) as made:
        for block in range(10):
            await made.ingest(
                *(
                    event(n, apiName="Rare" if n % 10 == 0 else "Pizza")
                    for n in range(block * 20, block * 20 + 20)
                )
            )
        start_moesif(made, moesif, only={"apiName": ["Rare"]}, batch_max_events=10, concurrency=1)
        await made.delivered()
        assert [request.count for request in moesif.requests] == [10, 10]


# Several lanes, crashes and stops


@pytest.mark.parametrize("batch_max_events", [3, 100])
async def test_block_that_went_bad_is_passed_over(
    tmp_path: Path, moesif: MoesifLookalike, batch_max_events: int
) -> None:
    """P7: a flipped bit on disk costs its block; all others go out, the loss is booked, and the lane never crashes."""
    async with delivering(tmp_path) as made:
        for block in range(3):
            await made.ingest(*events(5, 5 * block))
    with closing(sqlite3.connect(tmp_path / "journal.db", isolation_level=None)) as journal:
        data = bytearray(journal.execute("SELECT events FROM blocks WHERE seq = 2").fetchone()[0])
        data[len(data) // 2] ^= 1
        journal.execute("UPDATE blocks SET events = ? WHERE seq = 2", (bytes(data),))
    async with delivering(tmp_path) as made:
        start_moesif(made, moesif, batch_max_events=batch_max_events)
        await made.delivered()
        assert made.journal.totals.sum("events_corrupt", "moesif") == 5
        assert made.journal.totals.sum("events_delivered", "moesif") == moesif.unique == 10
        assert made.counted("lane_restarts", "moesif") == 0


async def test_block_that_goes_bad_half_delivered(tmp_path: Path, moesif: MoesifLookalike) -> None:
    """P7: of a block that cannot be read any more only those events are lost that were not delivered before."""
    async with delivering(tmp_path) as made:
        await made.ingest(*events(25))
        moesif.knobs.fail_next = [201, 500]
        moesif.knobs.status = 500
        lane = start_moesif(made, moesif, batch_max_events=10, concurrency=1)
        await until(lambda: lane.status().state == "retrying" and made.journal.pending["moesif"] == 15)
    with closing(sqlite3.connect(tmp_path / "journal.db", isolation_level=None)) as journal:
        journal.execute("UPDATE blocks SET events = x'00'")
    async with delivering(tmp_path) as made:
        start_moesif(made, moesif)
        await made.delivered()
        assert made.journal.totals.sum("events_corrupt", "moesif") == 15
        assert made.journal.totals.sum("events_delivered", "moesif") == moesif.unique == 10


async def test_one_sink_down_changes_nothing_for_the_other(tmp_path: Path, moesif: MoesifLookalike) -> None:
    """One destination refuses connections, the other gets everything meanwhile (P6)."""
    async with delivering(tmp_path, "moesif", "second") as made, MoesifLookalike() as second:
        await moesif.refuse_connections()
        down = start_moesif(made, moesif)
        start_moesif(made, second, "second")
        for block in range(5):
            await made.ingest(*events(20, first=20 * block))
        await made.delivered("second")
        assert second.unique == 100
        assert made.journal.pending["moesif"] == 100
        await until(lambda: down.status().state == "retrying")
        await moesif.accept_connections()
        await made.delivered("moesif")
        assert moesif.unique == 100


async def test_one_sink_that_hangs_changes_nothing_for_the_other(
    tmp_path: Path, moesif: MoesifLookalike
) -> None:
    """One destination takes requests and never answers, the other gets everything meanwhile (P6)."""
    async with delivering(tmp_path, "moesif", "second") as made, MoesifLookalike() as second:
        moesif.knobs.fail_next = ["hang"] * 10
        start_moesif(made, moesif, request_timeout=1000)
        await made.ingest(*events(20))
        await moesif.wait_for(lambda: moesif.requests)
        start_moesif(made, second, "second")
        await made.ingest(*events(80, first=20))
        await made.delivered("second")
        assert second.unique == 100
        assert made.journal.pending["moesif"] == 100
        moesif.knobs.fail_next = []
        moesif.release()
        await made.delivered("moesif")
        assert moesif.unique == 100


class Fragile(MoesifSink):
    """Crashes in a way that the contract does not know, so many times."""

    crashes = 2

    async def send(self, payload: Payload) -> None:
        if self.crashes:
            self.crashes -= 1
            raise RuntimeError("a fault of the bridge")
        await super().send(payload)


async def test_crashed_lane_is_restarted_alone(tmp_path: Path, moesif: MoesifLookalike) -> None:
    """A lane that crashes goes on from its cursor after a pause; the other lane never notices (P6)."""
    async with delivering(tmp_path, "moesif", "second") as made:
        settings = moesif_settings(moesif, batch_max_events=10, concurrency=1)
        fragile = made.start(Fragile("moesif", settings, fittings()), settings)
        async with MoesifLookalike() as second:
            start_moesif(made, second, "second")
            await made.ingest(*events(50))
            # Between two crashes it must not look well.
            await until(lambda: fragile.status().state == "crashed")
            assert "a fault of the bridge" in fragile.status().trouble
            await made.delivered("moesif")
            assert fragile.status().trouble == ""
            await made.delivered("second")
            assert second.duplicates == 0
        assert made.counted("lane_restarts", "moesif") == 2
        assert made.counted("lane_restarts", "second") == 0
        assert moesif.unique == 50


async def test_crash_keeps_what_was_delivered_before(tmp_path: Path, moesif: MoesifLookalike) -> None:
    """Batches that were delivered before the crash are committed, and not sent again."""

    class BreaksOnPoison(MoesifSink):
        crashes = 1

        async def encode(self, batch: Batch) -> Payload:
            payload = await super().encode(batch)
            if any(event.apiName == "Poison" for event in batch.events()):
                return Payload(b"", 0, payload.count)
            return payload

        async def send(self, payload: Payload) -> None:
            if not payload.body and self.crashes:
                await until(lambda: made.counted("batches_sent", "moesif") == 2)
                self.crashes = 0
                raise RuntimeError("a fault of the bridge")
            await super().send(payload)

    async with delivering(tmp_path) as made:
        await made.ingest(*events(20), *events(10, first=20, apiName="Poison"))
        settings = moesif_settings(moesif, batch_max_events=10, concurrency=3)
        made.start(BreaksOnPoison("moesif", settings, fittings()), settings)
        await until(lambda: made.counted("lane_restarts", "moesif") == 1)
        await until(lambda: made.journal.pending["moesif"] <= 10)
        await made.stop("moesif")
        assert moesif.duplicates == 0
        assert moesif.unique == 20


async def test_cancelled_lane_commits_what_was_delivered(tmp_path: Path, moesif: MoesifLookalike) -> None:
    """A stop in the middle: what was answered is committed, and the next start sends only the rest (P3)."""
    async with delivering(tmp_path) as made:
        moesif.knobs.fail_next = [201, 201, "hang"]
        await made.ingest(*events(40))
        start_moesif(made, moesif, batch_max_events=10, concurrency=1)
        await moesif.wait_for(lambda: len(moesif.requests) == 3)
        await made.stop("moesif")
        assert made.journal.pending["moesif"] == 20
        start_moesif(made, moesif)
        await made.delivered()
        moesif.release()
        assert moesif.unique == 40
        assert moesif.duplicates == 0


async def test_stops_at_any_moment_lose_nothing(tmp_path: Path, moesif: MoesifLookalike) -> None:
    """Lanes that are stopped again and again, wherever they are, deliver everything and keep the books (P7)."""
    async with delivering(tmp_path) as made:
        moesif.knobs.status_for = lambda event: 400 if api(event) == "Poison" else None
        for block in range(20):
            await made.ingest(*events(9, first=block * 10), event(block * 10 + 9, apiName="Poison"))
        for steps in range(40):
            start_moesif(made, moesif, batch_max_events=7, concurrency=3)
            for _ in range(steps * 3):
                await asyncio.sleep(0)
            await made.stop("moesif")
            made.check_books()
        start_moesif(made, moesif, batch_max_events=7, concurrency=3)
        await made.delivered()
        assert moesif.unique == 180
        assert len(await made.letters()) == 20


# Odd answers


async def test_rubbish_in_a_good_answer_is_success(tmp_path: Path, moesif: MoesifLookalike) -> None:
    """200 is 200, whatever the body says."""
    async with delivering(tmp_path) as made:
        moesif.knobs.fail_next = [200, 202]
        await made.ingest(*events(3))
        start_moesif(made, moesif)
        await made.delivered()
        assert statuses(moesif) == [200]


async def test_answer_that_never_ends_its_body_is_success(tmp_path: Path, moesif: MoesifLookalike) -> None:
    """The status of a good answer came, its body did not: delivered, and not sent again."""
    async with delivering(tmp_path) as made:
        moesif.knobs.fail_next = ["hang_body"]
        await made.ingest(*events(3))
        start_moesif(made, moesif, request_timeout=0.3)
        await made.delivered()
        assert statuses(moesif) == ["hang_body"]
        assert moesif.duplicates == 0


async def test_status_tells_ages(tmp_path: Path, moesif: MoesifLookalike) -> None:
    """The oldest event that waits has an age, and a lane that delivered everything has none."""
    clock = FakeClock()
    async with delivering(tmp_path, clock=clock) as made:
        await moesif.refuse_connections()
        lane = start_moesif(made, moesif)
        await made.ingest(*events(3))
        await until(lambda: lane.status().state == "retrying")
        await clock.advance(0)
        before = clock.time()
        assert await lane.oldest_pending_seconds() == pytest.approx(0, abs=1)
        await clock.advance(100)
        assert await lane.oldest_pending_seconds() == pytest.approx(clock.time() - before, abs=1)
        assert lane.status().last_delivery_seconds >= 100
        await moesif.accept_connections()
        await until(lambda: lane.status().in_flight == 0)
        lane.wake()
        await made.delivered()
        assert await lane.oldest_pending_seconds() == 0
        assert lane.status().last_delivery_seconds < 100
