"""The other ways in, through the real daemon: what they bring arrives at Moesif once, with one id."""

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp
from rigs.daemon import Daemon, balanced, free_port
from rigs.scenes import KEY, config, correlation_ids, done, write_log

from bridge.demo.moesif_lookalike import MoesifLookalike


def captured(recorded: Path, case: str) -> list[dict[str, Any]]:
    lines = (recorded / "moesif-publisher" / case / "requests.jsonl").read_text().splitlines()
    return [request for line in lines if (request := json.loads(line))["method"] == "POST"]


async def test_wso2s_publisher_pointed_at_the_bridge(tmp_path: Path, recorded: Path) -> None:
    """What WSO2's publisher sent is taken as Moesif would; with four copies of a batch each event arrives once (P5)."""
    port = free_port()
    requests = captured(recorded, "v1232-ok-200")
    sent = {correlation for request in requests for correlation in request["correlationIds"]}
    first = next(request for request in requests if request["path"].endswith("/batch"))
    async with MoesifLookalike(key=KEY) as moesif:
        text = config(tmp_path, moesif.url, more=f'[bridge.sources.http]\nlisten = "127.0.0.1:{port}"')
        async with Daemon(tmp_path, text) as daemon, aiohttp.ClientSession() as publisher:

            async def send(request: dict[str, Any]) -> int:
                url = f"http://127.0.0.1:{port}{request['path']}"
                headers = {"X-Moesif-Application-Id": "any key", "Content-Type": "application/json"}
                async with publisher.post(url, json=request["body"], headers=headers) as answer:
                    return answer.status

            for path, expected in (("/v1/config", {"sample_rate": 100}), ("/v1/rules", [])):
                async with publisher.get(f"http://127.0.0.1:{port}{path}") as answer:
                    assert await answer.json() == expected
            assert await asyncio.gather(*(send(first) for _ in range(4))) == [201] * 4
            assert [await send(request) for request in requests] == [201] * len(requests)
            assert balanced(await daemon.until(lambda now: done(now, len(sent))))
        assert set(correlation_ids(moesif)) == sent
        assert moesif.unique == len(sent)
        assert moesif.duplicates == 0


async def test_the_same_event_by_the_log_and_by_the_publisher(tmp_path: Path, recorded: Path) -> None:
    """One call that comes in both ways is one event, under one id (P5)."""
    port = free_port()
    body = next(r["body"] for r in captured(recorded, "v1232-ok-200") if r["path"].endswith("/batch"))
    event = next(one for one in body if one["metadata"]["targetResponseCode"] == "200")
    known = event["metadata"]
    line = json.dumps(
        {
            **{
                key: known[key]
                for key in ("apiId", "apiName", "correlationId", "apiMethod", "applicationName")
            },
            "apiContext": "/of/the/api",
            "proxyResponseCode": event["response"]["status"],
            "requestTimestamp": event["request"]["time"] + "Z",
        }
    )
    async with MoesifLookalike(key=KEY) as moesif:
        text = config(tmp_path, moesif.url, more=f'[bridge.sources.http]\nlisten = "127.0.0.1:{port}"')
        async with Daemon(tmp_path, text) as daemon, aiohttp.ClientSession() as publisher:
            write_log(
                tmp_path, [f"INFO ELKCounterMetric apimMetrics: apim:response, properties :{line}".encode()]
            )
            await daemon.until(lambda now: done(now, 1))
            async with publisher.post(f"http://127.0.0.1:{port}/v1/events", json=event) as answer:
                assert answer.status == 201
            status = await daemon.until(lambda now: now["books"]["received"] == 2)
            assert status["books"]["duplicate"] == 1
            assert balanced(status)
        assert moesif.unique == 1
