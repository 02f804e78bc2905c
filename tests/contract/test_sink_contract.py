"""What the lane relies on, checked for every type of sink: a new one inherits these tests."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fakes.destinations import (
    KINDS,
    SECRET,
    Destination,
    ForTenants,
    OneByOne,
    batch_of,
    build,
    destination_for,
    kinds_with,
)
from rigs.events import events

from bridge.contracts import Sink
from bridge.errors import (
    NeedsOperator,
    Refused,
    RetryLater,
    SinkError,
    SomeFailed,
    TenantRefused,
    TooLarge,
)

OF_ONE_EVENT = (RetryLater, Refused, TooLarge, NeedsOperator, TenantRefused)
CONTRACT_ERRORS = (*OF_ONE_EVENT, SomeFailed)


@pytest.fixture(params=sorted(KINDS))
def kind(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture
async def destination(kind: str, tmp_path: Path) -> AsyncIterator[Destination]:
    async with destination_for(kind, tmp_path) as made:
        yield made


@pytest.fixture
async def sink(kind: str, destination: Destination) -> AsyncIterator[Sink]:
    made = build(kind, destination, request_timeout=5)
    yield made
    await made.close()


async def test_events_arrive_with_their_ids(sink: Sink, destination: Destination) -> None:
    """After `send` returned, every event is at the destination under its id (P5)."""
    await sink.start(None)
    batch = batch_of(*events(20))
    payload = await sink.encode(batch)
    assert payload.count == 20
    state = await sink.send(payload)
    assert state is None or isinstance(state, bytes)
    assert destination.ids() == Counter(batch.ids)


async def test_parts_are_batches_of_their_own(sink: Sink, destination: Destination) -> None:
    """A batch that is cut anywhere arrives as the whole would: same events, same ids, down to single ones."""
    await sink.start(None)
    batch = batch_of(*events(7))
    for part in (batch.part(0, 3), batch.part(3, 4), batch.part(4, 7)):
        assert (await sink.encode(part)).count == len(part)
        await sink.send(await sink.encode(part))
    assert destination.ids() == Counter(batch.ids)


async def test_every_event_has_an_address_and_a_place_in_the_payload(sink: Sink) -> None:
    """The lane counts on it: an address for each event or none at all, and each is sent or sampled out (P7)."""
    await sink.start(None)
    batch = batch_of(*events(7))
    addresses = sink.traits.addresses(batch)
    assert addresses is None or len(addresses) == len(batch)
    payload = await sink.encode(batch.part(0, 1))
    assert payload.count + payload.sampled_out == 1
    assert payload.address == (addresses[0] if addresses is not None else "")


async def test_payload_can_be_sent_again(sink: Sink, destination: Destination) -> None:
    """The same payload may be sent any number of times, and each copy carries the same ids (P5)."""
    await sink.start(None)
    payload = await sink.encode(batch_of(*events(3)))
    await sink.send(payload)
    await sink.send(payload)
    assert set(destination.ids().values()) == {2}


async def test_encoded_before_sent_in_another_order(sink: Sink, destination: Destination) -> None:
    """Encoding keeps nothing back in the sink: what was encoded first may be sent last, or never."""
    await sink.start(None)
    batch = batch_of(*events(6))
    payloads = [await sink.encode(batch.part(index, index + 2)) for index in (0, 2, 4)]
    await sink.send(payloads[2])
    await sink.send(payloads[0])
    assert destination.ids() == Counter([*batch.ids[4:], *batch.ids[:2]])


async def test_trouble_is_one_of_the_errors(sink: Sink, destination: Destination) -> None:
    """A destination out of reach raises an error of the contract, without secrets, and works when it is back."""
    await sink.start(None)
    payload = await sink.encode(batch_of(*events(4)))
    await destination.vanish()
    for _ in range(2):
        with pytest.raises(SinkError) as caught:
            await sink.send(payload)
        assert isinstance(caught.value, CONTRACT_ERRORS)
        assert str(caught.value)
        assert SECRET not in f"{caught.value!r} {caught.value} {caught.value.answer}"
    await destination.return_()
    await sink.send(payload)
    assert set(destination.ids().values()) == {1}


async def test_start_in_trouble_is_left_to_send(kind: str, destination: Destination) -> None:
    """A destination that is out of reach at the start does not crash the lane: `send` says what is wrong."""
    await destination.vanish()
    sink = build(kind, destination)
    await sink.start(None)
    payload = await sink.encode(batch_of(*events(2)))
    with pytest.raises(CONTRACT_ERRORS):
        await sink.send(payload)
    await destination.return_()
    await sink.send(payload)
    assert sum(destination.ids().values()) == 2
    await sink.close()


async def test_started_again_from_its_own_state(sink: Sink, kind: str, destination: Destination) -> None:
    """What `send` returned brings a new sink, and the same one after a crash, back to where it was (P3)."""
    await sink.start(None)
    batch = batch_of(*events(6))
    state = await sink.send(await sink.encode(batch.part(0, 2)))
    await sink.start(state)
    state = await sink.send(await sink.encode(batch.part(2, 4))) or state
    await sink.close()
    other = build(kind, destination)
    await other.start(state)
    await other.send(await other.encode(batch.part(4, 6)))
    await other.close()
    assert destination.ids() == Counter(batch.ids)


async def test_cancelled_send_leaves_a_usable_sink(sink: Sink, destination: Destination) -> None:
    """A send that is cancelled at any moment does no harm to the next start."""
    await sink.start(None)
    batch = batch_of(*events(4))
    state = await sink.send(await sink.encode(batch.part(0, 2)))
    payload = await sink.encode(batch.part(2, 4))
    for steps in range(20):
        task = asyncio.create_task(sink.send(payload))
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await sink.start(state)
    await sink.send(payload)
    assert destination.ids().keys() == set(batch.ids)


async def test_probe_tells_whether_it_is_there(sink: Sink, destination: Destination) -> None:
    """`check` gets a word when all is well, and an error with the reason when not; events are not touched."""
    assert await sink.probe()
    await destination.vanish()
    with pytest.raises(CONTRACT_ERRORS) as caught:
        await sink.probe()
    assert SECRET not in str(caught.value)
    await destination.return_()
    assert await sink.probe()
    assert not destination.ids()


async def test_closing_is_always_allowed(sink: Sink) -> None:
    """A sink may be closed before it was started, and twice."""
    await sink.close()
    await sink.close()


def test_destination_has_no_secrets(sink: Sink) -> None:
    """Operators and logs see which destination it is, and no secret."""
    assert sink.destination
    assert SECRET not in sink.destination
    assert SECRET not in repr(sink)
    assert sink.name == "archive"


@pytest.mark.parametrize("kind", kinds_with("tenants"), indirect=True)
async def test_refused_tenant_is_named_and_no_other_suffers(kind: str, destination: ForTenants) -> None:
    """Where each tenant has a key, the refusal of one names that tenant and the cure; another's events go through."""
    sink = build(kind, destination, **destination.tenants)
    await sink.start(None)
    tenants = ("acme", "umbrella")
    bodies = [body for tenant in tenants for body in events(3, apiCreatorTenantDomain=tenant)]
    batch = batch_of(*bodies)
    addresses = sink.traits.addresses(batch)
    assert addresses is not None
    assert len({*addresses[:3]}) == len({*addresses[3:]}) == 1
    assert addresses[0] != addresses[3]
    acme, umbrella = [await sink.encode(batch.part(start, start + 3)) for start in (0, 3)]
    destination.refuse("umbrella")
    await sink.send(acme)
    with pytest.raises(TenantRefused) as caught:
        await sink.send(umbrella)
    assert caught.value.tenant == "umbrella"
    assert "umbrella" in str(caught.value)
    assert SECRET not in f"{caught.value!r} {caught.value} {caught.value.answer}"
    assert destination.ids() == Counter(batch.ids[:3])
    destination.refuse()
    await sink.send(umbrella)
    assert destination.ids() == Counter(batch.ids)
    await sink.close()


@pytest.mark.parametrize("kind", kinds_with("one_by_one"), indirect=True)
@pytest.mark.parametrize("error", OF_ONE_EVENT)
async def test_events_that_fail_are_named_by_their_index(
    sink: Sink, destination: OneByOne, error: type[SinkError]
) -> None:
    """Some of a part fail: SomeFailed names them as they stood in that part, each with its error; the rest is there."""
    await sink.start(None)
    batch = batch_of(*events(9))
    destination.fail({batch.ids[3]: error, batch.ids[4]: Refused})
    with pytest.raises(SomeFailed) as caught:
        await sink.send(await sink.encode(batch.part(2, 7)))
    assert {index: type(failure) for index, failure in caught.value.failures.items()} == {
        1: error,
        2: Refused,
    }
    for failure in caught.value.failures.values():
        assert str(failure)
        assert SECRET not in f"{failure!r} {failure} {failure.answer}"
    assert destination.ids() == Counter([batch.ids[2], *batch.ids[5:7]])
    # What may pass goes out alone.
    destination.fail({})
    await sink.send(await sink.encode(batch.pick([3, 4])))
    assert destination.ids() == Counter(batch.ids[2:7])


@pytest.mark.parametrize("kind", kinds_with("one_by_one"), indirect=True)
async def test_all_events_may_fail(sink: Sink, destination: OneByOne) -> None:
    """A destination that takes no event of a payload says so of each."""
    await sink.start(None)
    batch = batch_of(*events(4))
    destination.fail(dict.fromkeys(batch.ids, RetryLater))
    with pytest.raises(SomeFailed) as caught:
        await sink.send(await sink.encode(batch))
    assert sorted(caught.value.failures) == [0, 1, 2, 3]
    assert not destination.ids()
