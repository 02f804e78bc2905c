"""The analytics process as a benchmark runs it: the real one, on its default settings, asked over HTTP."""

import asyncio
import re
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp
from bench.processes import cost, peak_bytes
from isal import igzip
from places import ROOT

_CONFIG: Final = '[bridge.analytics]\nlisten = "127.0.0.1:0"\npath = "{store}"\n'
_PACKED: Final = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
_GZIP_LEVEL: Final = 1
_TIMEOUT: Final = aiohttp.ClientTimeout(total=120)


@dataclass(frozen=True, slots=True)
class Analytics:
    """The process, running."""

    pid: int
    client: aiohttp.ClientSession

    async def ingest(self, body: bytes) -> Mapping[str, int]:
        """POST events as a bridge does; returns what became of them."""
        packed = await asyncio.to_thread(igzip.compress, body, _GZIP_LEVEL)
        async with self.client.post("/ingest", data=packed, headers=_PACKED) as answer:
            told: Mapping[str, int] = await answer.json()
            if answer.status != 200:
                raise RuntimeError(f"/ingest was answered {answer.status}: {told}")
        return told

    async def ask(self, question: Mapping[str, Any]) -> Any:
        """Return the answer to a question."""
        async with self.client.post("/api/query", json=question) as answer:
            told = await answer.json()
            if answer.status != 200:
                raise RuntimeError(f"a question was answered {answer.status}: {told}")
        return told

    async def get(self, path: str) -> bytes:
        """Return what stands there."""
        async with self.client.get(path) as answer:
            content = await answer.read()
            if answer.status != 200:
                raise RuntimeError(f"{path} was answered {answer.status}")
        return content

    async def page_files(self) -> list[str]:
        """Return the addresses of the page and of what it loads at once; none if it is not built."""
        try:
            html = (await self.get("/")).decode()
        except RuntimeError:
            return []
        return ["/", *(f"/{path.lstrip('./')}" for path in re.findall(r'(?:src|href)="([^"#:]+)"', html))]

    def cpu_seconds(self) -> float:
        """Return what CPU it has used so far."""
        return cost(self.pid).cpu_seconds

    def peak_bytes(self) -> int:
        """Return the most memory that it has held."""
        return peak_bytes(self.pid)


@asynccontextmanager
async def analytics(folder: Path, store: Path) -> AsyncIterator[Analytics]:
    """Run the process on a store while the block runs; `folder` is for its configuration."""
    config = folder / "bridge.toml"
    config.write_text(_CONFIG.format(store=store))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bridge", "analytics", "--config", str(config)),
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    try:
        assert process.stdout is not None
        url = (await process.stdout.readline()).decode().strip()
        if not url:
            raise RuntimeError("the analytics process did not start; what it said stands above")
        async with aiohttp.ClientSession(url, timeout=_TIMEOUT) as client:
            yield Analytics(process.pid, client)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
