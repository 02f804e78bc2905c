"""What other programs make of an event's line, and what is found in it again."""

import json
from itertools import islice
from typing import Any

import pytest
from fakes.log_writer import event_body, event_line

from bridge.errors import Unacceptable
from bridge.formats.carriers import Opened, opened

BODY = event_body(1, apiId="a1")
OTHER = event_body(2, apiId="a1")
LINE = event_line(BODY)[:-1]
FAULT = event_line(OTHER, "apim:faulty")[:-1]
TEXT = LINE.decode()


def found(text: bytes, kind: Any = None) -> list[tuple[bytes, str | None] | str]:
    """Return the bodies and kinds of what was found, and the reasons of what was refused."""
    return [(one.body, one.kind) if isinstance(one, Opened) else one.reason for one in opened(text, kind)]


RECORDS: list[Any] = [
    {"MESSAGE": TEXT, "_PID": "1", "PRIORITY": "6", "_SYSTEMD_UNIT": "wso2am.service"},
    {"version": "1.1", "host": "gw", "short_message": TEXT, "timestamp": 1.5, "_thread": "t"},
    {"version": "1.1", "host": "gw", "short_message": "cut apim", "full_message": TEXT},
    {"@timestamp": "2026-11-21T00:16:33.310Z", "log.level": "INFO", "message": TEXT, "ecs.version": "1.2.0"},
    {"log": TEXT + "\n", "stream": "stdout", "time": "2026-11-21T00:16:33.310Z"},
    {"date": 1.0, "log": TEXT, "kubernetes": {"pod_name": "gw-0", "labels": {"app": "gw"}}},
    {"kubernetes": {"namespace": "wso2"}, "message": TEXT},
    {
        "@timestamp": "x",
        "message": TEXT,
        "event": {"original": TEXT + "\n"},
        "log": {"file": {"path": "/x.log"}},
    },
    {"instant": {"epochSecond": 1}, "thread": "t", "level": "INFO", "message": TEXT, "endOfBatch": False},
    {"any": {"name": {"of": [{"anybody": TEXT}]}}},
    {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": {"stringValue": TEXT}}]}]}]},
    {"log": json.dumps({"message": TEXT}) + "\n", "stream": "stdout"},
    {"userName": "root", "platform": "linux", "message": TEXT},
    [{"message": TEXT}],
    # The event without a line around it.
    {"log": BODY.decode() + "\n", "stream": "stdout"},
    {"log_processed": json.loads(BODY)},
    {"apim_event_response": json.loads(BODY)},
    {"date": 1.0, "apimMetrics": "apim:response", "properties": BODY.decode()},
    {"date": 1.0, "apimMetrics": " apim:response", "properties": json.loads(BODY)},
    {"message": TEXT, "apimMetrics": "apim:response", "properties": BODY.decode(), "UNWANTED": "x"},
]


@pytest.mark.parametrize(
    "record", RECORDS, ids=lambda record: "+".join(record) if isinstance(record, dict) else "list"
)
def test_a_record_of_any_form_is_opened(record: Any) -> None:
    """The event is found under any name and at any depth, once, with the kind that its line has."""
    (event,) = list(opened(json.dumps(record).encode(), None))
    assert isinstance(event, Opened)
    assert json.loads(event.body) == json.loads(BODY)
    assert event.kind in ("response", None)


def test_two_events_on_one_line() -> None:
    """Both are taken, each with its own kind, however they are put together."""
    assert found(BODY + FAULT, "response") == [(BODY, "response"), (OTHER, "fault")]
    assert found(LINE + FAULT) == [(BODY, "response"), (OTHER, "fault")]
    assert found(BODY + OTHER) == [(BODY, None), (OTHER, None)]
    assert found(BODY + b", " + OTHER + b" tail") == [(BODY, None), (OTHER, None)]
    record = json.dumps({"message": TEXT + FAULT.decode()}).encode()
    assert found(record + record) == [(BODY, "response"), (OTHER, "fault")] * 2


@pytest.mark.parametrize(
    "cut", range(len(LINE) - len(BODY) - len(b"apimMetrics: apim:response, properties :"), len(LINE))
)
def test_half_a_line_with_a_whole_one_behind_it(cut: int) -> None:
    """The whole one is taken; the half one is refused as soon as its mark is there."""
    text = LINE[:cut] + FAULT
    refused = ["not_json"] if b"apimMetrics:" in LINE[:cut] else []
    assert found(text) == [*refused, (OTHER, "fault")]


@pytest.mark.parametrize("cut", range(1, len(LINE), 7))
def test_a_whole_line_with_half_a_one_behind_it(cut: int) -> None:
    """The whole one is taken, and the half one is refused as soon as it can be known."""
    refused = ["not_json"] if b"apimMetrics:" in LINE[:cut] else []
    assert found(BODY + LINE[:cut], "response") == [(BODY, "response"), *refused]


def test_the_rest_of_an_event_is_refused() -> None:
    """The second half of a line that somebody else has begun is not passed over in silence."""
    assert found(BODY[20:]) == ["not_json"]
    assert found(BODY[20:] + LINE) == ["not_json", (BODY, "response")]


@pytest.mark.parametrize("mark", ["partial_message", "CONTAINER_PARTIAL_MESSAGE"])
def test_a_marked_piece_is_named(mark: str) -> None:
    """Of a piece that comes alone the refusal says what it is, and who can put the pieces together."""
    record = json.dumps({"log": TEXT[:200], mark: "true"})
    (refused,) = list(opened(record.encode(), None))
    assert isinstance(refused, Unacceptable)
    assert refused.reason == "not_json"
    assert "a piece of a line" in refused.detail
    assert "concat" in refused.detail


def test_nobody_forges_an_event_by_what_it_calls_itself() -> None:
    """A line in an event's own text, in half of one, or in a caller's header that others log, makes no event."""
    forged = json.dumps({"apiName": "real", "apiId": "x", "userAgent": TEXT}).encode()
    assert found(forged) == [(forged, None)]
    assert found(forged[:-5]) == ["not_json"]
    assert found(forged[:-5] + FAULT) == ["not_json", (OTHER, "fault")]
    custom = json.dumps({"apiName": "real", "custom": TEXT, "properties": {"x": TEXT}}).encode()
    assert [len(one) for one in found(custom)] == [2]
    for record in (
        {"user_agent": TEXT},
        {"request": {"headers": {"X-Mine": TEXT}}},
        {"http": {"path": TEXT}},
    ):
        assert found(json.dumps(record).encode()) == ["unrecognised"]


@pytest.mark.parametrize(
    ("text", "reasons"),
    [
        (b"INFO ELKCounterMetric apimMetrics: apim:resp", ["not_json"]),
        (b"INFO apimMetrics: apim:response, properties :null", ["not_json"]),
        (b'{"message":"apimMetrics: apim:response, properties :{\\"apiName\\":\\"a"}', ["not_json"]),
        (b'{"message":"nothing of ours"}', ["unrecognised"]),
        (b'{"apimMetrics":"apim:response","properties":5}', ["not_an_object"]),
        (b'{"apimMetrics":"apim:response","properties":"{\\"apiName"}', ["not_json"]),
        (b"", ["not_json"]),
        (
            b"Metric Name: apim:response Metric Value: {a=b}x Metric Name: apim:response Metric Value: {a=b}",
            ["ambiguous"] * 2,
        ),
        (b'{"a":' * 60 + b'"x"' + b"}" * 60, ["unrecognised"]),
        (b'{"a":' * 70 + b'"x"' + b"}" * 70, ["too_deep"]),
    ],
)
def test_what_cannot_be_opened(text: bytes, reasons: list[str]) -> None:
    """Whatever it is, there is a reason for each event that is not taken."""
    assert found(text) == reasons


def test_carriers_within_each_other() -> None:
    """Eight wrappers within each other are opened; an event in more is refused."""
    text = TEXT
    for _ in range(7):
        text = json.dumps({"log": text})
    assert found(text.encode()) == [(BODY, "response")]
    for _ in range(3):
        text = json.dumps({"log": text})
    (refused,) = opened(text.encode(), None)
    assert isinstance(refused, Unacceptable)
    assert refused.reason == "too_deep"


@pytest.mark.parametrize("half", [b'{"apiName":"A","corr', b'{"apiName":"A" "x"', b'{"'])
def test_half_an_event_right_behind_a_whole_one(half: bytes) -> None:
    """With nothing between the two the whole one is taken, the half one refused, and nothing else."""
    got = list(islice(opened(BODY + half, None), 4))
    assert [one.body if isinstance(one, Opened) else "refused" for one in got] == [BODY, "refused"]


def test_objects_are_looked_for_once() -> None:
    """A line of many objects costs what its bytes cost: each byte is turned into a character once."""
    text = Counted(b"".join(event_body(number, apiId="a1") for number in range(50)))
    assert len(list(opened(text, None))) == 50
    assert text.decoded == 1


class Counted(bytes):
    """Bytes that count how often they are decoded."""

    decoded = 0

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """Decode, and count it."""
        self.decoded += 1
        return super().decode(encoding, errors)
