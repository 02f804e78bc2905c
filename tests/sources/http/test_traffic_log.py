"""`POST /traffic-log`, and the API Platform gateway's line as WSO2's own event."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rigs.serving import serving

from bridge.errors import Unacceptable
from bridge.events.event import from_object
from bridge.formats.traffic_log import canonical

LINE: dict[str, Any] = {
    "component": "pol",
    "timestamp": "2026-07-10T09:12:33.482Z",
    "correlationId": "5f6b6e2a-2f38-4b7a-9c2f-6b6a2f384b7a",
    "status": 200,
    "api": {
        "id": "01998f3e",
        "name": "Weather-API",
        "version": "1.0.0",
        "context": "/weather",
        "kind": "RestApi",
        "projectId": "p-1",
    },
    "operation": {"method": "GET", "path": "/current"},
    "target": {"statusCode": 200, "destination": "https://backend.example.com/current"},
    "application": {"id": "app-123", "name": "Mobile App", "owner": "jdoe", "keyType": "PRODUCTION"},
    "client": {"ip": "203.0.113.10", "userAgent": "curl/8.4.0"},
    "latencies": {
        "durationUs": 18342,
        "requestMediationLatencyUs": 412,
        "responseMediationLatencyUs": 2980,
        "backendLatencyUs": 17500,
    },
    "requestHeaders": {"authorization": "****", "user-agent": "curl/8.4.0"},
    "responseHeaders": {"content-type": "application/json"},
    "requestBody": '{"a":1}',
    "properties": {"env": "prod"},
}


def lines(*numbers: int, **fields: Any) -> bytes:
    return b"".join(
        json.dumps(LINE | {"correlationId": f"call-{number}"} | fields).encode() + b"\n" for number in numbers
    )


def test_every_field_is_mapped() -> None:
    """Each field of the line has its place; microseconds become milliseconds and are kept as well."""
    assert canonical(LINE) == {
        "gatewayType": "ENVOY",
        "requestTimestamp": "2026-07-10T09:12:33.482Z",
        "correlationId": "5f6b6e2a-2f38-4b7a-9c2f-6b6a2f384b7a",
        "proxyResponseCode": 200,
        "apiId": "01998f3e",
        "apiName": "Weather-API",
        "apiVersion": "1.0.0",
        "apiContext": "/weather",
        "apiType": "RestApi",
        "apiMethod": "GET",
        "apiResourceTemplate": "/current",
        "targetResponseCode": 200,
        "destination": "https://backend.example.com/current",
        "applicationId": "app-123",
        "applicationName": "Mobile App",
        "applicationOwner": "jdoe",
        "keyType": "PRODUCTION",
        "userIp": "203.0.113.10",
        "userAgentHeader": "curl/8.4.0",
        "responseLatency": 18,
        "requestMediationLatency": 0,
        "responseMediationLatency": 3,
        "backendLatency": 18,
        "properties": {
            "env": "prod",
            "component": "pol",
            "api": {"projectId": "p-1"},
            "latencies": LINE["latencies"],
            "requestHeaders": LINE["requestHeaders"],
            "responseHeaders": LINE["responseHeaders"],
            "requestBody": '{"a":1}',
        },
    }
    assert from_object(canonical(LINE)).extra is None


def test_fields_that_are_not_there_are_left_out() -> None:
    """The gateway omits what is empty and what `exclude_fields` names."""
    assert canonical({"status": 404}) == {"gatewayType": "ENVOY", "proxyResponseCode": 404, "properties": {}}


@pytest.mark.parametrize(
    ("context", "path", "template"),
    [
        ("/agent/v1.0", "/agent/v1.0/chat/completions", "/chat/completions"),
        ("/agent/v1.0", "/agent/v1.0", "/"),
        ("/weather", "/current", "/current"),
        ("/weather", "/weather-map", "/weather-map"),
        ("/", "/current", "/current"),
    ],
)
def test_the_context_is_not_told_twice(context: str, path: str, template: str) -> None:
    """Releases differ in whether the operation's path begins with the API's context; ours never does."""
    event = canonical({"api": {"context": context}, "operation": {"path": path}})
    assert event["apiResourceTemplate"] == template


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ('{"a":"b"}', {"a": "b"}),
        ({"a": ["b", "c"], "n": 1}, {"a": "b, c", "n": "1"}),
        ("no JSON", "no JSON"),
    ],
)
def test_headers_come_in_every_form(sent: Any, kept: Any) -> None:
    """An object, its JSON text, several values for one name; what cannot be read is kept."""
    assert canonical({"status": 200, "requestHeaders": sent})["properties"]["requestHeaders"] == kept


def test_chosen_properties_never_hide_the_line_s_own() -> None:
    """A property whose name the gateway uses itself is kept in an object of its own."""
    properties = canonical(LINE | {"properties": {"component": "mine", "env": "x"}})["properties"]
    assert (properties["component"], properties["env"]) == ("pol", "x")
    assert properties["properties"] == {"component": "mine"}


def test_a_body_that_is_an_object_becomes_text() -> None:
    """Bodies are text in WSO2's form."""
    assert canonical({"status": 200, "responseBody": {"a": 1}})["properties"]["responseBody"] == '{"a":1}'


def test_another_program_s_line_is_refused() -> None:
    """The gateway's own application log has none of the fields."""
    with pytest.raises(Unacceptable) as refused:
        canonical({"level": "info", "msg": "started", "component": "pol"})
    assert refused.value.reason == "unrecognised"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abid"), inner, max_size=3),
    max_leaves=5,
)


@settings(deadline=None)
@given(
    st.fixed_dictionaries({"status": st.just(200)}, optional={key: JSON for key in LINE if key != "status"})
)
def test_whatever_the_values_are_it_is_an_event(line: dict[str, Any]) -> None:
    """No value of any type makes the mapping fail."""
    from_object(canonical(line))


async def test_lines_are_taken(tmp_path: Path) -> None:
    """A batch of lines is on disk as WSO2's own events when 202 comes; a repeat is a duplicate (P1, P5)."""
    async with serving(tmp_path, tokens=["t0ken"]) as served:
        headers = {"Content_Type": "application/x-ndjson", "Authorization": "Bearer t0ken"}
        status, content, _ = await served.post(lines(1, 2), path="/traffic-log", **headers)
        assert (status, content) == (202, {"accepted": 2, "duplicates": 0, "rejected": []})
        assert [json.loads(body)["correlationId"] for body in await served.journalled()] == [
            "call-1",
            "call-2",
        ]
        assert (await served.post(lines(2), path="/traffic-log", **headers))[1]["duplicates"] == 1
        assert (await served.post(lines(3), path="/traffic-log"))[0] == 401


async def test_a_bad_line_is_rejected_alone(tmp_path: Path) -> None:
    """What is not JSON or not a traffic log is counted with its place, the others are taken (P7)."""
    async with serving(tmp_path) as served:
        body = lines(1) + b'nonsense\n{"level":"info"}\n' + lines(2)
        status, content, _ = await served.post(body, path="/traffic-log")
        assert (status, content["accepted"]) == (202, 2)
        assert [(bad["index"], bad["reason"]) for bad in content["rejected"]] == [
            (1, "not_json"),
            (2, "unrecognised"),
        ]
        assert (await served.post(b"nonsense\n", path="/traffic-log"))[0] == 400
        assert (await served.post(b"\n", path="/traffic-log"))[0] == 400


async def test_overload_is_503_and_nothing_else(tmp_path: Path) -> None:
    """A full journal and a body that does not come in time are 503: any other 4xx costs the sender its events."""
    async with serving(tmp_path, request_timeout=0.05) as served:
        served.gate.full_calls = 1
        status, _, headers = await served.post(lines(1), path="/traffic-log")
        assert (status, headers["Retry-After"]) == (503, "7")
        assert (await served.post(lines(1), path="/traffic-log"))[1]["accepted"] == 1
        slow = b"POST /traffic-log HTTP/1.1\r\nHost: bridge\r\nContent-Length: 9\r\n\r\n{"
        async with asyncio.timeout(10):
            answer = await served.raw(slow)
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"\r\nRetry-After: 1\r\n" in answer
