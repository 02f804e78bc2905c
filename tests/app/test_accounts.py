"""What a bridge says of itself to the analytics: from it the dashboard tells where an event was delivered."""

import asyncio
import os
from pathlib import Path
from typing import Any

from rigs.events import events
from rigs.scenes import KEY, config
from rigs.waiting import until

from bridge.app.analytics import account_of
from bridge.app.bridge import Bridge
from bridge.contracts import Arrival
from bridge.demo.moesif_lookalike import MoesifLookalike
from bridge.events.times import parse_ms
from bridge.settings.load import load
from bridge.sinks import SINKS
from bridge.sources import SOURCES

ARCHIVE = '[bridge.sinks.archive]\ntype = "file"\npath = "{folder}/archive"\n'


def settled_ms(account: dict[str, Any], sink: str) -> int:
    """Return the moment before which a sink has dealt with everything."""
    moment = parse_ms(account["sinks"][sink]["settled_before"])
    assert moment is not None
    return moment


async def test_an_account_says_what_each_destination_has_dealt_with(tmp_path: Path) -> None:
    """All before its moment is settled: it follows the clock for a sink that keeps up, not for one that is down."""
    async with MoesifLookalike(key=KEY) as moesif:
        moesif.knobs.status_for = lambda _event: 503
        path = tmp_path / "bridge.toml"
        sinks = ARCHIVE.format(folder=tmp_path)
        path.write_text(config(tmp_path, moesif.url, type="moesif, archive", sinks=sinks))
        settings = load(
            path,
            sinks={name: sink.settings for name, sink in SINKS.items()},
            sources={name: source.settings for name, source in SOURCES.items()},
            environ=os.environ,
        )
        async with Bridge.opened(settings) as app:
            await app.start()
            began_ms = app.journal.now_ms()
            bodies = events(7)
            await app.intake(Arrival("log", bodies, [None] * 7, range(7), b"accounts"))
            await until(lambda: not app.journal.pending["archive"])
            received_ms = await app.lanes["moesif"].oldest_pending_ms()
            assert received_ms is not None
            assert began_ms <= received_ms <= app.journal.now_ms()
            account: dict[str, Any] = {}
            async with asyncio.timeout(30):
                # What arrived in the last second may be on its way to the disk, so it is not settled yet.
                while not account or settled_ms(account, "archive") <= received_ms:
                    account = await account_of(app.journal, app.lanes, "archive", "gw-1")
                    assert account["taken"] == 7
                    down, up = account["sinks"]["moesif"], account["sinks"]["archive"]
                    assert (down["delivered"], down["pending"], down["left_out"]) == (0, 7, 0)
                    assert (up["delivered"], up["pending"], up["dead"]) == (7, 0, 0)
                    assert settled_ms(account, "moesif") == received_ms
                    await asyncio.sleep(0)
