"""No secret of the configuration and no caller's credential is in anything that the daemon says, shows or keeps."""

import asyncio
import base64
import gzip
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import aiohttp
from aiohttp import web
from fakes.proxies import proxying
from rigs.daemon import Daemon, free_port

from bridge.settings.load import load
from bridge.sinks import SINKS
from bridge.sources import SOURCES

# Long enough to be found wherever they turn up.
SECRETS: Final = {
    name: f"hush-{name}-".ljust(60, "0")
    for name in (
        "moesif", "tenant", "sender", "admin", "bearer", "header", "query", "password", "proxy",
    )
}  # fmt: skip
BASIC: Final = base64.b64encode(f"ada:{SECRETS['password']}".encode()).decode()
SINKS_ON: Final = ("moesif", "bearer", "basic", "proxied")
CALLERS: Final = "callers-own-credential-0123456789"

CONFIG: Final = """
[apim.analytics]
enable = true
type = "moesif, bearer, basic, proxied"
[apim.analytics.properties]
moesifKey = "$env{{MOESIF_KEY}}"
moesif_base_url = "{url}/moesif"
[bridge]
state_dir = "{folder}/state"
secrets_dir = "{folder}/secrets"
instance = "gateway-1"
gateway_url = "https://gw.example.com:8243"
drain = "1s"
[bridge.sources.http]
listen = "127.0.0.1:{port}"
tokens = ["$secret{{sender}}"]
[bridge.admin]
listen = "127.0.0.1:{admin}"
token = "$secret{{admin}}"
[bridge.delivery]
linger = "50ms"
retry_max = "500ms"
[bridge.sinks.moesif.keys]
"acme.com" = "$secret{{tenant}}"
[bridge.sinks.bearer]
type = "http"
url = "{url}/bearer?token=$secret{{query}}"
bearer_token = "$secret{{bearer}}"
headers = {{ X-Key = "$secret{{header}}" }}
[bridge.sinks.basic]
type = "http"
url = "{url}/basic"
username = "ada"
password = "$secret{{password}}"
[bridge.sinks.proxied]
type = "http"
url = "{url}/proxied"
proxy = "http://ada:$secret{{proxy}}@127.0.0.1:{proxy}"
"""


class Tactless:
    """A destination that answers with all that it was sent, as those do that are made for looking at requests."""

    def __init__(self) -> None:
        self.url = ""
        self.status = 200

    async def take(self, request: web.BaseRequest) -> web.Response:
        body = await request.read()
        body = gzip.decompress(body) if body.startswith(b"\x1f\x8b") else body
        headers = "\n".join(f"{name}: {value}" for name, value in request.headers.items())
        text = f"{request.method} {request.path_qs}\n{headers}"
        return web.Response(status=400 if b"poison" in body else self.status, text=text)


@asynccontextmanager
async def tactless() -> AsyncIterator[Tactless]:
    made = Tactless()
    runner = web.ServerRunner(web.Server(made.take), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield made
    finally:
        await runner.cleanup()


def event(number: int, **fields: object) -> dict[str, object]:
    return {
        "apiName": "Pizza",
        "correlationId": f"00000000-0000-4000-8000-{number:012d}",
        "requestTimestamp": "2026-11-21T00:16:33.310Z",
        "proxyResponseCode": 200,
        "properties": {
            "requestHeaders": {"Authorization": f"Bearer {CALLERS}", "Cookie": CALLERS, "Accept": "*/*"}
        },
        **fields,
    }


def in_trouble(sink: dict[str, Any]) -> bool:
    return bool(sink["trouble"] or sink["parked"])


def check(shown: dict[str, str | bytes]) -> None:
    """Assert that no secret is in any of it."""
    hidden = {**SECRETS, "basic": BASIC, "caller's": CALLERS}
    for place, content in shown.items():
        text = content.decode("utf-8", "replace") if isinstance(content, bytes) else content
        for name, secret in hidden.items():
            assert secret not in text, (name, place)


def files(folder: Path) -> Iterable[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())


async def test_no_secret_is_said_shown_or_kept(tmp_path: Path) -> None:
    """With destinations that answer with the very keys they were sent: logs, pages, commands, letters, files."""
    (tmp_path / "secrets").mkdir()
    for name, secret in SECRETS.items():
        (tmp_path / "secrets" / name).write_text(secret + "\n")
    port, admin = free_port(), free_port()
    environ = {"MOESIF_KEY": SECRETS["moesif"]}
    shown: dict[str, str | bytes] = {}
    async with tactless() as there, proxying() as proxy, aiohttp.ClientSession() as session:
        proxy.password = f"ada:{SECRETS['proxy']}"
        text = CONFIG.format(
            folder=tmp_path, url=there.url, port=port, admin=admin, proxy=proxy.url.rpartition(":")[2]
        )
        sender = {"Authorization": f"Bearer {SECRETS['sender']}"}

        async def post(*events: dict[str, object]) -> None:
            url = f"http://127.0.0.1:{port}/events"
            async with session.post(url, json=list(events), headers=sender) as answer:
                shown[f"202 {len(shown)}"] = await answer.text()
                assert answer.status == 202, shown

        async with Daemon(tmp_path, text, environ=environ) as daemon:
            await post(
                event(1, apiName="poison"), event(2, apiName="poison", apiCreatorTenantDomain="acme.com")
            )
            await post(event(3), event(4, apiCreatorTenantDomain="acme.com"))
            await daemon.until(lambda now: all(sink["dead_letters"] == 2 for sink in now["sinks"].values()))
            for status in (401, 404, 500):
                there.status = status
                await post(event(status), event(status + 1, apiCreatorTenantDomain="acme.com"))
                now = await daemon.until(lambda now: all(map(in_trouble, now["sinks"].values())))
                shown[f"status with {status}"] = json.dumps(now)
                there.status = 200
                # Which wakes those that are paused.
                await asyncio.gather(*(daemon.replay(sink) for sink in SINKS_ON))
                await daemon.until(lambda now: not any(sink["pending"] for sink in now["sinks"].values()))
            for page in ("/metrics", "/status", "/readyz", "/healthz"):
                for token in (SECRETS["admin"], "wrong"):
                    headers = {"Authorization": f"Bearer {token}"}
                    async with session.get(f"http://127.0.0.1:{admin}{page}", headers=headers) as answer:
                        shown[f"{page} {token == 'wrong'}"] = await answer.text()
            async with session.post(f"http://127.0.0.1:{port}/events", json=[event(99)]) as answer:
                assert answer.status == 401
                shown["401"] = await answer.text()
            for command in ("status", "status --json", "check", "dead-letters list", "dead-letters export"):
                _, out, errors = await daemon.command(*command.split())
                shown[command] = out + errors
            daemon.config.write_text(text.replace("linger", "$secret{admin} = 1\nlinger"))
            shown["a reload that is refused"] = json.dumps(await daemon.ask("reload"))
            shown["files"] = b"\0".join(path.read_bytes() for path in files(daemon.state_dir))
            assert await daemon.stop() == 0
    shown["log"] = json.dumps(daemon.lines)
    good = tmp_path / "good.toml"
    good.write_text(text)
    settings = load(
        good,
        sinks={name: sink.settings for name, sink in SINKS.items()},
        sources={name: source.settings for name, source in SOURCES.items()},
        environ=environ,
    )
    shown["settings"] = f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"
    check(shown)
