"""Who called, and what is left out, through the real daemon: by the log, over HTTP and from a Moesif SDK."""

import base64
import gzip
import json
import sqlite3
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from fakes.country_file import write_countries
from rigs.daemon import Daemon, balanced, free_port
from rigs.scenes import KEY, config, done, write_log

from bridge.demo.moesif_lookalike import MoesifLookalike

Json = dict[str, Any]

RULES = """
[bridge.identity]
user = ["jwt:authorization:sub", "userName"]
company = ["header:x-company-id", "jwt:authorization:org"]
"""
MASKS = """
[apim.analytics.mask]
applicationOwner = "EMAIL"
tenantCode = "STRING"
request_headers = ["X-Card"]
response_headers = '["X-Card"]'
userAgent = "STRING"
"""
SECRETS = ("hush-hush", "owner.person", "tenant-1234", "4111-1111", "SecretAgent")
ADDRESS = "203.0.113.77"
URL = "https://gw.example.com:8243/pizza/1.0/menu?apikey=hush-hush-key&page=2"


def token(**claims: Any) -> str:
    """Return a token whose signature no file may have."""
    parts = ({"alg": "RS256"}, claims, {"sig": "hush-hush"})
    return ".".join(
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts
    )


TOKEN = token(sub="jo@carbon.super", org="acme")
HEADERS = {
    "Authorization": f"Bearer {TOKEN}",
    "X-Company-Id": "c-9",
    "X-Card": "4111-1111",
    "X-Forwarded-For": ADDRESS,
    "User-Agent": "SecretAgent/7",
    "Cookie": "session=hush-hush",
}


def flat(number: int) -> Json:
    """Return a call as the gateway reports it, with something to hide in every place."""
    return {
        "apiName": "Pizza",
        "apiId": "8f5b2c1e",
        "correlationId": f"7a4f90b1-f2cb-4a10-9054-{number:012d}",
        "requestTimestamp": "2026-11-21T00:16:33.310Z",
        "proxyResponseCode": 200,
        "userName": "somebody.else@carbon.super",
        "applicationOwner": "owner.person@acme.com",
        "userIp": ADDRESS,
        "userAgentHeader": "SecretAgent/7",
        "properties": {
            "tenantCode": "tenant-1234",
            "x-original-gw-url": URL,
            "requestHeaders": HEADERS,
            "responseHeaders": json.dumps({"Set-Cookie": "hush-hush", "X-Card": "4111-1111"}),
        },
    }


# As a Moesif SDK sends it.
SDK: Json = {
    "request": {
        "time": "2026-11-21T00:44:34.208Z",
        "uri": URL,
        "verb": "GET",
        "headers": HEADERS,
        "ip_address": ADDRESS,
    },
    "response": {"time": "2026-11-21T00:44:34.331Z", "status": 200, "headers": {"Set-Cookie": "hush-hush"}},
    "user_id": "sdk-user",
    "transaction_id": "f7e8923c-ee56-4c0d-ae4f-25f36448acbd",
    "metadata": {"tenantCode": "tenant-1234", "applicationOwner": "owner.person@acme.com"},
}


def readable(folder: Path) -> bytes:
    """Return all bytes of a state folder: of its files as they are, and of the journal's blocks unpacked."""
    parts = [file.read_bytes() for file in folder.rglob("*") if file.is_file()]
    with sqlite3.connect(f"file:{folder}/journal.db?mode=ro", uri=True) as journal:
        for (table,) in journal.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            for row in journal.execute(f"SELECT * FROM {table}"):
                for value in row:
                    if isinstance(value, bytes):
                        parts.append(gzip.decompress(value) if value[:2] == b"\x1f\x8b" else value)
                    else:
                        parts.append(str(value).encode())
    journal.close()
    return b"\n".join(parts)


@pytest.mark.parametrize("level", [0, 1, 2])
async def test_every_way_in_is_shaped_alike(tmp_path: Path, level: int) -> None:
    """User and company are found and masks, credentials and addresses are nowhere in the state folder (P7)."""
    port = free_port()
    write_countries(tmp_path / "c.mmdb", {"203.0.113.0/24": {"country": {"iso_code": "SE"}}})
    privacy = f"[bridge.privacy]\nlevel = {level}\n" + (
        f'country_database = "{tmp_path}/c.mmdb"\n' if level == 1 else ""
    )
    more = f'[bridge.sources.http]\nlisten = "127.0.0.1:{port}"\n{RULES}{privacy}{MASKS}'
    line = b"INFO ELKCounterMetric apimMetrics: apim:response, properties :" + json.dumps(flat(1)).encode()
    write_log(tmp_path, [line])
    async with (
        MoesifLookalike(key=KEY) as moesif,
        Daemon(tmp_path, config(tmp_path, moesif.url, more=more)) as daemon,
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as sender,
    ):
        # What waits for another try is on disk all the longer.
        moesif.knobs.fail_next = [500]
        async with sender.post("/events", json={"apim_event_response": flat(2)}) as answer:
            assert answer.status == 202
        async with sender.post("/v1/events", json=SDK) as answer:
            assert answer.status == 201
        assert balanced(await daemon.until(lambda now: done(now, 3)))
        while_open = readable(daemon.state_dir)
        assert await daemon.stop() == 0
    content = while_open + readable(daemon.state_dir)
    assert content.count(b"7a4f90b1-f2cb-4a10-9054-000000000001") >= 1, "what is kept was looked at"
    for secret in (*SECRETS, TOKEN, TOKEN.split(".")[2], *([ADDRESS] if level else [])):
        assert secret.encode() not in content, secret
    said = json.dumps(daemon.lines)
    assert not any(secret in said for secret in (*SECRETS, TOKEN))
    assert moesif.unique == 3
    for event in moesif.events:
        assert (event["user_id"], event["company_id"]) == ("jo", "c-9")
        assert event["request"]["ip_address"] == ("0.0.0.0" if level else ADDRESS)
        assert event["metadata"].get("country") == ("SE" if level == 1 else None)
        assert event["metadata"]["tenantCode"] == "*****"
        assert event["metadata"]["applicationOwner"] == "*****@acme.com"
        assert event["request"]["uri"] == URL.replace("hush-hush-key", "*****")
        headers = {name.lower(): value for name, value in event["request"]["headers"].items()}
        assert headers["x-company-id"] == "c-9"
        assert headers["x-card"] == "*****"
        assert headers.keys().isdisjoint({"authorization", "cookie"})
        assert ("x-forwarded-for" in headers) is (level == 0)
