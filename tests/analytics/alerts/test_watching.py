"""Watching: what fires, waits, is said once, resolves, survives a restart, and is not taken for silence."""

from collections.abc import AsyncIterator, Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from rigs.alerts import START, WatchedStore, watched
from rigs.analytics_calls import Values, made_up

from bridge.analytics.admin import alerts as kept
from bridge.analytics.admin import channels as outbox
from bridge.analytics.admin.channels import Message
from bridge.analytics.alerts.channels import Channel
from bridge.analytics.alerts.watching import AlertWatch
from bridge.analytics.server.metrics import TABLE
from bridge.events.times import format_ms


def _calls(minutes: Iterable[float], **values: Any) -> list[Values]:
    """Return a call in each of these minutes after the start."""
    made = []
    for minute in minutes:
        at = START + timedelta(minutes=minute)
        (call,) = made_up(
            hash((minute, *sorted(map(str, values.items())))), 1, at, at + timedelta(milliseconds=1)
        )
        made.append(call | {"faulty": False, "status": 200, "error_type": None, "error_code": None} | values)
    return made


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[WatchedStore]:
    async with watched(tmp_path) as store:
        await store.served.admin.write(
            lambda connection: outbox.keep_channel(
                connection, "ops", Channel("Ops", "slack", url="https://x")
            )
        )
        yield store


async def _messages(store: WatchedStore) -> list[Message]:
    found = await store.served.admin.read(lambda connection: outbox.messages(connection, None, 1000))
    return found[::-1]


async def test_it_fires_after_a_while_is_said_once_and_resolves(store: WatchedStore) -> None:
    """A condition has to hold for the time that the rule says; what fires is said once, and so is its end."""
    fails = {"status": 500, "api": "Orders"}
    await store.take(
        _calls(range(-5, 30), api="Orders")
        + _calls([m + n / 4 for m in range(5, 15) for n in range(3)], **fails)
    )
    await store.rule(
        "fails", measure="error_rate", above=0.5, window="2m", by=["api"], channels=["ops"], **{"for": "3m"}
    )
    for minute in range(31):
        await store.look(minute)
    assert await store.happened() == [("fired", ("Orders",), 9), ("resolved", ("Orders",), 17)]
    messages = await _messages(store)
    assert [message.subject for message in messages] == ["Alert: fails", "Resolved: fails"]
    body = messages[0].body
    assert body is not None
    (line,) = body["notice"]["lines"]
    assert (line["group"], line["since"], line["said"]) == (
        {"api": "Orders"},
        "2026-03-10T08:06:00+00:00",
        "75 %",
    )


async def test_it_is_quiet_after_an_alert_then_says_it_again(store: WatchedStore) -> None:
    """What comes and goes is said once in the quiet time; what still holds when that is over is said again."""
    await store.take(_calls([*range(0, 10, 2), *range(20, 60)], api="Orders"))
    await store.rule("some", measure="calls", above=0, window="1m", quiet="15m", channels=["ops"])
    for minute in range(60):
        await store.look(minute)
    words = [word for word, _, _ in await store.happened()]
    assert words == ["fired", "resolved"] * 5 + ["fired"]
    # The first alert and its end; in the quiet time none; then the long one, and that it goes on.
    assert [message.subject for message in await _messages(store)] == [
        "Alert: some",
        "Resolved: some",
        "Alert: some",
        "Still: some",
        "Still: some",
    ]


async def test_states_survive_a_restart(tmp_path: Path) -> None:
    """What fires still fires after a restart, is not said a second time, and its end is."""
    for minutes in (range(5), range(5, 10), range(10, 15)):
        async with watched(tmp_path) as store:
            if not await store.served.admin.read(kept.rules):
                await store.take(_calls(range(3, 9), api="Orders"))
                await store.served.admin.write(
                    lambda connection: outbox.keep_channel(
                        connection, "ops", Channel("Ops", "slack", url="https://x")
                    )
                )
                await store.rule("some", measure="calls", above=0, window="1m", channels=["ops"])
            for minute in minutes:
                await store.look(minute)
            happened, said = await store.happened(), [one.subject for one in await _messages(store)]
    assert happened == [("fired", (), 4), ("resolved", (), 10)]
    assert said == ["Alert: some", "Resolved: some"]


async def test_quiet_traffic_is_not_a_dead_bridge(store: WatchedStore) -> None:
    """A gateway without calls fires for no traffic where its bridge is heard, for no data where it is not."""
    await store.take(_calls(range(-30, 0), instance="gw-1") + _calls(range(-30, 0), instance="gw-2"))
    await store.rule("silent", measure="silence", window="5m", by=["instance"], channels=["ops"])
    await store.heard("gw-2")
    for minute in range(8):
        store.clock.now = START.timestamp() + minute * 60
        await store.heard("gw-1")
        await store.look(minute)
    history = {line.of: (line.cause, line.detail, line.at_ms) for line in await store.history()}
    start = int(START.timestamp()) * 1000
    assert history == {
        ("gw-1",): ("no_traffic", "no traffic in 5 minutes", start + 5 * 60_000),
        ("gw-2",): ("no_data", "no data: gw-2 is not heard, or is behind", start + 5 * 60_000),
    }


async def test_an_api_is_silent_by_the_bridges_that_served_it(store: WatchedStore) -> None:
    """A bridge that is not heard makes nothing unknown of APIs that it never served."""
    await store.take(
        _calls(range(-30, 0), instance="gw-1", api="Orders")
        + _calls(range(-30, 0), instance="gw-2", api="Menu")
    )
    await store.rule("silent", measure="silence", window="5m", by=["api"])
    await store.heard("gw-2")
    for minute in range(8):
        store.clock.now = START.timestamp() + minute * 60
        await store.heard("gw-1")
        await store.look(minute)
    assert {line.of: line.cause for line in await store.history()} == {
        ("Orders",): "no_traffic",
        ("Menu",): "no_data",
    }


async def test_a_bridge_that_is_behind_may_have_what_is_missing(store: WatchedStore) -> None:
    """Its account says up to when it has sent here what it received: where that is before the window, nobody knows."""
    await store.take(_calls(range(-30, 0), instance="gw-1"))
    await store.rule("keeps", measure="silence", window="5m", when_unknown="keep")
    behind = {
        "sink": "analytics",
        "sinks": {"analytics": {"settled_before": format_ms(int(START.timestamp()) * 1000)}},
    }
    for minute in range(20):
        store.clock.now = START.timestamp() + minute * 60
        settled = {
            **behind,
            "sinks": {"analytics": {"settled_before": format_ms(int(store.clock.now) * 1000)}},
        }
        await store.heard("gw-1", **(behind if minute < 15 else settled))
        await store.look(minute)
    assert await store.happened() == [("fired", (), 15)]


async def test_right_after_a_start_nobody_is_missed(tmp_path: Path) -> None:
    """Bridges have two minutes to be heard before what they did not send is an alert; traffic ends one at once."""
    async with watched(tmp_path) as store:
        await store.take(_calls(range(-30, 0), instance="gw-1"))
        await store.rule("silent", measure="silence", window="1m")
        store.clock.now = START.timestamp() - 600
        await store.heard("gw-1")
        store.clock.now = START.timestamp() + 60
        store.watch = AlertWatch(store.served)
        for minute in range(1, 6):
            await store.look(minute)
        assert await store.happened() == [("fired", (), 3)]


async def test_an_end_is_not_believed_of_a_bridge_that_is_not_heard(store: WatchedStore) -> None:
    """An alert on errors does not resolve because the bridge that brought them has died."""
    await store.take(_calls([m / 2 for m in range(-10, 10)], status=500, faulty=True, instance="gw-1"))
    await store.rule("fails", measure="errors", above=1, window="2m")
    for minute in range(5):
        store.clock.now = START.timestamp() + minute * 60
        await store.heard("gw-1")
        await store.look(minute)
    for minute in range(5, 20):
        await store.look(minute)
    assert await store.happened() == [("fired", (), 0)]
    await store.heard("gw-1")
    await store.look(20)
    assert (await store.happened())[-1] == ("resolved", (), 20)


async def test_a_group_that_nobody_has_called_for_a_week_is_not_missed(store: WatchedStore) -> None:
    """Silence is said of what had calls; after a week without any it is as if it had never been."""
    await store.take(_calls([0], api="Orders") + _calls([-60 * 24 * 8], api="Old"))
    await store.rule("silent", measure="silence", window="1m", by=["api"])
    for minute in (1, 2, 60 * 24 * 7, 60 * 24 * 7 + 2):
        await store.look(minute)
    assert await store.happened() == [
        ("fired", ("Orders",), 2),
        ("resolved", ("Orders",), 60 * 24 * 7 + 2),
    ]


async def test_a_question_that_fails_is_no_silence(store: WatchedStore) -> None:
    """A rule that cannot be answered is shown, counted and said, keeps its states, and says when it can again."""
    await store.take(_calls(range(-5, 60), api="Orders"))
    await store.rule("some", measure="calls", above=0, window="1m", channels=["ops"], quiet="7d")
    await store.look(1)
    body = {"name": "some", "measure": "gone", "above": 0, "window": "1m", "channels": ["ops"]}

    async def become(measure: str) -> None:
        changed = body | {"measure": measure}
        await store.served.admin.write(
            lambda connection: connection.execute(
                "UPDATE alert_rules SET body = ?", (msgspec.json.encode(changed).decode(),)
            )
        )

    await become("gone")
    for minute in range(2, 15):
        await store.look(minute)
    (rule,) = await store.served.admin.read(kept.rules)
    assert rule.failing_ms == (int(START.timestamp()) + 2 * 60 + 15) * 1000
    assert 'unknown measure "gone"' in str(rule.failure)
    await become("calls")
    await store.look(15)
    assert [word for word, _, _ in await store.happened()] == ["fired", "failing", "answered"]
    exposed = store.served.metrics.exposed({one.name: () for one in TABLE}, "")[0].decode()
    assert 'apim_bridge_analytics_alert_looks_total{outcome="failed"} 13.0' in exposed
    assert [one.subject for one in await _messages(store)] == [
        "Alert: some",
        "Cannot be watched: some",
        "Watched again: some",
    ]


async def test_a_question_that_takes_too_long_fails_the_rule(tmp_path: Path) -> None:
    """Behind questions that take for ever, a rule is told so when its time is over, and said after ten minutes."""
    async with watched(tmp_path, question_seconds=0.0001) as store:
        await store.served.admin.write(
            lambda connection: outbox.keep_channel(
                connection, "ops", Channel("Ops", "slack", url="https://x")
            )
        )
        await store.take(_calls(range(-5, 60)))
        await store.rule("some", measure="latency_p95", above=0, window="5m", channels=["ops"])
        for minute in range(15):
            await store.look(minute)
        assert [word for word, _, _ in await store.happened()] == ["failing"]
        (message,) = await _messages(store)
        assert message.subject == "Cannot be watched: some"


async def test_with_another_condition_a_rule_begins_anew(store: WatchedStore) -> None:
    """A change of the condition forgets what fired; a change of the name or the channels does not."""
    await store.take(_calls(range(-5, 60)))
    await store.rule("some", measure="calls", above=0, window="1m")
    await store.look(1)
    await store.rule("some", measure="calls", above=0, window="1m", channels=["ops"])
    await store.look(2)
    assert [word for word, _, _ in await store.happened()] == ["fired"]
    await store.rule("some", measure="calls", above=5, window="1m")
    await store.look(3)
    assert [word for word, _, _ in await store.happened()] == ["fired", "changed"]
    assert await store.served.admin.read(kept.all_states) == {}


async def test_many_groups_at_once_are_one_message(store: WatchedStore) -> None:
    """Fifty APIs that fail in the same minute are one message, which names twenty and counts the rest."""
    calls = [call for number in range(50) for call in _calls([0.5], api=f"API {number:02}")]
    await store.take(calls)
    await store.rule("some", measure="calls", above=0, window="1m", by=["api"], channels=["ops"])
    await store.look(1)
    (message,) = await _messages(store)
    assert message.body is not None
    notice = message.body["notice"]
    assert (len(notice["lines"]), notice["more"]) == (20, 30)


async def test_too_many_groups_fail_the_rule(store: WatchedStore) -> None:
    """More than a thousand groups are not watched by halves: the rule says what to do."""
    calls = [
        call | {"api": f"API {number}"} for number, call in enumerate(_calls([n / 3000 for n in range(1100)]))
    ]
    await store.take(calls)
    await store.rule("some", measure="calls", above=0, window="1m", by=["api"])
    await store.look(1)
    (rule,) = await store.served.admin.read(kept.rules)
    assert rule.failure == "there are 1100 values of api, and a rule watches at most 1000"


async def test_a_clock_that_is_set_back_makes_nobody_wait(store: WatchedStore) -> None:
    """What was looked at and said while the clock was a day ahead does not keep a rule silent for that day."""
    await store.take(_calls(range(-5, 60), api="Orders") + _calls([1441], api="Orders"))
    await store.rule("some", measure="calls", above=0, window="1m", quiet="2m", channels=["ops"])
    await store.rule("late", measure="calls", above=0, window="1m", **{"for": "3m"})
    await store.look(1441)
    await store.look(1442)
    for minute in range(2, 8):
        await store.look(minute)
    assert await store.happened("late") == [("fired", (), 5)]
    assert [one.subject for one in await _messages(store)][-2:] == ["Still: some", "Still: some"]


async def test_a_clock_that_is_set_back_is_no_start(tmp_path: Path) -> None:
    """The two minutes in which nobody is missed are over after two minutes, whatever the clock shows then."""
    async with watched(tmp_path) as store:
        await store.take(_calls(range(-30, 0), instance="gw-1"))
        await store.rule("silent", measure="silence", window="1m", when_unknown="fire")
        store.clock.now = START.timestamp() - 600
        await store.heard("gw-1")
        store.clock.now = START.timestamp() + 86_400
        store.watch = AlertWatch(store.served)
        store.clock.ahead = 86_400
        for minute in range(1, 6):
            await store.look(minute)
        assert await store.happened() == [("fired", (), 2)]


async def test_what_rests_takes_bounded_room(store: WatchedStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ever new groups, each of which fires for a minute, do not pile up until their quiet time is over."""
    monkeypatch.setattr(kept, "MOST_RESTING", 30)
    for minute in range(6):
        for n in range(20):
            await store.take(_calls([minute + n / 99], api=f"{minute}/{n}"))
    await store.rule("some", measure="calls", above=0, window="1m", by=["api"], quiet="7d")
    for minute in range(1, 7):
        await store.look(minute)
    states = (await store.served.admin.read(kept.all_states))["some"]
    assert sum(state.firing for state in states.values()) == 20
    assert len(states) == 50
    # Those that were said last are remembered.
    assert {key[0].split("/")[0] for key in states} == {"3", "4", "5"}


async def test_a_rule_that_cannot_be_read_any_more_can_be_mended(store: WatchedStore) -> None:
    """A rule whose words an update has taken away is replaced like any other."""
    await store.rule("some", measure="calls", above=0, window="1m")
    await store.served.admin.write(
        lambda connection: connection.execute(
            "UPDATE alert_rules SET body = replace(body, '\"calls\"', '\"gone\"')"
        )
    )
    await store.look(1)
    await store.rule("some", measure="calls", above=5, window="1m")
    (rule,) = await store.served.admin.read(kept.rules)
    assert (rule.version, rule.failing_ms) == (2, None)
