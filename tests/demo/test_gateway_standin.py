"""The stand-in for a gateway: its calls, its log lines and its rolling log are WSO2's."""

import fcntl
import itertools
import json
import os
import re
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from places import DATA

from bridge.demo.calls import APIS
from bridge.demo.gateway import START_MS, GatewayStandIn, RollingLog, gson, java_time, make_lines
from bridge.events.event import Event, decode, is_fault

RECORDED = DATA / "wso2-log"
LINE = re.compile(
    rb"[0-9]{2}:[0-9]{2}:[0-9]{2},[0-9]{3} \[-\] \[PassThroughMessageProcessor-[0-9]+\]  INFO ELKCounterMetric "
    rb"apimMetrics: apim:(response|faulty), properties :(\{.*\})\n"
)
DAY_MS = 86_400_000


def read(line: bytes) -> tuple[bytes, bytes]:
    match = LINE.fullmatch(line)
    assert match is not None, line
    return match[1], match[2]


def test_lines_decode_on_the_fast_path_and_tell_their_kind() -> None:
    """Every line has WSO2's prefix, and its event is what the typed decoder takes, with nothing left over."""
    fast = msgspec.json.Decoder(Event).decode
    for line in make_lines(3000, seed=1):
        kind, body = read(line)
        event = decode(body)
        assert event == fast(body)
        assert event.extra is None
        assert event.properties is not None
        assert event.properties.extra is None
        assert is_fault(event) == (kind == b"faulty")


def test_both_ways_of_making_lines_have_the_same_shape() -> None:
    """A gateway's own lines, one at a time, look like those made in bulk."""
    gateway = GatewayStandIn(seed=3, now_ms=itertools.count(START_MS).__next__)
    slow = {tuple(json.loads(read(gateway.line())[1])) for _ in range(200)}
    assert slow == {tuple(json.loads(read(line)[1])) for line in make_lines(200, seed=4)}


def test_equal_seeds_give_equal_lines() -> None:
    """A run can be repeated to the byte, and another seed gives another run."""
    assert list(make_lines(500, seed=7)) == list(make_lines(500, seed=7))
    assert list(make_lines(500, seed=7)) != list(make_lines(500, seed=8))
    one, other = (GatewayStandIn(5, itertools.count(START_MS).__next__) for _ in range(2))
    assert [one.call() for _ in range(100)] == [other.call() for _ in range(100)]


def test_every_call_has_an_id_of_its_own() -> None:
    """Correlation ids are random UUIDs and never repeat within a run."""
    ids = [decode(read(line)[1]).correlationId for line in make_lines(5000, seed=2)]
    assert len(set(ids)) == 5000
    assert all(re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", one or "") for one in ids)


def test_the_variety_of_a_gateway() -> None:
    """Every API and every sort of call that makes a mapping stumble comes up in a few thousand lines."""
    events = [json.loads(read(line)[1]) for line in make_lines(5000, seed=1)]
    properties = [event["properties"] for event in events]
    assert {event["apiName"] for event in events} == {api.name for api in APIS}
    assert {event["apiType"] for event in events} == {"HTTP", "SOAP", "GRAPHQL", "WS", "MCP", "WEBSUB"}
    assert {event.get("errorType") for event in events} == {
        None,
        "AUTH",
        "THROTTLED",
        "TARGET_CONNECTIVITY",
        "OTHER",
    }
    assert {301, 302, 304, 404, 500} <= {event["proxyResponseCode"] for event in events}
    assert any(event.get("userName") == "anonymous" for event in events)
    assert any(event.get("destination") == "dummy_endpoint_address" for event in events)
    for key in ("aiTokenUsage", "mcpAnalytics", "requestHeaders", "x-original-gw-url"):
        assert any(key in item for item in properties), key
    assert any("userName" not in item for item in properties)


def test_a_line_is_about_as_long_as_a_real_one() -> None:
    """The average line has about 1.2 kB, which is what capacity is reckoned with."""
    lines = list(make_lines(5000, seed=1))
    assert 1050 < sum(map(len, lines)) / len(lines) < 1350


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (START_MS + 99, "2026-11-21T00:16:26.099Z"),
        (START_MS, "2026-11-21T00:16:26Z"),
        (START_MS - 26_000, "2026-11-21T00:16Z"),
    ],
)
def test_times_as_java_prints_them(ms: int, text: str) -> None:
    """Milliseconds of zero are left out, and then seconds of zero, as OffsetDateTime.toString does."""
    assert java_time(ms) == text


def test_the_three_forms_of_time_stand_in_the_lines() -> None:
    """The clock's moment less the latency is the event's time, in whichever form Java would print it."""
    times = [
        decode(read(line)[1])
        for line in make_lines(61_000, seed=1, now_ms=itertools.count(START_MS).__next__)
    ]
    forms = {len(str(event.requestTimestamp)) for event in times}
    assert forms == {len("2026-11-21T00:16:26.099Z"), len("2026-11-21T00:16:26Z"), len("2026-11-21T00:16Z")}


def test_the_time_of_a_call_comes_from_the_clock() -> None:
    """A call ends when the clock says, and began its latency earlier."""
    gateway = GatewayStandIn(seed=1, now_ms=lambda: START_MS)
    for _ in range(50):
        event = gateway.call().event
        begun = datetime.fromisoformat(event["requestTimestamp"])
        latency_ms = event.get("responseLatency", 0)
        assert round(begun.timestamp() * 1000) == START_MS - latency_ms
        assert begun.tzinfo == UTC


def test_json_is_escaped_as_gson_does() -> None:
    """Gson writes HTML's characters and Unicode's line ends as escapes, and leaves other text as it is."""
    value = {"é": "a=b&c<d>'\u2028\u2029\"\\=\n😀"}
    body = gson(value)
    assert body.decode() == (
        '{"é":"a\\u003db\\u0026c\\u003cd\\u003e\\u0027\\u2028\\u2029\\"\\\\\\u003d\\n😀"}'
    )
    assert json.loads(body) == value


def test_fields_stand_in_the_order_of_real_lines() -> None:
    """Made-up responses and faults have the very keys of WSO2's own, in the same order."""
    real = {
        tuple(json.loads(match[2])) for match in LINE.finditer((RECORDED / "apim_metrics.log").read_bytes())
    }
    made = {tuple(json.loads(read(line)[1])) for line in make_lines(1000, seed=1)}
    assert made == real


def lines_of(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


def test_a_log_rolls_by_size_and_counts_up(tmp_path: Path) -> None:
    """What is over the size is renamed before the next line is written, -1 the oldest; nothing is lost."""
    lines = list(make_lines(40, seed=1))
    with RollingLog(tmp_path, max_bytes=10_000, now_ms=lambda: START_MS) as log:
        for line in lines:
            log.write(line)
    rolled = [tmp_path / f"apim_metrics-11-21-2026-{number}.log" for number in (1, 2, 3, 4)]
    assert sorted(tmp_path.iterdir()) == [*rolled, log.path]
    assert all(10_000 < path.stat().st_size < 13_000 for path in rolled)
    whole = [line for path in (*rolled, log.path) for line in lines_of(path)]
    assert (
        whole[0]
        == b"00:16:26,000 [-] [main]  INFO ELKMetricReporter LogMetricReporter successfully initialized\n"
    )
    assert whole[1:] == lines


def test_from_the_eleventh_roll_on_names_move_down(tmp_path: Path) -> None:
    """-1 is deleted, -2 to -10 are renamed down by one, the new one is -10: a name is no identity."""
    with RollingLog(tmp_path, max_bytes=1 << 20, now_ms=lambda: START_MS) as log:
        for number in range(12):
            log.write(b"line %d\n" % number)
            log.roll()
    kept = [tmp_path / f"apim_metrics-11-21-2026-{number}.log" for number in range(1, 11)]
    assert [lines_of(path)[-1] for path in kept] == [b"line %d\n" % number for number in range(2, 12)]
    assert sorted(tmp_path.iterdir()) == sorted([*kept, log.path])


def test_at_midnight_the_log_takes_yesterdays_name(tmp_path: Path) -> None:
    """The first line of a day rolls the file under the day before, and counting starts again."""
    now = [START_MS]
    with RollingLog(tmp_path, max_bytes=1 << 20, now_ms=lambda: now[0]) as log:
        log.write(b"yesterday\n")
        now[0] += DAY_MS
        log.write(b"today\n")
        log.roll()
    assert lines_of(tmp_path / "apim_metrics-11-21-2026-1.log")[-1] == b"yesterday\n"
    assert lines_of(tmp_path / "apim_metrics-11-22-2026-1.log") == [b"today\n"]


def test_a_restart_appends_and_says_so(tmp_path: Path) -> None:
    """Another start of the gateway writes its line into the file that is there."""
    for _ in range(2):
        with RollingLog(tmp_path, max_bytes=1 << 20, now_ms=lambda: START_MS) as log:
            log.write(b"line\n")
    started = b"00:16:26,000 [-] [main]  INFO ELKMetricReporter LogMetricReporter successfully initialized\n"
    assert lines_of(log.path) == [started, b"line\n", started, b"line\n"]


def test_a_long_line_comes_in_pieces(tmp_path: Path) -> None:
    """A line of more than 8,192 bytes takes a second write, so that a reader can meet its first part alone."""
    fifo = tmp_path / "apim_metrics.log"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    try:
        with RollingLog(tmp_path, max_bytes=1 << 20, now_ms=lambda: START_MS) as log:
            os.read(reader, 1 << 16)
            # A pipe that has room for the first write and none for another shows that there is another.
            fcntl.fcntl(reader, fcntl.F_SETPIPE_SZ, 8192)
            os.set_blocking(log._file, False)
            with pytest.raises(BlockingIOError):
                log.write(b"x" * 8192 + b"y" * 3004)
        assert os.read(reader, 1 << 16) == b"x" * 8192
    finally:
        os.close(reader)
