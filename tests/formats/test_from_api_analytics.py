"""Rows of API Analytics' middlewares as canonical events.

The rows are those of the published packages: api-analytics 1.2.7 (core.py, fastapi.py) and node-api-analytics 1.3.0
(analytics.js).
"""

import hashlib
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bridge.contracts import Gateway
from bridge.errors import Unacceptable
from bridge.events.event import Event, encode, mend
from bridge.events.ids import event_id
from bridge.formats.api_analytics import ClientRequest, ClientRows, hashed_key, template
from bridge.formats.moesif.mapping import MoesifEvent, moesif_form

KEY = "8F1C6E9A-4F8D-4C8E-9A0B-1D2E3F405162"
REQUEST = ClientRequest(hashed_key(KEY), "FastAPI", 0)
PYTHON: dict[str, Any] = {
    "hostname": "api.example.com",
    "ip_address": "203.0.113.7",
    "path": "/v2/orders/17",
    "user_agent": "curl/8.5.0",
    "method": "GET",
    "status": 200,
    "response_time": 12,
    "user_id": None,
    "created_at": "2026-11-21T00:46:24.099213",
}
NODE: dict[str, Any] = {
    "hostname": "localhost:3000",
    "ip_address": "::ffff:203.0.113.7",
    "user_agent": "curl/8.5.0",
    "path": "/orders?limit=3",
    "status": 201,
    "method": "POST",
    "response_time": 7,
    "user_id": "alice",
    "created_at": "2026-11-21T00:46:24.099Z",
}


def event_of(row: dict[str, Any]) -> Event:
    return mend(encode(row))[1]


def ids_of(*rows: dict[str, Any], request: ClientRequest = REQUEST) -> list[str | None]:
    make = ClientRows(request)
    return [event_id(event_of(make(row))) for row in rows]


def test_a_row_of_the_python_package() -> None:
    """Each member of a row goes to its field; what is true of the whole request stands in `origin`."""
    event = ClientRows(REQUEST)(PYTHON)
    assert len(event.pop("correlationId")) == 32
    assert event == {
        "apiType": "HTTP",
        "requestTimestamp": "2026-11-21T00:46:24.099Z",
        "apiName": "api.example.com",
        "apiVersion": "v2",
        "apiResourceTemplate": "/v2/orders/{id}",
        "apiMethod": "GET",
        "userAgentHeader": "curl/8.5.0",
        "proxyResponseCode": 200,
        "responseLatency": 12,
        "userIp": "203.0.113.7",
        "properties": {"x-original-gw-url": "https://api.example.com/v2/orders/17"},
        "origin": {"api_analytics": {"key": hashed_key(KEY), "framework": "FastAPI"}},
    }


def test_a_row_of_the_node_package() -> None:
    """The query stays with the address, where rules about credentials look; the port stays with the host."""
    event = ClientRows(REQUEST)(NODE)
    assert event["properties"] == {"x-original-gw-url": "https://localhost:3000/orders?limit=3"}
    assert (event["apiResourceTemplate"], event["userIp"]) == ("/orders", "203.0.113.7")
    assert (event["userName"], event["requestTimestamp"]) == ("alice", "2026-11-21T00:46:24.099Z")


def test_the_key_is_hashed_in_one_form() -> None:
    """However a UUID is written, its hash is that of its usual form in lower case; what is no UUID has none."""
    plain = KEY.lower()
    assert hashed_key(KEY) == hashlib.sha256(plain.encode()).hexdigest()[:32]
    assert {hashed_key(form) for form in (plain, f'"{plain}"', f" {plain} ", plain.replace("-", ""))} == {
        hashed_key(KEY)
    }
    with pytest.raises(ValueError, match="UUID"):
        hashed_key("my key")


@pytest.mark.parametrize(
    ("given", "zone", "time"),
    [
        ("2026-07-01T12:00:00.5", "UTC", "2026-07-01T12:00:00.500Z"),
        ("2026-07-01T12:00:00.5", "Europe/Berlin", "2026-07-01T10:00:00.500Z"),
        ("2026-01-01 12:00:00", "Europe/Berlin", "2026-01-01T11:00:00.000Z"),
        ("2026-07-01T12:00:00Z", "Europe/Berlin", "2026-07-01T12:00:00.000Z"),
        ("2026-07-01T12:00:00+05:30", "Europe/Berlin", "2026-07-01T06:30:00.000Z"),
        (1_782_907_200_000, "Europe/Berlin", "2026-07-01T12:00:00.000Z"),
        ("yesterday", "UTC", "yesterday"),
    ],
)
def test_times(given: Any, zone: str, time: str) -> None:
    """A time that names no zone is read in the zone of the settings; one that is no time stays as it came."""
    event = ClientRows(REQUEST, ZoneInfo(zone))({**PYTHON, "created_at": given})
    assert event["requestTimestamp"] == time


@pytest.mark.parametrize(
    ("level", "address", "country"),
    [(0, "203.0.113.7", None), (1, None, "DE"), (2, None, None), (7, None, None)],
)
def test_privacy_levels(level: int, address: str | None, country: str | None) -> None:
    """Level 1 keeps the country in place of the address, level 2 neither, whatever the client sends."""
    asked: list[str] = []

    def country_of(text: str) -> str:
        asked.append(text)
        return "DE"

    request = REQUEST._replace(privacy_level=level)
    event = ClientRows(request, country_of=country_of)({**PYTHON, "ip_address": "203.0.113.7, 10.0.0.1"})
    assert event.get("userIp") == address
    assert event["properties"].get("country") == country
    assert asked == (["203.0.113.7"] if level == 1 else [])
    assert "10.0.0.1" not in repr(event)
    assert ("203.0.113.7" in repr(event)) == (level == 0)


def test_a_repeat_with_more_behind_it_has_the_same_ids() -> None:
    """The Node package sends a list again with what came meanwhile: what is new gets an id, the rest has its own."""
    rows = [PYTHON, NODE, {**PYTHON, "status": 404}, NODE]
    assert ids_of(*rows)[:3] == ids_of(*rows[:3])


def test_calls_that_look_alike_are_different_calls() -> None:
    """Equal rows in one request, and in requests of two processes whose other rows differ, have different ids."""
    assert len({*ids_of(*[NODE] * 100)}) == 100
    first, second = ids_of(PYTHON, NODE), ids_of({**PYTHON, "response_time": 13}, NODE)
    assert first[1] != second[1]
    other = REQUEST._replace(key="another")
    assert ids_of(NODE) != ids_of(NODE, request=other)


def test_ids_do_not_tell_who_called() -> None:
    """What a mask may hide is not in the id: addresses, users, agents, paths (P5)."""
    hidden = {
        "ip_address": "198.51.100.1",
        "user_id": "bob",
        "user_agent": "x",
        "path": "/y",
        "hostname": "z",
    }
    assert ids_of(PYTHON) == ids_of({**PYTHON, **hidden})


@pytest.mark.parametrize("row", [{}, {"foo": 1}])
def test_what_is_no_row(row: dict[str, Any]) -> None:
    """An object without any member of a row is no event."""
    with pytest.raises(Unacceptable, match="unrecognised"):
        ClientRows(REQUEST)(row)


def test_what_fits_no_field_stays() -> None:
    """Members that nobody knows, and values that no field takes, are kept beside the event."""
    event = ClientRows(REQUEST)(
        {"path": "x", "status": "no", "referrer": "https://a.example", "response_time": -1}
    )
    assert event["origin"]["api_analytics"] == {
        "status": "no",
        "referrer": "https://a.example",
        "response_time": -1,
        "key": REQUEST.key,
        "framework": "FastAPI",
    }
    assert event["properties"] == {"x-original-gw-url": "/x"}
    assert event_of(event).apiResourceTemplate == "/x"


@pytest.mark.parametrize(
    ("path", "made"),
    [
        ("/", "/"),
        ("/users/123/posts", "/users/{id}/posts"),
        ("/o/3f2504e0-4f89-41d3-9a0c-0305e82c3301", "/o/{id}"),
        ("/o/507f1f77bcf86cd799439011", "/o/{id}"),
        ("/v1/internationalization", "/v1/internationalization"),
        ("/t/sk_live_4eC39HqLyjWDarjtT1zdp7dc", "/t/{id}"),
    ],
)
def test_templates(path: str, made: str) -> None:
    """Numbers, UUIDs and long random texts stand for one of many; words, and versions, do not."""
    assert template(path) == made


def test_moesif_gets_what_was_called() -> None:
    """Moesif's address is host and path, its time and status those of the row; nobody is made up as the caller."""
    event = event_of(ClientRows(REQUEST)({**PYTHON, "user_id": None}))
    mapped = moesif_form(event, "id", 0, Gateway("b", "https://gateway.example"))
    assert isinstance(mapped, MoesifEvent)
    assert mapped.request.uri == "https://api.example.com/v2/orders/17"
    assert (mapped.request.verb, mapped.request.time) == ("GET", "2026-11-21T00:46:24.099Z")
    assert mapped.request.api_version == "v2"
    assert mapped.response is not None
    assert (mapped.response.status, mapped.response.time) == (200, "2026-11-21T00:46:24.111Z")
    assert mapped.request.headers == {"User-Agent": "curl/8.5.0"}
    assert mapped.request.ip_address == "203.0.113.7"
    assert mapped.user_id is None
    named = moesif_form(event_of(ClientRows(REQUEST)(NODE)), "id", 0, Gateway("b", None))
    assert isinstance(named, MoesifEvent)
    assert named.user_id == "alice"
