"""The pure parts: times, ids, addresses, the envelope."""

import json
import uuid
from datetime import UTC, date, datetime, timedelta, timezone

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rigs.events import event

from bridge.batches import Batch
from bridge.demo.gateway import java_time
from bridge.events.event import Event, Properties, decode
from bridge.events.ids import event_id, format_id, place_id
from bridge.events.sentinels import real
from bridge.events.times import call_times, format_ms, is_usual, parse_ms
from bridge.events.uri import host_and_path, uri
from bridge.formats.canonical import lines, tagged

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
GATEWAY = "https://gw.example.com:8243"
moments = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)).map(  # noqa: DTZ001 - the zone follows
    lambda moment: moment.replace(tzinfo=UTC)
)
zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


def epoch_ms(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(milliseconds=1)


@given(moments)
def test_usual_form_agrees_with_datetime(moment: datetime) -> None:
    """The form that WSO2 writes nearly always is what `datetime` says it is."""
    text = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert parse_ms(text) == epoch_ms(datetime.fromisoformat(text))


@given(moments, zones, st.sampled_from(["auto", "minutes", "seconds", "milliseconds", "microseconds"]))
def test_every_form_agrees_with_datetime(moment: datetime, zone: timezone, precision: str) -> None:
    """Any precision in any zone is what `datetime` says it is."""
    text = moment.astimezone(zone).isoformat(timespec=precision)
    assert parse_ms(text) == epoch_ms(datetime.fromisoformat(text))


@given(
    moments.map(lambda moment: moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")),
    st.integers(0, 23),
    st.characters(),
)
@example("2000-01-01T00:00:00.000Z", 13, "0")
@example("2000-01-01T00:00:00.000Z", 10, " ")
@example("2000-01-01T00:00:00.000Z", 5, "2")
def test_damaged_times_agree_with_datetime(text: str, at: int, character: str) -> None:
    """With any character in the place of another the quick way still says what `datetime` says."""
    damaged = text[:at] + character + text[at + 1 :]
    try:
        moment = datetime.fromisoformat(damaged.strip())
    except ValueError:
        assert parse_ms(damaged) is None
    else:
        assert parse_ms(damaged) == epoch_ms(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


@given(
    moments.map(lambda moment: moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")),
    st.integers(0, 23),
    st.characters(),
)
@example("2026-11-21T00:46:24.099Z", 10, "T")
@example("2026-11-21T00:46:24.099Z", 13, ".")
@example("2026-11-21T00:46:24.099Z", 19, ",")
@example("2026-11-21T00:46:24.099Z", 5, "W")
def test_usual_form_is_given_back(text: str, at: int, character: str) -> None:
    """A time that is said to be in the usual form is written again to the character."""
    damaged = text[:at] + character + text[at + 1 :]
    ms = parse_ms(damaged)
    if ms is not None:
        assert not is_usual(damaged) or format_ms(ms) == damaged
    assert is_usual(text)


@given(
    st.one_of(
        moments.map(lambda moment: moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")),
        st.builds(lambda moment, zone: moment.astimezone(zone).isoformat(), moments, zones),
        st.sampled_from(
            ["2026-11-21T00:46:24.999Z", "2026-13-21T00:46:24.099Z", "2026-11-21 00:46:24.099Z", "UNKNOWN"]
        ),
        st.sampled_from([None, 0, 1795221984099]),
    ),
    st.one_of(st.none(), st.integers(-2, 10_000), st.integers(2**40 - 1, 2**63)),
)
@example("2026-W47-6T00:46:24.099Z", 900)
@example("2026-11-21T23:59:59.999Z", 1)
def test_times_of_a_call_agree_with_the_others(asked: str | int | None, latency_ms: int | None) -> None:
    """However a call's time is written, it and the answer's are what `parse_ms` and `format_ms` make of them."""
    asked_ms = parse_ms(asked)
    if asked_ms is None:
        asked_ms = 1795221984500
    answered_ms = asked_ms + (latency_ms if latency_ms is not None and 0 <= latency_ms < 2**40 else 0)
    assert call_times(asked, latency_ms, 1795221984500) == (format_ms(asked_ms), format_ms(answered_ms))


@given(st.integers(epoch_ms(datetime(1, 1, 1, tzinfo=UTC)), epoch_ms(datetime(9999, 12, 31, tzinfo=UTC))))
def test_format_and_parse_are_inverse(ms: int) -> None:
    """A time that was written is read back to the millisecond, and always has the same 24 characters."""
    text = format_ms(ms)
    assert len(text) == 24
    assert parse_ms(text) == ms


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("2026-11-21T00:46:24.099Z", "2026-11-21T00:46:24.099Z"),
        ("2026-11-21T00:46:07Z", "2026-11-21T00:46:07.000Z"),
        ("2026-11-21T00:46Z", "2026-11-21T00:46:00.000Z"),
        ("2026-11-21T00:46:24.0996Z", "2026-11-21T00:46:24.099Z"),
        ("2026-11-21T00:46:24.099999999Z", "2026-11-21T00:46:24.099Z"),
        ("2026-11-21T02:46:24.099+02:00", "2026-11-21T00:46:24.099Z"),
        ("2026-11-21T00:46:24.099", "2026-11-21T00:46:24.099Z"),
        (" 2026-11-21 00:46:24 ", "2026-11-21T00:46:24.000Z"),
        ("1795221984099", "2026-11-21T00:46:24.099Z"),
        ("1795221984", "2026-11-21T00:46:24.000Z"),
        (1795221984099, "2026-11-21T00:46:24.099Z"),
        (1795221984, "2026-11-21T00:46:24.000Z"),
    ],
)
def test_times(text: str | int, written: str) -> None:
    """Every form that comes in, without seconds too, is read; without a zone it is UTC."""
    ms = parse_ms(text)
    assert ms is not None
    assert format_ms(ms) == written


@pytest.mark.parametrize(
    "text",
    [
        *(None, "", "UNKNOWN", "-1", "0", 0, -5, 10**18, "2026-11-21T00:46:60.000Z", "9" * 17),
        *("2026-13-21T00:46:24.099Z", "2026-02-29T00:46:24.099Z", "20261121T004624.099.099Z"),
    ],
)
def test_no_times(text: str | int | None) -> None:
    """What is not a time is None, not a guess."""
    assert parse_ms(text) is None


# Of an event whose id is known since the first build.
KNOWN = {
    "correlationId": "7a4f90b1-f2cb-4a10-9054-000000000001",
    "requestTimestamp": "2026-11-21T00:46:24.099Z",
}


def identified(**changes: object) -> str:
    name = event_id(msgspec.convert({**json.loads(event(1)), **KNOWN, **changes}, Event))
    assert name is not None
    return name


def test_id_is_a_uuid_that_does_not_change() -> None:
    """P5: the id is a version 8 UUID, and the same for ever: this very value is in journals and destinations."""
    assert identified() == "1c44a23a-fbd3-835d-a4c4-634204e04d31"
    parsed = uuid.UUID(identified())
    assert parsed.version == 8
    assert parsed.variant == uuid.RFC_4122


def test_id_is_the_same_for_every_copy() -> None:
    """P5: forms that mean the same, and everything that a mask may hide, leave the id as it is."""
    same = identified()
    assert identified(requestTimestamp=1795221984099) == same
    assert identified(requestTimestamp="2026-11-21T02:46:24.099+02:00") == same
    hidden = dict.fromkeys(("userIp", "userName", "userAgent", "applicationOwner", "apiName"), "****")
    assert identified(**hidden, properties={"userName": "x"}, backendLatency=9) == same
    as_text = event(1, **KNOWN, proxyResponseCode="200")
    assert event_id(decode(as_text)) == same


# From 1973 on: smaller numbers are seconds.
@given(st.integers(100_000_000_000, 253_402_300_799_999))
def test_id_is_the_same_for_every_form_of_a_moment(ms: int) -> None:
    """P5: a moment as WSO2 writes it, as a number, in a zone, or as any other program writes it, is one moment."""
    usual = format_ms(ms)
    year, week, day = date.fromisoformat(usual[:10]).isocalendar()
    forms: list[str | int] = [
        ms,
        str(ms),
        java_time(ms),
        usual.replace("T", " "),
        usual.removesuffix("Z"),
        usual.replace("Z", "+00:00"),
        f" {usual} ",
    ]
    if year < 10_000:
        forms.append(f"{year:04d}-W{week:02d}-{day}{usual[10:]}")
    assert {identified(requestTimestamp=form) for form in forms} == {identified(requestTimestamp=usual)}


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+23:59", "2026-11-21T00:46:60.000Z", "soon", -1])
def test_id_of_a_call_at_no_time(time: str | int) -> None:
    """P5: an impossible date still gives an id, and the same one each time."""
    assert identified(requestTimestamp=time) == identified(requestTimestamp=time)


@pytest.mark.parametrize(
    "change",
    [
        {"correlationId": "7a4f90b1-f2cb-4a10-9054-000000000002"},
        {"requestTimestamp": "2026-11-21T00:46:24.100Z"},
        {"errorCode": 101503},
        {"eventType": "fault"},
        {"apiId": "other"},
        {"proxyResponseCode": 500},
    ],
)
def test_id_differs(change: dict[str, object]) -> None:
    """P5: another call, another attempt in time, another kind, API or answer is another event."""
    assert identified(**change) != identified()


@pytest.mark.parametrize("nothing", [None, "", "UNKNOWN", "N/A", "null", "-", "-1"])
def test_id_needs_a_real_correlation(nothing: str | None) -> None:
    """A word like UNKNOWN identifies nothing: such events are known by their place."""
    assert event_id(Event(correlationId=nothing, apiId="x")) is None
    assert real(nothing) is None
    assert real("text") == "text"


def test_place_id() -> None:
    """P5: without a correlation id, file or request, place and content make the id, and nothing else."""
    name = place_id(b"file", 120, b'{"apiName":"a"}')
    assert name == place_id(b"file", 120, b'{"apiName":"a"}')
    assert uuid.UUID(name).version == 8
    others = {
        place_id(b"other", 120, b'{"apiName":"a"}'),
        place_id(b"file", 121, b'{"apiName":"a"}'),
        place_id(b"file", 120, b'{"apiName":"b"}'),
    }
    assert len(others | {name}) == 4


def test_format_id_is_stable() -> None:
    """Formatting the bytes of an id gives that id, which is how the journal stores it."""
    name = identified()
    assert format_id(uuid.UUID(name).bytes) == name


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (Event(apiContext="/pizza/1.0.0", apiResourceTemplate="/order"), "/pizza/1.0.0/order"),
        (Event(properties=Properties(apiContext="/p/1"), apiResourceTemplate="/*"), "/p/1/*"),
        (Event(apiContext="/p/1/", apiResourceTemplate="/order"), "/p/1/order"),
        (Event(apiContext="p/1"), "/p/1"),
        (Event(apiContext="/swapi/1.0.0", apiResourceTemplate="createReview"), "/swapi/1.0.0"),
        (Event(apiContext="null", apiResourceTemplate="/menu"), "/menu"),
        (Event(apiContext="/p", properties=Properties(apiResourceTemplate="/t")), "/p/t"),
    ],
)
def test_uri(event: Event, expected: str) -> None:
    """The address is context and template, full where the gateway is known; operations' names are no path."""
    assert uri(event, None) == expected
    assert uri(event, GATEWAY) == GATEWAY + expected


def test_uri_of_its_own_or_unknown() -> None:
    """The call's own URL wins; where nothing is known nothing is made up."""
    own = Event(apiContext="/p", properties=Properties(gateway_url="https://gw/p?q=1"))
    assert uri(own, GATEWAY) == "https://gw/p?q=1"
    assert uri(Event(apiContext="/p", properties=Properties(gateway_url="UNKNOWN")), None) == "/p"
    assert uri(Event(), GATEWAY) == "UNKNOWN"
    assert uri(Event(apiContext="UNKNOWN", apiResourceTemplate="N/A"), GATEWAY) == "UNKNOWN"


@pytest.mark.parametrize(
    ("url", "host", "path"),
    [
        ("https://Gw.example.com:8243/pizza/1?size=l#top", "gw.example.com:8243", "/pizza/1"),
        ("https://user:secret@gw/p", "gw", "/p"),
        ("https://gw?q=1", "gw", None),
        ("https:///p", None, "/p"),
        ("/pizza/1?size=l", None, "/pizza/1"),
        ("pizza", None, None),
    ],
)
def test_host_and_path(url: str, host: str | None, path: str | None) -> None:
    """A URL has a host and a path, without a caller's name and query; what is no URL has neither."""
    assert host_and_path(url) == (host, path)


def batch(*bodies: bytes) -> Batch:
    times = [1795221984099 + index // 2 for index in range(len(bodies))]
    return Batch([f"id-{i}" for i in range(len(bodies))], bodies, times)


def test_envelope() -> None:
    """Each event leaves with its id in front, and its own bytes behind that, untouched."""
    bodies = [event(1), b' {"apiName" : "a"}', event(3)]
    out = list(tagged(batch(*bodies), 'gate"way ü'))
    for index, (data, line) in enumerate(zip(bodies, out, strict=True)):
        parsed = json.loads(line)
        assert next(iter(parsed)) == "bridge"
        tag = parsed.pop("bridge")
        assert tag["id"] == f"id-{index}"
        assert tag["received"] == ("2026-11-21T00:46:24.099Z" if index < 2 else "2026-11-21T00:46:24.100Z")
        assert tag["instance"] == 'gate"way ü'
        assert parsed == json.loads(data)
        assert line.endswith(data.lstrip()[1:])
    assert lines(out) == b"\n".join(out) + b"\n"


def test_envelope_of_an_event_from_another_bridge() -> None:
    """No key stands twice: what an earlier bridge said is kept inside the new object."""

    def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
        assert len(pairs) == len({key for key, _ in pairs})
        return dict(pairs)

    events = batch(b'{"bridge":{"id":"old","site":"a"},"apiName":"a"}', b'{"bridge":5,"apiName":"a"}')
    first, second = (json.loads(line, object_pairs_hook=unique) for line in tagged(events, "here"))
    assert first["bridge"] == {
        "id": "id-0",
        "site": "a",
        "received": "2026-11-21T00:46:24.099Z",
        "instance": "here",
    }
    assert second["bridge"]["before"] == 5
    assert first["apiName"] == second["apiName"] == "a"
