"""`POST /api/log-request`: API Analytics' clients, answered as by its server (server/logger/main.go)."""

import json
import socket
import struct
from pathlib import Path
from typing import Any

import pytest
from fakes.country_file import write_countries
from rigs.serving import Serving, serving
from rigs.waiting import until

from bridge.app.build import country_lookup
from bridge.errors import SettingsError
from bridge.formats.api_analytics import hashed_key
from bridge.settings import Settings
from bridge.settings.kinds import Models
from bridge.settings.load import load
from bridge.sinks import SINKS
from bridge.sources import SOURCES
from bridge.sources.http.settings import HttpSourceSettings

KEY = "8f1c6e9a-4f8d-4c8e-9a0b-1d2e3f405162"
OTHER_KEY = "00000000-0000-4000-8000-000000000001"
LOGGED = {"status": 201, "message": "API requests logged successfully."}


def row(number: int = 0, **members: Any) -> dict[str, Any]:
    return {
        "hostname": "api.example.com",
        "ip_address": "203.0.113.7",
        "path": f"/orders/{number}",
        "user_agent": "curl/8.5.0",
        "method": "GET",
        "status": 200,
        "response_time": 12,
        "user_id": None,
        "created_at": f"2026-11-21T00:46:{number % 60:02d}.099213",
    } | members


def payload(*rows: Any, **members: Any) -> dict[str, Any]:
    return {"api_key": KEY, "requests": [*rows], "framework": "FastAPI", "privacy_level": 0} | members


def settings_with(countries: Path, folder: Path) -> Settings:
    path = folder / "bridge.toml"
    path.write_text(
        f'[bridge]\ntype = "http"\n[bridge.privacy]\ncountry_database = "{countries}"\n'
        '[bridge.sources.http]\n[bridge.sinks.http]\nurl = "http://127.0.0.1:1"\n'
    )
    return load(path, sinks=Models(SINKS), sources=Models(SOURCES), environ={})


async def log(served: Serving, sent: Any, path: str = "/api/log-request") -> tuple[int, Any]:
    body = sent if isinstance(sent, bytes) else json.dumps(sent).encode()
    status, content, _ = await served.post(body, path=path, Content_Type="application/json")
    return status, content


async def test_rows_are_events_on_disk_when_201_comes(tmp_path: Path) -> None:
    """Both paths answer with their server's own bytes once each row is a WSO2 event in the journal (P1)."""
    async with serving(tmp_path) as served:
        assert await log(served, payload(row(1), row(2))) == (201, LOGGED)
        assert await log(served, payload(row(3)), "/api/requests") == (201, LOGGED)
        events = [json.loads(body) for body in await served.journalled()]
        assert [event["apiResourceTemplate"] for event in events] == ["/orders/{id}"] * 3
        assert events[0]["requestTimestamp"] == "2026-11-21T00:46:01.099Z"
        assert {event["origin"]["api_analytics"]["key"] for event in events} == {hashed_key(KEY)}
        assert KEY not in repr(events)


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        (payload(row(), api_key=""), "API key requied."),
        (payload(row(), api_key=None), "API key requied."),
        (payload(), "Payload contains no logged requests."),
        (payload(requests=None), "Payload contains no logged requests."),
        (payload(row(), framework=""), "Unsupported API framework."),
        (payload(row(), api_key="secret"), "Invalid data."),
        (payload({"a": 1}, 7, "x"), "Invalid request data."),
        (payload(requests={"a": 1}), "Invalid request data."),
        (payload(row(), privacy_level="high"), "Invalid request data."),
        ([], "Invalid request data."),
        (b"nonsense", "Invalid request data."),
    ],
)
async def test_what_their_server_refuses(tmp_path: Path, sent: Any, message: str) -> None:
    """What can be no request is answered 400 with their server's words, in its order."""
    async with serving(tmp_path) as served:
        status, content = await log(served, sent)
        assert (status, content["status"]) == (400, 400)
        assert content["message"].splitlines()[0] == message
        assert await served.journalled() == []


async def test_a_bad_row_costs_no_other(tmp_path: Path) -> None:
    """Each row that is none is rejected with its reason, those beside it are taken (P7)."""
    async with serving(tmp_path) as served:
        status, content = await log(served, payload(row(1), 7, {"a": 1}, row(2)))
        assert (status, content["accepted"]) == (201, 2)
        assert [(bad["index"], bad["reason"]) for bad in content["rejected"]] == [
            (1, "not_an_object"),
            (2, "unrecognised"),
        ]


async def test_rows_that_their_server_would_swallow(tmp_path: Path) -> None:
    """SQL words, unknown methods, slow calls, odd addresses and times: their server loses such a row, or all."""
    odd = [
        row(path="/users/update", user_agent="it's -- me"),
        row(method="PROPFIND"),
        row(response_time=40_000),
        row(ip_address="unknown"),
        row(created_at="yesterday"),
        row(path="/" + "x" * 400),
        row(status=None, hostname=None),
    ]
    async with serving(tmp_path) as served:
        assert await log(served, payload(*odd, framework="Starlette")) == (201, LOGGED)
        assert len(await served.journalled()) == len(odd)


async def test_damaged_text_costs_no_row(tmp_path: Path) -> None:
    """A lone surrogate, as Python writes an undecodable path, and a number that is none are mended in their rows."""
    body = json.dumps(payload(row(1), row(2))).replace("/orders/1", "/orders/\\udc80").replace("12", "NaN", 1)
    async with serving(tmp_path) as served:
        assert await log(served, body.encode()) == (201, LOGGED)
        assert len(await served.journalled()) == 2


async def test_any_number_of_rows_and_of_requests(tmp_path: Path) -> None:
    """More than 2,000 rows in one request and more than ten requests in a minute are taken, all of them."""
    async with serving(tmp_path) as served:
        assert await log(served, payload(*map(row, range(5000)))) == (201, LOGGED)
        for number in range(12):
            assert await log(served, payload(row(number, status=404))) == (201, LOGGED)
        assert len(await served.journalled()) == 5012


async def test_a_list_that_comes_again_longer_is_counted_once(tmp_path: Path) -> None:
    """The Node package posts its list again while the first post is under way: the repeat is a duplicate (P5)."""
    rows = [row(5), row(5), row(6)]
    async with serving(tmp_path) as served:
        assert await log(served, payload(*rows)) == (201, LOGGED)
        assert await log(served, payload(*rows, row(7))) == (201, LOGGED)
        assert len(await served.journalled()) == 4


async def test_rows_of_a_client_that_no_longer_waits(tmp_path: Path) -> None:
    """The Python package waits for ten seconds and never sends again: what it sent is taken to its end."""
    body = json.dumps(payload(*map(row, range(5000)))).encode()
    head = f"POST /api/log-request HTTP/1.1\r\nHost: bridge\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    async with serving(tmp_path) as served:
        served.gate.open.clear()
        _, writer = await served.connect(head + body)
        await writer.drain()
        await served.gate.entered.wait()
        # A reset, as a proxy between them sends it.
        writer.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
        )
        writer.transport.abort()
        served.gate.open.set()
        await until(lambda: not served.source._busy)
        assert len(await served.journalled()) == 5000


async def test_times_without_a_zone(tmp_path: Path) -> None:
    """`time_zone` says where the clients' clocks are; a time that names its zone is left alone."""
    async with serving(tmp_path, time_zone="Asia/Kolkata") as served:
        rows = [
            row(created_at="2026-11-21T05:30:00.000000"),
            row(created_at="2026-11-21T05:30:00.000Z"),
        ]
        assert (await log(served, payload(*rows)))[0] == 201
        times = [json.loads(body)["requestTimestamp"] for body in await served.journalled()]
        assert times == ["2026-11-21T00:00:00.000Z", "2026-11-21T05:30:00.000Z"]


@pytest.mark.parametrize(
    ("level", "address", "country"), [(0, "203.0.113.7", None), (1, None, "DE"), (2, None, None)]
)
async def test_privacy_levels(tmp_path: Path, level: int, address: str | None, country: str | None) -> None:
    """Level 1 keeps the country of the configured file in place of the address, level 2 neither of them."""
    file = write_countries(tmp_path / "c.mmdb", {"203.0.113.0/24": {"country_code": "DE"}})
    country_of = country_lookup(settings_with(file, tmp_path), "http")
    async with serving(tmp_path, country_of=country_of) as served:
        assert await log(served, payload(row(), privacy_level=level)) == (201, LOGGED)
        (body,) = await served.journalled()
        event = json.loads(body)
        assert (event.get("userIp"), event["properties"].get("country")) == (address, country)
        assert (b"203.0.113.7" in body) == (level == 0)


def test_a_file_of_countries_that_cannot_be_read(tmp_path: Path) -> None:
    """It costs no event: there is no country then."""
    country_of = country_lookup(settings_with(tmp_path / "nothing", tmp_path), "http")
    assert country_of is not None
    assert country_of("203.0.113.7") is None


async def test_only_keys_that_are_set(tmp_path: Path) -> None:
    """With `api_analytics_keys` another key is refused, however the known one is written."""
    async with serving(tmp_path, api_analytics_keys=[KEY]) as served:
        status, content = await log(served, payload(row(), api_key=OTHER_KEY))
        assert (status, content["message"]) == (401, "Invalid API key.")
        assert "http_client_key_unknown" in served.logged()
        assert (await log(served, payload(row(), api_key=KEY.upper())))[0] == 201


async def test_a_web_page_cannot_send_where_no_key_is_asked_for(tmp_path: Path) -> None:
    """On loopback without keys the rule for all listeners without a secret holds: no foreign page may post."""
    async with serving(tmp_path) as served:
        body = json.dumps(payload(row())).encode()
        status, _, _ = await served.post(body, path="/api/log-request", Origin="https://evil.example")
        assert status == 403


async def test_a_full_journal(tmp_path: Path) -> None:
    """503 with Retry-After in their form where the journal has no room."""
    async with serving(tmp_path) as served:
        served.gate.full_calls = 1
        status, content = await log(served, payload(row()))
        assert (status, content["status"]) == (503, 503)
        assert (await log(served, payload(row())))[0] == 201


@pytest.mark.parametrize(
    ("keys", "listen", "anyone"),
    [
        ([], "127.0.0.1:9880", True),
        ([], "0.0.0.0:9880", False),
        (["any"], "0.0.0.0:9880", True),
        ([KEY], "127.0.0.1:9880", False),
    ],
)
def test_which_keys_will_do(keys: list[str], listen: str, anyone: bool) -> None:
    """Any key will do on this machine; other machines need one that is set, unless the operator says any."""
    settings = HttpSourceSettings.model_validate(
        {"listen": listen, "tokens": ["t"], "api_analytics_keys": keys}
    )
    assert settings.takes_any_key(settings.listen) == anyone


def test_a_key_closes_the_door_for_others() -> None:
    """Keys of clients are enough to listen beyond loopback; what is no UUID is refused with its place."""
    HttpSourceSettings.model_validate(
        {"listen": "0.0.0.0:9880", "api_analytics_keys": [KEY]}
    ).refuse_open_door("http", ())
    with pytest.raises(SettingsError, match="api_analytics_keys"):
        HttpSourceSettings.model_validate({"listen": "0.0.0.0:9880"}).refuse_open_door("http", ())
    with pytest.raises(ValueError, match="entry 1 is no UUID"):
        HttpSourceSettings.model_validate({"api_analytics_keys": [KEY, "mine"]})
    with pytest.raises(ValueError, match="not a time zone"):
        HttpSourceSettings.model_validate({"time_zone": "Berlin"})
