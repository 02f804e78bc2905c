"""A real Prometheus on loopback, for tests of the rules and the dashboard.

It runs the files of deploy/prometheus, with a second in place of every minute.
"""

import asyncio
import re
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest
from places import ROOT
from rigs.daemon import free_port

DEPLOY: Final = ROOT / "deploy"
RULES: Final = DEPLOY / "prometheus" / "rules.yml"

needs_prometheus = pytest.mark.skipif(
    shutil.which("prometheus") is None or shutil.which("promtool") is None,
    reason="Prometheus is not here: apt-get install prometheus",
)


def quick(text: str) -> str:
    """Return rules or a configuration in which a minute is a second, and every half of one is looked at."""
    text = re.sub(r"(?<=_interval: )15s", "500ms", text)
    text = re.sub(r"(?:(?<=\[)|(?<=for: ))(\d+)m\b", r"\1s", text)
    return re.sub(r"\* (60|3600)\b", lambda found: f"* {int(found[1]) // 60}", text)


class Prometheus:
    """Asks a Prometheus that runs."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self._url = url
        self._session = session

    async def has_data(self, expression: str) -> None:
        """Return when a query returns a series with a number."""
        try:
            async with asyncio.timeout(30):
                while True:
                    answer = await self._get("query", query=expression)
                    assert answer["status"] == "success", (expression, answer)
                    if any(series["value"][1] != "NaN" for series in answer["data"]["result"]):
                        return
                    await asyncio.sleep(0.1)
        except TimeoutError:
            raise AssertionError(f"no data: {expression}") from None

    async def firing(self) -> list[dict[str, Any]]:
        """Return the alerts that fire now."""
        answer = await self._get("alerts")
        return [alert for alert in answer["data"]["alerts"] if alert["state"] == "firing"]

    async def fires(self, name: str, seconds: float = 60, **labels: str) -> dict[str, Any]:
        """Return the alert with these labels as soon as it fires."""
        return (await self._until(lambda alerts: _named(alerts, name, labels), seconds))[0]

    async def resolves(self, name: str, seconds: float = 60, **labels: str) -> None:
        """Return when no alert with these labels fires any more."""
        await self._until(lambda alerts: [] if _named(alerts, name, labels) else [{}], seconds)

    async def _until(
        self, wanted: Callable[[list[dict[str, Any]]], list[dict[str, Any]]], seconds: float
    ) -> list[dict[str, Any]]:
        alerts: list[dict[str, Any]] = []
        try:
            async with asyncio.timeout(seconds):
                while True:
                    alerts = await self.firing()
                    if found := wanted(alerts):
                        return found
                    await asyncio.sleep(0.1)
        except TimeoutError:
            raise AssertionError(f"it never came; what fires: {alerts}") from None

    async def _get(self, what: str, **parameters: str) -> dict[str, Any]:
        async with self._session.get(f"{self._url}/api/v1/{what}", params=parameters) as response:
            answer: dict[str, Any] = await response.json()
            return answer


def _named(alerts: list[dict[str, Any]], name: str, labels: dict[str, str]) -> list[dict[str, Any]]:
    wanted = {"alertname": name, **labels}
    return [alert for alert in alerts if wanted.items() <= alert["labels"].items()]


@asynccontextmanager
async def prometheus(folder: Path, target: str, analytics: str = "") -> AsyncIterator[Prometheus]:
    """Run Prometheus with the project's own configuration and rules on one bridge (`host:port`).

    `analytics`: an analytics process, which is scraped as well.
    """
    text = (DEPLOY / "prometheus" / "prometheus.yml").read_text()
    text, targets = re.subn(r'targets: \["127\.0\.0\.1:9881"\]', f'targets: ["{target}"]', text)
    assert targets == 1
    text, targets = re.subn(
        r"targets: \[\]", f'targets: ["{analytics}"]' if analytics else "targets: []", text
    )
    assert targets == 1
    # It asks its store for what it shows: more than half a second on a machine that is busy.
    text = text.replace(
        "job_name: apim-bridge-analytics\n", "job_name: apim-bridge-analytics\n    scrape_interval: 2s\n"
    )
    (folder / "prometheus.yml").write_text(quick(text))
    (folder / "rules.yml").write_text(quick(RULES.read_text()))
    port = free_port()
    with (folder / "prometheus.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            "prometheus",
            f"--config.file={folder}/prometheus.yml",
            f"--storage.tsdb.path={folder}/data",
            f"--web.listen-address=127.0.0.1:{port}",
            "--log.level=warn",
            stdout=log,
            stderr=log,
            cwd=folder,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        async with aiohttp.ClientSession() as session:
            async with asyncio.timeout(30):
                while not await _is_ready(session, url):
                    assert process.returncode is None, (folder / "prometheus.log").read_text()
                    await asyncio.sleep(0.05)
            yield Prometheus(url, session)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _is_ready(session: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with session.get(f"{url}/-/ready") as response:
            return response.status == 200
    except aiohttp.ClientConnectionError:
        return False
