"""What is erased is nowhere in the store, and does not come back (S8)."""

import asyncio
import errno
from pathlib import Path
from typing import Any

import pytest
from fakes.tagged_events import FIRST_MS, RECEIVED_MS, calls, received
from rigs.analytics_erasing import bytes_with, erase, traces

from bridge.analytics.store import ReceivedEvent, Store
from bridge.analytics.store.verification import StoreVerification
from bridge.errors import StoreWaits

KEY = "4f9c2d0a8b7e6c5d4f9c2d0a8b7e6c5d"
BEFORE = RECEIVED_MS + 1


def owned(count: int, number: int = 0, **members: Any) -> list[dict[str, Any]]:
    """Return calls of somebody, named wherever an event may name its caller."""
    return [
        *calls(
            count,
            number,
            userName="zebulon@carbon.super",
            userIp="192.0.2.77",
            userAgentHeader="agent-of-zebulon/1.0",
            applicationName="Zebra App",
            applicationId="id-of-zebra-app",
            applicationOwner="zebulon",
            apiCreator="zebulon",
            errorMessage="no access for zebulon",
            properties={
                "userName": "zebulon@carbon.super",
                "requestHeaders": {"X-Who": "zebulon", "X-Forwarded-For": "192.0.2.77"},
                "responseBody": '{"owner": "zebulon"}',
                "x-original-gw-url": "https://gw.example.com/orders/zebulon/7",
            },
            strange={"deep": ["zebulon"]},
            **{"correlationId": "zebulon-1"} | members,
        )
    ]


def foreign(count: int, number: int) -> list[dict[str, Any]]:
    """Return calls of somebody else that speak of the first one."""
    return [
        *calls(
            count,
            number,
            userName="yolanda",
            userIp="192.0.2.5",
            userAgentHeader="zebulon's client/2",
            applicationName="Other App",
            applicationOwner="zebulon",
            apiCreator="zebulon@carbon.super",
            correlationId="for zebulon",
            organizationId="org of zebulon",
            properties={
                "responseBody": "written by zebulon, seen from 192.0.2.77",
                "requestHeaders": {"X-Kept": "this stays"},
                "x-original-gw-url": "https://gw.example.com/users/zebulon",
            },
        )
    ]


async def numbers(store: Store) -> tuple[int, ...]:
    """Return the books: shown, erased."""
    ((shown, erased),) = await store.ask(
        "SELECT count(*), (SELECT value FROM meta WHERE key = 'erased') FROM facts", (), 5
    )
    return shown, erased


def names_of(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.is_file()}


def require_sound(folder: Path) -> None:
    with StoreVerification.opened(folder, memory_bytes=2**28, threads=2) as checks:
        assert [*checks.findings()] == []


async def test_a_user_is_nowhere(tmp_path: Path) -> None:
    """The calls go with all that was theirs; those of others stay, without a word of the user."""
    async with Store.opened(tmp_path) as store:
        await store.append([received(one) for one in [*owned(20), *foreign(5, 100), *calls(5, 200)]])
        counts = await erase(store, "user", "zebulon")
        assert (counts.deleted, counts.kept) == (20, 0)
        # While the store is open, write-ahead logs are there, too.
        assert bytes_with(tmp_path, "zebulon") == []
        assert await numbers(store) == (10, 20)
        event = await store.event(str(foreign(1, 100)[0]["bridge"]["id"]))
    assert traces(tmp_path, "zebulon") == []
    assert event is not None
    assert event["properties"]["requestHeaders"] == {"X-Kept": "this stays"}
    assert event["userName"] == "yolanda"
    require_sound(tmp_path)


@pytest.mark.parametrize("spelled", ["zebulon", "zebulon@carbon.super"])
async def test_each_spelling_is_the_same_person(tmp_path: Path, spelled: str) -> None:
    """Who is erased with the super tenant's name is erased without it, and the other way round."""
    tagged = owned(2, 50)
    for one in tagged:
        one["bridge"]["user"] = "zebulon@carbon.super"
    batch = [received(one) for one in [*owned(3), *tagged]]
    async with Store.opened(tmp_path) as store:
        await store.append(batch)
        assert (await erase(store, "user", spelled, before_ms=BEFORE)).deleted == 5
        assert (await store.append(batch)).new == 0
    assert traces(tmp_path, "zebulon") == []


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("application", "Zebra App", ["Zebra App", "id-of-zebra-app", "192.0.2.77"]),
        ("ip", "192.0.2.77", ["192.0.2.77"]),
        ("company", "Zebra Inc", ["Zebra Inc"]),
        ("key", KEY, [KEY]),
    ],
)
async def test_other_subjects_are_nowhere(tmp_path: Path, field: str, value: str, words: list[str]) -> None:
    """An application, an address, a company, a key: what only DuckDB had is in no block of its file any more."""
    events = [*owned(20), *calls(10, 100)]
    for one in events[:20]:
        one["bridge"]["company"] = "Zebra Inc"
        one["origin"] = {"api_analytics": {"key": KEY, "framework": "FastAPI"}}
    async with Store.opened(tmp_path) as store:
        await store.append([received(one) for one in events])
        before = (tmp_path / "analytics.duckdb").stat().st_ino
        counts = await erase(store, field, value)
        assert counts.deleted == 20
        assert await numbers(store) == (10, 20)
        assert (tmp_path / "analytics.duckdb").stat().st_ino != before
    for word in words:
        assert traces(tmp_path, word) == []
    require_sound(tmp_path)


@pytest.mark.parametrize("field", ["user", "application", "ip"])
async def test_counts_may_stay(tmp_path: Path, field: str) -> None:
    """With their counts kept, the calls are shown, and do not say whose they were."""
    value = {"user": "zebulon", "application": "Zebra App", "ip": "192.0.2.77"}[field]
    async with Store.opened(tmp_path) as store:
        await store.append([received(one) for one in [*owned(20), *foreign(5, 100)]])
        counts = await erase(store, field, value, keeps_counts=True)
        assert (counts.deleted, counts.kept) == (0, 20)
        assert await numbers(store) == (25, 0)
        assert await store.ask("SELECT count(*) FROM facts WHERE status = 200", (), 5) == [(25,)]
    assert traces(tmp_path, value) == []
    require_sound(tmp_path)


@pytest.mark.parametrize("keeps_counts", [False, True])
async def test_what_was_erased_does_not_come_back(tmp_path: Path, *, keeps_counts: bool) -> None:
    """Older calls that come again, or for the first time, are counted once and not stored; newer ones are taken."""
    there, on_their_way = owned(10), owned(5, 50)
    async with Store.opened(tmp_path) as store:
        await store.append([received(one) for one in there])
        await erase(store, "user", "zebulon", before_ms=BEFORE, keeps_counts=keeps_counts)
        batch = [received(one) for one in [*there, *on_their_way, *foreign(2, 100)]]
        appended = await store.append(batch)
        new, erased = (7, 0) if keeps_counts else (2, 5)
        assert (appended.new, appended.known, appended.erased) == (new, 10, erased)
        again = await store.append(batch)
        assert (again.new, again.known, again.erased) == (0, 17, 0)
        assert await numbers(store) == ((17, 0) if keeps_counts else (2, 15))
    assert traces(tmp_path, "zebulon") == []
    require_sound(tmp_path)
    async with Store.opened(tmp_path) as store:
        assert (await store.append(batch)).known == 17
        later = [
            ReceivedEvent(one["bridge"]["id"], BEFORE + 9, one | {"requestTimestamp": BEFORE + 5})
            for one in owned(3, 300)
        ]
        assert (await store.append(later)).new == 3
        assert len(await store.people.find("user", ["zebulon"])) == 1
        # The next erasure takes these, too.
        assert (await erase(store, "user", "zebulon")).deleted == 3
    assert traces(tmp_path, "zebulon") == []


async def test_an_old_call_without_its_time_of_receipt_stays_away(tmp_path: Path) -> None:
    """A log that is read anew says another time of receipt: when the call was asked is enough."""
    async with Store.opened(tmp_path) as store:
        await store.append([received(one) for one in owned(2)])
        await erase(store, "user", "zebulon", before_ms=BEFORE)
        late = [ReceivedEvent(one["bridge"]["id"], BEFORE + 10**9, one) for one in owned(1, 9)]
        assert (await store.append(late)).erased == 1


async def test_newer_calls_stay(tmp_path: Path) -> None:
    """What is asked and received after the time of the erasure is not touched by it."""
    cut_ms = FIRST_MS + 10_000
    events = [
        ReceivedEvent(one["bridge"]["id"], FIRST_MS + place * 1000 + 20, one)
        for place, one in enumerate(owned(20))
    ]
    async with Store.opened(tmp_path) as store:
        await store.append(events)
        assert (await erase(store, "user", "zebulon", before_ms=cut_ms)).deleted == 10
        assert await numbers(store) == (10, 10)
        left = await store.events([one.id for one in events])
        assert [one["strange"] for one in left] == [{"deep": ["zebulon"]}] * 10
    require_sound(tmp_path)


async def test_addresses_of_version_6_have_many_spellings(tmp_path: Path) -> None:
    """The same address, written in another way, is the same."""
    written = ("2001:db8::7", "2001:DB8::7", "2001:0db8:0000:0000:0000:0000:0000:0007")
    events = [received(one) for place, ip in enumerate(written) for one in calls(1, place, userIp=ip)]
    async with Store.opened(tmp_path) as store:
        await store.append(events)
        assert (await erase(store, "ip", "2001:db8:0::7", before_ms=BEFORE)).deleted == 3
        fresh = [received(one) for one in calls(1, 9, userIp="2001:db8::0007")]
        assert (await store.append(fresh)).erased == 1


async def test_part_of_a_word_is_no_name(tmp_path: Path) -> None:
    """Who erases `ann` does not touch what is said of `joanna`, now or when it comes again."""
    events = [*calls(3, userName="joanna", errorMessage="no access for joanna")]
    async with Store.opened(tmp_path) as store:
        await store.append([received(one) for one in events[:2]])
        counts = await erase(store, "user", "ann", before_ms=BEFORE)
        assert (counts.deleted, counts.blotted) == (0, 0)
        await store.append([received(events[2])])
        assert await store.events([one["bridge"]["id"] for one in events]) == events


async def test_events_and_answers_go_on_while_it_is_copied(tmp_path: Path) -> None:
    """What is appended while the copy is made is in it, once, and questions are answered before and after."""
    async with Store.opened(tmp_path) as store:
        for start in range(0, 20_000, 5_000):
            await store.append([received(one) for one in calls(5_000, start)])
        await store.roll_up(RECEIVED_MS)
        exchange = asyncio.create_task(store.exchange())
        start, between = 100_000, 0
        while not exchange.done():
            await store.append([received(one) for one in calls(50, start)])
            between += not exchange.done()
            start += 50
            await store.ask("SELECT count(*) FROM facts", (), 5)
        await exchange
        assert between > 0
        await store.append([received(one) for one in calls(50, start)])
        assert await numbers(store) == (20_000 + start + 50 - 100_000, 0)
    require_sound(tmp_path)
    assert names_of(tmp_path) == {"analytics.duckdb", "people.db", "lock"}


async def test_a_copy_without_room_changes_nothing(tmp_path: Path) -> None:
    """It is said, nothing is left behind, and the store goes on."""
    async with Store.opened(tmp_path) as store:
        await store.append([received(one) for one in owned(5)])
    async with Store.opened(tmp_path, least_free_bytes=2**60) as store:
        with pytest.raises(StoreWaits, match="make room on it"):
            await store.exchange()
        assert await numbers(store) == (5, 0)
    assert names_of(tmp_path) == {"analytics.duckdb", "people.db", "lock"}


async def test_a_copy_that_cannot_take_its_place_leaves_all_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the disk fails in the last step, events, questions and the roll-up go on, and the next try succeeds."""

    def full(_path: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    async with Store.opened(tmp_path) as store:
        await store.append([received(one) for one in owned(5)])
        with monkeypatch.context() as broken:
            broken.setattr("bridge.analytics.store.opening.sync", full)
            with pytest.raises(StoreWaits):
                await store.exchange()
        await store.append([received(one) for one in calls(50, 100)])
        assert await store.roll_up(RECEIVED_MS) > 0
        await store.exchange()
        assert await numbers(store) == (55, 0)
        assert not store.broken.is_set()
    require_sound(tmp_path)
