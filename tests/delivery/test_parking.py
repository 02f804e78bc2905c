"""Lanes to a sink with a key for each tenant: parts by address, parked events, what is sampled out, records."""

import asyncio
import json
import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import structlog
from rigs.clock import FakeClock
from rigs.delivery import TenantsSink, key_of
from rigs.events import event, events
from rigs.rig import Rig, delivering
from rigs.waiting import until

from bridge.batches import Batch
from bridge.contracts import Payload
from bridge.delivery.happenings import DeliveryHappenings
from bridge.delivery.lane import Lane
from bridge.delivery.parking import Parking
from bridge.delivery.replays import Replayed, Replays
from bridge.demo.moesif_knobs import Received
from bridge.demo.moesif_lookalike import MoesifLookalike
from bridge.errors import TenantRefused
from bridge.journal import Selection
from bridge.settings import SinkSettings
from bridge.telemetry import logs

PARKED = Selection("moesif", reason="parked")


@pytest.fixture
async def moesif() -> AsyncIterator[MoesifLookalike]:
    async with MoesifLookalike() as lookalike:
        yield lookalike


def of(tenant: str, count: int, first: int = 0, **changes: Any) -> list[bytes]:
    """Return so many events of a tenant."""
    return events(count, first, apiCreatorTenantDomain=tenant, **changes)


def mixed(count: int, *tenants: str, first: int = 0) -> list[bytes]:
    """Return so many events of each tenant, in turns."""
    return [
        event(first + number, apiCreatorTenantDomain=tenants[number % len(tenants)])
        for number in range(count * len(tenants))
    ]


def accept(moesif: MoesifLookalike, *tenants: str) -> None:
    """Let these tenants' keys in, and no others."""
    moesif.keys = {key_of(tenant) for tenant in tenants}


def asked(moesif: MoesifLookalike, tenant: str) -> list[Received]:
    """Return the requests with a tenant's key."""
    return [request for request in moesif.requests if request.key == key_of(tenant)]


def taken(moesif: MoesifLookalike, tenant: str) -> list[str]:
    """Return the correlation ids of a tenant's events in the order of their arrival."""
    return [
        event["metadata"]["correlationId"] for request in asked(moesif, tenant) for event in request.events
    ]


def start(made: Rig, moesif: MoesifLookalike, **settings: Any) -> tuple[Lane, TenantsSink]:
    sink = TenantsSink(moesif, **settings)
    return made.start(sink, sink.settings), sink


def total(made: Rig, name: str) -> int:
    return made.journal.totals.sum(name, "moesif")


async def none_left(made: Rig) -> None:
    """Return when nothing is parked any more; a lane looks at a refused tenant after a minute."""
    async with asyncio.timeout(90):
        while made.journal.books.parked_events("moesif"):  # noqa: ASYNC110 - the table tells nobody
            await asyncio.sleep(0.005)


# Parts by address


async def test_no_request_mixes_addresses(tmp_path: Path, moesif: MoesifLookalike) -> None:
    """Each request has one tenant's events, in their order, with that tenant's key; everything arrives once."""
    async with delivering(tmp_path) as made:
        accept(moesif, "acme", "globex", "initech")
        await made.ingest(*mixed(20, "acme", "globex", "initech"))
        _, sink = start(made, moesif, concurrency=1)
        await made.delivered()
        assert all(len(set(addresses)) == 1 for addresses in sink.encoded)
        for tenant in ("acme", "globex", "initech"):
            assert [request.count for request in asked(moesif, tenant)] == [20]
            assert taken(moesif, tenant) == sorted(taken(moesif, tenant))
        assert moesif.unique == 60
        assert moesif.duplicates == 0


async def test_bad_events_of_one_address_cost_themselves_alone(
    tmp_path: Path, moesif: MoesifLookalike
) -> None:
    """400 for three events of one tenant in a mixed batch: these become letters, with the right events in them."""
    async with delivering(tmp_path) as made:
        accept(moesif, "acme", "globex")
        bad = {str(json.loads(body)["correlationId"]) for body in mixed(30, "acme", "globex")[4:21:8]}
        moesif.knobs.status_for = lambda event: 400 if event["metadata"]["correlationId"] in bad else None
        await made.ingest(*mixed(30, "acme", "globex"))
        start(made, moesif)
        await made.delivered()
        letters = await made.letters()
        assert {json.loads(letter.event)["correlationId"] for letter in letters} == bad
        assert [letter.number for letter in letters] == [1, 2, 3]
        assert sorted(letter.event for letter in letters) == [letter.event for letter in letters]
        assert moesif.unique == 57


@pytest.mark.parametrize("events", [3, 12])
async def test_address_whose_events_are_all_refused_does_not_pause_the_others(
    tmp_path: Path, moesif: MoesifLookalike, events: int
) -> None:
    """All of one tenant's events get 400 while another's pass in the same batch: it is the events."""
    async with delivering(tmp_path) as made:
        accept(moesif, "acme", "globex")
        moesif.knobs.status_for = lambda event: 400 if event["metadata"]["apiName"] == "Bad" else None
        await made.ingest(*of("acme", events, apiName="Bad"), *of("globex", 10, first=100))
        start(made, moesif, concurrency=1)
        await made.delivered()
        assert {letter.reason for letter in await made.letters()} == {"refused"}
        assert len(await made.letters()) == events
        assert moesif.unique == 10


async def test_event_without_an_address_costs_itself_alone(tmp_path: Path, moesif: MoesifLookalike) -> None:
    """An event without an address becomes one letter, `unmappable`; neither its batch nor the lane suffers."""
    async with delivering(tmp_path) as made:
        accept(moesif, "acme", "globex")
        await made.ingest(*mixed(3, "acme", "globex"), event(50), *mixed(3, "acme", "globex", first=60))
        start(made, moesif)
        await made.delivered()
        (letter,) = await made.letters()
        assert (letter.reason, letter.answer) == ("unmappable", "LookupError: no tenant")
        assert letter.event == event(50)
        assert moesif.unique == 12
        assert made.counted("lane_restarts", "moesif") == 0


async def test_too_large_parts_are_split_within_their_address(
    tmp_path: Path, moesif: MoesifLookalike
) -> None:
    """413 splits a part; the halves stay with their address."""
    async with delivering(tmp_path) as made:
        accept(moesif, "acme", "globex")
        moesif.knobs.max_body_bytes = 3000
        await made.ingest(*mixed(16, "acme", "globex"))
        _, sink = start(made, moesif)
        await made.delivered()
        assert all(len(set(addresses)) == 1 for addresses in sink.encoded)
        assert len(taken(moesif, "acme")) == len(taken(moesif, "globex")) == 16
        assert not await made.letters()


# Parking


async def test_refused_tenant_is_parked_and_nobody_else_notices(
    tmp_path: Path, moesif: MoesifLookalike
) -> None:
    """P3, P6: its events wait with reason and cure; one request finds out, the lane never pauses, one log line."""
    clock = FakeClock()
    with structlog.testing.capture_logs() as said:
        async with delivering(tmp_path, clock=clock) as made:
            accept(moesif, "acme")
            await made.ingest(*mixed(10, "acme", "umbrella"))
            lane, _ = start(made, moesif, concurrency=1)
            await made.delivered()
            for block in range(5):
                await made.ingest(*mixed(10, "acme", "umbrella", first=100 + 20 * block))
                await made.delivered()
            letters = await made.letters()
            assert len(letters) == 60
            assert {(it.reason, it.tenant, it.status, it.answer) for it in letters} == {
                ("parked", "umbrella", 401, "the key of umbrella is refused; set it in [keys]")
            }
            assert len(asked(moesif, "umbrella")) == 1
            assert len(taken(moesif, "acme")) == 60
            assert (lane.status().state, lane.status().trouble) == ("idle", "")
            (parked,) = await made.journal.dead.parked("moesif")
            assert (parked.tenant, parked.events) == ("umbrella", 60)
            assert "set it in [keys]" in parked.why
            assert made.journal.totals.items("events_dead") == [(("moesif", "parked"), 60)]
            assert made.journal.sizes()["used_bytes"] >= sum(len(letter.event) for letter in letters)
    assert [line["tenant"] for line in said if line["event"] == "tenant_parked"] == ["umbrella"]
    assert not [line for line in said if line["event"] in {"dead_letters", "sink_paused"}]


async def test_refused_tenant_is_tried_slowly_with_one_event(tmp_path: Path, moesif: MoesifLookalike) -> None:
    """An hour of refusal costs a small request after one, two and four minutes, then one every five."""
    clock = FakeClock()
    async with delivering(tmp_path, clock=clock) as made:
        accept(moesif)
        await made.ingest(*of("umbrella", 30))
        start(made, moesif)
        await made.delivered()
        for minutes in (1, 2, 4, 5, 5, 5):
            before = len(asked(moesif, "umbrella"))
            await clock.advance(minutes * 60 - 1)
            assert len(asked(moesif, "umbrella")) == before
            sleeps = clock.sleeps
            await clock.advance(1)
            await moesif.wait_for(lambda: len(asked(moesif, "umbrella")) == before + 1)  # noqa: B023 - awaited in the loop
            assert asked(moesif, "umbrella")[-1].count == 1
            # The next wait begins when the refusal is on disk.
            while not (await made.letters())[0].attempts > before - 1:  # noqa: ASYNC110 - the table tells nobody
                await asyncio.sleep(0.002)
            await until(lambda: clock.sleeps > sleeps)  # noqa: B023 - awaited in the loop


async def test_everything_parked_goes_out_when_the_key_works(tmp_path: Path, moesif: MoesifLookalike) -> None:
    """Without a word from anybody all parked events arrive once, in batches, under their own ids (P5)."""
    async with delivering(tmp_path) as made:
        accept(moesif)
        await made.ingest(*of("umbrella", 130))
        _, sink = start(made, moesif)
        await made.delivered()
        ids = {letter.event_id for letter in await made.letters()}
        assert len(ids) == 130
        accept(moesif, "umbrella")
        await none_left(made)
        assert moesif.copies.keys() == ids
        assert moesif.duplicates == 0
        assert total(made, "dead_letters_replayed") == 130
        # From then on its events go as everybody's.
        requests = len(sink.sent)
        await made.ingest(*of("umbrella", 10, first=1000))
        await made.delivered()
        assert moesif.unique == 140
        assert len(sink.sent) == requests + 1


async def test_new_events_wait_for_no_backlog(tmp_path: Path, moesif: MoesifLookalike) -> None:
    """As soon as the destination has taken one parked event, the tenant's new ones are sent, though others are left."""
    async with delivering(tmp_path, clock=FakeClock()) as made:
        accept(moesif)
        await made.ingest(*of("umbrella", 40))
        lane, _ = start(made, moesif, batch_max_events=10)
        await made.delivered()
        accept(moesif, "umbrella")
        moesif.knobs.fail_next = [201, "hang"]
        lane.wake()
        await moesif.received(1)
        await moesif.wait_for(lambda: asked(moesif, "umbrella")[-1].count == 10)
        await made.ingest(*of("umbrella", 1, first=500))
        await moesif.received(2)
        assert moesif.unique == 2
        moesif.release()
        await none_left(made)
        assert moesif.unique == 41
        assert made.journal.totals.items("events_dead") == [(("moesif", "parked"), 40)]


async def test_one_of_two_refused_tenants_recovers(tmp_path: Path, moesif: MoesifLookalike) -> None:
    """One key works again: that tenant's events go out, the other's stay until theirs does."""
    async with delivering(tmp_path) as made:
        accept(moesif, "acme")
        await made.ingest(*mixed(60, "acme", "umbrella", "hooli"))
        start(made, moesif)
        await made.delivered()
        accept(moesif, "acme", "hooli")
        await moesif.received(120)
        await until(lambda: total(made, "dead_letters_replayed") == 60)
        assert {it.tenant: it.events for it in await made.journal.dead.parked("moesif")} == {"umbrella": 60}
        accept(moesif, "acme", "hooli", "umbrella")
        await none_left(made)
        assert moesif.unique == 180
        assert moesif.duplicates == 0


async def test_many_refused_tenants_starve_nobody(tmp_path: Path, moesif: MoesifLookalike) -> None:
    """Among forty tenants that stay refused, one whose key works gets its events out, and each is asked in its turn."""
    names = [f"tenant-{number}" for number in range(40)]
    async with delivering(tmp_path) as made:
        accept(moesif)
        await made.ingest(*mixed(3, *names))
        start(made, moesif)
        await made.delivered()
        accept(moesif, names[17])
        await until(lambda: total(made, "dead_letters_replayed") == 3)
        before = len(moesif.requests)
        await moesif.wait_for(lambda: len(moesif.requests) >= before + 3 * 39)
        turns = [len([it for it in moesif.requests[before:] if it.key == key_of(name)]) for name in names]
        assert turns.pop(17) == 0
        assert min(turns) >= 1


async def test_restart_finds_what_is_parked(tmp_path: Path, moesif: MoesifLookalike) -> None:
    """Killed between parking and recovery: the next start tries at once, because the key may be new."""
    accept(moesif, "acme")
    (tmp_path / "old").mkdir()
    async with delivering(tmp_path / "old", clock=FakeClock()) as made:
        await made.ingest(*mixed(20, "acme", "umbrella"))
        start(made, moesif)
        await made.delivered()
        # What is on disk while the journal is open is what `kill -9` leaves.
        shutil.copytree(tmp_path / "old", tmp_path / "killed")
    accept(moesif, "acme", "umbrella")
    async with delivering(tmp_path / "killed", clock=FakeClock()) as made:
        start(made, moesif)
        await none_left(made)
        assert len(taken(moesif, "umbrella")) == 20
        assert moesif.duplicates == 0


async def test_crash_of_the_lane_while_parked_events_go_out(tmp_path: Path, moesif: MoesifLookalike) -> None:
    """The lane crashes in the middle of sending them: the rest goes out after its restart, nothing is lost."""

    class Fragile(TenantsSink):
        async def send(self, payload: Payload) -> None:
            await super().send(payload)
            if len(self.sent) >= 5 and not moments:
                moments.append(len(self.sent))
                raise RuntimeError("a fault of the bridge")

    moments: list[int] = []

    async with delivering(tmp_path) as made:
        accept(moesif)
        sink = Fragile(moesif, batch_max_events=10)
        await made.ingest(*of("umbrella", 10))
        made.start(sink, sink.settings)
        await made.delivered()
        await made.ingest(*of("umbrella", 60, first=10))
        await made.delivered()
        accept(moesif, "umbrella")
        await none_left(made)
        assert made.counted("lane_restarts", "moesif") == 1
        assert moesif.unique == 70


async def test_key_that_stops_working_in_the_middle(tmp_path: Path, moesif: MoesifLookalike) -> None:
    """Refused again while its events go out: what is left stays parked, and goes out the next time."""
    async with delivering(tmp_path) as made:
        accept(moesif)
        await made.ingest(*of("umbrella", 40))
        start(made, moesif, batch_max_events=10)
        await made.delivered()
        accept(moesif, "umbrella")
        moesif.knobs.fail_next = [201, 201, 401, 401, 401]
        await none_left(made)
        assert [request.status for request in moesif.requests][-8:].count(401) >= 3
        assert moesif.unique == 40
        assert moesif.duplicates == 0


async def test_replay_while_parked(tmp_path: Path, moesif: MoesifLookalike) -> None:
    """An operator's replay asks at once: refused, they stay parked; accepted, they leave, and none goes twice."""
    async with delivering(tmp_path, clock=FakeClock()) as made:
        accept(moesif, "acme")
        await made.ingest(*mixed(20, "acme", "umbrella"))
        lane, _ = start(made, moesif)
        await made.delivered()
        assert [it async for it in lane.replay(PARKED)] == [(0, 20)]
        letters = await made.letters()
        assert {(it.reason, it.tenant, it.attempts) for it in letters} == {("parked", "umbrella", 1)}
        accept(moesif, "acme", "umbrella")
        assert [it async for it in lane.replay(PARKED)] == [(20, 0)]
        assert not await made.letters()
        assert moesif.duplicates == 0
        # Waking the lane, as the command does, lets it find out that nobody is refused any more. What comes
        # while it does so may be parked once more, and goes out at the next look.
        lane.wake()
        await made.ingest(*of("umbrella", 5, first=500))
        async with asyncio.timeout(20):
            while moesif.unique < 45:
                lane.wake()
                await asyncio.sleep(0.01)
        assert moesif.duplicates == 0


async def test_dead_letter_of_a_refused_tenant_becomes_parked(
    tmp_path: Path, moesif: MoesifLookalike
) -> None:
    """A letter that was refused for itself and then for its tenant's key is sent by the lane when the key works."""
    async with delivering(tmp_path) as made:
        accept(moesif, "acme")
        moesif.knobs.status_for = lambda event: 400 if event["metadata"]["apiName"] == "Bad" else None
        await made.ingest(*of("acme", 10), *of("acme", 1, first=10, apiName="Bad"))
        lane, _ = start(made, moesif)
        await made.delivered()
        assert [it.reason for it in await made.letters()] == ["refused"]
        accept(moesif)
        assert [it async for it in lane.replay(Selection("moesif"))] == [(0, 1)]
        moesif.knobs.status_for = None
        accept(moesif, "acme")
        await none_left(made)
        assert moesif.unique == 11
        # Counted once, under its first reason.
        assert made.journal.totals.items("events_dead") == [(("moesif", "refused"), 1)]


async def test_bad_event_among_the_parked_becomes_a_dead_letter(
    tmp_path: Path, moesif: MoesifLookalike
) -> None:
    """When parked events get 400 they become ordinary dead letters, and hold nobody up."""
    async with delivering(tmp_path) as made:
        accept(moesif)
        moesif.knobs.status_for = lambda event: 400 if event["metadata"]["apiName"] == "Bad" else None
        await made.ingest(*of("umbrella", 3, apiName="Bad"), *of("umbrella", 60, first=3))
        start(made, moesif)
        await made.delivered()
        accept(moesif, "umbrella")
        await none_left(made)
        assert [(it.reason, it.tenant) for it in await made.letters()] == [("refused", None)] * 3
        assert moesif.unique == 60


async def test_lone_bad_event_holds_up_no_parked_ones(tmp_path: Path, moesif: MoesifLookalike) -> None:
    """A bad event is the oldest batch and pauses the lane: parked events go out, and so show that it is bad."""
    async with delivering(tmp_path) as made:
        accept(moesif, "acme")
        moesif.knobs.status_for = lambda event: 400 if event["metadata"]["apiName"] == "Bad" else None
        await made.ingest(*of("umbrella", 1, apiName="Bad"), *of("umbrella", 5, first=1))
        lane, _ = start(made, moesif)
        await made.delivered()
        await made.ingest(*of("acme", 1, first=50, apiName="Bad"))
        await until(lambda: lane.status().pause_reason == "refuses_everything")
        accept(moesif, "acme", "umbrella")
        await none_left(made)
        await made.delivered()
        assert moesif.unique == 5
        assert [(it.reason, it.tenant) for it in await made.letters()] == [("refused", None)] * 2


async def test_replay_goes_out_beside_a_lone_bad_event(tmp_path: Path, moesif: MoesifLookalike) -> None:
    """An operator's replay is settled when it is done, whatever keeps the oldest batch."""
    async with delivering(tmp_path) as made:
        accept(moesif, "acme")
        moesif.knobs.status_for = lambda event: 400 if event["metadata"]["apiName"] == "Bad" else None
        await made.ingest(*of("acme", 3, apiName="Bad"), *of("acme", 3, first=3))
        lane, _ = start(made, moesif, concurrency=1)
        await made.delivered()
        await made.ingest(*of("acme", 1, first=50, apiName="Bad"))
        await until(lambda: lane.status().pause_reason == "refuses_everything")
        numbers = [letter.number for letter in await made.letters()]
        async with asyncio.timeout(20):
            assert [it async for it in lane.replay(Selection(numbers=numbers[:2]))] == [(0, 2)]
        assert made.journal.pending["moesif"] == 1
        moesif.knobs.status_for = None
        async with asyncio.timeout(20):
            assert [it async for it in lane.replay(Selection(numbers=numbers))] == [(3, 0)]
        await made.delivered()


class ParksMeanwhile(Replays):
    """Just after the table was read, more of the same tenant is parked."""

    parking: Parking
    looks = 0

    async def page(
        self, selection: Selection, *, after: int = 0, most: int = 50
    ) -> tuple[int, Replayed] | None:
        found = await super().page(selection, after=after, most=most)
        self.looks += 1
        if self.looks == 1:
            self.parking.parked(["umbrella"])
        return found


async def test_events_parked_while_the_table_was_read_are_looked_for(tmp_path: Path) -> None:
    """An empty table ends it only if nothing was parked since it was read: the tenant is tried once more."""
    clock = FakeClock()
    async with delivering(tmp_path, clock=clock) as made:
        happenings = DeliveryHappenings(made.metrics, logs.logger(), "moesif", clock)
        parking = Parking(clock, happenings)
        replays = ParksMeanwhile(made.journal, "moesif", SinkSettings(type="http"))
        replays.parking = parking
        parking.refused(TenantRefused("no", tenant="umbrella"), "umbrella")
        running = asyncio.create_task(parking.run(replays))
        await clock.let_run()
        parking.wake()
        await until(lambda: replays.looks == 1 or parking.trouble("umbrella") is None)
        # It was asked a second time, found nothing, and is a tenant like any other from then on.
        await until(lambda: parking.trouble("umbrella") is None)
        assert replays.looks == 2
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_purged_parked_events_are_gone(tmp_path: Path, moesif: MoesifLookalike) -> None:
    """After an operator has purged the parked events, the tenant's next events are sent like everyone's."""
    async with delivering(tmp_path, clock=FakeClock()) as made:
        accept(moesif)
        await made.ingest(*of("umbrella", 20))
        lane, sink = start(made, moesif)
        await made.delivered()
        assert await made.journal.dead.purge(PARKED) == 20
        made.check_books()
        accept(moesif, "umbrella")
        lane.wake()
        # There is nothing to ask with: no request is made, and the address is open.
        await until(lambda: lane._parking.trouble("umbrella") is None)
        assert len(sink.sent) == 1
        await made.ingest(*of("umbrella", 10, first=100))
        await made.delivered()
        assert moesif.unique == 10
        assert total(made, "events_delivered") == 10


async def test_tenants_refusal_ends_an_outage_but_proves_nothing(
    tmp_path: Path, moesif: MoesifLookalike
) -> None:
    """Only refused tenants have events when the destination is back: the lane is healthy, though nothing was taken."""
    async with delivering(tmp_path) as made:
        accept(moesif)
        await moesif.refuse_connections()
        await made.ingest(*of("umbrella", 10))
        lane, _ = start(made, moesif)
        await until(lambda: lane.status().state == "retrying")
        await moesif.accept_connections()
        await made.delivered()
        assert lane.status().trouble == ""
        assert made.journal.totals.sum("events_delivered", "moesif") == 0


async def test_backlog_of_a_refused_tenant_is_parked_in_steps(
    tmp_path: Path, moesif: MoesifLookalike
) -> None:
    """P8: parking needs no request, and still only some MiB of letters are gathered while the disk is slow."""

    class Counting(TenantsSink):
        batches = 0

        def addresses(self, batch: Batch) -> list[str]:
            self.batches += 1
            return super().addresses(batch)

    async with delivering(tmp_path, clock=FakeClock()) as made:
        accept(moesif)
        for block in range(60):
            await made.ingest(*of("umbrella", 4, first=4 * block, apiCreator="x" * 100_000))
        sink = Counting(moesif, batch_max_events=4)
        with closing(sqlite3.connect(tmp_path / "journal.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            made.start(sink, sink.settings)
            await until(lambda: sink.batches > 15)
            for _ in range(100):
                await FakeClock.let_run()
                await asyncio.sleep(0.001)
            assert sink.batches < 40
            other.execute("ROLLBACK")
        await made.delivered()
        assert made.journal.books.parked_events("moesif") == 240


# What is sampled out


async def test_sampled_out_events_are_in_the_books(tmp_path: Path, moesif: MoesifLookalike) -> None:
    """P7: what sampling leaves out is neither delivered nor dead, and counted with the cursor."""
    async with delivering(tmp_path) as made:
        accept(moesif, "acme", "globex")
        await made.ingest(*mixed(30, "acme", "globex"))
        _, sink = start(made, moesif, batch_max_events=7)
        sink.keeps = lambda event: int(str(event.correlationId)[-1], 16) < 4
        await made.delivered()
        assert moesif.unique == total(made, "events_delivered")
        assert total(made, "events_sampled_out") == 60 - moesif.unique > 0
        assert not await made.letters()


async def test_nothing_is_sent_for_a_batch_that_is_sampled_out(
    tmp_path: Path, moesif: MoesifLookalike
) -> None:
    """A payload without events makes no request, and proves nothing of a destination that is down."""
    async with delivering(tmp_path) as made:
        accept(moesif, "acme")
        await moesif.refuse_connections()
        await made.ingest(*of("acme", 10), *of("acme", 10, first=10, apiName="Dull"))
        lane, sink = start(made, moesif, batch_max_events=10, concurrency=2)
        sink.keeps = lambda event: event.apiName != "Dull"
        await until(lambda: made.counted("retries", "moesif", "connection") >= 3)
        assert lane.status().state == "retrying"
        assert total(made, "events_sampled_out") == 0
        await moesif.accept_connections()
        await made.delivered()
        assert total(made, "events_sampled_out") == total(made, "events_delivered") == 10
        assert [request.count for request in moesif.requests] == [10]


async def test_refused_event_is_found_among_sampled_out_ones(tmp_path: Path, moesif: MoesifLookalike) -> None:
    """Splitting what holds a bad event counts each sampled-out event once."""
    async with delivering(tmp_path) as made:
        accept(moesif, "acme")
        moesif.knobs.status_for = lambda event: 400 if event["metadata"]["apiName"] == "Bad" else None
        await made.ingest(*of("acme", 9), *of("acme", 1, first=9, apiName="Bad"), *of("acme", 20, first=10))
        _, sink = start(made, moesif)
        sink.keeps = lambda event: event.apiName == "Bad" or int(str(event.correlationId)[-1], 16) % 2 == 0
        await made.delivered()
        assert len(await made.letters()) == 1
        assert total(made, "events_delivered") == moesif.unique == 15
        assert total(made, "events_sampled_out") == 14


async def test_replayed_letters_that_are_sampled_out_leave(tmp_path: Path, moesif: MoesifLookalike) -> None:
    """Parked events are drawn when they go out: what is left out leaves the table as replayed, and proves no key."""
    with structlog.testing.capture_logs() as said:
        async with delivering(tmp_path) as made:
            accept(moesif)
            await made.ingest(*of("umbrella", 100))
            _, sink = start(made, moesif)
            sink.keeps = lambda event: int(str(event.correlationId)[-2:], 16) >= 30
            await made.delivered()
            await until(lambda: total(made, "dead_letters_replayed") == 30)
            before = len(moesif.requests)
            await moesif.wait_for(lambda: len(moesif.requests) > before + 2)
            assert not [line for line in said if line["event"] == "tenant_works_again"]
            accept(moesif, "umbrella")
            await none_left(made)
            assert [line["tenant"] for line in said if line["event"] == "tenant_works_again"] == ["umbrella"]
            assert moesif.unique == 70
            assert total(made, "dead_letters_replayed") == 100
            assert total(made, "events_sampled_out") == 0


# Records


async def test_sink_that_takes_no_records_never_sees_one(tmp_path: Path, moesif: MoesifLookalike) -> None:
    """Users and companies of Moesif's SDKs are counted as filtered; a call of that event type goes out."""
    record = json.dumps(
        {"eventType": "record", "origin": {"path": "/v1/users", "record": {"user_id": "ada"}}}
    ).encode()
    async with delivering(tmp_path) as made:
        accept(moesif, "acme")
        await made.ingest(record, *of("acme", 5), record, *of("acme", 1, first=5, eventType="record"), record)
        start(made, moesif)
        await made.delivered()
        assert moesif.unique == 6
        assert total(made, "events_filtered") == 3
        assert len(moesif.requests) == 1


# All of it at once


async def test_stops_at_any_moment_keep_the_books(tmp_path: Path, moesif: MoesifLookalike) -> None:
    """P3, P7: keys that come and go, bad events, sampling, and lanes stopped anywhere: each event has one end."""
    async with delivering(tmp_path) as made:
        moesif.knobs.status_for = lambda event: 400 if event["metadata"]["apiName"] == "Bad" else None
        for block in range(20):
            first = 100 * block
            await made.ingest(*mixed(4, "acme", "globex", "umbrella", first=first))
            await made.ingest(event(first + 50, apiCreatorTenantDomain="acme", apiName="Bad"))
        for steps in range(40):
            accept(moesif, *("acme", "globex", "umbrella")[steps % 3 :])
            sink = TenantsSink(moesif, batch_max_events=7, concurrency=3)
            sink.keeps = lambda event: int(str(event.correlationId)[-1], 16) != 1
            made.lanes.pop("moesif", None)
            made.start(sink, sink.settings)
            for _ in range(steps * 3):
                await asyncio.sleep(0)
            await made.stop("moesif")
            await sink.close()
            made.check_books()
        accept(moesif, "acme", "globex", "umbrella")
        _, sink = start(made, moesif)
        sink.keeps = lambda event: int(str(event.correlationId)[-1], 16) != 1
        await made.delivered()
        await none_left(made)
        assert {letter.reason for letter in await made.letters()} == {"refused"}
        sampled = sum(
            int(f"{100 * block + n:x}"[-1], 16) == 1 for block in range(20) for n in [*range(12), 50]
        )
        assert moesif.unique == 20 * 13 - 20 - sampled
