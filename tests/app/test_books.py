"""The books balance at every instant that anybody can look (P7): many looks while everything moves."""

import asyncio
import json
import os
import re
from pathlib import Path
from typing import Any

import aiohttp
from rigs.delivery import key_of
from rigs.events import events
from rigs.scenes import KEY, config

from bridge.app.bridge import Bridge
from bridge.app.operations import Operations
from bridge.contracts import Arrival
from bridge.demo.moesif_lookalike import MoesifLookalike
from bridge.settings.load import load
from bridge.sinks import SINKS
from bridge.sources import SOURCES
from bridge.web.listener import listening

TENANTS = '[bridge.sinks.moesif]\nkeys = {{ "acme.com" = "{acme}" }}\nretry_max = "10ms"\n'
ARCHIVE = '[bridge.sinks.archive]\ntype = "file"\npath = "{folder}/archive"\n'
SAMPLE = re.compile(r"^apim_bridge_(\w+?)(?:\{([^}]*)\})? (\S+)$", re.MULTILINE)


class Mover:
    """Keeps events, letters, parked events and cursors moving."""

    def __init__(self, app: Bridge, moesif: MoesifLookalike, rounds: int) -> None:
        self._rounds = rounds
        self._app = app
        self._moesif = moesif
        self._operations = Operations(app)
        self._strict = True
        self.done = False

    async def run(self) -> None:
        self._moesif.knobs.status_for = self._judge
        await asyncio.gather(self._ingest(), self._send_again(), self._turn_keys())
        self.done = True

    def _judge(self, event: dict[str, Any]) -> int | None:
        return (
            400
            if self._strict and int(event["metadata"]["correlationId"].replace("-", ""), 16) % 7 == 3
            else None
        )

    async def _ingest(self) -> None:
        for round_ in range(self._rounds):
            first = 20 * round_
            bodies = [
                *events(14, first),
                *events(6, first + 14, apiCreatorTenantDomain="acme.com"),
                b"{no event",
            ]
            places = range(100 * round_, 100 * round_ + len(bodies))
            await self._app.intake(Arrival("log", bodies, [None] * len(bodies), places, b"books"))
            await asyncio.sleep(0)

    async def _send_again(self) -> None:
        totals, round_ = self._app.journal.totals, 0

        def replayed() -> int:
            return totals.sum("dead_letters_replayed", "moesif")

        while round_ < self._rounds // 6 or not (replayed() and totals.sum("events_rewound", "archive")):
            round_ += 1
            # Refusals go on until there is a letter of one: parked events are dead letters, too.
            refused = dict(totals.items("events_dead")).get(("moesif", "refused"))
            self._strict = not refused or round_ % 2 == 1
            async for _ in self._operations.replay({"sink": "moesif", "reason": "refused"}):
                pass
            # Letters are purged only once some were replayed, or none might be left to replay.
            purged = "refused" if round_ % 4 == 3 and replayed() else "parked"
            await self._operations.control_socket().commands["purge"]({"sink": "moesif", "reason": purged})
            if not self._app.journal.pending["archive"]:
                # Each rewind starts the lane anew: without a pause it would never deliver.
                await self._operations.rewind({"sink": "archive", "to_ms": 0})

    async def _turn_keys(self) -> None:
        for round_ in range(self._rounds // 2):
            (self._moesif.keys.add if round_ % 2 else self._moesif.keys.discard)(key_of("acme.com"))
            self._app.lanes["moesif"].wake()
            await asyncio.sleep(0.02)


def off_by(values: dict[tuple[str, str], float]) -> dict[str, float]:
    """Work the books out from what the metrics say, as an operator's query does."""

    def total(name: str, **labels: str) -> float:
        wanted = {f'{label}="{value}"' for label, value in labels.items()}
        return sum(
            value for (row, marks), value in values.items() if row == name and wanted <= set(marks.split(","))
        )

    found = {
        "intake": total("events_received_total")
        - sum(total(f"events_{what}_total") for what in ("journalled", "rejected", "duplicate"))
    }
    for sink in ("moesif", "archive"):
        came = total("events_journalled_total") + total("events_rewound_total", sink=sink)
        settled = sum(
            total(f"events_{what}_total", sink=sink)
            for what in ("delivered", "sampled_out", "filtered", "dead", "dead_again", "corrupt", "skipped")
        )
        found[sink] = came - settled - total("pending_events", sink=sink)
        gone = total("dead_letters_replayed_total", sink=sink) + total("dead_letters_purged_total", sink=sink)
        kept = total("dead_letters", sink=sink) + total("parked_events", sink=sink)
        found[f"{sink} letters"] = total("events_dead_total", sink=sink) - gone - kept
    return found


async def look_at_status(status: dict[str, Any]) -> None:
    assert status["books"]["balanced"], status["books"]["differences"]
    for sink in status["sinks"].values():
        came = status["books"]["journalled"] + sink["rewound"]
        ended = ("delivered", "sampled_out", "filtered", "dead", "dead_again", "corrupt", "skipped")
        assert came == sink["pending"] + sum(sink[what] for what in ended)


async def test_the_books_balance_at_every_look(tmp_path: Path, full: bool) -> None:
    """P7: status, /status and /metrics balance at each of many looks while events, letters and cursors move."""
    looks = 0
    async with MoesifLookalike(key=KEY) as moesif:
        path = tmp_path / "bridge.toml"
        sinks = TENANTS.format(acme=key_of("acme.com")) + ARCHIVE.format(folder=tmp_path)
        path.write_text(config(tmp_path, moesif.url, type="moesif, archive", sinks=sinks))
        settings = load(
            path,
            sinks={name: sink.settings for name, sink in SINKS.items()},
            sources={name: source.settings for name, source in SOURCES.items()},
            environ=os.environ,
        )
        async with Bridge.opened(settings) as app:
            await app.start()
            operations = Operations(app)
            mover = Mover(app, moesif, 400 if full else 18)
            moving = asyncio.create_task(mover.run())
            async with (
                listening(operations.admin_pages().pages(), settings.admin.listen) as url,
                aiohttp.ClientSession() as session,
            ):
                while not mover.done and not moving.done():
                    await look_at_status(await operations.view.status())
                    async with session.get(f"{url}/status") as answer:
                        await look_at_status(json.loads(await answer.read()))
                    async with session.get(f"{url}/metrics") as answer:
                        text = await answer.text()
                    values = {(name, marks): float(value) for name, marks, value in SAMPLE.findall(text)}
                    assert not any(off_by(values).values()), off_by(values)
                    looks += 3
            await moving
            assert app.journal.totals.sum("dead_letters_replayed", "moesif") > 0
            assert app.journal.totals.sum("events_rewound", "archive") > 0
            assert looks > (3_000 if full else 50)
