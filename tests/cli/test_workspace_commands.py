"""`apim-bridge workspace`, beside a server that runs."""

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
from rigs.analytics_calls import Values, made_up
from rigs.analytics_server import served
from rigs.commands import outcome


async def _command(folder: Path, *words: str) -> tuple[int, str]:
    config = folder / "bridge.toml"
    config.write_text(f'[apim.analytics]\nenable = true\ntype = "file"\n[bridge]\nstate_dir = "{folder}"\n')
    return await outcome([sys.executable, "-m", "bridge", "workspace", *words, "--config", str(config)])


def _calls() -> list[Values]:
    now = datetime.now(UTC)
    return made_up(5, 200, now - timedelta(days=3), now)


async def _events(client: aiohttp.ClientSession, link: str) -> tuple[int, set[str]]:
    token = link.rpartition("/")[2]
    async with client.get("/api/events?limit=1000", headers={"Authorization": f"Bearer {token}"}) as answer:
        said: dict[str, Any] = await answer.json()
        return answer.status, {event["id"] for event in said.get("events", ())}


async def test_a_command_prints_a_link_that_holds_at_once(tmp_path: Path) -> None:
    """It stands alone on the last line, shows that user's calls, and nothing once it is taken back."""
    calls = _calls()
    async with served(tmp_path, calls) as client:
        code, said = await _command(
            tmp_path, "create", "--user", "user1@acme.com", "--view", "events", "--period", "1w"
        )
        link = said.splitlines()[-1]
        assert (code, link.startswith("http://127.0.0.1:9882/public/apw_")) == (0, True), said
        assert await _events(client, link) == (
            200,
            {call["id"] for call in calls if call["user"] == "user1@acme.com"},
        )
        code, said = await _command(tmp_path, "list", "--json")
        (listed,) = json.loads(said)
        assert (listed["name"], listed["links"][0]["link"]) == ("Calls of user user1@acme.com", link)
        code, said = await _command(tmp_path, "revoke", link)
        assert (code, "1 link is taken back" in said) == (0, True)
        assert (await _events(client, link))[0] == 401
        assert (await _command(tmp_path, "revoke", link))[0] == 1


async def test_links_of_a_template_are_made_one_by_one(tmp_path: Path) -> None:
    """Without values there is no link; each has its own, and all end with their workspace."""
    calls = _calls()
    async with served(tmp_path, calls) as client:
        code, said = await _command(tmp_path, "create", "--template", "api", "--view", "events")
        number = said.splitlines()[-1]
        assert code == 0
        code, said = await _command(tmp_path, "link", number)
        assert (code, "template's field api has no value" in said) == (1, True)
        links = []
        for api in ("Orders", "PizzaShack"):
            code, said = await _command(tmp_path, "link", number, "--value", f"api={api}", "--name", api)
            links.append(said.splitlines()[-1])
            assert await _events(client, links[-1]) == (
                200,
                {call["id"] for call in calls if call["api"] == api},
            )
        assert (await _command(tmp_path, "delete", number))[0] == 0
        assert [(await _events(client, link))[0] for link in links] == [401, 401]
        assert (await _command(tmp_path, "delete", number))[0] == 1


async def test_what_would_show_everything_has_to_be_meant(tmp_path: Path) -> None:
    """Without a filter and a template there is no workspace; a password is read from a file."""
    code, said = await _command(tmp_path, "create", "--view", "time")
    assert (code, "it would show all events" in said) == (1, True)
    secret = tmp_path / "secret"
    secret.write_text("correct horse\n")
    code, said = await _command(
        tmp_path, "create", "--everything", "--view", "time", "--password-file", str(secret)
    )
    assert code == 0, said
