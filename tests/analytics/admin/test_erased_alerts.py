"""Whoever is erased is named by no alert either: not by what fires or rests, what has happened, or what waits."""

import asyncio
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bridge.analytics.admin import AdminFile, alerts, channels
from bridge.analytics.admin.alerts import HistoryLine
from bridge.analytics.alerts.channels import Channel
from bridge.analytics.alerts.notices import Notice, NoticeLine
from bridge.analytics.alerts.states import AlertState, Cause
from bridge.analytics.erasures.written import blot_admin
from bridge.analytics.store.subjects import Erasure


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("application", "Mobile App"),
        ("company", "Acme Corp"),
        ("key", "4f9c2d0a8b7e6c5d4f9c2d0a8b7e6c5d"),
        ("user", "ann@acme.com"),
    ],
)
async def test_no_alert_names_who_was_erased(tmp_path: Path, field: str, value: str) -> None:
    """Groups, history and notices lose the name; all else of them stays, and a notice that waits can be sent."""
    by = "path" if field == "user" else field
    group = f"/people/{value}/7" if field == "user" else value
    # What a rule is called has a word that is an application's by chance only.
    name = f"Calls of {value}" if field == "user" else "Calls"
    line = NoticeLine({by: group}, 3.0, f"3 calls of {value}", "2026-03-10T08:00:00+00:00", "figure")
    notice = Notice(
        *("fired", "calls-of", name, f"calls above 0 in 1 minute; {field} is {value}"),
        *("2026-03-10T08:00:00+00:00", (line,)),
    )
    async with AdminFile.opened(tmp_path) as admin:

        def make(connection: Any) -> None:
            body = {
                "name": notice.name,
                "measure": "calls",
                "above": 0,
                "by": [by],
                "filters": [{"field": field, "is": [value]}],
            }
            alerts.keep_rule(connection, "calls-of", body, None, 1)
            (rule,) = alerts.rules(connection)
            firing = AlertState(firing=True, since_ms=1, value=3.0, cause=Cause.FIGURE, said_ms=1)
            history = [HistoryLine("calls-of", (group,), 1, "fired", 3.0, "figure", f"3 calls of {value}")]
            alerts.keep_look(connection, rule, 1, {(group,): firing, ("Other",): firing}, history)
            channels.keep_channel(connection, "ops", Channel("Ops", "slack", url="https://x"))
            for number in ("msg_1", "msg_2"):
                said = {"notice": asdict(notice)}
                channels.add_message(connection, number, "ops", notice.title, said, 1)
            channels.put_off(connection, "msg_1", 2, f"it answered 500 no channel for {value}")
            channels.settle(connection, "msg_2", "failed", 2, f"it answered 400 {value}")

        await admin.write(make)
        await admin.write(lambda connection: blot_admin(connection, Erasure(field, value, 0)))
        await admin.settle()
        assert await asyncio.to_thread(_having, tmp_path, value.encode()) == []
        states = (await admin.read(alerts.all_states))["calls-of"]
        left = "/people/[erased]/7" if field == "user" else "[erased]"
        assert {key for key, state in states.items() if state.firing} == {(left,), ("Other",)}
        ((_, happened),) = await admin.read(lambda connection: alerts.history(connection, None, None, 9))
        assert (happened.of, happened.detail) == ((left,), "3 calls of [erased]")
        (waits,) = await admin.read(channels.first_waiting)
        assert waits.subject == ("Alert: Calls of [erased]" if field == "user" else "Alert: Calls")
        assert waits.body is not None
        told = msgspec.convert(waits.body["notice"], Notice)
        assert (told.happened, told.condition) == ("fired", f"calls above 0 in 1 minute; {field} is [erased]")
        assert told.lines[0].group == {by: left}


def _having(folder: Path, text: bytes) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.is_file() and text in path.read_bytes()]
