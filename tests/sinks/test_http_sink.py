"""The http sink: what it sends where, and what it keeps to itself."""

import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from fakes.destinations import SECRET, Collector, batch_of, collector, fittings
from pydantic import SecretStr, ValidationError
from rigs.events import event, events
from rigs.rig import delivering
from standardwebhooks import Webhook, WebhookVerificationError

from bridge.errors import NeedsOperator, SinkError
from bridge.sinks.http import HttpSettings, HttpSink

PASSWORD = "pässword:with colon"


@pytest.fixture
async def server() -> AsyncIterator[Collector]:
    async with collector() as made:
        yield made


def options(server: Collector, **changes: Any) -> HttpSettings:
    return HttpSettings(type="http", url=SecretStr(server.url), **changes)


async def send(server: Collector, *bodies: bytes, **changes: Any) -> None:
    sink = HttpSink("hook", options(server, **changes), fittings())
    await sink.start(None)
    await sink.send(await sink.encode(batch_of(*bodies)))
    await sink.close()


async def test_json_array(server: Collector) -> None:
    """The default: one JSON array, POSTed to the URL as it was written, its query included."""
    await send(server, *events(3))
    (request,) = server.requests
    assert (request.method, request.path) == ("POST", f"/in?token={SECRET}")
    assert request.headers["Content-Type"] == "application/json"
    assert "Content-Encoding" not in request.headers
    assert "Authorization" not in request.headers
    sent = json.loads(request.body)
    assert [one["bridge"]["id"][-1] for one in sent] == ["0", "1", "2"]
    assert sent[0]["bridge"] == {
        "id": "00000000-0000-8000-a000-000000000000",
        "received": "2026-11-21T00:46:24.099Z",
        "instance": "gateway-1",
    }
    del sent[1]["bridge"]
    assert sent[1] == json.loads(event(1))


async def test_ndjson(server: Collector) -> None:
    """Newline-delimited JSON: one event a line, the last with its newline, too."""
    await send(server, *events(3), format="ndjson")
    (request,) = server.requests
    assert request.headers["Content-Type"] == "application/x-ndjson"
    assert request.body.endswith(b"}\n")
    assert [json.loads(line)["correlationId"][-1] for line in request.body.splitlines()] == ["0", "1", "2"]


@pytest.mark.parametrize("form", ["json", "ndjson"])
async def test_gzip(server: Collector, form: str) -> None:
    """Compressed bodies say so."""
    await send(server, *events(2), compression="gzip", format=form)
    (request,) = server.requests
    assert request.headers["Content-Encoding"] == "gzip"
    assert request.body.count(b'"correlationId"') == 2


async def test_bearer_token(server: Collector) -> None:
    """A bearer token goes into Authorization."""
    await send(server, event(0), bearer_token=SECRET)
    assert server.requests[0].headers["Authorization"] == f"Bearer {SECRET}"


async def test_basic_authentication(server: Collector) -> None:
    """User and password go into Authorization, in UTF-8 (RFC 7617)."""
    await send(server, event(0), username="ada", password=PASSWORD)
    scheme, _, word = server.requests[0].headers["Authorization"].partition(" ")
    assert scheme == "Basic"
    assert base64.b64decode(word).decode() == f"ada:{PASSWORD}"


async def test_headers_of_the_operator_win(server: Collector) -> None:
    """Further headers are sent, and one that the sink has itself is replaced, whatever its case; never sent twice."""
    await send(
        server,
        event(0),
        headers={"X-Key": SECRET, "content-type": "application/vnd.acme+json"},
        bearer_token="t",
    )
    headers = server.requests[0].headers
    assert headers["X-Key"] == SECRET
    assert headers.getall("Content-Type") == ["application/vnd.acme+json"]  # type: ignore[attr-defined]  # a multidict


async def test_trailing_slash_is_part_of_the_url(server: Collector) -> None:
    """The path is not tidied: for some servers a slash at its end is another address."""
    plain = server.url.partition("?")[0]
    await send(server, event(0))
    sink = HttpSink("hook", HttpSettings(type="http", url=SecretStr(f"{plain}/")), fittings())
    await sink.send(await sink.encode(batch_of(event(0))))
    await sink.close()
    assert server.requests[1].path == "/in/"


async def test_secrets_stay_secret(server: Collector) -> None:
    """No token, password, header or query is in what logs, status and errors show."""
    for changes in (
        {"bearer_token": SECRET, "headers": {"X-Key": SECRET}},
        {"username": "ada", "password": SECRET},
    ):
        made = options(server, **changes)
        sink = HttpSink("hook", made, fittings())
        shown = [repr(made), str(made), repr(sink), sink.destination]
        payload = await sink.encode(batch_of(event(0)))
        for status in (400, 401, 404, 413, 500):
            server.answer_all(status)
            with pytest.raises(SinkError) as caught:
                await sink.send(payload)
            shown += [str(caught.value), repr(caught.value), caught.value.answer]
        await sink.close()
        assert SECRET not in " ".join(shown)
        assert sink.destination == server.url.partition("?")[0]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"bearer_token": SECRET, "username": "ada", "password": SECRET}, "exclude each other"),
        ({"username": "ada"}, "go together"),
        ({"password": SECRET}, "go together"),
        ({"url": f"https://ada:{SECRET}@example.com/"}, "username and password"),
        ({"url": "ftp://example.com/"}, "https://host/path"),
        ({"url": "example.com/in"}, "https://host/path"),
        ({"url": "https://"}, "https://host/path"),
        ({"format": "xml"}, "json"),
    ],
)
def test_settings_that_cannot_work(changes: dict[str, Any], said: str) -> None:
    """Contradictions are refused at the start, with the cure and without the secret."""
    with pytest.raises(ValidationError, match=said) as caught:
        HttpSettings.model_validate({"type": "http", "url": "https://example.com/in"} | changes)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("status", [200, 204, 400, 405, 415, 501])
async def test_probe_of_what_takes_post_alone(server: Collector, status: int) -> None:
    """A destination that does not like HEAD is there all the same."""
    server.status = lambda request: status if request.method == "HEAD" else 200
    sink = HttpSink("hook", options(server), fittings())
    assert await sink.probe() == "reachable"
    await sink.close()
    assert [request.method for request in server.requests] == ["HEAD"]


@pytest.mark.parametrize("status", [401, 403, 404, 302])
async def test_probe_that_is_turned_away(server: Collector, status: int) -> None:
    """Answers that speak of access or address are told, with the settings to look at."""
    server.answer_all(status)
    sink = HttpSink("hook", options(server), fittings())
    with pytest.raises(NeedsOperator, match=r"\[bridge.sinks.hook\]"):
        await sink.probe()
    await sink.close()


async def test_through_a_lane(tmp_path: Path, server: Collector) -> None:
    """Everything that is journalled arrives, and one refused event becomes a dead letter (P3)."""
    made_options = options(server, linger=0, batch_max_events=10, format="json")
    async with delivering(tmp_path, "hook") as made:
        await made.ingest(*events(45))
        made.start(HttpSink("hook", made_options, fittings()), made_options)
        await made.delivered("hook")
        assert sum(server.ids().values()) == len(server.ids()) == 45


_OLD = "whsec_" + base64.b64encode(b"o" * 32).decode()
_NEW = "whsec_" + base64.b64encode(b"n" * 32).decode()


@pytest.mark.parametrize("form", ["json", "ndjson", "cloudevents"])
async def test_a_signed_request_is_verified_by_the_standards_library(server: Collector, form: str) -> None:
    """A receiver that has one of the secrets takes it as it stands, and one that has another refuses it."""
    await send(server, *events(3), format=form, signing_secret=[_OLD, _NEW])
    (request,) = server.requests
    for secret in (_OLD, _NEW):
        Webhook(secret).verify(request.body, dict(request.headers), json_parse=False)
    with pytest.raises(WebhookVerificationError):
        Webhook(base64.b64encode(b"x" * 32).decode()).verify(request.body, dict(request.headers))
    with pytest.raises(WebhookVerificationError):
        Webhook(_OLD).verify(request.body + b" ", dict(request.headers))


async def test_what_is_sent_again_has_the_same_message_id(server: Collector) -> None:
    """Whatever made the bridge send it again, a restart too: the receiver knows that it had it (P5)."""
    for part in (events(3), events(3), events(2)):
        await send(server, *part, signing_secret=_OLD)
    first, again, other = (request.headers["webhook-id"] for request in server.requests)
    assert first == again != other


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"signing_secret": "whsec_c2hvcnQ="}, "signing_secret is not whsec_"),
        ({"signing_secret": _OLD.removeprefix("whsec_")}, "signing_secret is not whsec_"),
        ({"signing_secret": "whsec_%%%"}, "signing_secret is not whsec_"),
        ({"signing_secret": _OLD, "compression": "gzip"}, "exclude each other"),
    ],
)
def test_a_secret_that_no_receiver_could_have_is_an_error(
    server: Collector, changes: dict[str, Any], said: str
) -> None:
    """What is wrong is said before anything is sent, without the secret."""
    with pytest.raises(ValidationError, match=said):
        options(server, **changes)


async def test_cloudevents(server: Collector) -> None:
    """A structured batch of CloudEvents 1.0: what is required of each is there, and the event is its data."""
    fault = event(1).replace(b'"apiName"', b'"eventType":"fault","errorCode":900803,"apiName"', 1)
    await send(server, event(0), fault, format="cloudevents")
    (request,) = server.requests
    assert request.headers["Content-Type"] == "application/cloudevents-batch+json"
    first, second = json.loads(request.body)
    assert first["specversion"] == "1.0"
    assert first["id"] == first["data"]["bridge"]["id"] == "00000000-0000-8000-a000-000000000000"
    assert first["source"] == "/apim-bridge/gateway-1"
    assert (first["type"], second["type"]) == ("com.wso2.apim.event.response", "com.wso2.apim.event.faulty")
    assert first["subject"] == first["data"]["apiName"]
    assert first["time"] == json.loads(event(0))["requestTimestamp"]
    del first["data"]["bridge"]
    assert first["data"] == json.loads(event(0))
