"""Taking events apart: whatever an event holds comes back, and nothing that may name a person stays in the facts."""

import json
from typing import Any

import msgspec
from fakes.tagged_events import RECEIVED_MS, calls, received, recorded_events
from hypothesis import given
from hypothesis import strategies as st

from bridge.analytics.server.ingest import received as decoded_body
from bridge.analytics.store import ReceivedEvent
from bridge.analytics.store.apart import Apart, time_ms
from bridge.analytics.store.callers import _caller, _seen
from bridge.analytics.store.columns import HARMLESS_OBJECTS, NUMBERS, PERSONAL, TEXTS
from bridge.analytics.store.personal import NONE
from bridge.analytics.store.together import event_at
from bridge.events.event import NAMES, PROPERTIES_NAMES
from bridge.events.times import format_ms

OWN_TEXTS = (
    *("requestTimestamp", "correlationId", "eventType", "errorMessage", "apiId", "applicationId"),
    *("organizationId", "userName", "userIp", "userAgent", "userAgentHeader"),
)
NUMBER = "0195f422-aa7b-8d0d-ab66-1e98b54a2675"
TIMES = ("2026-11-21T00:46:24.099Z", "2026-11-21T00:46:07Z", "2026-11-21 00:46:24.099Z", "no time")

texts = (
    st.text(max_size=8)
    | st.sampled_from([*sorted(NONE), "Other", "alice", "alice@carbon.super", *TIMES])
    | st.just("x" * 600)
)
values = (
    st.none()
    | st.booleans()
    | st.integers(-2, 2**40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts
)
nested = st.recursive(
    values,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=4,
)
properties = st.dictionaries(
    st.sampled_from(sorted({*PROPERTIES_NAMES.known, "country"})) | texts, nested, max_size=8
)
tags = st.dictionaries(st.sampled_from(["user", "company", "instance", "weight", "other"]), nested)
clients = nested | st.dictionaries(st.sampled_from(["key", "framework"]) | texts, nested, max_size=4)
origins = st.dictionaries(st.just("api_analytics"), clients) | st.dictionaries(
    st.just("api_analytics") | texts, nested
)
events = st.builds(
    lambda event, inner, origin, tag: event | inner | origin | tag,
    st.dictionaries(st.sampled_from(sorted(NAMES.known)) | texts, nested, max_size=20),
    st.just({}) | properties.map(lambda inner: {"properties": inner}),
    st.just({}) | origins.map(lambda origin: {"origin": origin}),
    tags.map(lambda tag: {"bridge": tag | {"id": NUMBER, "received": format_ms(RECEIVED_MS)}}),
)


# Most events of real traffic look alike; whatever is found must hold beside them, too.
usual = st.sampled_from(recorded_events())
# Every member has the type that WSO2 writes, whatever it says.
plain = st.builds(
    lambda event, inner, tag: event | inner | {"bridge": tag},
    st.fixed_dictionaries(
        {},
        optional=dict.fromkeys(sorted({*TEXTS, *OWN_TEXTS}), texts)
        | dict.fromkeys(NUMBERS, st.integers(-1, 2**16 - 1)),
    ),
    st.just({}) | properties.map(lambda inner: {"properties": inner}),
    st.fixed_dictionaries(
        {"id": st.just(NUMBER), "received": st.just(format_ms(RECEIVED_MS))},
        optional={"user": st.none() | texts, "company": texts, "instance": texts},
    ),
)


def taken(*batches: list[ReceivedEvent]) -> Apart:
    apart = Apart()
    for some in filter(None, batches):
        apart.take(some, [*map(time_ms, some)])
    return apart


def decoded(sent: list[dict[str, Any]]) -> list[ReceivedEvent]:
    """Return these events as they come over HTTP."""
    came = decoded_body(msgspec.json.encode(sent), RECEIVED_MS)
    return [one for one in came if isinstance(one, ReceivedEvent)]


@given(
    st.lists(events | usual | plain, max_size=4),
    st.lists(events | usual | plain, max_size=4),
    st.none() | st.just("DE"),
    st.booleans(),
)
def test_every_event_comes_back(
    first: list[dict[str, Any]], second: list[dict[str, Any]], country: str | None, over_http: bool
) -> None:
    """Whatever members an event has, known or not, in whatever form: it is put together again as it came."""
    batches = [decoded(some) if over_http else [*map(received, some)] for some in (first, second)]
    apart = taken(*([msgspec.structs.replace(one, country=country) for one in some] for some in batches))
    assert [event_at(apart, place) for place in range(len(apart))] == first + second


@given(st.lists(events | usual | plain, min_size=1, max_size=4))
def test_the_quick_way_makes_the_same_of_an_event(sent: list[dict[str, Any]]) -> None:
    """An event that the decoder reads in its usual form becomes the same columns, and leaves the same, as any other."""
    quick, slow = taken(decoded(sent)), taken([*map(received, sent)])
    assert quick.columns == slow.columns
    assert (quick.shapes, quick.correlation_ids) == (slow.shapes, slow.correlation_ids)
    for one, other in ((quick.rests, slow.rests), (quick.personals, slow.personals)):
        assert [part and json.loads(part) for part in one] == [part and json.loads(part) for part in other]


def test_recorded_events_are_of_the_usual_form() -> None:
    """What WSO2's own publisher writes is read in one step."""
    came = decoded(recorded_events())
    assert [one for one in came if isinstance(one.event, dict)] == []


def test_dropped_events_are_gone_and_the_others_stay() -> None:
    """Of events that were taken apart, those with some ids are dropped: the others come back as they came."""
    came = recorded_events()
    apart = taken([*map(received, came)])
    apart.drop({event["bridge"]["id"] for event in came[::3]})
    stayed = [event for place, event in enumerate(came) if place % 3]
    assert [event_at(apart, place) for place in range(len(apart))] == stayed


@given(
    st.sampled_from(sorted(NAMES.known)) | texts,
    st.sampled_from(sorted(PROPERTIES_NAMES.known)) | texts,
    st.booleans(),
)
def test_a_name_is_never_left_where_it_cannot_be_erased(member: str, inner: str, over_http: bool) -> None:
    """Wherever a gateway writes somebody's name, it is in a personal column, or in what is kept apart.

    Members that are no dimension of a call are meant: an API may be called like a person.
    """
    who = "zebulon smith"
    event = {"bridge": {"id": NUMBER}, member: {who: [who]}, "properties": {inner: {who: [who]}}}
    apart = taken(decoded([event]) if over_http else [received(event)])
    left = [column for name, column in apart.columns.items() if name not in PERSONAL]
    if inner not in HARMLESS_OBJECTS:
        assert who not in repr((left, apart.rests))


def test_long_names_and_agents_are_not_remembered() -> None:
    """Whoever sends them fills no memory, and they come back as they came (P8)."""
    long = [
        {**one, "userName": f"{number:05}" * 1_000, "userAgentHeader": f"agent/{number:05}" * 1_000}
        for number, one in enumerate(calls(50))
    ]
    before = (_caller.cache_info().currsize, _seen.cache_info().currsize)
    apart = taken([received(one) for one in long])
    assert (_caller.cache_info().currsize, _seen.cache_info().currsize) == before
    assert [event_at(apart, place) for place in range(len(long))] == long
