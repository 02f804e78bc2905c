"""What leaves the store by itself: old events, and nothing of them stays on the disk."""

from pathlib import Path
from typing import Any

from fakes.tagged_events import FIRST_MS, RECEIVED_MS, calls, received, recorded_events
from rigs.analytics_parts import at_hand

from bridge.analytics.server.metrics import TABLE
from bridge.analytics.server.tidying import tidy
from bridge.analytics.store import ReceivedEvent, Store
from bridge.settings import AnalyticsSettings

HOUR = 3600


def files_with(folder: Path, text: str) -> list[str]:
    """Return the files that hold a text, in any case of UTF-8 that the store could write."""
    needle = text.encode()
    return [path.name for path in folder.rglob("*") if path.is_file() and needle in path.read_bytes()]


def person(name: str, number: int, count: int = 1) -> list[dict[str, object]]:
    """Return calls of somebody, with their name wherever an event may hold it."""
    return [
        *calls(
            count,
            number,
            userName=f"{name}@carbon.super",
            userIp=f"192.0.2.{number % 200}",
            userAgentHeader=f"agent-of-{name}/1.0",
            applicationOwner=name,
            apiCreator=name,
            errorMessage=f"no access for {name}",
            properties={
                "userName": f"{name}@carbon.super",
                "requestHeaders": {"X-Who": name, "X-Forwarded-For": f"192.0.2.{number % 200}"},
                "responseBody": f'{{"owner": "{name}"}}',
            },
            strange={"deep": [name]},
        )
    ]


async def test_no_personal_text_is_among_the_facts(tmp_path: Path) -> None:
    """Wherever an event holds a person's name, it is in people.db alone."""
    async with Store.opened(tmp_path) as store:
        await store.append([received(one) for one in person("zebulon", 1)])
    assert files_with(tmp_path, "zebulon") == ["people.db"]


async def test_no_person_of_the_recorded_events_is_among_the_facts(tmp_path: Path) -> None:
    """Who called, from where, and who owns and made what, as WSO2 wrote it, is in people.db alone."""
    events = recorded_events()
    members = ("userName", "userIp", "applicationOwner", "apiCreator")
    people = {str(event.get(name, "")) for event in events for name in members}
    async with Store.opened(tmp_path) as store:
        await store.append([received(event) for event in events])
    telling = [text for text in people if "@" in text or text.count(".") == 3]
    assert len(telling) > 5
    assert {name for text in telling for name in files_with(tmp_path, text)} == {"people.db"}


async def test_old_events_go_with_all_that_was_theirs(tmp_path: Path) -> None:
    """What is older goes, with its people and names; the rest stays, and what went does not come back."""
    old, new = person("zebulon", 1, 3), person("yolanda", 10 * HOUR, 3)
    old[0]["apiName"] = "Forgotten API"
    async with Store.opened(tmp_path) as store:
        await store.append([received(one) for one in [*old, *new]])
        assert await store.keep_until(FIRST_MS + 5 * HOUR * 1000) == 3
        assert await store.events([str(one["bridge"]["id"]) for one in [*old, *new]]) == new  # type: ignore[index]
        again = await store.append([received(one) for one in [*old, *new]])
        assert (again.new, again.known, again.old) == (0, 6, 0)
        assert "Forgotten API" not in (await store.names("api")).values()
        assert await store.ask("SELECT value FROM meta WHERE key = 'let_go'", (), 5) == [(3,)]
        assert files_with(tmp_path, "zebulon") == []
    async with Store.opened(tmp_path) as store:
        assert (await store.append([received(old[0])])).known == 1


async def test_what_comes_too_late_is_counted_once(tmp_path: Path) -> None:
    """P7: an event of a time that retention has emptied is too old, once; what was deleted is not counted again."""
    first, late, new = [*calls(3)], [*calls(4, HOUR)], [*calls(2, 10 * HOUR)]
    batch = [received(one) for one in [*first, *late, *new]]

    async def books() -> tuple[int, ...]:
        ((shown, let_go, too_old),) = await store.ask(
            "SELECT count(*), (SELECT value FROM meta WHERE key = 'let_go'),"
            " (SELECT value FROM meta WHERE key = 'too_old') FROM facts",
            (),
            5,
        )
        return shown, let_go, too_old

    async with Store.opened(tmp_path) as store:
        await store.append([received(one) for one in [*first, *new]])
        await store.keep_until(FIRST_MS + 5 * HOUR * 1000)
        appended = await store.append(batch)
        assert (appended.new, appended.known, appended.old) == (0, 5, 4)
        assert await books() == (2, 3, 4)
        await store.keep_until(FIRST_MS + 6 * HOUR * 1000)
    async with Store.opened(tmp_path) as store:
        assert (await store.append(batch)).known == 9
        assert await books() == (2, 3, 4)


async def test_an_event_without_a_time_is_counted_once(tmp_path: Path) -> None:
    """Whoever sends it again says another time of receipt: before what is kept, or behind it."""
    events = [*calls(2)]
    for one in events:
        del one["requestTimestamp"]
    now_ms = FIRST_MS + 10 * 3_600_000

    def sent(event: dict[str, Any], hours: int) -> ReceivedEvent:
        return ReceivedEvent(event["bridge"]["id"], now_ms + hours * 3_600_000, event)

    async with Store.opened(tmp_path) as store:
        await store.append([sent(events[0], -10), sent(events[1], 1)])
        assert await store.keep_until(now_ms) == 1
        gone = await store.append([sent(events[0], 2)])
        there = await store.append([sent(events[1], -1)])
        assert (gone.new, gone.known, gone.old) == (0, 1, 0)
        assert (there.new, there.known, there.old) == (0, 1, 0)


async def test_what_nobody_sends_again_is_forgotten(tmp_path: Path) -> None:
    """P8: the ids of what is not kept stay for 30 days after it was received."""
    day_ms = 24 * HOUR * 1000
    old, new = calls(3), calls(2, 10 * HOUR)
    async with Store.opened(tmp_path) as store:
        await store.append([received(one) for one in [*old, *new]])
        await store.keep_until(FIRST_MS + 5 * HOUR * 1000)
        assert await store.ask("SELECT count(*) FROM gone", (), 5) == [(3,)]
        (later,) = calls(1, 11 * HOUR)
        await store.append([ReceivedEvent(str(later["bridge"]["id"]), RECEIVED_MS + 31 * day_ms, later)])
        await store.keep_until(FIRST_MS + 5 * HOUR * 1000)
        assert await store.ask("SELECT count(*) FROM gone", (), 5) == [(0,)]


async def test_the_oldest_go_when_there_are_too_many(tmp_path: Path) -> None:
    """A store that takes too many bytes lets go of its oldest events, until it takes no more than it may."""
    long = {"errorMessage": "M" * 400}
    async with Store.opened(tmp_path) as store:
        for start in range(0, 12_000, 4_000):
            await store.append([received(one) for one in calls(4_000, start, **long)])
        await store.settle()
        before = await store.used_bytes()
        gone = await store.shrink_to(before // 2)
        assert 0 < gone < 12_000
        assert await store.used_bytes() <= before // 2
        assert await store.ask("SELECT count(*) FROM facts", (), 5) == [(12_000 - gone,)]
        ((oldest,),) = await store.ask(
            "SELECT min(correlation_id) FROM details WHERE time = (SELECT min(time) FROM details)", (), 5
        )
    assert oldest == f"call-{gone}"


async def test_what_is_let_go_of_is_said(tmp_path: Path) -> None:
    """Retention writes a line with the number of events and counts them, by reason; with nothing to do it is silent."""
    settings = AnalyticsSettings.model_validate({"retain": "5h"})
    logged: list[tuple[str, int]] = []

    class Clock:
        def time(self) -> float:
            return FIRST_MS / 1000 + 10 * HOUR

        def monotonic(self) -> float:
            return 0.0

        async def sleep(self, seconds: float) -> None: ...

    class Logger:
        def warning(self, _event: str, *, reason: str, events: int, why: str) -> None:
            assert why
            logged.append((reason, events))

    async with at_hand(tmp_path, settings, clock=Clock(), logger=Logger()) as served:
        store = served.store
        await store.append([received(one) for one in [*calls(7), *calls(2, 6 * HOUR)]])
        await tidy(served)
        await tidy(served)
        text, _ = served.metrics.exposed(
            {metric.name: [((), 0.0)] for metric in TABLE if metric.counted == "asked"}, ""
        )
        assert await store.ask("SELECT count(*) FROM facts", (), 5) == [(2,)]
    assert logged == [("age", 7)]
    assert b'apim_bridge_analytics_events_let_go_total{reason="age"} 7.0' in text
    assert b'apim_bridge_analytics_events_let_go_total{reason="size"} 0.0' in text
