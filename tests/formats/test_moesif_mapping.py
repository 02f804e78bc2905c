"""WSO2's events in Moesif's schema, checked by hand."""

import gzip
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fakes.destinations import fittings

from bridge.batches import Batch
from bridge.contracts import Gateway
from bridge.demo.moesif_schema import FULL_URI, check_events
from bridge.events.event import Event, Properties, decode
from bridge.formats.moesif.mapping import moesif_event
from bridge.sinks.moesif.sink import MoesifSettings, MoesifSink

ID = "0f9d2c1e-7a5b-8c3d-a1e2-93f4b5c6d7e8"
RECEIVED_MS = 1_795_226_784_500  # 2026-11-21T02:06:24.500Z
GATEWAY = Gateway("gateway-1", "https://gw.example.com:8243")
Json = dict[str, Any]

# A line of WSO2's ELK reporter (API Manager 4.5).
RESPONSE: Json = {
    "apiName": "PizzaShackAPI",
    "proxyResponseCode": 201,
    "destination": "http://pizza.internal:8080/api",
    "apiCreatorTenantDomain": "carbon.super",
    "platform": "Windows",
    "apiMethod": "POST",
    "apiVersion": "1.0.0",
    "gatewayType": "SYNAPSE",
    "apiCreator": "admin",
    "responseCacheHit": False,
    "backendLatency": 206,
    "correlationId": "5882e440-c28c-4ac9-96ce-2d1438206854",
    "requestMediationLatency": 8,
    "keyType": "PRODUCTION",
    "apiId": "8725595d-c6a0-3294-b353-c845562c3a0a",
    "applicationName": "MobileApp",
    "targetResponseCode": 201,
    "requestTimestamp": "2026-11-21T00:46:24.099Z",
    "applicationOwner": "alice",
    "userAgent": "Chrome",
    "userName": "alice@acme.com@carbon.super",
    "apiResourceTemplate": "/order/{id}",
    "regionId": "default",
    "responseLatency": 217,
    "responseMediationLatency": 3,
    "userIp": "198.51.100.23",
    "apiContext": "/pizzashack/1.0.0",
    "applicationId": "8f5b2c1e-0004-4a6e-9d43-1f0e6c2a7b10",
    "apiType": "HTTP",
    "properties": {
        "userName": "alice@acme.com@carbon.super",
        "apiContext": "/pizzashack/1.0.0",
        "responseSize": 1234,
        "responseContentType": "application/json",
        "commonName": "N/A",
        "isEgress": True,
        "subtype": "AIAPI",
        "aiMetadata": {"model": "gpt-4o", "vendorName": "OpenAI"},
    },
}

# A fault of the same reporter: no method, resource, user, address or latencies.
FAULT: Json = {
    "apiName": "PizzaShackAPI",
    "requestTimestamp": "2026-11-21T00:16:26.891Z",
    "errorType": "AUTH",
    "proxyResponseCode": 403,
    "errorMessage": "AUTHORIZATION_FAILURE",
    "applicationOwner": "UNKNOWN",
    "errorCode": 900910,
    "apiCreatorTenantDomain": "carbon.super",
    "apiVersion": "2.0.0",
    "gatewayType": "SYNAPSE",
    "apiCreator": "admin",
    "correlationId": "f0af24ba-22df-42a6-a275-db11d13f3576",
    "keyType": "UNKNOWN",
    "applicationName": "UNKNOWN",
    "targetResponseCode": -1,
    "properties": {
        "apiContext": "/pizzashack/2.0.0",
        "responseSize": 0,
        "responseContentType": "UNKNOWN",
        "commonName": "N/A",
    },
}


def mapped(event: Json, gateway: Gateway = GATEWAY) -> Json:
    """Return what Moesif gets for an event, checked against its schema."""
    made = moesif_event(decode(json.dumps(event).encode()), ID, RECEIVED_MS, gateway)
    body = msgspec.json.encode(made)
    check_events(body, batch=False, full_uris=False)
    decoded: Json = msgspec.json.decode(body)
    return decoded


def without(event: Json, *names: str) -> Json:
    return {name: value for name, value in event.items() if name not in names}


def test_response_becomes_the_whole_event() -> None:
    """A response keeps everything it tells, with native types, and each value has its place."""
    properties = RESPONSE["properties"]
    assert mapped(RESPONSE) == {
        "request": {
            "time": "2026-11-21T00:46:24.099Z",
            "uri": "https://gw.example.com:8243/pizzashack/1.0.0/order/{id}",
            "verb": "POST",
            "headers": {"User-Agent": "Chrome"},
            "ip_address": "198.51.100.23",
            "api_version": "1.0.0",
        },
        "response": {
            "time": "2026-11-21T00:46:24.316Z",
            "status": 201,
            "headers": {"Content-Type": "application/json"},
        },
        "transaction_id": ID,
        "user_id": "alice@acme.com",
        "direction": "Outgoing",
        "metadata": without(RESPONSE, "properties")
        | {
            "responseSize": 1234,
            "responseContentType": "application/json",
            "commonName": "N/A",
            "isEgress": True,
            "subtype": "AIAPI",
            "aiMetadata": properties["aiMetadata"],
            "bridgeInstance": "gateway-1",
        },
    }


def test_fault_without_verb_and_user_says_unknown() -> None:
    """A fault keeps what it has, and is `UNKNOWN` only where it has nothing; nothing is invented."""
    assert mapped(FAULT) == {
        "request": {
            "time": "2026-11-21T00:16:26.891Z",
            "uri": "https://gw.example.com:8243/pizzashack/2.0.0",
            "verb": "UNKNOWN",
            "headers": {},
            "ip_address": "0.0.0.0",
            "api_version": "2.0.0",
        },
        "response": {"time": "2026-11-21T00:16:26.891Z", "status": 403, "headers": {}},
        "transaction_id": ID,
        "user_id": "UNKNOWN",
        "direction": "Incoming",
        "metadata": without(FAULT, "properties")
        | {
            "apiContext": "/pizzashack/2.0.0",
            "responseSize": 0,
            "responseContentType": "UNKNOWN",
            "commonName": "N/A",
            "bridgeInstance": "gateway-1",
        },
    }


def test_fault_keeps_its_real_verb_uri_and_user() -> None:
    """What a newer gateway says about a fault, at the root or in properties, replaces `UNKNOWN`."""
    fault = FAULT | {
        "apiMethod": "DELETE",
        "userIp": "203.0.113.9",
        "properties": FAULT["properties"] | {"apiResourceTemplate": "/menu", "userName": "bob@acme.com"},
    }
    made = mapped(fault)
    assert made["request"]["verb"] == "DELETE"
    assert made["request"]["uri"] == "https://gw.example.com:8243/pizzashack/2.0.0/menu"
    assert made["request"]["ip_address"] == "203.0.113.9"
    assert made["user_id"] == "bob@acme.com"
    assert mapped(FAULT | {"properties": {"apiMethod": "PUT"}})["request"]["verb"] == "PUT"


def test_almost_empty_event_has_every_required_field() -> None:
    """An event with next to nothing in it still has all that Moesif demands; its time is when it came in."""
    made = mapped({"apiName": "Lonely"}, Gateway("gateway-1", None))
    assert made == {
        "request": {
            "time": "2026-11-21T02:06:24.500Z",
            "uri": "UNKNOWN",
            "verb": "UNKNOWN",
            "headers": {},
            "ip_address": "0.0.0.0",
        },
        "transaction_id": ID,
        "user_id": "UNKNOWN",
        "direction": "Incoming",
        "metadata": {"apiName": "Lonely", "bridgeInstance": "gateway-1"},
    }


def value_of_its_own(field: msgspec.structs.FieldInfo, number: int) -> Any:
    """Return a value that fits the field and that no other field has, but for truths."""
    for value in (number, f"text {number}", {"name": f"text {number}"}):
        try:
            return msgspec.convert(value, field.type)
        except msgspec.ValidationError:
            continue
    return True


@pytest.mark.parametrize("more", [{}, {"unknown": 1}], ids=["known keys alone", "and others"])
def test_every_field_is_in_the_metadata_under_its_own_name(more: Json) -> None:
    """Each field of the root and of the properties has its place, and no value is under another's name."""
    placed = {"requestHeaders", "responseHeaders"} | {
        f"{side}Body{what}" for side in ("request", "response") for what in ("", "TransferEncoding")
    }
    root, inside = (
        {
            field.encode_name: value_of_its_own(field, number)
            for number, field in enumerate(msgspec.structs.fields(struct), first)
            if field.name not in {"properties", "extra"}
        }
        for struct, first in ((Event, 1000), (Properties, 2000))
    )
    inside = {name: value for name, value in inside.items() if name not in {*root, *placed}}
    assert len(root) > 30
    assert len(inside) > 10
    metadata = mapped(root | more | {"properties": inside})["metadata"]
    assert metadata == root | more | inside | {"bridgeInstance": "gateway-1"}


def test_what_only_the_properties_tell_is_at_the_root_of_the_metadata() -> None:
    """A fault's user, context, verb and resource are where those of a response are."""
    told = {"userName": "bob", "apiContext": "/p/1", "apiMethod": "PUT", "apiResourceTemplate": "/menu"}
    for names in (("userName", "apiContext"), tuple(told)):
        inside = {name: told[name] for name in names}
        metadata = mapped(without(FAULT, "properties") | {"properties": inside})["metadata"]
        assert metadata == without(FAULT, "properties") | inside | {"bridgeInstance": "gateway-1"}


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ("admin@carbon.super", "admin"),
        ("a@b.com@carbon.super", "a@b.com"),
        ("alice@acme.com", "alice@acme.com"),
        ("PRIMARY/dave@carbon.super", "PRIMARY/dave"),
        ("x@carbon.super.example", "x@carbon.super.example"),
        ("anonymous", "anonymous"),
        ("UNKNOWN", "UNKNOWN"),
        ("N/A", "UNKNOWN"),
        ("", "UNKNOWN"),
    ],
)
def test_user_loses_the_super_tenant_and_nothing_else(user: str, expected: str) -> None:
    """Only WSO2's suffix of the super tenant is cut off, once; its words for an unknown user are `UNKNOWN`."""
    event = RESPONSE | {"userName": user, "properties": {}}
    assert mapped(event)["user_id"] == expected
    # The metadata keep what WSO2 wrote.
    assert mapped(event)["metadata"]["userName"] == user


def test_user_in_properties_stands_in_for_a_sentinel() -> None:
    """A root that says UNKNOWN does not hide the user that the properties know."""
    event = RESPONSE | {"userName": "UNKNOWN", "properties": {"userName": "ada@carbon.super"}}
    made = mapped(event)
    assert made["user_id"] == "ada"
    assert made["metadata"]["userName"] == "UNKNOWN"
    assert made["metadata"]["properties"] == {"userName": "ada@carbon.super"}


@pytest.mark.parametrize(
    ("changes", "gateway_url", "expected"),
    [
        ({}, "https://gw.example.com:8243", "https://gw.example.com:8243/pizzashack/1.0.0/order/{id}"),
        (
            {"properties": {"x-original-gw-url": "https://eu.example.com/p/1/order/7?x=1"}},
            "https://gw.example.com:8243",
            "https://eu.example.com/p/1/order/7?x=1",
        ),
        ({}, None, "/pizzashack/1.0.0/order/{id}"),
        (
            {"apiContext": None, "properties": {"apiContext": "/t/acme.com/pay/3.1"}},
            "https://gw.example.com",
            "https://gw.example.com/t/acme.com/pay/3.1/order/{id}",
        ),
        # GraphQL: names of operations are no path.
        (
            {"apiType": "GRAPHQL", "apiResourceTemplate": "allPizzas,pizza"},
            "https://gw.example.com",
            "https://gw.example.com/pizzashack/1.0.0",
        ),
        (
            {"apiResourceTemplate": "UNKNOWN"},
            "https://gw.example.com",
            "https://gw.example.com/pizzashack/1.0.0",
        ),
    ],
)
def test_uri_is_full(changes: Json, gateway_url: str | None, expected: str) -> None:
    """The URI is the event's own, else the gateway's address with context and resource."""
    event = {key: value for key, value in (RESPONSE | changes).items() if value is not None}
    assert mapped(event, Gateway("gateway-1", gateway_url))["request"]["uri"] == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2026-11-21T00:46:24.099Z", "2026-11-21T00:46:24.316Z"),
        ("2026-11-21T00:46:07Z", "2026-11-21T00:46:07.217Z"),
        ("2026-11-21T00:46Z", "2026-11-21T00:46:00.217Z"),
        ("2026-11-21T01:46:24.099+01:00", "2026-11-21T00:46:24.316Z"),
        (1795221984099, "2026-11-21T00:46:24.316Z"),
    ],
)
def test_response_time_is_request_time_and_latency(written: str | int, expected: str) -> None:
    """Times are UTC with milliseconds however WSO2 wrote them, and the answer came after the latency."""
    assert mapped(RESPONSE | {"requestTimestamp": written})["response"]["time"] == expected


@pytest.mark.parametrize("latency", [None, -1, 2**62])
def test_latency_that_is_none_adds_nothing(latency: int | None) -> None:
    """A missing or senseless latency leaves the response at the request's time."""
    event = {
        key: value for key, value in (RESPONSE | {"responseLatency": latency}).items() if value is not None
    }
    assert mapped(event)["response"]["time"] == "2026-11-21T00:46:24.099Z"


@pytest.mark.parametrize("status", [-1, 0, None])
def test_unknown_status_means_no_response(status: int | None) -> None:
    """Where WSO2 knows no status there is no response, rather than an invented one."""
    event = {
        key: value for key, value in (RESPONSE | {"proxyResponseCode": status}).items() if value is not None
    }
    assert "response" not in mapped(event)


def test_headers_as_they_were_sent_win() -> None:
    """Captured headers are passed on, and what WSO2 tells besides fills only the gaps, whatever the case."""
    event = RESPONSE | {
        "properties": {
            "requestContentType": "text/plain",
            "requestHeaders": {"user-agent": "Mozilla/5.0 (X11)", "X-Trace": "1"},
            "responseContentType": "text/html",
            "responseHeaders": {"content-type": "application/json; charset=utf-8"},
        }
    }
    made = mapped(event)
    assert made["request"]["headers"] == {
        "Content-Type": "text/plain",
        "user-agent": "Mozilla/5.0 (X11)",
        "X-Trace": "1",
    }
    assert made["response"]["headers"] == {"content-type": "application/json; charset=utf-8"}
    assert not {"requestHeaders", "responseHeaders"} & made["metadata"].keys()


def test_headers_of_one_event_are_not_anothers() -> None:
    """What one event has beside agent and content type does not show in the next one, which has the same."""
    captured = {"X-Trace": "1"}
    agent, kind = {"User-Agent": "Chrome"}, {"Content-Type": "text/plain"}
    tells = {"responseContentType": "text/plain"}
    captures = {"requestHeaders": captured, "responseHeaders": captured, "requestContentType": "text/plain"}
    for properties, request, response in (
        (tells, agent, kind),
        (tells | captures, agent | kind | captured, kind | captured),
        (tells | {"requestContentType": "text/plain"}, agent | kind, kind),
        (tells, agent, kind),
    ):
        made = mapped(RESPONSE | {"properties": properties})
        assert made["request"]["headers"] == request
        assert made["response"]["headers"] == response


@pytest.mark.parametrize(
    ("text", "encoding", "body"),
    [
        ('{"pizza": 12345678901234567890123}', None, {"pizza": 12345678901234567890123}),
        ("[1, 2]", None, [1, 2]),
        ("{torn", None, "{torn"),
        ("plain text", None, "plain text"),
        ("eyJhIjoxfQ==", "base64", "eyJhIjoxfQ=="),
    ],
)
def test_bodies_are_json_or_base64(text: str, encoding: str | None, body: Any) -> None:
    """A JSON body is JSON to Moesif, digit by digit; base64 says so; anything else stays the text that it is."""
    properties = {"requestBody": text, "responseBody": text}
    if encoding:
        properties |= {"requestBodyTransferEncoding": encoding, "responseBodyTransferEncoding": encoding}
    made = json.loads(
        msgspec.json.encode(
            moesif_event(decode(json.dumps(RESPONSE | {"properties": properties}).encode()), ID, 0, GATEWAY)
        )
    )
    for side in (made["request"], made["response"]):
        assert side["body"] == body
        assert side.get("transfer_encoding") == encoding


def test_unknown_keys_and_types_are_kept() -> None:
    """Keys that no release of WSO2 writes, and values of another type, end up in the metadata as they are."""
    event = FAULT | {
        "tokenIssuer": {"name": "x"},
        "backendLatency": "fast",
        "isEgress": "at the root",
        "properties": {"billing": [1, 2], "responseSize": "big", "isEgress": False, "tokenIssuer": "other"},
    }
    metadata = mapped(event)["metadata"]
    assert metadata["tokenIssuer"] == {"name": "x"}
    assert metadata["backendLatency"] == "fast"
    assert metadata["billing"] == [1, 2]
    assert metadata["responseSize"] == "big"
    assert metadata["isEgress"] is False
    assert metadata["properties"] == {"isEgress": "at the root", "tokenIssuer": "other"}
    assert metadata["errorCode"] == 900910


def test_text_numbers_become_native() -> None:
    """Numbers that an old publisher wrote as text are numbers again."""
    event = RESPONSE | {"proxyResponseCode": "201", "responseCacheHit": "true", "backendLatency": "206"}
    made = mapped(event)
    assert made["response"]["status"] == 201
    assert made["metadata"]["backendLatency"] == 206
    assert made["metadata"]["responseCacheHit"] is True


def bodies_in(folder: Path) -> list[bytes]:
    return [
        line[line.index(b"{") :]
        for file in sorted(folder.glob("wso2-log*/*.log"))
        for line in file.read_bytes().split(b"\n")
        if b"apimMetrics: apim:" in line
    ]


async def test_real_output_of_the_publisher_fits_the_schema(recorded: Path) -> None:
    """Each of the events that WSO2's own code wrote becomes an event that Moesif's schema takes, none loses a key."""
    settings = MoesifSettings(type="moesif", key="k" * 60)
    sink = MoesifSink("moesif", settings, fittings())
    bodies = bodies_in(recorded)
    assert len(bodies) > 200
    ids = [f"00000000-0000-8000-a000-{number:012x}" for number in range(len(bodies))]
    payload = await sink.encode(Batch(ids, bodies, [RECEIVED_MS] * len(bodies)))
    await sink.close()
    made = check_events(gzip.decompress(payload.body), batch=True, full_uris=True)
    assert payload.count == len(made) == len(bodies)
    for body, event in zip(bodies, json.loads(gzip.decompress(payload.body)), strict=True):
        assert FULL_URI.fullmatch(event["request"]["uri"])
        told = json.loads(body)
        properties = told.pop("properties", {})
        for placed in ("requestHeaders", "responseHeaders"):
            properties.pop(placed, None)
        assert {**properties, **told}.items() <= event["metadata"].items()
