"""Finding events in log lines."""

import json

import pytest
from fakes.log_writer import event_body, event_line
from hypothesis import example, given
from hypothesis import strategies as st

from bridge.contracts import Kind
from bridge.errors import Unacceptable
from bridge.events.event import decode
from bridge.formats import java_map
from bridge.formats.carriers import Opened, opened
from bridge.sources.log.framing import frame

LIMIT = 1 << 20
BODY = b'{"apiName":"Pizza","proxyResponseCode":200}'


def one(line: bytes) -> tuple[bytes, Kind | None]:
    frames = frame(line + b"\n", 0, LIMIT)
    assert (frames.ignored, frames.too_long, len(frames.places)) == (0, 0, 1)
    return frames.bodies[0], frames.kinds[0]


def event_of(line: bytes) -> tuple[bytes, Kind | None]:
    """Return what intake makes of a line."""
    (found,) = opened(*one(line))
    assert isinstance(found, Opened)
    return found.body, found.kind


@pytest.mark.parametrize(
    "prefix",
    [
        b"00:16:33,352 [-] [PassThroughMessageProcessor-171]  INFO ELKCounterMetric ",
        b"10:58:02,391 [] [PassThroughMessageProcessor-8]  INFO ELKCounterMetric ",
        b"[2022-02-17 15:17:49,306]  INFO - ELKCounterMetric ",
        b"TID: [-1] [] [2022-02-17 15:17:49,306]  INFO {org.wso2...ELKCounterMetric} - ",
        b"[2023-01-05 08:12:03,123][3f2c] INFO {org.wso2...ELKCounterMetric} - ",
        b"2025-06-26T10:58:02.391Z stdout F 10:58:02,391 [] INFO ELKCounterMetric ",
        b" INFO ELKCounterMetric ",
        b"\0\0\0\0INFO ",
        b"",
    ],
)
@pytest.mark.parametrize(
    ("name", "kind"), [(b"apim:response", "response"), (b"apim:faulty", "fault"), (b"apim:mcp", None)]
)
@pytest.mark.parametrize("form", [b"apimMetrics: %s, properties :", b"apimMetrics:%s ,properties: "])
def test_every_prefix_and_spacing(prefix: bytes, name: bytes, kind: str | None, form: bytes) -> None:
    """Whatever stands before the mark, body and kind are found, in WSO2's own spacing and in others."""
    assert one(prefix + form % name + BODY) == (BODY, kind)
    assert one(prefix + form % name + BODY + b"\r") == (BODY, kind)


def test_bare_json() -> None:
    """A line that begins with a brace is an event of unknown kind."""
    assert one(BODY) == (BODY, None)
    assert one(b" \t" + BODY + b" \r") == (BODY, None)
    assert one(b"\xef\xbb\xbf" + BODY) == (BODY, None)


def test_the_first_mark_counts() -> None:
    """A caller cannot forge an event by a user agent that looks like a log line."""
    forged = event_line(b'{"apiName":"forged"}').decode().strip()
    honest = json.dumps({"apiName": "honest", "userAgent": forged}).encode()
    assert one(event_line(honest, "apim:faulty")[:-1]) == (honest, "fault")
    assert one(honest) == (honest, None)


def test_a_brace_counts_in_its_own_line_only() -> None:
    """A line without an opening brace is not an event, whatever stands at the end of what was read."""
    frames = frame(b"closed}\n" + event_line(b"{")[:-1], 0, LIMIT)
    assert (frames.bodies, frames.ignored, frames.consumed) == ([], 1, 8)


def test_a_mark_within_another_form_forges_nothing() -> None:
    """The name in a traced event, or in a Java map, is not an event, though it looks like a line of one."""
    forged = event_line(b'{"apiName":"forged"}').decode().strip()
    traced = json.dumps({"apiName": forged, "proxyResponseCode": 200}).encode()
    assert one(b"TRACE - [{ worker }] - Adding event: " + traced) == (traced, None)
    java = b"{apiName=" + forged.encode() + b", proxyResponseCode=200}"
    body, kind = event_of(b"Metric Name: apim:faulty Metric Value: " + java)
    assert (json.loads(body), kind) == ({"apiName": forged, "proxyResponseCode": 200}, "fault")


def test_a_message_of_the_events_own() -> None:
    """An event that is not wrapped, but has a key like a wrapper's, stays the event that it is."""
    body = b'{"apiName":"Pizza","message":"Failed event: none apimMetrics: none"}'
    assert one(body) == (body, None)


PLAIN_VALUES = st.text(st.characters(exclude_categories=["C"], exclude_characters="{}="), max_size=20)


@given(
    st.dictionaries(
        st.sampled_from(["apiName", "userName", "destination", "userIp"]), PLAIN_VALUES, min_size=1
    )
)
def test_java_maps_without_doubt_are_read(told: dict[str, str]) -> None:
    """What holds no equals sign and no brace of its own can be told apart, whatever else is in it."""
    text = "{" + ", ".join(f"{name}={value}" for name, value in told.items()) + "}"
    read = java_map.as_json(text.encode())
    # Java writes `null` where there is nothing; an event of nothing else is none.
    known = {name: value for name, value in told.items() if value != "null"}
    assert (json.loads(read) if read else {}) == known


@given(
    st.lists(
        st.sampled_from(
            [
                "{",
                "}",
                "=",
                ", ",
                "apiName=",
                "properties={",
                "responseSize=",
                "requestHeaders={",
                "x",
                "1",
                "é",
            ]
        ),
        max_size=14,
    )
)
def test_any_java_map_is_read_or_refused(parts: list[str]) -> None:
    """Whatever a line holds, it becomes an event or is left for intake to refuse with a reason."""
    text = ("{" + "".join(parts) + "}").encode()
    read = java_map.as_json(text)
    if read is not None:
        decode(read)
        return
    with pytest.raises(Unacceptable):
        decode(text)


def test_a_line_that_another_logger_wrapped() -> None:
    """A container runtime's or a JSON layout's wrapping is taken off; escaped JSON is left to intake."""
    line = event_line(BODY, "apim:faulty").decode()
    for key in ("log", "message", "msg"):
        assert event_of(json.dumps({"time": "x", key: line}).encode()) == (BODY, "fault")
    escaped = BODY.replace(b'"', b'\\"')
    assert one(event_line(escaped)[:-1]) == (escaped, "response")


def test_lines_that_are_no_events() -> None:
    """Other lines are counted, blank ones are not, and NUL bytes are blank."""
    other = b"00:16:33,352 [-] [main]  INFO ELKMetricReporter LogMetricReporter successfully initialized\n"
    frames = frame(other + b"\n\r\n \t\n\0\0\0\n" + b"Prepared event apimMetrics\n", 0, LIMIT)
    assert (frames.bodies, frames.ignored) == ([], 2)


def test_a_marked_line_without_an_object_is_not_lost_in_silence() -> None:
    """What claims to be an event and is not goes to intake, which counts it as rejected."""
    assert one(b"INFO apimMetrics: apim:response, properties :null") == (b"null", "response")
    assert one(b"INFO apimMetrics: apim:response, properties :") == (b"", "response")


def test_cut_and_trailing_text() -> None:
    """A line with text behind the object, or cut short, is handed on as it is."""
    assert one(event_line(BODY + b" tail")[:-1]) == (BODY + b" tail", "response")
    assert one(event_line(BODY[:20])[:-1]) == (BODY[:20], "response")


def test_only_a_newline_ends_a_line() -> None:
    """U+0085, U+2028 and a lone carriage return are part of an event."""
    body = '{"apiName":"a\u0085b\u2028c\rd"}'.encode()
    assert one(event_line(body)[:-1])[0] == body


def test_half_a_line_is_left() -> None:
    """What follows the last newline is not consumed."""
    frames = frame(b"other\n" + event_line(BODY) + b"half", 0, LIMIT)
    assert frames.consumed == 6 + len(event_line(BODY))
    assert (len(frames.bodies), frames.ignored) == (1, 1)
    assert frame(b"half", 0, LIMIT).consumed == 0


def test_overlong_lines() -> None:
    """A line of more than the limit is counted and passed over, whatever it is; the next is read."""
    line = event_line(BODY)
    limit = len(line) - 1
    frames = frame(b"x" + line + line + b"y" * 500 + b"\n", 0, limit)
    assert (frames.bodies, frames.too_long, frames.ignored) == ([BODY], 2, 0)


LINES = st.one_of(
    st.integers(0, 999).map(lambda number: event_line(event_body(number))),
    st.integers(0, 999).map(lambda number: event_line(event_body(number), "apim:faulty")),
    st.integers(0, 999).map(lambda number: event_body(number) + b"\r\n"),
    st.binary(max_size=40).map(lambda data: data.replace(b"\n", b"") + b"\n"),
)


@given(st.lists(LINES, max_size=12), st.integers(0, 10**12))
@example([b"\xef\xbb\xbf\n"], 0)
def test_places_are_offsets_and_nothing_is_skipped(lines: list[bytes], offset: int) -> None:
    """Each event's place is where its line starts, in order, and every line is accounted for."""
    data = b"".join(lines)
    frames = frame(data, offset, LIMIT)
    assert frames.consumed == len(data)
    for body, place in zip(frames.bodies, frames.places, strict=True):
        start = place - offset
        assert start == 0 or data[start - 1 : start] == b"\n"
        assert body in data[start : data.index(b"\n", start)]
    assert len(frames.bodies) == len(frames.kinds)
    # A mark of the encoding is nothing either.
    blank = sum(not line.removeprefix(b"\xef\xbb\xbf").strip(b" \t\r\v\f\0\n") for line in lines)
    assert len(frames.bodies) + frames.ignored + blank == len(lines)
