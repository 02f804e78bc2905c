"""`apim-bridge workspace create --at moesif` against a look-alike of Moesif's Management API."""

import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from fakes.moesif_management import MoesifManagement
from rigs.commands import outcome

from bridge.formats.moesif.workspaces import read_workspace


@pytest_asyncio.fixture
async def moesif() -> AsyncIterator[MoesifManagement]:
    async with MoesifManagement().running() as server:
        yield server


async def _create(
    folder: Path,
    moesif: MoesifManagement,
    *words: str,
    token: str = MoesifManagement.token,
    settings: str = "",
) -> tuple[int, str]:
    (folder / "management_token").write_text(token)
    config = folder / "bridge.toml"
    account = (
        settings or f'org = "{moesif.org}"\napp = "{moesif.app}"\ntoken = "$secret{{management_token}}"\n'
    )
    config.write_text(
        f'[apim.analytics]\nenable = true\ntype = "file"\n[bridge]\nstate_dir = "{folder}"\n'
        f'secrets_dir = "{folder}"\n[bridge.moesif_management]\n{account}url = "{moesif.address}"\n'
    )
    command = [
        sys.executable,
        "-m",
        "bridge",
        "workspace",
        "create",
        "--at",
        "moesif",
        "--config",
        str(config),
    ]
    return await outcome([*command, *words])


async def test_the_command_makes_a_workspace_at_moesif(moesif: MoesifManagement, tmp_path: Path) -> None:
    """The options of one here; the link stands alone on the last line."""
    words = ("--user", "my_user_id", "--view", "events", "--period", "1w")
    code, said = await _create(tmp_path, moesif, *words)
    assert (code, said.splitlines()[-1]) == (0, "https://www.moesif.com/public/eyJ0.ws1"), said
    made = read_workspace({k: moesif.workspaces["ws1"][k] for k in ("name", "chart", "policy")})
    assert (made.name, made.view, made.since) == ("Calls of user my_user_id", "events", "-1w")
    assert made.policy.filters == [{"field": "user", "is": ["my_user_id"]}]
    assert made.policy.bounds.since == ("-1w",)
    assert made.public
    code, said = await _create(tmp_path, moesif, *words, "--json", "--name", "Log")
    assert (code, json.loads(said)["name"]) == (0, "Log")
    assert moesif.calls[-1].token == moesif.token


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--user", "a", "--period", "yesterday"), "write it as Moesif does"),
        (("--user", "a", "--live"), "--live is for workspaces here"),
        (("--user", "a", "--password-file", "/dev/null"), "--password-file is for workspaces here"),
        (("--template", "user"), "--template is for workspaces here"),
        (("--key", "0123"), "key is nothing that Moesif has"),
        ((), "has no filters"),
    ],
)
async def test_what_moesif_cannot_have_is_refused(
    moesif: MoesifManagement, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    """Before anything is sent."""
    code, shown = await _create(tmp_path, moesif, *words)
    assert code != 0
    assert said in " ".join(shown.split())
    assert moesif.calls == []


async def test_every_error_is_said_in_a_sentence(moesif: MoesifManagement, tmp_path: Path) -> None:
    """A missing account, a refused token, an answer without access_token: no traceback, and no token on the screen."""
    code, said = await _create(tmp_path, moesif, "--user", "a", settings='org = "1"\n')
    assert (code, "has no app and no token" in said) == (1, True), said
    code, said = await _create(tmp_path, moesif, "--user", "a", token="wrong-management-token")
    assert (code, "401: Unauthorized; make a token with the scope create:workspaces" in said) == (1, True), (
        said
    )
    assert "wrong-management-token" not in said
    moesif.knobs.access_token = False
    code, said = await _create(tmp_path, moesif, "--user", "a")
    assert (code, "its answer has no access_token" in said, "Traceback" in said) == (1, True, False)
