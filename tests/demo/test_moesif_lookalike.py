"""The Moesif look-alike: what it takes, what it refuses and why, and what each of its knobs does."""

import asyncio
import gzip
import json
import signal
import sys
import uuid
from asyncio.subprocess import PIPE, Process, create_subprocess_exec
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from places import DATA

from bridge.demo.moesif_knobs import Failure
from bridge.demo.moesif_lookalike import MoesifLookalike

KEY = "k" * 60
RECORDED = DATA / "moesif-publisher"
Json = dict[str, Any]


@pytest.fixture
async def moesif() -> AsyncIterator[MoesifLookalike]:
    async with MoesifLookalike(key=KEY) as lookalike:
        yield lookalike


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    headers = {"X-Moesif-Application-Id": KEY}
    async with aiohttp.ClientSession(headers=headers, timeout=aiohttp.ClientTimeout(5)) as session:
        yield session


def event(**changes: Any) -> Json:
    """Return a good event; `a__b=value` replaces a part, and `...` as value leaves it out."""
    made: Json = {
        "request": {
            "time": "2026-11-21T00:44:34.208Z",
            "uri": "https://gw.example.com:8243/pizza/1.0.0/menu?q=1",
            "verb": "GET",
            "headers": {"User-Agent": "curl"},
        },
        "response": {"time": "2026-11-21T00:44:34.331Z", "status": 200, "headers": {}},
        "transaction_id": str(uuid.uuid4()),
        "direction": "Incoming",
        "weight": 1,
        "metadata": {"apiName": "PizzaShackAPI"},
    }
    for path, value in changes.items():
        *parents, last = path.split("__")
        part = made
        for parent in parents:
            part = part[parent]
        part[last] = value
        if value is ...:
            del part[last]
    return made


async def post(
    client: aiohttp.ClientSession, moesif: MoesifLookalike, body: Any, **headers: str
) -> tuple[int, str]:
    """Post an event or a batch, gzip when `Content_Encoding` says so; return status and text."""
    path = "/v1/events/batch" if isinstance(body, list) else "/v1/events"
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = {"Content-Type": "application/json"} | {k.replace("_", "-"): v for k, v in headers.items()}
    async with client.post(moesif.url + path, data=data, headers=sent) as answer:
        return answer.status, await answer.text()


async def test_events_and_batches_are_taken_and_counted(
    moesif: MoesifLookalike, client: aiohttp.ClientSession
) -> None:
    """One event, a batch and a compressed batch are answered with 201; a second copy is counted as such."""
    events = [event() for _ in range(4)]
    assert await post(client, moesif, events[0]) == (201, "")
    assert await post(client, moesif, events[:2]) == (201, "")
    packed = gzip.compress(json.dumps(events[2:]).encode())
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    async with client.post(f"{moesif.url}/v1/events/batch", data=packed, headers=headers) as answer:
        assert answer.status == 201
    assert moesif.events == [events[0], *events]
    assert dict(moesif.copies) == {item["transaction_id"]: 1 for item in events} | {
        events[0]["transaction_id"]: 2
    }
    assert (moesif.accepted, moesif.unique, moesif.duplicates) == (5, 4, 1)
    assert [(note.path, note.status, note.count, note.key) for note in moesif.requests] == [
        ("/v1/events", 201, 1, KEY),
        ("/v1/events/batch", 201, 2, KEY),
        ("/v1/events/batch", 201, 2, KEY),
    ]
    assert moesif.requests[2].body_bytes == len(packed)


@pytest.mark.parametrize(
    "good",
    [
        event(request__time="2026-11-21T00:44:34.208"),
        event(request__time="2026-11-21T06:14:34.208+05:30"),
        event(response=...),
        event(transaction_id=..., direction=..., weight=..., metadata=...),
        event(user_id="alice", company_id=None, session_token="s", subscription_id="x", tags="a,b"),
        event(request__body={"a": 1}, request__transfer_encoding="json", request__ip_address="10.0.0.1"),
        event(response__body="aGVsbG8=\n", response__transfer_encoding="base64"),
        event(request__uri="ws://chat.example.com/rooms/1"),
        event(unknown={"a": 1}),
    ],
)
async def test_what_moesif_takes(moesif: MoesifLookalike, client: aiohttp.ClientSession, good: Json) -> None:
    """Every form that Moesif's reference allows is taken: times without zone, no response, unknown keys."""
    assert await post(client, moesif, [good]) == (201, "")


@pytest.mark.parametrize(
    ("bad", "field"),
    [
        (event(request=...), "`request`"),
        (event(request__time=...), "`time` - at `$[1].request`"),
        (event(request__time="2026-11-21T00:44:34Z"), "$[1].request.time"),
        (event(request__time="2026-11-21T00:44:34.2Z"), "$[1].request.time"),
        (event(request__time="2026-11-21 00:44:34.208"), "$[1].request.time"),
        (event(request__time="2026-13-21T00:44:34.208Z"), "$[1].request.time"),
        (event(request__time=1795221874208), "$[1].request.time"),
        (event(request__uri=...), "`uri` - at `$[1].request`"),
        (event(request__uri="/pizza/1.0.0/menu"), "$[1].request.uri"),
        (event(request__uri="UNKNOWN"), "$[1].request.uri"),
        (event(request__uri="https:///menu"), "$[1].request.uri"),
        (event(request__verb=...), "`verb` - at `$[1].request`"),
        (event(request__verb=""), "$[1].request.verb"),
        (event(request__headers=...), "`headers` - at `$[1].request`"),
        (event(request__headers={"a": 1}), "$[1].request.headers"),
        (event(request__transfer_encoding="gzip"), "$[1].request.transfer_encoding"),
        (event(request__body="%", request__transfer_encoding="base64"), "$[1].request.body"),
        (event(request__body={}, request__transfer_encoding="base64"), "$[1].request.body"),
        (event(response__time=...), "`time` - at `$[1].response`"),
        (event(response__status=...), "`status` - at `$[1].response`"),
        (event(response__status="200"), "$[1].response.status"),
        (event(response__headers=...), "`headers` - at `$[1].response`"),
        (event(response__body="%", response__transfer_encoding="base64"), "$[1].response.body"),
        (event(transaction_id="short"), "$[1].transaction_id"),
        (event(transaction_id=uuid.uuid4().hex), "$[1].transaction_id"),
        (event(weight="1"), "$[1].weight"),
        (event(weight=-1), "$[1].weight"),
        (event(direction="incoming"), "$[1].direction"),
        (event(metadata="text"), "$[1].metadata"),
        (event(metadata=["text"]), "$[1].metadata"),
        (event(user_id=7), "$[1].user_id"),
        (event(company_id=7), "$[1].company_id"),
        ("text", "$[1]"),
    ],
)
async def test_one_bad_event_refuses_the_batch_and_is_named(
    moesif: MoesifLookalike, client: aiohttp.ClientSession, bad: Any, field: str
) -> None:
    """An invalid event makes the whole batch a 400 that names the field, and nothing of it is taken."""
    status, text = await post(client, moesif, [event(), bad, event()])
    assert status == 400
    assert field in text
    assert moesif.accepted == 0
    assert [(note.status, note.count) for note in moesif.requests] == [(400, 3)]


@pytest.mark.parametrize("body", [b"[{", b'{"a":1}', b"\xff", b"[]x", b"null"])
async def test_a_batch_is_an_array_of_json(
    moesif: MoesifLookalike, client: aiohttp.ClientSession, body: bytes
) -> None:
    """What is not a JSON array is not a batch."""
    headers = {"Content-Type": "application/json"}
    async with client.post(f"{moesif.url}/v1/events/batch", data=body, headers=headers) as answer:
        assert answer.status == 400


async def test_key_type_encoding_path_and_method_are_checked(
    moesif: MoesifLookalike, client: aiohttp.ClientSession
) -> None:
    """Every request needs a known key, JSON, an encoding that Moesif knows, and a place that there is."""
    good = event()
    assert (await post(client, moesif, good, X_Moesif_Application_Id="other"))[0] == 401
    assert (await post(client, moesif, good, Content_Type="text/plain"))[0] == 415
    assert (await post(client, moesif, good, Content_Encoding="zstd"))[0] == 415
    plain, torn = json.dumps(good).encode(), gzip.compress(json.dumps(good).encode())[:-9]
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    for body in (torn, plain):
        async with client.post(
            f"{moesif.url}/v1/events", data=body, headers=headers, compress=None
        ) as answer:
            assert answer.status == 400
    async with client.post(f"{moesif.url}/v2/events") as answer:
        assert answer.status == 404
    async with client.get(f"{moesif.url}/v1/events") as answer:
        assert answer.status == 405
    async with client.get(f"{moesif.url}/v1/config", headers={"X-Moesif-Application-Id": ""}) as answer:
        assert answer.status == 401
    moesif.keys.add("other")
    assert await post(client, moesif, good, X_Moesif_Application_Id="other") == (201, "")


async def test_what_is_too_large_is_refused(moesif: MoesifLookalike, client: aiohttp.ClientSession) -> None:
    """413 for a body over the limit, counted without compression, and by knob for one large event."""
    moesif.knobs.max_body_bytes = 2000
    large = event(metadata={"text": "x" * 2000})
    packed = gzip.compress(json.dumps([large]).encode())
    assert len(packed) < 2000
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    async with client.post(f"{moesif.url}/v1/events/batch", data=packed, headers=headers) as answer:
        assert answer.status == 413
    moesif.knobs.max_body_bytes = 50_000_000
    assert (await post(client, moesif, [large]))[0] == 201
    moesif.knobs.max_event_bytes = 1000
    assert (await post(client, moesif, [event(), large]))[0] == 413
    assert (await post(client, moesif, large))[0] == 413
    assert (await post(client, moesif, [event(), event()]))[0] == 201


async def test_config_rules_and_health(moesif: MoesifLookalike, client: aiohttp.ClientSession) -> None:
    """Sampling settings come with an ETag that follows them; rules and health are there."""
    async with client.get(f"{moesif.url}/v1/config") as answer:
        assert (answer.status, await answer.json()) == (200, {"sample_rate": 100})
        etag = answer.headers["X-Moesif-Config-ETag"]
    async with client.get(f"{moesif.url}/v1/config", headers={"If-None-Match": etag}) as answer:
        assert answer.status == 304
    moesif.knobs.config = {"sample_rate": 50}
    async with client.get(f"{moesif.url}/v1/config", headers={"If-None-Match": etag}) as answer:
        assert (answer.status, await answer.json()) == (200, {"sample_rate": 50})
        assert answer.headers["X-Moesif-Config-ETag"] != etag
    moesif.knobs.rules = [{"_id": "r"}]
    async with client.get(f"{moesif.url}/v1/rules") as answer:
        assert await answer.json() == [{"_id": "r"}]
    async with client.get(f"{moesif.url}/health/probe") as answer:
        assert (await answer.json())["status"] is True


@pytest.mark.parametrize(
    ("collection", "item", "needed"),
    [
        ("users", {"user_id": "alice", "company_id": "acme"}, "user_id"),
        ("companies", {"company_id": "acme"}, "company_id"),
        ("subscriptions", {"subscription_id": "s", "company_id": "acme", "status": "active"}, "status"),
        ("actions", {"action_name": "click", "request": {"uri": "https://example.com"}}, "action_name"),
    ],
)
async def test_the_other_collections(
    moesif: MoesifLookalike, client: aiohttp.ClientSession, collection: str, item: Json, needed: str
) -> None:
    """Users, companies, subscriptions and actions are taken one or many, without compression, with their id."""
    headers = {"Content-Type": "application/json"}
    url = f"{moesif.url}/v1/{collection}"
    body = json.dumps([item]).encode()
    bad = json.dumps({key: value for key, value in item.items() if key != needed})
    async with client.post(url, data=json.dumps(item), headers=headers) as answer:
        assert answer.status == 201
    async with client.post(f"{url}/batch", data=body, headers=headers) as answer:
        assert answer.status == 201
    async with client.post(url, data=bad, headers=headers) as answer:
        assert answer.status == 400
        assert f"`{needed}`" in await answer.text()
    zipped = headers | {"Content-Encoding": "gzip"}
    async with client.post(f"{url}/batch", data=gzip.compress(body), headers=zipped) as answer:
        assert answer.status == 415
    assert moesif.others == [(collection, item), (collection, item)]
    assert moesif.accepted == 0


async def test_a_status_for_everything(moesif: MoesifLookalike, client: aiohttp.ClientSession) -> None:
    """The knob answers all requests, with its body and Retry-After; a 2xx takes the batch, others do not."""
    moesif.knobs.status, moesif.knobs.answer, moesif.knobs.retry_after = 503, "tired", "7"
    headers = {"Content-Type": "application/json"}
    body = json.dumps(event())
    async with client.post(f"{moesif.url}/v1/events", data=body, headers=headers) as answer:
        assert (answer.status, await answer.text(), answer.headers["Retry-After"]) == (503, "tired", "7")
    async with client.get(f"{moesif.url}/v1/config") as answer:
        assert answer.status == 503
    moesif.knobs.status = 202
    async with client.post(f"{moesif.url}/v1/events", data=body, headers=headers) as answer:
        assert answer.status == 202
        assert "Retry-After" not in answer.headers
    assert moesif.accepted == 1


async def test_a_poison_event(moesif: MoesifLookalike, client: aiohttp.ClientSession) -> None:
    """The batch with a matching event gets its status and is not taken; others are."""
    moesif.knobs.status_for = lambda item: 422 if item["metadata"] == {"poison": True} else None
    poison = event(metadata={"poison": True})
    assert (await post(client, moesif, [event(), poison]))[0] == 422
    assert (await post(client, moesif, [event(), event()]))[0] == 201
    assert (await post(client, moesif, poison))[0] == 422
    assert moesif.accepted == 2


async def test_a_script_of_failures(moesif: MoesifLookalike, client: aiohttp.ClientSession) -> None:
    """Each post takes one entry of the script; when it is used up, things are right again."""
    moesif.knobs.fail_next = [500, 201, "reset", "drop", "reset_after", 429]
    events = [event() for _ in range(7)]
    results: list[int | str] = []
    for item in events:
        try:
            results.append((await post(client, moesif, item))[0])
        except aiohttp.ServerDisconnectedError:
            results.append("closed")
        except aiohttp.ClientOSError:
            results.append("reset")
    assert results == [500, 201, "reset", "closed", "reset", 429, 201]
    # The lost answer: its batch was taken, that of the others was not.
    assert list(moesif.copies) == [events[number]["transaction_id"] for number in (1, 4, 6)]
    assert [note.status for note in moesif.requests] == [500, 201, "reset", "drop", "reset_after", 429, 201]


async def test_a_reset_is_a_reset(moesif: MoesifLookalike) -> None:
    """The other side gets ECONNRESET, not an orderly end of the connection."""
    scripts: list[Failure] = ["reset", "reset_after"]
    for script in scripts:
        moesif.knobs.fail_next = [script]
        reader, writer = await asyncio.open_connection(*moesif.url.removeprefix("http://").split(":"))
        body = json.dumps(event()).encode()
        writer.write(
            b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"X-Moesif-Application-Id: %b\r\nContent-Length: %d\r\n\r\n%b" % (KEY.encode(), len(body), body)
        )
        with pytest.raises(ConnectionResetError):
            await reader.read()
        writer.close()
    assert moesif.accepted == 1


async def test_hanging_until_released(moesif: MoesifLookalike, client: aiohttp.ClientSession) -> None:
    """A request that hangs can be awaited, and is answered as if nothing had been once it is released."""
    moesif.knobs.fail_next = ["hang"]
    sending = asyncio.create_task(post(client, moesif, event()))
    await moesif.wait_for(lambda: moesif.requests)
    assert (moesif.requests[0].status, moesif.accepted) == ("hang", 0)
    moesif.release()
    assert await sending == (201, "")
    assert [note.status for note in moesif.requests] == ["hang", 201]


async def test_a_client_that_gives_up_on_a_hanging_request(
    moesif: MoesifLookalike, client: aiohttp.ClientSession
) -> None:
    """What the client has given up is not taken later."""
    moesif.knobs.fail_next = ["hang"]
    sending = asyncio.create_task(post(client, moesif, event()))
    await moesif.wait_for(lambda: moesif.requests)
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
    # The next request comes over a new connection, after the old one has been seen to close.
    assert await post(client, moesif, event()) == (201, "")
    moesif.release()
    assert await post(client, moesif, event()) == (201, "")
    assert moesif.accepted == 2


async def test_headers_without_a_body(moesif: MoesifLookalike, client: aiohttp.ClientSession) -> None:
    """The batch is taken and the status is there, but the answer does not end before it is released."""
    moesif.knobs.fail_next = ["hang_body"]
    headers = {"Content-Type": "application/json"}
    async with client.post(f"{moesif.url}/v1/events", data=json.dumps(event()), headers=headers) as answer:
        assert (answer.status, moesif.accepted) == (201, 1)
        assert answer.content.total_bytes == 0
        moesif.release()
        assert await answer.read() == b"{}"


async def test_a_slow_answer(moesif: MoesifLookalike, client: aiohttp.ClientSession) -> None:
    """The delay comes before the batch is taken: a client that does not wait has delivered nothing."""
    moesif.knobs.delay_seconds = 3600
    with pytest.raises(asyncio.TimeoutError):
        async with asyncio.timeout(0.05):
            await post(client, moesif, event())
    assert moesif.accepted == 0
    moesif.knobs.delay_seconds = 0.001
    assert await post(client, moesif, event()) == (201, "")


async def test_refusing_connections_and_coming_back(
    moesif: MoesifLookalike, client: aiohttp.ClientSession
) -> None:
    """While it refuses, open connections are reset and new ones refused; then it is back on the same port."""
    url = moesif.url
    moesif.knobs.fail_next = ["hang"]
    hanging = asyncio.create_task(post(client, moesif, event()))
    await moesif.wait_for(lambda: moesif.requests)
    await moesif.refuse_connections()
    with pytest.raises(aiohttp.ClientConnectionError):
        await hanging
    with pytest.raises(aiohttp.ClientConnectorError) as refused:
        await post(client, moesif, event())
    assert isinstance(refused.value.os_error, ConnectionRefusedError)
    await moesif.refuse_connections()
    await moesif.accept_connections()
    await moesif.accept_connections()
    assert moesif.url == url
    assert await post(client, moesif, event()) == (201, "")


async def test_waiting_for_a_number_of_events(moesif: MoesifLookalike, client: aiohttp.ClientSession) -> None:
    """`received` counts different events, so copies do not end the wait."""
    waiting = asyncio.create_task(moesif.received(2))
    once = event()
    for _ in range(3):
        await post(client, moesif, once)
    assert not waiting.done()
    await post(client, moesif, event(transaction_id=...))
    await waiting
    assert (moesif.accepted, moesif.unique, moesif.duplicates) == (4, 2, 2)


async def test_only_ids_are_kept_for_long_runs(client: aiohttp.ClientSession) -> None:
    """With keep="ids" the events themselves are not held in memory."""
    async with MoesifLookalike(key=KEY, keep="ids") as moesif:
        item = event()
        await post(client, moesif, [item, event()])
        assert moesif.events == []
        assert moesif.copies[item["transaction_id"]] == 1
        assert moesif.requests[0].count == 2


@pytest.mark.parametrize("case", ["v1232-ok-200", "v1230-faults-mixed", "next-ok-200", "next-bodies"])
async def test_what_wso2_itself_sends(
    moesif: MoesifLookalike, client: aiohttp.ClientSession, case: str
) -> None:
    """WSO2's own bodies are refused for their URIs alone: with that knob off all of them are taken."""
    lines = (RECORDED / case / "requests.jsonl").read_bytes().split(b"\n")
    requests = [json.loads(line) for line in lines if line]
    bodies = [request["body"] for request in requests if request["method"] == "POST"]
    for body in bodies:
        status, text = await post(client, moesif, body)
        assert status == 201 or (status == 400 and text.endswith(".request.uri`"))
    assert {note.status for note in moesif.requests} >= {400}
    taken = moesif.accepted
    moesif.knobs.full_uris = False
    for body in bodies:
        assert await post(client, moesif, body) == (201, "")
    assert moesif.accepted - taken == sum(request["events"] for request in requests)


async def put(client: aiohttp.ClientSession, url: str, **knobs: Any) -> int:
    async with client.put(f"{url}/_knobs", json=knobs) as answer:
        return answer.status


async def started(process: Process) -> tuple[str, str]:
    assert process.stdout is not None
    first, second = [(await process.stdout.readline()).decode() for _ in range(2)]
    assert first.startswith("listening on http://127.0.0.1:")
    assert second.startswith("commands on http://127.0.0.1:")
    return first.split()[-1], second.split()[-1]


async def test_as_a_process_of_its_own(tmp_path: Path, client: aiohttp.ClientSession) -> None:
    """It says where it listens, is driven and asked over HTTP, also while it refuses, and ends with a report."""
    report = tmp_path / "report.json"
    arguments = ("--port", "0", "--key", KEY, "--report", str(report))
    process = await create_subprocess_exec(
        sys.executable, "-m", "bridge.demo.moesif_process", *arguments, stdout=PIPE
    )
    try:
        url, commands = await started(process)
        headers = {"Content-Type": "application/json"}
        body = json.dumps([event(), event(transaction_id="e" * 8 + "-eeee" * 3 + "-" + "e" * 12)])

        async def send() -> int | str:
            try:
                async with client.post(f"{url}/v1/events/batch", data=body, headers=headers) as answer:
                    return answer.status
            except aiohttp.ClientConnectorError:
                return "refused"
            except (aiohttp.ClientConnectionError, ConnectionError):
                return "lost"

        assert await put(client, url, fail_next=[503, "reset_after", "reset"], retry_after="1") == 204
        assert [await send() for _ in range(4)] == [503, "lost", "lost", 201]
        assert await put(client, commands, refuse_connections=True) == 204
        assert await send() == "refused"
        assert await put(client, commands, refuse_connections=False, fail_next=["hang"]) == 204
        sending = asyncio.create_task(send())
        while (await ask(client, commands))["requests"].get("hang") is None:
            pass
        assert await put(client, commands, release=True, keys=["other"]) == 204
        assert await sending == 401
        assert await put(client, commands, nonsense=1) == 400
        assert await put(client, commands, status="five") == 400
        async with client.get(f"{commands}/_ids") as answer:
            ids = dict(line.split() for line in (await answer.text()).splitlines())
        assert ids.pop("eeeeeeee-eeee-eeee-eeee-eeeeeeeeeeee") == "2"
        assert list(ids.values()) == ["2"]
        said = await ask(client, url)
        assert {key: said[key] for key in ("accepted", "unique", "duplicates")} == {
            "accepted": 4,
            "unique": 2,
            "duplicates": 2,
        }
        assert said["requests"] == {"503": 1, "reset_after": 1, "reset": 1, "201": 1, "hang": 1, "401": 1}
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
        assert json.loads(report.read_bytes()) == said
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def ask(client: aiohttp.ClientSession, url: str) -> Json:
    async with client.get(f"{url}/_report") as answer:
        found: Json = await answer.json()
        return found
