"""Taking events apart: whatever an event holds comes back, and nothing that may name a person stays in the facts."""

from typing import Any

from fakes.tagged_events import RECEIVED_MS
from hypothesis import given
from hypothesis import strategies as st

from bridge.analytics.store.apart import take_apart, time_ms
from bridge.analytics.store.columns import FACTS, HARMLESS_OBJECTS, PERSONAL
from bridge.analytics.store.contract import ReceivedEvent
from bridge.analytics.store.personal import NONE
from bridge.analytics.store.together import put_together
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
events = st.builds(
    lambda event, inner, tag: event | inner | tag,
    st.dictionaries(st.sampled_from(sorted(NAMES.known)) | texts, nested, max_size=20),
    st.just({}) | properties.map(lambda inner: {"properties": inner}),
    tags.map(lambda tag: {"bridge": tag | {"id": NUMBER, "received": format_ms(RECEIVED_MS)}}),
)


@given(events)
def test_every_event_comes_back(event: dict[str, Any]) -> None:
    """Whatever members an event has, known or not, in whatever form: it is put together again as it came."""
    received = ReceivedEvent(NUMBER, RECEIVED_MS, event)
    asked_ms, says = time_ms(received)
    apart = take_apart(received, asked_ms, says_time=says)
    facts = dict(zip(FACTS, apart.row, strict=True)) | {
        "id": NUMBER,
        "time": format_ms(asked_ms),
        "received": format_ms(RECEIVED_MS),
        "correlation_id": apart.correlation_id,
    }
    assert put_together(facts, apart.shape, {**apart.rest}, apart.personal) == event


@given(st.sampled_from(sorted(NAMES.known)) | texts, st.sampled_from(sorted(PROPERTIES_NAMES.known)) | texts)
def test_a_name_is_never_left_where_it_cannot_be_erased(member: str, inner: str) -> None:
    """Wherever a gateway writes somebody's name, it is in a personal column, or in what is kept apart.

    Members that are no dimension of a call are meant: an API may be called like a person.
    """
    who = "zebulon smith"
    event = {"bridge": {"id": NUMBER}, member: {who: [who]}, "properties": {inner: {who: [who]}}}
    received = ReceivedEvent(NUMBER, RECEIVED_MS, event)
    apart = take_apart(received, RECEIVED_MS, says_time=False)
    left = [value for name, value in zip(FACTS, apart.row, strict=True) if name not in PERSONAL]
    if inner not in HARMLESS_OBJECTS:
        assert who not in repr((left, apart.rest))
