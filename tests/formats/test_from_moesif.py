"""From an event as Moesif's SDKs send it to the canonical one, and back through the Moesif sink."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.contracts import Gateway
from bridge.errors import Unacceptable
from bridge.events.event import decode, decode_fast, encode, is_fault
from bridge.events.ids import event_id
from bridge.events.reading import read_object
from bridge.formats.moesif.mapping import moesif_form
from bridge.formats.moesif.parsing import canonical
from bridge.privacy.masks import masks

Json = dict[str, Any]

TRANSACTION = "a3765025-46ec-45dd-bc83-b136c8d1d257"
# As WSO2's publisher 1.2.32 sends an API call.
CALL: Json = {
    "regexMap": {"request.verb": "POST"},
    "request": {
        "time": "2026-11-21T00:44:34.208",
        "uri": "/openai/1/chat/completions",
        "verb": "POST",
        "headers": {"User-Agent": "curl/8.5.0", "Content-Type": "application/json", "X-Plan": "gold"},
        "api_version": "2024-02-01",
        "ip_address": "203.0.113.45",
    },
    "response": {
        "time": "2026-11-21T00:44:34.331",
        "status": 200,
        "headers": {"Cache-Control": "no-cache", "Pragma": "no-cache", "Content-Type": "text/plain"},
    },
    "user_id": "alice",
    "metadata": {
        "apiName": "OpenAI Chat",
        "apiId": "f9f0c938-13fe-3f8f-85af-c8b37003afe7",
        "apiMethod": "POST",
        "apiVersion": "2024-02-01",
        "apiResourceTemplate": "/chat/completions",
        "correlationId": "7dc572f6-038e-4ca0-a75b-e35df9d94c89",
        "userName": "alice@carbon.super",
        "responseCacheHit": "false",
        "backendLatency": "114",
        "targetResponseCode": "-1",
        "isEgress": 1,
        "subtype": "AIAPI",
        "aiTokenUsage": {"hour": 0, "totalTokens": 1091},
    },
    "transaction_id": "f7e8923c-ee56-4c0d-ae4f-25f36448acbd",
    "weight": 0,
}
# A throttled call, as 1.2.30 sends it.
FAULT: Json = {
    "request": {
        "time": "2026-11-21T00:45:12.311",
        "uri": "N/A",
        "verb": "N/A",
        "headers": {"User-Agent": "UNKNOWN", "Content-Type": "application/json"},
    },
    "response": {"time": "2026-11-21T00:45:14.389", "status": 429, "headers": {"Expires": "-1"}},
    "user_id": "admin",
    "metadata": {
        "apiCreator": "admin",
        "apiId": "8a972559-e872-3ce6-bb8f-6edcc2df606a",
        "correlationId": "aa616abe-1761-4c9a-a743-67bd738597dc",
        "errorType": "THROTTLED",
        "errorCode": "900804",
    },
    "transaction_id": "3401be2a-abd4-4b51-a7a5-dbac0717e907",
    "weight": 0,
}
# Everything that Moesif's schema knows, as an SDK in somebody's service sends it.
SDK: Json = {
    "request": {
        "time": "2026-11-21T00:44:34.208Z",
        "uri": "https://shop.example/orders?limit=5",
        "verb": "PATCH",
        "headers": {"User-Agent": "app/1", "Content-Type": "application/json", "Authorization": "****"},
        "api_version": "1.1.0",
        "ip_address": "203.0.113.45",
        "body": {"items": [1, {"sku": "x"}]},
    },
    "response": {
        "time": "2026-11-21T00:44:34.331Z",
        "status": 500,
        "headers": {"Pragma": "no-cache"},
        "ip_address": "198.51.100.1",
        "body": "c29tZXRoaW5n",
        "transfer_encoding": "base64",
    },
    "transaction_id": TRANSACTION,
    "session_token": "23jdf0owekfmcn4u3qypxg09w4d8ayrcdx8nu2ng",
    "user_id": "12345",
    "company_id": "67890",
    "subscription_id": "sub",
    "tags": "a,b",
    "direction": "Outgoing",
    "blocked_by": "rule-1",
    "action_name": "Signed Up",
    "trace_id": "t",
    "span": {"id": "1", "status": 2},
    "weight": 4,
    "something_new": [1, None],
    "metadata": {
        "plan": {"tier": "gold"},
        "apiName": "mine",
        "userIp": "office",
        "correlationId": "shared by many calls",
        "x-original-gw-url": "https://other.example/",
        "requestBody": "a note",
    },
}


def body_of(sent: Json) -> bytes:
    return encode(canonical(read_object(json.dumps(sent).encode())[0]))


def resent(sent: Json, gateway_url: str | None = None) -> Json:
    """Return what Moesif gets of an event that came in as this."""
    event = decode(body_of(sent))
    form = moesif_form(event, event_id(event) or "", 0, Gateway("gateway-1", gateway_url))
    back: Json = json.loads(msgspec.json.encode(form))
    return back


# WSO2's publisher


def test_a_call_becomes_wso2s_own_event() -> None:
    """Metadata and the rest become flat fields in their own types; what was made up is not there."""
    assert canonical(CALL) == {
        "apiName": "OpenAI Chat",
        "apiId": "f9f0c938-13fe-3f8f-85af-c8b37003afe7",
        "apiMethod": "POST",
        "apiVersion": "2024-02-01",
        "apiContext": "/openai/1",
        "apiResourceTemplate": "/chat/completions",
        "correlationId": "7dc572f6-038e-4ca0-a75b-e35df9d94c89",
        "requestTimestamp": "2026-11-21T00:44:34.208Z",
        "proxyResponseCode": 200,
        "responseLatency": 123,
        "userName": "alice@carbon.super",
        "userIp": "203.0.113.45",
        "userAgentHeader": "curl/8.5.0",
        "responseCacheHit": False,
        "backendLatency": 114,
        "targetResponseCode": -1,
        "properties": {
            "isEgress": 1,
            "subtype": "AIAPI",
            "aiTokenUsage": {"hour": 0, "totalTokens": 1091},
            "requestHeaders": {"X-Plan": "gold"},
            "responseHeaders": {"Content-Type": "text/plain"},
        },
    }


def test_wso2s_events_take_the_fast_way() -> None:
    """What is journalled of WSO2's publisher is decoded without the generic way."""
    assert decode_fast(body_of(CALL)) == decode(body_of(CALL))
    assert is_fault(decode_fast(body_of(FAULT)))


def test_a_fault_keeps_no_invention() -> None:
    """N/A, UNKNOWN, the API's maker as the user and the batch's time as the answer's are not passed on."""
    assert canonical(FAULT) == {
        "apiCreator": "admin",
        "apiId": "8a972559-e872-3ce6-bb8f-6edcc2df606a",
        "correlationId": "aa616abe-1761-4c9a-a743-67bd738597dc",
        "errorType": "THROTTLED",
        "errorCode": 900804,
        "requestTimestamp": "2026-11-21T00:45:12.311Z",
        "proxyResponseCode": 429,
    }


@pytest.mark.parametrize(
    ("time", "written"),
    [
        ("2026-11-21T00:46:24.099", "2026-11-21T00:46:24.099Z"),
        ("2026-11-21T00:46:07", "2026-11-21T00:46:07.000Z"),
        ("2026-11-21T00:46", "2026-11-21T00:46:00.000Z"),
        ("2026-11-21T00:46Z", "2026-11-21T00:46:00.000Z"),
        ("2026-11-21T02:46:00.5+02:00", "2026-11-21T00:46:00.500Z"),
        ("yesterday", "yesterday"),
    ],
)
def test_times_without_zone_or_seconds(time: str, written: str) -> None:
    """A time without a zone is UTC, one without seconds is a whole minute, and what is not a time stays as it is."""
    event = CALL | {"request": CALL["request"] | {"time": time}}
    assert canonical(event)["requestTimestamp"] == written


def test_a_weight_is_kept_and_0_means_1() -> None:
    """With sampling the publisher says how many calls an event stands for; without it says 0."""
    assert "origin" not in canonical(CALL)
    assert canonical(CALL | {"weight": 2})["origin"] == {"moesif": {"weight": 2}}
    assert resent(CALL | {"weight": 2})["weight"] == 2
    assert resent(CALL).get("weight", 1) == 1


def test_a_graphql_operation_is_taken_off_its_context() -> None:
    """Context and operations' names stand together without a slash; the context is what is left."""
    metadata = CALL["metadata"] | {"apiResourceTemplate": "createReview"}
    event = CALL | {
        "metadata": metadata,
        "request": CALL["request"] | {"uri": "/swapi/1.0.0createReview"},
    }
    assert canonical(event)["apiContext"] == "/swapi/1.0.0"
    assert resent(event, "https://gw")["request"]["uri"] == "https://gw/swapi/1.0.0"


def test_a_full_address_is_the_calls_own() -> None:
    """Where the gateway tells the whole URL, it stands where WSO2's own event has it."""
    event = CALL | {"request": CALL["request"] | {"uri": "https://gw.example/openai/1/chat?a=b"}}
    assert canonical(event)["properties"]["x-original-gw-url"] == "https://gw.example/openai/1/chat?a=b"


def test_bodies_are_what_the_gateway_captured() -> None:
    """JSON stays JSON, and base64 loses the line breaks that the publisher puts in."""
    event = CALL | {
        "request": CALL["request"] | {"body": ["a", "b"]},
        "response": CALL["response"] | {"body": "eyJi\ncm9r\n", "transfer_encoding": "base64"},
    }
    properties = canonical(event)["properties"]
    assert properties["requestBody"] == '["a","b"]'
    assert properties["responseBody"] == "eyJicm9r"
    assert resent(event)["request"]["body"] == ["a", "b"]
    assert resent(event)["response"]["transfer_encoding"] == "base64"


def test_the_id_does_not_come_from_the_transaction_id() -> None:
    """The publisher gives a retried event a new one: its correlation id is what lasts (P5)."""
    again = CALL | {"transaction_id": TRANSACTION}
    assert body_of(CALL) == body_of(again)


# Other SDKs


def test_another_sdks_event_is_complete_again() -> None:
    """Each field of the schema, and each that it does not know, reaches Moesif as it was sent."""
    back = resent(SDK, "https://gw.example")
    assert back["metadata"].pop("bridgeInstance") == "gateway-1"
    assert back == SDK


def test_what_an_sdk_left_out_is_not_made_up() -> None:
    """Neither user nor direction nor foreign metadata is invented; only what Moesif demands is there."""
    back = resent(
        {"request": {"time": "2026-11-21T00:44:34.208Z", "uri": "/a", "verb": "GET", "headers": {}}},
        "http://gw",
    )
    assert back == {
        "request": {
            "time": "2026-11-21T00:44:34.208Z",
            "uri": "/a",
            "verb": "GET",
            "headers": {},
            "ip_address": "0.0.0.0",
        },
        "transaction_id": "",
        "metadata": {"bridgeInstance": "gateway-1"},
    }


def test_an_sdks_own_correlation_id_identifies_no_event() -> None:
    """It may be shared by many calls: the transaction id is what lasts (P5)."""
    other = SDK | {"transaction_id": "another"}
    assert event_id(decode(body_of(SDK))) != event_id(decode(body_of(other)))
    assert event_id(decode(body_of(SDK))) == event_id(decode(body_of(SDK | {"tags": "c"})))


def test_masks_find_what_an_sdk_sent() -> None:
    """User, address, user agent, headers and bodies stand where masks look, and nowhere else."""
    data = canonical(SDK)
    masks(
        {
            "userIp": "IPV4",
            "userName": "USERNAME",
            "userAgent": "STRING",
            "requestBody": "STRING",
            "request_headers": '["Authorization"]',
        }
    ).apply(data)
    data["properties"]["requestHeaders"].pop("Authorization")
    text = json.dumps(data)
    for hidden in ("203.0.113.45", "12345", "app/1", "sku"):
        assert hidden not in text


# Whatever comes


@pytest.mark.parametrize("sent", [{}, {"a": 1}, {"request": {}}, {"request": 5}, {"request": {"a": 1}}])
def test_what_is_no_moesif_event_is_refused(sent: Json) -> None:
    """Without a request it is not an event, with the reason of the table."""
    with pytest.raises(Unacceptable) as caught:
        canonical(sent)
    assert caught.value.reason == "unrecognised"


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=8), inner, max_size=2),
    max_leaves=5,
)
KEYS = ["time", "uri", "verb", "headers", "body", "transfer_encoding", "ip_address", "api_version", "status"]
sides = values | st.dictionaries(st.sampled_from(KEYS), values)
META = [
    "correlationId",
    "apiId",
    "errorCode",
    "userName",
    "x-original-gw-url",
    "requestHeaders",
    "(no key)",
    "extra",
]
metas = values | st.dictionaries(st.sampled_from([*META, "apiContext", "properties", "origin"]), values)
odd = st.fixed_dictionaries(
    {"request": sides},
    optional={
        "response": sides,
        "metadata": metas,
        "user_id": values,
        "weight": values,
        "transaction_id": values,
    },
)


@given(odd)
def test_any_object_is_an_event_or_refused_with_a_reason(sent: Json) -> None:
    """Whatever its fields hold, an event is either refused or can be journalled and sent on."""
    before = json.dumps(sent)
    try:
        event = decode(body_of(sent))
    except Unacceptable:
        return
    assert json.dumps(sent) == before
    moesif = moesif_form(event, event_id(event) or "", 0, Gateway("gateway-1", None))
    assert msgspec.json.encode(moesif)
