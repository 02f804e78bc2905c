"""The daemon's memory under whatever requests, held by the system: it lives with what sizing and Kubernetes give it."""

import asyncio
import gzip
import io
import json
import resource
from pathlib import Path

import aiohttp
from rigs.daemon import Daemon, balanced

# Of data beyond what it has when it is idle (60 MiB resident): together 128 MiB at most.
_MORE_BYTES = 60 * 2**20


def data_bytes(pid: int) -> int:
    """Return what counts against RLIMIT_DATA."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return 1024 * int(next(line.split()[1] for line in lines if line.startswith("VmData")))


def array(name: str, megabytes: int) -> bytes:
    event = {"apiName": name, "userAgent": "x" * 1200}
    return json.dumps([{**event, "correlationId": f"{name}{n}"} for n in range(megabytes * 800)]).encode()


async def test_large_requests_leave_the_daemon_alive(tmp_path: Path) -> None:
    """Bodies of every size, one after the other and at once, are answered within the memory that is advised (P8)."""
    text = f"""
[apim.analytics]
enable = true
type = "file"
[bridge]
state_dir = "{tmp_path}/state"
[bridge.sources.http]
listen = "127.0.0.1:0"
[bridge.admin]
listen = "127.0.0.1:0"
[bridge.sinks.file]
path = "{tmp_path}/archive"
"""
    async with Daemon(tmp_path, text, fresh=True) as daemon, aiohttp.ClientSession() as session:
        url = (await daemon.ask("status"))["sources"]["http"]["url"] + "/events"
        limit = data_bytes(daemon.pid) + _MORE_BYTES
        resource.prlimit(daemon.pid, resource.RLIMIT_DATA, (limit, limit))

        async def post(body: bytes, encoding: str = "identity") -> int:
            async with session.post(
                url, data=io.BytesIO(body), headers={"Content-Encoding": encoding}
            ) as answer:
                return answer.status

        giant = gzip.compress(b'[{"apiName":"' + b"x" * (64 * 2**20) + b'"}]', 1)
        assert [await post(giant, "gzip") for _ in range(3)] == [413, 413, 413]
        assert [await post(array(name, 12)) for name in ("a", "b", "c")] == [202, 202, 202]
        at_once = await asyncio.gather(*(post(array(name, 5)) for name in ("d", "e", "f", "g")))
        assert set(at_once) <= {202, 503}
        long = b'{"correlationId":"%b","userAgent":"%b"}'
        assert [await post(long % (name, b"x" * (4 * 2**20 - 100))) for name in (b"h", b"i", b"j")] == [
            202
        ] * 3
        keys = ",".join(f'"k{n}":1' for n in range(65_000))
        assert await post(f'{{"correlationId":"k",{keys}}}'.encode()) == 202
        assert await post(gzip.compress(b"[" + b"1," * 7_000_000 + b"1]", 1), "gzip") == 400
        await daemon.until(lambda now: balanced(now) and not now["sinks"]["file"]["pending"])
        assert await daemon.stop() == 0
