"""Lanes to a destination that answers for each event: what was taken stays taken, each other event has its own end."""

import asyncio
import itertools
import json
import random
import shutil
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from fakes.destinations import fittings
from fakes.one_by_one import Json, OneByOneDestination, OneByOneSettings, OneByOneSink, one_by_one
from rigs.clock import FakeClock
from rigs.events import event, events
from rigs.rig import Rig, delivering
from rigs.waiting import until

from bridge.contracts import Traits
from bridge.delivery.lane import Lane
from bridge.errors import ContractBroken, Refused, RetryLater, SinkError, SomeFailed
from bridge.journal import Selection


@pytest.fixture
async def destination() -> AsyncIterator[OneByOneDestination]:
    async with one_by_one() as made:
        yield made


def start(made: Rig, destination: OneByOneDestination, **changes: Any) -> tuple[Lane, OneByOneSink]:
    settings = OneByOneSettings.model_validate(
        {"type": "one_by_one", "url": destination.url, "linger": 0, "request_timeout": 10} | changes
    )
    sink = OneByOneSink("moesif", settings, fittings())
    return made.start(sink, settings), sink


def number(event: Json) -> int:
    """Return what an event was made of."""
    return int(event["correlationId"][-12:], 16)


def says(statuses: Mapping[int, int]) -> Any:
    """Return a knob that answers these statuses to the events of these numbers."""
    return lambda event: statuses.get(number(event))


def total(made: Rig, name: str) -> int:
    return made.journal.totals.sum(name, "moesif")


async def test_what_was_taken_is_not_sent_again(tmp_path: Path, destination: OneByOneDestination) -> None:
    """Two of ten are refused: one request, two dead letters with status and answer of their own, the rest delivered."""
    destination.status_for = says({3: 400, 7: 413})
    destination.answer = "not liked"
    async with delivering(tmp_path) as made:
        await made.ingest(*events(10))
        lane, _ = start(made, destination)
        await made.delivered()
        assert [(it.event, it.reason, it.status, it.answer) for it in await made.letters()] == [
            (event(3), "refused", 400, "not liked"),
            (event(7), "too_large", 413, "not liked"),
        ]
        assert len(destination.requests) == 1
        assert sorted(destination.numbers()) == [0, 1, 2, 4, 5, 6, 8, 9]
        assert total(made, "events_delivered") == 8
        assert lane.status().state == "idle"
        assert made.counted("batches_sent", "moesif") == 1


async def test_what_may_pass_is_sent_again_alone(tmp_path: Path, destination: OneByOneDestination) -> None:
    """Throttled for some: only these are sent again, at once, for the destination took the others."""
    clock = FakeClock(hasty=True)
    began = clock.monotonic()
    tries: dict[int, int] = {}

    def throttled_once(event: Json) -> int | None:
        tries[number(event)] = tries.get(number(event), 0) + 1
        return 429 if number(event) in {2, 5} and tries[number(event)] == 1 else None

    destination.status_for = throttled_once
    async with delivering(tmp_path, clock=clock) as made:
        await made.ingest(*events(8))
        start(made, destination)
        await made.delivered()
        assert [sorted(map(number, request)) for request in destination.requests] == [list(range(8)), [2, 5]]
        assert set(destination.ids().values()) == {1}
        assert clock.monotonic() == began
        assert made.counted("retries", "moesif", "throttled") == 1


@pytest.mark.parametrize("taken", [True, False])
async def test_longest_retry_after_is_honoured(
    tmp_path: Path, destination: OneByOneDestination, taken: bool
) -> None:
    """Events that are to come later are sent again when the longest of their waits is over, and the lane says so."""
    clock = FakeClock()

    def later(seconds: float | None) -> RetryLater:
        return RetryLater("too busy", reason="throttled", status=429, retry_after_seconds=seconds)

    async with delivering(tmp_path, clock=clock) as made:
        destination.status_for = says({n: 429 for n in range(8) if n in {2, 5, 6} or not taken})
        await made.ingest(*events(8))
        lane, sink = start(made, destination)
        sink.says = lambda failures: {n: later({2: 20, 5: 30}.get(n)) for n in failures}
        await until(lambda: lane.status().retry_in_seconds > 0)
        assert lane.status().retry_in_seconds == 30
        assert (lane.status().state, lane.status().trouble) == ("retrying", "too busy")
        await clock.advance(29)
        assert len(destination.requests) == 1
        destination.status_for = says({})
        await clock.advance(1)
        await made.delivered()
        assert len(destination.requests) == 2
        assert set(destination.ids().values()) == {1}
        assert lane.status().state == "idle"


async def test_pace_drops_only_if_nothing_was_delivered(
    tmp_path: Path, destination: OneByOneDestination
) -> None:
    """As long as some events are taken the lane stays at full width; when none is, it backs off and says why."""
    async with delivering(tmp_path, clock=FakeClock()) as made:
        destination.status_for = says({4: 429})
        await made.ingest(*events(5))
        lane, _ = start(made, destination)
        await until(lambda: lane.status().state == "retrying")
        # The four were taken by the first request; the fifth, alone, got nowhere.
        assert [len(request) for request in destination.requests] == [5, 1]
        assert "429" in lane.status().trouble
        assert made.journal.pending["moesif"] == 5
        destination.status_for = says({})
        lane.wake()
        await made.delivered()
        assert set(destination.ids().values()) == {1}


async def test_refused_credential_in_the_middle_pauses_and_keeps_the_rest(
    tmp_path: Path, destination: OneByOneDestination
) -> None:
    """Events whose credential is refused wait, the lane says why, and goes on by itself; the others are taken."""
    async with delivering(tmp_path) as made:
        destination.status_for = says({1: 401, 2: 400, 6: 401})
        await made.ingest(*events(8))
        lane, _ = start(made, destination)
        await until(lambda: len(destination.requests) > 2)
        seen = lane.status()
        assert (seen.state, seen.pause_reason) == ("paused", "credentials")
        assert "set the key" in seen.trouble
        assert sorted(map(number, destination.requests[-1])) == [1, 6]
        assert made.journal.pending["moesif"] == 8
        destination.status_for = says({})
        await made.delivered()
        assert [letter.event for letter in await made.letters()] == [event(2)]
        assert sorted(destination.numbers()) == [0, 1, 3, 4, 5, 6, 7]


async def test_pauses_grow_though_others_are_taken(tmp_path: Path, destination: OneByOneDestination) -> None:
    """A refused credential that comes with events that are taken is probed more and more slowly all the same."""
    clock = FakeClock(hasty=True)
    async with delivering(tmp_path, clock=clock) as made:
        answers: list[tuple[float, int]] = []

        def noted(failures: Mapping[int, SinkError]) -> Mapping[int, SinkError]:
            answers.append((clock.now, len(destination.requests[-1]) - len(failures)))
            return failures

        destination.status_for = lambda event: 401 if number(event) % 2 else None
        await made.ingest(*events(2))
        _, sink = start(made, destination, batch_max_events=2, concurrency=30)
        sink.says = noted
        await until(lambda: len(answers) > 1)
        await made.ingest(*events(58, first=2))
        await until(lambda: len(destination.taken) == 30)
        await until(lambda: not answers[-1][1])
        pauses = [then - now for (now, taken), (then, _) in itertools.pairwise(answers) if taken]
        assert max(pauses) > 5


async def test_refused_tenant_of_some_parks_those(tmp_path: Path, destination: OneByOneDestination) -> None:
    """Events whose tenant is refused wait for its key; neither the others nor what comes later for the same address."""
    async with delivering(tmp_path) as made:
        destination.status_for = lambda event: 403 if event["apiName"] == "Umbrella" else None
        await made.ingest(*events(5), *events(3, first=5, apiName="Umbrella"))
        lane, _ = start(made, destination)
        await made.delivered()
        await made.ingest(*events(4, first=10))
        await made.delivered()
        assert {(it.reason, it.tenant, it.status) for it in await made.letters()} == {
            ("parked", "umbrella", 403)
        }
        assert len(await made.letters()) == 3
        assert total(made, "events_delivered") == 9
        assert lane.status().trouble == ""
        destination.status_for = says({})
        await until(lambda: total(made, "dead_letters_replayed") == 3)
        assert set(destination.ids().values()) == {1}


async def test_few_refusals_are_dead_letters_at_once(
    tmp_path: Path, destination: OneByOneDestination
) -> None:
    """A destination that says of each event why it is not wanted is believed, though it took nothing beside it."""
    async with delivering(tmp_path, clock=FakeClock()) as made:
        destination.status_for = says({0: 400, 1: 400})
        await made.ingest(*events(2))
        lane, _ = start(made, destination)
        await made.delivered()
        assert len(await made.letters()) == 2
        assert lane.status().state == "idle"


@pytest.mark.parametrize(("status", "of_event"), [(413, None), (200, 413), (200, 400), (200, 403)])
async def test_refusal_ends_an_outage(
    tmp_path: Path, destination: OneByOneDestination, status: int, of_event: int | None
) -> None:
    """A destination that refuses an event, or a request with one, is reachable again: nothing is left to retry."""
    async with delivering(tmp_path, clock=FakeClock()) as made:
        destination.status = 503
        await made.ingest(event(0))
        lane, _ = start(made, destination)
        await until(lambda: lane.status().state == "retrying")
        destination.status = status
        destination.status_for = lambda _event: of_event
        lane.wake()
        await made.delivered()
        assert lane.status().state == "idle"


@pytest.mark.parametrize("sizes", [[9], [1] * 9, [4, 4, 4], [200]])
async def test_destination_that_takes_nothing_at_all(
    tmp_path: Path, destination: OneByOneDestination, sizes: list[int]
) -> None:
    """More than eight refused one by one and none taken, in one batch or in many: the lane pauses, and commits none."""
    async with delivering(tmp_path) as made:
        destination.status_for = lambda _event: 400
        destination.answer = "the template is wrong"
        lane, _ = start(made, destination, concurrency=1)
        first = 0
        for size in sizes:
            await made.ingest(*events(size, first))
            first += size
            await until(lambda: made.journal.pending["moesif"] == 0 or lane.status().pause_reason)
        assert lane.status().pause_reason == "refuses_everything"
        assert "the template is wrong" in lane.status().trouble
        before = len(destination.requests)
        await until(lambda: len(destination.requests) > before + 20)
        assert len(await made.letters()) <= 8
        destination.status_for = says({})
        await made.delivered()
        assert len(destination.taken) == sum(sizes) - len(await made.letters())
        assert set(destination.ids().values()) == {1}


async def test_refusals_count_from_the_last_event_taken(
    tmp_path: Path, destination: OneByOneDestination
) -> None:
    """Any number of bad events, with a good one now and then, are dead letters: the destination takes what is right."""
    async with delivering(tmp_path, clock=FakeClock()) as made:
        destination.status_for = lambda event: 400 if event["apiName"] == "Bad" else None
        lane, _ = start(made, destination)
        for block in range(4):
            await made.ingest(*events(8, 100 * block, apiName="Bad"))
            await made.delivered()
            await made.ingest(*events(30, 100 * block + 8, apiName="Bad"), event(100 * block + 99))
            await made.delivered()
        assert len(await made.letters()) == 152
        assert lane.status().state == "idle"


async def test_replay_of_some_that_fail(tmp_path: Path, destination: OneByOneDestination) -> None:
    """Of letters sent again those that are taken leave, and the others stay with their new answers, without a pause."""
    async with delivering(tmp_path, clock=FakeClock()) as made:
        destination.status_for = lambda _event: 400
        await made.ingest(*events(8))
        lane, _ = start(made, destination)
        await made.delivered()
        destination.status_for = says(dict.fromkeys(range(1, 8), 413))
        assert [it async for it in lane.replay(Selection())] == [(1, 7)]
        assert {(it.reason, it.attempts) for it in await made.letters()} == {("too_large", 1)}
        destination.status_for = lambda _event: 400
        # Letters were refused before: that they are again says nothing of what comes now.
        for _ in range(2):
            assert [it async for it in lane.replay(Selection())] == [(0, 7)]
        await made.ingest(event(50))
        await made.delivered()
        assert lane.status().state == "idle"


async def test_event_that_breaks_the_destination_alone(
    tmp_path: Path, destination: OneByOneDestination
) -> None:
    """One that gets 500 for itself while others pass is given up after `poison_after`, and not before."""
    clock = FakeClock(hasty=True)
    async with delivering(tmp_path, clock=clock) as made:
        began = clock.monotonic()
        destination.status_for = says({3: 500})
        await made.ingest(*events(20))
        start(made, destination, poison_after=60, retry_max=10, concurrency=1)
        await until(lambda: clock.monotonic() - began > 65)
        assert made.journal.pending["moesif"] == 20
        # Others are on their way as long as it is not settled: they show that the destination is well.
        for block in range(1, 9):
            await made.ingest(*events(5, 100 * block))
            seen = len(destination.taken)
            await until(lambda: len(destination.taken) > seen or not made.journal.pending["moesif"])  # noqa: B023 - awaited in the loop
        await made.delivered()
        assert [(letter.event, letter.reason) for letter in await made.letters()] == [
            (event(3), "server_error")
        ]
        assert set(destination.ids().values()) == {1}


async def test_indices_are_from_before_sampling_and_reordering(
    tmp_path: Path, destination: OneByOneDestination
) -> None:
    """Each event has its own end, though the sink leaves some out and turns the rest around."""
    async with delivering(tmp_path) as made:
        destination.status_for = lambda event: {0: 400, 1: None, 2: 413}[number(event) % 3]
        await made.ingest(*events(30))
        _, sink = start(made, destination)
        sink.keeps = lambda body: int(json.loads(body)["correlationId"][-1], 16) % 2 == 0
        await made.delivered()
        assert sorted(destination.numbers()) == [n for n in range(30) if n % 2 == 0 and n % 3 == 1]
        assert {(number(json.loads(it.event)), it.reason) for it in await made.letters()} == {
            (n, "too_large" if n % 3 else "refused") for n in range(30) if n % 2 == 0 and n % 3 != 1
        }
        assert total(made, "events_sampled_out") == 15


async def test_parts_of_a_refused_batch_fail_in_part(
    tmp_path: Path, destination: OneByOneDestination
) -> None:
    """Halves of what is too large as a whole fail in part, too: the indices are those of the half."""

    class Narrow(OneByOneSink):
        async def send(self, payload: Any) -> None:
            if payload.count > 6:
                raise Refused("too many", status=422)
            await super().send(payload)

    async with delivering(tmp_path) as made:
        destination.status_for = lambda event: 400 if number(event) % 5 == 4 else None
        await made.ingest(*events(20))
        settings = OneByOneSettings(type="one_by_one", url=destination.url, linger=0)
        made.start(Narrow("moesif", settings, fittings()), settings)
        await made.delivered()
        assert [letter.event for letter in await made.letters()] == [event(n) for n in range(4, 20, 5)]
        assert set(destination.ids().values()) == {1}
        assert len(destination.taken) == 16


@pytest.mark.parametrize(
    ("failures", "says"),
    [
        ({}, "names no event"),
        ({8: Refused("no")}, "names event 8 of a part of 8"),
        ({-1: Refused("no")}, "names event -1 of a part of 8"),
        ({0: SomeFailed({0: Refused("no")})}, "says of an event SomeFailed"),
        ({0: SinkError("no")}, "says of an event SinkError"),
    ],
)
async def test_fault_of_a_sink_crashes_its_lane_and_loses_nothing(
    tmp_path: Path, destination: OneByOneDestination, failures: Mapping[int, SinkError], says: str
) -> None:
    """SomeFailed that names no event, or one that was not sent: the lane says so, and delivers all after the fix."""
    async with delivering(tmp_path) as made:
        destination.status_for = lambda event: 400 if number(event) == 3 else None
        await made.ingest(*events(8))
        lane, sink = start(made, destination)
        sink.says = lambda _failures: failures
        await until(lambda: lane.status().state == "crashed")
        assert "the sink moesif has a fault: its SomeFailed" in lane.status().trouble
        assert says in lane.status().trouble
        assert ContractBroken.__name__ in lane.status().trouble
        assert made.journal.pending["moesif"] == 8
        assert not await made.letters()
        sink.says = lambda found: found
        await made.delivered()
        assert [letter.event for letter in await made.letters()] == [event(3)]
        assert len(destination.ids()) == 7


async def test_event_that_was_not_sent_is_named(tmp_path: Path, destination: OneByOneDestination) -> None:
    """A sink that names an event which its sampling left out would have it counted twice: its lane crashes."""
    async with delivering(tmp_path) as made:
        destination.status_for = lambda _event: 400
        await made.ingest(*events(4))
        lane, sink = start(made, destination)
        sink.keeps = lambda body: number(json.loads(body)) != 1
        # Of three that were sent it names two.
        sink.says = lambda failures: dict.fromkeys((0, 1), next(iter(failures.values())))
        await until(lambda: lane.status().state == "crashed")
        assert "names event 1, which it left out" in lane.status().trouble
        assert made.journal.pending["moesif"] == 4


async def test_ordered_sink_keeps_batches_in_order(tmp_path: Path, destination: OneByOneDestination) -> None:
    """What failed comes after its own batch, and before the next one."""
    tries: set[int] = set()

    def once(event: Json) -> int | None:
        if number(event) % 4 == 1 and number(event) not in tries:
            tries.add(number(event))
            return 429
        return None

    destination.status_for = once
    async with delivering(tmp_path) as made:
        await made.ingest(*events(12))
        settings = OneByOneSettings(type="one_by_one", url=destination.url, linger=0, batch_max_events=4)
        sink = OneByOneSink("moesif", settings, fittings())
        sink.traits = Traits(ordered=True)
        made.start(sink, settings)
        await made.delivered()
        assert [sorted(map(number, request)) for request in destination.requests] == [
            [0, 1, 2, 3],
            [1],
            [4, 5, 6, 7],
            [5],
            [8, 9, 10, 11],
            [9],
        ]


async def test_killed_in_the_middle(tmp_path: Path, destination: OneByOneDestination) -> None:
    """Between a request that was taken in part and the commit of its batch: all of it comes again, nothing is lost."""
    (tmp_path / "old").mkdir()
    async with delivering(tmp_path / "old", clock=FakeClock()) as made:
        destination.status_for = says({1: 400, 2: 429})
        await made.ingest(*events(5))
        lane, _ = start(made, destination)
        await until(lambda: lane.status().state == "retrying")
        # What is on disk while the journal is open is what `kill -9` leaves.
        shutil.copytree(tmp_path / "old", tmp_path / "killed")
    async with delivering(tmp_path / "killed") as made:
        assert made.journal.pending["moesif"] == 5
        destination.status_for = says({1: 400})
        start(made, destination)
        await made.delivered()
        assert [letter.event for letter in await made.letters()] == [event(1)]
        assert sorted(set(destination.numbers())) == [0, 2, 3, 4]


@pytest.mark.parametrize("seed", range(6))
async def test_whatever_is_said_of_each_event(
    tmp_path: Path, destination: OneByOneDestination, seed: int
) -> None:
    """P3, P7: answers drawn for each event and try, lanes stopped anywhere: each event has one end."""
    chance = random.Random(seed)
    # What the destination will say of an event for good, and sometimes something that passes before.
    fate = {n: chance.choice([None, None, None, 400, 413]) for n in range(120)}

    def answer(event: Json) -> int | None:
        if chance.random() < 0.3:
            return chance.choice([429, 500, 504, 401, 403])
        return fate[number(event)]

    destination.status_for = answer
    async with delivering(tmp_path) as made:
        for first in range(0, 120, 12):
            await made.ingest(*events(12, first))
        for steps in range(12):
            made.lanes.pop("moesif", None)
            _, sink = start(made, destination, batch_max_events=5, concurrency=3)
            for _ in range(steps * 6):
                await asyncio.sleep(0)
            await made.stop("moesif")
            await sink.close()
            made.check_books()
        start(made, destination, batch_max_events=20, concurrency=2)
        await made.delivered()
        await until(lambda: made.journal.books.parked_events("moesif") == 0)
        dead = {number(json.loads(letter.event)) for letter in await made.letters()}
        assert dead == {n for n, status in fate.items() if status is not None}
        assert set(destination.numbers()) == {n for n, status in fate.items() if status is None}
        assert len(await made.letters()) == len(dead)


def test_error_says_how_many_and_why() -> None:
    """An operator reads how many events failed and what the first one met."""
    error = SomeFailed(
        {4: RetryLater("too busy", reason="throttled", status=429, answer="wait"), 5: Refused("no")}
    )
    assert str(error) == "2 events failed, the first because: too busy"
    assert (error.status, error.answer) == (429, "wait")
