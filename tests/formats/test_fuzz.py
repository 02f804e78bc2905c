"""The fuzz target in its short form, and inputs of the worst kinds by name."""

import json
import random
from pathlib import Path
from typing import Any

import fuzz
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import REJECT_REASONS, Unacceptable
from bridge.events.event import decode, encode, mend
from bridge.events.ids import event_id
from bridge.formats.moesif.mapping import moesif_form


async def test_harmed_lines(tmp_path: Path, full: bool) -> None:
    """P5, P7: real lines, damaged in every way: nothing fails, ids stay, the books balance, the mapping is JSON."""
    seed = random.randrange(2**32)
    assert await fuzz.rounds(tmp_path, seed, 300 if full else 0, least=60) > 200


NUMBERS = st.one_of(
    st.integers(-(10**400), 10**400),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
    st.none(),
)
TEXTS = st.text(st.characters(exclude_categories=()), max_size=20)
VALUES = st.recursive(
    NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=20,
)
NAMES = st.sampled_from(
    [
        "apiName",
        "correlationId",
        "requestTimestamp",
        "proxyResponseCode",
        "responseLatency",
        "properties",
        "userIp",
        "errorCode",
    ]
)


@given(st.lists(st.tuples(NAMES | TEXTS, VALUES), max_size=12))
def test_any_pairs(pairs: list[tuple[str, Any]]) -> None:
    """Huge numbers, doubled keys, lone surrogates, anything at all under WSO2's names: an event, or a reason."""
    body = ("{" + ",".join(f"{json.dumps(name)}:{json.dumps(value)}" for name, value in pairs) + "}").encode()
    try:
        canonical, event = mend(body)
    except Unacceptable as error:
        assert error.reason in REJECT_REASONS  # noqa: PT017 - the other outcome is as good
        return
    assert decode(body) == event
    again, same = mend(canonical)
    assert event_id(same) == event_id(event)
    json.loads(again)
    assert json.loads(encode({"mapped": moesif_form(event, "id", 1, fuzz.GATEWAY)}))


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"apiName":' * 100_000, "too_many_values"),
        (b'{"apiName":"a","x":' + b"[" * 1_000_000, "too_many_values"),
        (b'{"apiName":"' + b"u" * 4_000_000, "not_json"),
        (b'"' * 1_000_000, "not_json"),
    ],
    ids=["objects", "lists", "half a string", "quotes"],
)
def test_what_would_take_a_parser_down(body: bytes, reason: str) -> None:
    """Nesting without end and strings without end are refused with their reason, at once."""
    with pytest.raises(Unacceptable) as caught:
        decode(body)
    assert caught.value.reason in {reason, "not_an_object"}


def test_a_string_of_four_megabytes() -> None:
    """A text of 4 MB is an event's like any other, and is mapped whole."""
    event = decode(b'{"apiName":"a","userAgent":"' + b"u" * 4_000_000 + b'"}')
    assert len(encode({"mapped": moesif_form(event, "id", 1, fuzz.GATEWAY)})) > 4_000_000
