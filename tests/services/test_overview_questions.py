"""What `make bench` asks in place of the overview is what the overview asks."""

import json
from pathlib import Path

import aiohttp
import pytest
from bench.analytics_calls import bodies
from places import ROOT
from rigs.analytics_server import listening
from services.dashboard_questions import HAS_BROWSER, answered

from bridge.demo.gateway import wall_clock_ms

KEPT = ROOT / "tests/bench/overview.json"
OF_THE_PERIOD = {"from", "to", "time_zone"}


@pytest.mark.skipif(not HAS_BROWSER, reason="no Chromium here, or the page is not built: make page")
async def test_the_benchmark_asks_what_the_overview_asks(tmp_path: Path) -> None:
    """Each question of the overview, for each period that is measured, is in the list, and no other."""
    first_ms = wall_clock_ms() - 2_000_000
    found: dict[str, list[str]] = {}
    async with listening(tmp_path) as url, aiohttp.ClientSession(url) as client:
        for body in bodies(500, 500, lambda number: first_ms + number):
            headers = {"Content-Type": "application/json"}
            async with client.post("/ingest", data=body, headers=headers) as answer:
                assert answer.status == 200, await answer.text()
        for period in json.loads(KEPT.read_text()):
            asked = await answered(url, [f"from=-{period}&to=now"], ["overview"])
            # A page that was slow to open has asked some again, for a later now.
            found[period] = sorted(
                {
                    json.dumps({name: value for name, value in question.items() if name not in OF_THE_PERIOD})
                    for question, _ in asked
                }
            )
    lists = [f'  "{period}": [\n    ' + ",\n    ".join(asked) + "\n  ]" for period, asked in found.items()]
    written = "{\n" + ",\n".join(lists) + "\n}\n"
    assert written == KEPT.read_text(), f"the overview asks otherwise now: put this into {KEPT}\n{written}"
