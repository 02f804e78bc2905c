"""The page of the admin listener, and what the daemon's log says on a terminal."""

import base64
import re
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from rigs.daemon import Daemon
from rigs.scenes import KEY, config, done, write_log

from bridge.demo.gateway import make_lines
from bridge.demo.moesif_lookalike import MoesifLookalike
from bridge.telemetry.console import render
from bridge.web.page import POLICY, page

STATUS: dict[str, Any] = {
    "instance": "<b>gateway</b>",
    "version": "1",
    "configuration": {"fingerprint": "c0ffee", "loaded": "now"},
    "books": {"balanced": True, "received": 5, "journalled": 5, "rejected": 0, "duplicate": 0},
    "journal": {"used_bytes": 1, "max_bytes": 100},
    "sinks": {
        "moesif": {
            "state": "paused",
            "trouble": "401",
            "delivered": 1234,
            "pending": 1,
            "dead_letters": 0,
            "destination": "https://api.moesif.net",
        }
    },
}
EVENT = {
    "time": "2026-11-20T10:00:00.000Z",
    "api": "<script>alert(1)</script>\u202e",
    "method": "GET",
    "resource": '"><img src=x>',
    "status": 503,
    "milliseconds": None,
}


def basic(password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"me:{password}".encode()).decode()}


def test_the_page_escapes_whatever_others_wrote() -> None:
    """Names of APIs, paths and answers are text in it: no element and no mark of direction comes from them."""
    text = page(STATUS, ["moesif is paused: <i>401</i>"], [EVENT])
    assert "<script" not in text
    assert "<img" not in text
    assert "<i>" not in text
    assert "<b>" not in text
    assert "\u202e" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;\\u202e" in text
    assert "1,234" in text
    assert "Something needs a look" in text
    assert "All is well." in page(STATUS, [], [])
    assert "default-src 'none'" in POLICY
    assert "unsafe" not in POLICY
    # Its one style is the one that the policy lets in; there is no other, and no script.
    assert len(re.findall("<style>", text)) == 1
    assert "style=" not in text


async def test_a_browser_sees_state_books_and_the_last_masked_events(tmp_path: Path) -> None:
    """`GET /` needs the token as its password, and shows events as the journal has them; the log tells of the first."""
    write_log(tmp_path, make_lines(30, seed=3))
    async with MoesifLookalike(key=KEY) as moesif:
        text = config(tmp_path, moesif.url).replace(
            'listen = "127.0.0.1:0"', 'listen = "127.0.0.1:0"\ntoken = "open sesame"'
        )
        async with Daemon(tmp_path, text) as daemon, aiohttp.ClientSession() as session:
            await daemon.until(lambda now: done(now, 30))
            url = f"{daemon.events('started')[-1]['admin']}/"
            async with session.get(url) as answer:
                assert answer.status == 401
                assert answer.headers["WWW-Authenticate"].startswith("Basic ")
            async with session.get(url, headers=basic("wrong")) as answer:
                assert answer.status == 401
            async with session.get(url, headers=basic("open sesame")) as answer:
                assert answer.status == 200
                assert answer.headers["Content-Security-Policy"] == POLICY
                shown = await answer.text()
            assert "the books balance" in shown
            assert shown.count("<tr>") == 20 + 3
            while not daemon.events("first_delivered"):
                await daemon.ask("status")
            assert [line["source"] for line in daemon.events("first_events")] == ["log"]
            assert [line["sink"] for line in daemon.events("first_delivered")] == ["moesif"]
            assert not daemon.events("taken_before")
            assert await daemon.stop() == 0
        async with daemon:
            # The second start says why nothing new comes.
            while not daemon.events("taken_before"):
                await daemon.ask("status")
            assert daemon.events("taken_before")[0]["events"] == 30
            assert await daemon.stop() == 0


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (
            {"event": "first_delivered", "sink": "moesif", "events": 1234},
            "The first events are delivered to moesif: 1,234.",
        ),
        (
            {"event": "taken_before", "events": 30},
            "30 events came in earlier runs. What was read of a log is not read again: new lines are.",
        ),
        ({"event": "log_line_torn", "path": "/a", "bytes": 5}, "Log line torn  path /a, bytes 5"),
        (
            {"event": "x", "cure": "mend it", "error": "broken\x1b[2J"},
            "X\n          broken\\x1b[2J\n          mend it",
        ),
    ],
)
def test_the_log_on_a_terminal_is_for_people(
    monkeypatch: pytest.MonkeyPatch, line: MutableMapping[str, Any], told: str
) -> None:
    """A line is its time and a sentence; cures stand below, and foreign control characters are not obeyed."""
    monkeypatch.setenv("NO_COLOR", "1")
    text = render(None, "info", {"level": "info", "timestamp": "2026-11-20T10:00:00.1Z", **line})
    assert text == f"10:00:00  {told}"
