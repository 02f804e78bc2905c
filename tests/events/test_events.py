"""The event: two ways to decode it that agree, what is mended, what is refused and why."""

import json
import string
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.contracts import Gateway
from bridge.errors import REJECT_REASONS, Unacceptable
from bridge.events.event import (
    EMPTY,
    REFUSALS,
    Event,
    Properties,
    decode,
    decode_fast,
    from_object,
    is_fault,
    mend,
    with_canonical_names,
)
from bridge.events.reading import MAX_DEPTH, read_object
from bridge.formats.moesif.mapping import moesif_form

EVENT_KEYS = [field.encode_name for field in msgspec.structs.fields(Event) if field.name != "extra"]
PROPERTY_KEYS = [field.encode_name for field in msgspec.structs.fields(Properties) if field.name != "extra"]

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    [
        "",
        "null",
        "-1",
        "200",
        "007",
        "1e3",
        " 5 ",
        "true",
        "False",
        "UNKNOWN",
        '{"a":"b"}',
        "{",
        "2026-11-21T00:46Z",
    ]
)
numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.integers(-3, 600)
numbers |= st.sampled_from(
    [2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 2**64, 10**30, 1.0, -0.0, 1e19, 2.0**63]
)
scalars = st.none() | st.booleans() | numbers | texts
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
strange_keys = texts | st.sampled_from(["extra", "bridge", "gateway_url", "deployment_type", "__class__"])
properties = st.dictionaries(st.sampled_from(PROPERTY_KEYS) | strange_keys, values, max_size=6)
events = st.dictionaries(st.sampled_from(EVENT_KEYS) | strange_keys, values, max_size=8).flatmap(
    lambda data: st.just(data) | properties.map(lambda inner: {**data, "properties": inner})
)

# The form that WSO2 writes: every value of its type, so that the fast way takes it.
_PLAIN: dict[str, Any] = {
    "apiName": "PizzaShackAPI",
    "proxyResponseCode": 200,
    "responseCacheHit": False,
    "backendLatency": 21,
    "correlationId": "7a4f90b1-f2cb-4a10-9054-78cfbcc0e0cf",
    "requestTimestamp": "2026-11-21T00:16:33.502Z",
    "userName": "jürgen@carbon.super",
    "properties": {
        "apiContext": "/p/1",
        "responseSize": 12,
        "x-original-gw-url": "https://gw/p",
        "isEgress": True,
    },
}


def verdict(way: Any, data: bytes) -> object:
    try:
        return repr(way(data))
    except Unacceptable as error:
        return REJECT_REASONS[REJECT_REASONS.index(error.reason)]


def generic(data: bytes) -> Event:
    return from_object(with_canonical_names(read_object(data)[0]))


def refused(data: bytes) -> str:
    with pytest.raises(Unacceptable) as caught:
        decode(data)
    return caught.value.reason


@given(events)
def test_both_ways_agree(data: dict[str, Any]) -> None:
    """Whatever the fast way accepts, the generic way makes the same event of; what it refuses, `decode` gives it."""
    encoded = json.dumps(data).encode()
    assert verdict(decode, encoded) == verdict(generic, encoded)
    try:
        event = decode_fast(encoded)
    except REFUSALS:
        return
    assert event == EMPTY or repr(event) == verdict(generic, encoded)


@given(events)
def test_no_key_is_lost(data: dict[str, Any]) -> None:
    """Every key with a value is a field of the event or is in `extra`, in `properties` too."""
    try:
        event = decode(json.dumps(data).encode())
    except Unacceptable:
        assert all(key not in EVENT_KEYS or value is None for key, value in data.items())
        return
    fields = {field.encode_name: field.name for field in msgspec.structs.fields(Event)}
    data = with_canonical_names(data)
    for key, value in data.items():
        kept = key in (event.extra or {}) or (key in EVENT_KEYS and getattr(event, fields[key]) is not None)
        assert kept or value is None, key
    inner = data.get("properties")
    if isinstance(inner, dict):
        held = event.properties
        assert held is not None
        fields = {field.encode_name: field.name for field in msgspec.structs.fields(Properties)}
        for key, value in inner.items():
            kept = key in (held.extra or {}) or (
                key in PROPERTY_KEYS and getattr(held, fields[key]) is not None
            )
            assert kept or value is None, key


@given(events)
def test_canonical_bytes_are_stable(data: dict[str, Any]) -> None:
    """The bytes that are journalled decode to the same event, and are canonical themselves."""
    try:
        canonical, event = mend(json.dumps(data).encode())
    except Unacceptable:
        return
    assert repr(decode(canonical)) == repr(event)
    assert mend(canonical)[0] == canonical


@given(st.binary(max_size=60) | st.text(string.printable, max_size=60).map(str.encode))
def test_any_bytes_are_an_event_or_refused_with_a_reason(data: bytes) -> None:
    """Nothing that comes in makes decoding fail in any other way than with a reason of the table."""
    verdict(decode, data)
    verdict(decode, b'{"apiName":"a",' + data)
    verdict(decode, b'{\\"apiName\\":' + data)


def test_plain_event_takes_the_fast_way_and_keeps_its_bytes() -> None:
    """WSO2's own form is decoded the fast way, and its bytes go into the journal as they came."""
    data = json.dumps(_PLAIN).encode()
    event = decode_fast(data)
    assert event == decode(data) == generic(data)
    assert event.properties is not None
    assert event.properties.gateway_url == "https://gw/p"
    assert mend(data) == (data, event)


def test_null_is_the_same_as_missing() -> None:
    """A null in a known field is no value, on both ways; an unknown key with null is kept."""
    data = b'{"apiName":"a","apiId":null,"properties":{"userName":null},"new":null}'
    assert decode(data) == Event(apiName="a", properties=Properties(), extra={"new": None})  # type: ignore[arg-type]
    assert decode(b'{"apiName":"a","properties":null}') == Event(apiName="a")


def test_key_named_extra_is_kept() -> None:
    """An input's own key `extra` is an unknown key like any other, whatever its value."""
    for value in ("null", "{}", '{"a":1}', "5"):
        event = decode(b'{"apiName":"a","extra":%s}' % value.encode())
        assert event.extra == {"extra": json.loads(value)}


@pytest.mark.parametrize(
    ("field", "text", "value"),
    [
        ("proxyResponseCode", '"200"', 200),
        ("proxyResponseCode", '" -1 "', -1),
        ("proxyResponseCode", "200.0", 200),
        ("responseCacheHit", '"true"', True),
        ("responseCacheHit", '"False"', False),
        ("apiVersion", "1", "1"),
        ("apiVersion", "1.5", "1.5"),
        ("apiVersion", "true", "true"),
        ("requestTimestamp", "1795221984099", 1795221984099),
    ],
)
def test_numbers_and_booleans_as_text(field: str, text: str, value: object) -> None:
    """Values that a publisher wrote as text (Moesif's up to 1.2.32), or a text as number, become their field's type."""
    event = decode(b'{"apiName":"a","%s":%s}' % (field.encode(), text.encode()))
    found = getattr(event, field)
    assert found == value
    assert type(found) is type(value)
    assert event.extra is None


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("proxyResponseCode", '"2OO"'),
        ("proxyResponseCode", '"٢٠٠"'),
        ("proxyResponseCode", "200.5"),
        ("proxyResponseCode", "1e19"),
        ("proxyResponseCode", '"99999999999999999999"'),
        ("responseCacheHit", '"yes"'),
        ("apiName", '{"a":1}'),
        ("properties", '"text"'),
    ],
)
def test_value_that_does_not_fit_stays_under_its_name(field: str, text: str) -> None:
    """What its field cannot hold without saying something else is kept in `extra`, unchanged."""
    event = decode(b'{"platform":"x","%s":%s}' % (field.encode(), text.encode()))
    assert getattr(event, field) is None
    assert event.extra == {field: json.loads(text)}


def test_properties_as_text() -> None:
    """Headers as JSON text (API Platform) and a truth as text are read; other text stays."""
    event = decode(
        b'{"properties":{"requestHeaders":"{\\"a\\":\\"b\\"}","isEgress":"true","responseHeaders":"{"}}'
    )
    assert event.properties == Properties(
        requestHeaders={"a": "b"},
        isEgress=True,
        extra={"responseHeaders": "{"},  # type: ignore[arg-type]
    )


def test_properties_by_their_first_name() -> None:
    """What API Manager 4.0 called `customProperties` is `properties`, in the event and in its bytes."""
    canonical, event = mend(b'{"apiName":"a","customProperties":{"userName":"ada"}}')
    assert event == Event(apiName="a", properties=Properties(userName="ada"))
    assert decode_fast(canonical) == event
    # Where both are there, neither takes the other's place.
    both = decode(b'{"customProperties":{"userName":"ada"},"properties":{"userName":"bob"}}')
    assert both.properties == Properties(userName="bob")
    assert both.extra == {"customProperties": {"userName": "ada"}}


def test_java_map_as_text() -> None:
    """What framing could not tell apart is refused with a reason of its own."""
    with pytest.raises(Unacceptable) as caught:
        decode(b"{apiName=a, userAgent=b, foo=c}")
    assert caught.value.reason == "ambiguous"


def test_escaped_json() -> None:
    """JSON that another logger has escaped is unescaped, with or without its quotes around it."""
    plain = b'{"apiName":"Partner \\"Gold\\"","proxyResponseCode":200}'
    escaped = json.dumps(plain.decode())[1:-1].encode()
    for data in (escaped, escaped + b'"', escaped + b'","level":"INFO"}'):
        canonical, event = mend(data)
        assert event == decode(plain)
        assert decode_fast(canonical) == event


def test_text_around_the_object() -> None:
    """A byte order mark, blanks and zeros in front, and text behind the object, are no part of it."""
    for data in (
        b'\xef\xbb\xbf{"apiName":"a"}',
        b' \0\0{"apiName":"a"}\r\n',
        b'{"apiName":"a"} [main] done',
        b'{"apiName":"a"}{"apiName":"b"}',
    ):
        assert mend(data) == (b'{"apiName":"a"}', Event(apiName="a"))


def test_bad_bytes_are_replaced() -> None:
    """Bytes that are not UTF-8, raw control characters and lone surrogates do not cost the event."""
    assert decode(b'{"apiName":"a\xff\xc3"}').apiName == "a\ufffd\ufffd"
    assert decode(b'{"apiName":"a\x01\tb"}').apiName == "a\x01\tb"
    canonical, event = mend(b'{"apiName":"a\\ud83d","k\\udc00":1}')
    assert event == Event(apiName="a?", extra={"k?": 1})  # type: ignore[arg-type]
    assert decode_fast(b'{"apiName":"\\ud83d\\ude00"}').apiName == "😀"
    assert decode(canonical) == event


def test_huge_numbers() -> None:
    """A whole number beyond 64 bits stays as it came; one that nobody can read becomes null; nothing fails."""
    for number in (2**63, 2**64 - 1, 2**64, -(2**63) - 1, 10**30, int("9" * 400)):
        for body in (f'{{"apiName":"a","n":{number}}}', f'{{"apiName":"a","backendLatency": {number}}}'):
            canonical, event = mend(body.encode())
            assert canonical == body.encode()
            assert list((event.extra or {}).values()) == [number]
            assert isinstance(next(iter((event.extra or {}).values())), int)
    for text in ("9" * 5000, "1e999"):
        assert mend(b'{"apiName":"a","n":' + text.encode() + b"}")[0] == b'{"apiName":"a","n":null}'


def test_a_huge_number_rewrites_nothing_beside_it() -> None:
    """The `properties` beside such a number keep their bytes, and the destination gets the number."""
    body = b'{"apiName":"a","userIp":"192.0.2.10","properties":{"n":18446744073709551615, "x":1.50,"y":"\\u003d"}}'
    canonical, event = mend(body)
    assert canonical == body
    mapped = moesif_form(event, "id", 1, Gateway("gateway-1", None))
    assert json.loads(msgspec.json.encode(mapped))["metadata"]["n"] == 2**64 - 1


def test_last_of_a_repeated_key_counts() -> None:
    """Both ways take the last of a key that stands twice, as most readers of JSON do."""
    for tail in (b"", b',"unknown":1'):
        assert decode(b'{"apiName":"a","apiName":"b"' + tail + b"}").apiName == "b"
        assert decode(b'{"apiName":"a","apiId":"x","apiName":null' + tail + b"}").apiName is None
        assert decode(b'{"apiName":5,"apiName":"b"' + tail + b"}").apiName == "b"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not_json"),
        (b"{", "not_json"),
        (b'{"apiName":"a"', "not_json"),
        (b"apiName=a", "not_json"),
        (b'{\\"apiName\\":', "not_json"),
        (b"[]", "not_an_object"),
        (b'[{"apiName":"a"}]', "not_an_object"),
        (b'"text"', "not_an_object"),
        (b"null", "not_an_object"),
        (b"{}", "unrecognised"),
        (b'{"apiName":null}', "unrecognised"),
        (b'{"level":"INFO","message":"started"}', "unrecognised"),
    ],
)
def test_refusals(data: bytes, reason: str) -> None:
    """What cannot be an event is refused with its reason, and the detail has nothing of the input."""
    assert refused(data) == reason


def test_depth() -> None:
    """What is nested deeper than any event is refused, wherever it hides; brackets in texts do not count."""

    def nested(levels: int) -> bytes:
        return b'{"apiName":"a","x":' + b"[" * levels + b"]" * levels + b"}"

    decode(nested(MAX_DEPTH - 1))
    assert refused(nested(MAX_DEPTH)) == "too_deep"
    assert refused(nested(20_000)) == "too_deep"
    assert refused(json.dumps(nested(1000).decode())[1:-1].encode()) == "too_deep"
    decode(json.dumps({"apiName": "[" * 1000, "x": "\\" * 9 + '"{' * 1000}).encode())


def test_endless_string_is_looked_at_once() -> None:
    """Half a string after many quotes is refused at once: the look at the depth is linear."""
    data = b'{"apiName":' + b"[" * 100 + b'\\"' * 200_000
    assert refused(data) in {"too_deep", "not_json"}


def test_what_is_a_fault() -> None:
    """`eventType` decides where it is there, else the error fields do."""
    assert is_fault(Event(errorCode=101503))
    assert is_fault(Event(errorType="TARGET_CONNECTIVITY"))
    assert not is_fault(Event())
    assert not is_fault(Event(eventType="response", errorCode=1))
    assert is_fault(Event(eventType="fault"))


def test_all_that_wso2_writes_takes_the_fast_way(recorded: Path) -> None:
    """Every event in WSO2's own logs, odd ones too, is decoded the fast way, and the generic way agrees."""
    seen = 0
    for path in sorted(recorded.glob("wso2-log*/*.log")):
        for line in path.read_bytes().split(b"\n"):
            mark = line.find(b"properties :{")
            if b"apimMetrics: apim:" not in line or mark < 0:
                continue
            data = line[mark + 12 :]
            event = decode_fast(data)
            assert event == generic(data)
            assert event.extra is None
            assert mend(data)[0] == data
            seen += 1
    assert seen > 200
