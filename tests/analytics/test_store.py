"""The store: every event once, whole, and found again after a crash."""

from pathlib import Path
from uuid import UUID

import pytest
from fakes.tagged_events import calls, received, recorded_events

from bridge.analytics.store import Store
from bridge.errors import QuestionTooLong, StoreUnusable


async def test_recorded_events_come_back_whole(tmp_path: Path) -> None:
    """Every event that WSO2's publisher wrote is put together again as it came."""
    events = recorded_events()
    async with Store.opened(tmp_path) as store:
        await store.append([received(event) for event in events])
        assert await store.events([event["bridge"]["id"] for event in events]) == events


async def test_an_event_is_there_once(tmp_path: Path) -> None:
    """What comes again is known: twice in a batch, in a later batch, and after a restart."""
    events = [received(event) for event in calls(50)]
    async with Store.opened(tmp_path) as store:
        first = await store.append([*events[:30], *events[:10]])
        second = await store.append(events)
    async with Store.opened(tmp_path) as store:
        third = await store.append(events)
        ((rows, ids),) = await store.ask("SELECT count(*), count(DISTINCT id) FROM facts", (), 5)
    assert [(one.new, one.known) for one in (first, second, third)] == [(30, 10), (20, 30), (0, 50)]
    assert (rows, ids) == (50, 50)


@pytest.mark.parametrize("timed_first", [True, False])
async def test_an_id_is_known_whether_its_copy_says_the_time_or_not(
    tmp_path: Path, *, timed_first: bool
) -> None:
    """Of two copies, of which only one says when the call was asked, one is kept."""
    (timed,) = calls(1, 700_000)
    untimed = {key: value for key, value in timed.items() if key != "requestTimestamp"}
    copies = [timed, untimed] if timed_first else [untimed, timed]
    async with Store.opened(tmp_path) as store:
        counts = [(await store.append([received(copy)])).new for copy in copies]
    assert counts == [1, 0]


async def test_times_far_apart_in_one_batch(tmp_path: Path) -> None:
    """Old events that come again among new ones are known."""
    old, new = [received(one) for one in calls(5)], [received(one) for one in calls(5, 1_000_000)]
    async with Store.opened(tmp_path) as store:
        await store.append(old)
        appended = await store.append([*old, *new])
    assert (appended.new, appended.known) == (5, 5)


async def test_columns_say_what_the_event_says(tmp_path: Path) -> None:
    """Texts become numbers of names, WSO2's words for none become NULL, and the user agent is read."""
    (event,) = calls(
        1,
        applicationName="UNKNOWN",
        userName="alice@carbon.super",
        userIp="192.0.2.7",
        userAgentHeader="Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        targetResponseCode=-1,
        responseLatency=12,
        properties={"aiTokenUsage": {"totalTokens": 30}, "aiMetadata": {"model": "m-1"}},
    )
    question = (
        "SELECT a.value, f.application, f.target_status, f.latency, f.ai_total_tokens, m.value, b.value, f.bot, f.user"
        " FROM facts f JOIN names a ON a.id = f.api JOIN names m ON m.id = f.ai_model"
        " JOIN names b ON b.id = f.browser"
    )
    async with Store.opened(tmp_path) as store:
        await store.append([received(event)])
        (row,) = await store.ask(question, (), 5)
        user = row[-1]
        assert await store.people.values([user]) == {user: "alice"}
        assert await store.people.find("user", ["alice", "bob"]) == [user]
        assert await store.people.page("user", 0, 10) == [(user, "alice")]
        assert await store.event(event["bridge"]["id"]) == event
        assert await store.event(str(UUID(int=5))) is None
    assert row[:-1] == ("API 0", None, None, 12, 30, "m-1", "Googlebot", True)


async def test_a_question_has_its_time(tmp_path: Path) -> None:
    """A question that takes too long is stopped, and the next one is answered."""
    endless = "SELECT sum(a.range * b.range) FROM range(10000000) a, range(10000000) b"
    async with Store.opened(tmp_path) as store:
        for _ in range(5):
            with pytest.raises(QuestionTooLong):
                await store.ask(endless, (), 0.02)
        assert await store.ask("SELECT 1", (), 5) == [(1,)]


async def test_a_second_process_is_kept_out(tmp_path: Path) -> None:
    """Who finds the folder taken is told so."""
    async with Store.opened(tmp_path):
        with pytest.raises(StoreUnusable, match="another process has the store"):
            async with Store.opened(tmp_path):
                pass
