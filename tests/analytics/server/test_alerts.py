"""Rules of alerts and channels over HTTP: kept, shown without secrets, refused with the place of what is wrong."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from fakes.receivers import HookReceiver, hook_receiver, mail_receiver
from rigs.alerts import START
from rigs.analytics_calls import made_up
from rigs.analytics_server import listening, served, token

from bridge.analytics.server.alert_schemas import CHANNELS, RULES

_SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
_LOOPBACK = {"reachable_networks": ["127.0.0.0/8"]}


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[aiohttp.ClientSession]:
    calls = made_up(1, 300, START, START + timedelta(hours=2))
    async with served(tmp_path, calls, **_LOOPBACK) as client:
        yield client


@pytest.fixture
async def receiver() -> AsyncIterator[HookReceiver]:
    async with hook_receiver() as receiver:
        yield receiver


async def _ask(client: aiohttp.ClientSession, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    async with client.request(method, path, **({} if body is None else {"json": body})) as answer:
        return answer.status, await answer.json()


async def test_the_examples_are_kept_shown_and_removed(client: aiohttp.ClientSession) -> None:
    """Each example of the description is taken, comes back with its condition in words, is tried, and goes."""
    assert (await _ask(client, "PUT", "/api/channels/ops", {**CHANNELS["Slack"]}))[0] == 200
    for number, rule in enumerate(RULES.values()):
        status, kept = await _ask(client, "PUT", f"/api/alerts/r{number}", rule)
        assert (status, kept["state"], kept["version"]) == (200, "waiting", 1)
        assert rule.items() <= kept.items()
        status, trial = await _ask(
            client,
            "POST",
            "/api/alerts/test",
            {"rule": rule, "from": "2026-03-10T08:00Z", "to": "2026-03-10T10:00Z"},
        )
        assert status == 200, trial
        assert trial["fired"] == len(trial["alerts"])
    _, listed = await _ask(client, "GET", "/api/alerts")
    assert {one["condition"] for one in listed["rules"]} >= {
        "error rate above 5 % in 10 minutes; API is Orders",
        "no call in 10 minutes",
        "calls in 1 hour down by more than 50 % on the week before",
    }
    assert (await _ask(client, "DELETE", "/api/channels/ops"))[0] == 409
    for number in range(len(RULES)):
        assert (await _ask(client, "DELETE", f"/api/alerts/r{number}"))[0] == 200
    assert (await _ask(client, "GET", "/api/alerts/r0"))[0] == 404
    assert (await _ask(client, "DELETE", "/api/channels/ops"))[0] == 200


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"measure": "error_rat"}, "measure"),
        ({"measure": "last_seen"}, "measure"),
        ({"above": 1, "below": 2}, "above"),
        ({"above": None}, "above"),
        ({"above": True}, "above"),
        ({"window": "7m"}, "window"),
        ({"by": ["user"]}, "by"),
        ({"by": ["api", "api"]}, "by"),
        ({"by": ["hour"]}, "by"),
        ({"filters": [{"field": "api"}]}, "filters.api"),
        ({"for": "8d"}, "for"),
        ({"quiet": "1s"}, "quiet"),
        ({"against": "yesterday"}, "against"),
        ({"per_minute": True}, "per_minute"),
        ({"when_unknown": "fire"}, "when_unknown"),
        ({"channels": ["none"]}, "channels"),
        ({"name": "a\nb"}, "name"),
        ({"nam": "x"}, "nam"),
        ({"measure": "silence"}, "measure"),
        ({"least_calls": -1}, "least_calls"),
        ({"version": "1"}, "version"),
    ],
)
async def test_what_is_wrong_with_a_rule_is_said(
    client: aiohttp.ClientSession, change: dict[str, Any], field: str
) -> None:
    """A rule that cannot be one is refused with the field and the cure."""
    rule = {"name": "x", "measure": "error_rate", "above": 0.1}
    status, said = await _ask(client, "PUT", "/api/alerts/x", rule | change)
    assert (status, said["field"]) == (400, field)
    assert said["cure"]


async def test_of_two_who_change_a_rule_one_is_told(client: aiohttp.ClientSession) -> None:
    """A version is replaced once; two ids mean something else, and are refused."""
    rule = {"name": "x", "measure": "error_rate", "above": 0.1}
    assert (await _ask(client, "PUT", "/api/alerts/x", rule | {"version": 0}))[0] == 200
    assert (await _ask(client, "PUT", "/api/alerts/x", rule | {"version": 1}))[1]["version"] == 2
    assert (await _ask(client, "PUT", "/api/alerts/x", rule | {"version": 1}))[0] == 409
    assert (await _ask(client, "PUT", "/api/alerts/history", rule))[0] == 400
    assert (await _ask(client, "PUT", "/api/alerts/Ops", rule))[0] == 400


async def test_secrets_can_be_written_and_not_read(
    client: aiohttp.ClientSession, receiver: HookReceiver
) -> None:
    """No answer has a channel's URL or secret in it; a change without them keeps them, a new URL needs its secret."""
    url = receiver.url + "/secret-part"
    hook = {"name": "Pager", "kind": "webhook", "url": url, "secret": _SECRET}
    _, kept = await _ask(client, "PUT", "/api/channels/pager", hook)
    assert kept == {"id": "pager", "version": 1, "name": "Pager", "kind": "webhook", "host": "127.0.0.1"}
    await _ask(client, "PUT", "/api/channels/pager", {"name": "Pager two"})
    assert (await _ask(client, "POST", "/api/channels/pager/test", {}))[1] == {
        "outcome": "sent",
        "said": None,
    }
    assert json.loads(receiver.got[0][1])["type"] == "alert.test"
    status, said = await _ask(
        client, "PUT", "/api/channels/pager", {"name": "x", "url": "https://elsewhere.example"}
    )
    assert (status, said["field"]) == (400, "secret")
    for path in ("/api/channels", "/api/messages", "/api/alerts"):
        async with client.get(path) as answer:
            text = await answer.text()
        assert "secret-part" not in text
        assert _SECRET not in text


@pytest.mark.parametrize(
    ("channel", "field"),
    [
        ({"kind": "webhook", "url": "https://a.example"}, "secret"),
        ({"kind": "webhook", "url": "https://a.example", "secret": "whsec_AAAA"}, "secret"),
        ({"kind": "slack", "url": "ftp://a.example"}, "url"),
        ({"kind": "slack", "url": "https://user:pass@a.example"}, "url"),
        ({"kind": "slack", "url": "https://a.example", "secret": _SECRET}, "secret"),
        ({"kind": "mail", "to": ["a@example.com"]}, "kind"),
        ({"kind": "pager"}, "kind"),
        ({"kind": "teams"}, "url"),
    ],
)
async def test_what_is_wrong_with_a_channel_is_said(
    client: aiohttp.ClientSession, channel: dict[str, Any], field: str
) -> None:
    """A channel that cannot be one is refused with the field and the cure."""
    status, said = await _ask(client, "PUT", "/api/channels/x", {"name": "x", **channel})
    assert (status, said["field"]) == (400, field)


async def test_a_test_says_what_stands_against_it(tmp_path: Path) -> None:
    """A channel that does not work says why; a mail goes to the mail server that is set."""
    async with mail_receiver() as mails, hook_receiver() as hooks:
        smtp = {"host": "127.0.0.1", "port": mails.port, "security": "none", "sender": "a@example.com"}
        async with served(tmp_path, [], smtp=smtp) as client:
            await _ask(
                client, "PUT", "/api/channels/mail", {"name": "M", "kind": "mail", "to": ["b@example.com"]}
            )
            await _ask(client, "PUT", "/api/channels/slack", {"name": "S", "kind": "slack", "url": hooks.url})
            assert (await _ask(client, "POST", "/api/channels/mail/test"))[1]["outcome"] == "sent"
            refused = (await _ask(client, "POST", "/api/channels/slack/test"))[1]
        assert mails.mails[0]["Subject"] == "Test: M"
        assert refused["outcome"] == "failed"
        assert "reachable_networks" in refused["said"]


async def test_alerts_need_the_scope_admin(tmp_path: Path) -> None:
    """Who may read figures and events may neither see rules and channels nor send anything."""
    tokens = {"reader": token("r", "read:data", "read:events"), "admin": token("a", "admin")}
    async with listening(tmp_path, tokens=tokens) as url, aiohttp.ClientSession(url) as client:
        for method, path in (
            ("GET", "/api/alerts"),
            ("GET", "/api/alerts/history"),
            ("POST", "/api/alerts/test"),
            ("PUT", "/api/alerts/x"),
            ("DELETE", "/api/alerts/x"),
            ("GET", "/api/channels"),
            ("PUT", "/api/channels/x"),
            ("POST", "/api/channels/x/test"),
            ("GET", "/api/messages"),
        ):
            for given, status in (({}, 401), ({"Authorization": "Bearer r"}, 403)):
                async with client.request(method, path, headers=given) as answer:
                    assert answer.status == status, path
