"""Taking events apart: whatever an event holds comes back, and nothing that may name a person stays in the facts."""

from typing import Any

import msgspec
from fakes.tagged_events import RECEIVED_MS, received, recorded_events
from hypothesis import given
from hypothesis import strategies as st

from bridge.analytics.store.apart import Apart, time_ms
from bridge.analytics.store.columns import HARMLESS_OBJECTS, PERSONAL
from bridge.analytics.store.personal import NONE
from bridge.analytics.store.together import event_at
from bridge.events.event import NAMES, PROPERTIES_NAMES
from bridge.events.times import format_ms

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


@given(st.lists(events | usual, max_size=4), st.lists(events | usual, max_size=4), st.none() | st.just("DE"))
def test_every_event_comes_back(
    first: list[dict[str, Any]], second: list[dict[str, Any]], country: str | None
) -> None:
    """Whatever members an event has, known or not, in whatever form: it is put together again as it came."""
    apart = Apart()
    for some in filter(None, (first, second)):
        came = [msgspec.structs.replace(received(event), country=country) for event in some]
        apart.take(came, [*map(time_ms, came)])
    assert [event_at(apart, place) for place in range(len(apart))] == first + second


def test_dropped_events_are_gone_and_the_others_stay() -> None:
    """Of events that were taken apart, those with some ids are dropped: the others come back as they came."""
    came = recorded_events()
    apart = Apart()
    apart.take([*map(received, came)], [time_ms(received(event)) for event in came])
    apart.drop({event["bridge"]["id"] for event in came[::3]})
    stayed = [event for place, event in enumerate(came) if place % 3]
    assert [event_at(apart, place) for place in range(len(apart))] == stayed


@given(st.sampled_from(sorted(NAMES.known)) | texts, st.sampled_from(sorted(PROPERTIES_NAMES.known)) | texts)
def test_a_name_is_never_left_where_it_cannot_be_erased(member: str, inner: str) -> None:
    """Wherever a gateway writes somebody's name, it is in a personal column, or in what is kept apart.

    Members that are no dimension of a call are meant: an API may be called like a person.
    """
    who = "zebulon smith"
    event = {"bridge": {"id": NUMBER}, member: {who: [who]}, "properties": {inner: {who: [who]}}}
    apart = Apart()
    apart.take([received(event)], [(RECEIVED_MS, False)])
    left = [column for name, column in apart.columns.items() if name not in PERSONAL]
    if inner not in HARMLESS_OBJECTS:
        assert who not in repr((left, apart.rests))
