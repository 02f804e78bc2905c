"""A program that does what Moesif's guide shows, step by step: with this server's address its link shows one user."""

import re
import sys
from collections.abc import AsyncIterator
from typing import Final

import pytest
import pytest_asyncio
from rigs.commands import outcome
from rigs.moesif_calls import OTHER, USER, MoesifCaller, moesif_caller

pytestmark = pytest.mark.asyncio(loop_scope="module")

_PROGRAM: Final = """
import requests

body = {
    "name": "Log of one user",
    "chart": {
        "args": "",
        "url_query": "?userIdFilter%5B0%5D%5Bkey%5D=my_user_id&userIdFilter%5B0%5D%5Bflag%5D=or",
        "view": "events",
        "es_query": {"size": 50, "from": 0, "sort": [{"request.time": "desc"}]},
        "from": "-1w",
        "to": "now",
    },
    "policy": {
        "resource": {
            "must": [
                {"range": {"request.time": {"gte": "now-1w", "lte": "now"}}},
                {"terms": {"user_id.raw": ["my_user_id"]}},
            ]
        },
        "acl": [
            {"grantee": "org|<org_id>", "permission": "admin"},
            {"grantee": "public", "permission": "read"},
        ],
    },
}
answer = requests.post(
    "https://api.moesif.com/replay/<org_id>/workspaces",
    params={"app_id": "<app_id>"},
    headers={"Accept": "application/json", "Authorization": "TOKEN"},
    json=body,
)
print("Link - https://www.moesif.com/public/" + answer.json()["access_token"])
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def moesif(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[MoesifCaller]:
    async with moesif_caller(tmp_path_factory.mktemp("server")) as caller:
        yield caller


def _changed(program: str, url: str, token: str) -> str:
    """Return the program with address, ids and token of this server; nothing else is touched."""
    for host in ("https://api.moesif.com", "https://www.moesif.com"):
        assert host in program
        program = program.replace(host, url)
    program = program.replace("<org_id>", "177:3").replace("<app_id>", "198:3")
    return re.sub(r"('Authorization': |\"Authorization\": )(['\"])[^'\"]+\2", rf"\1\2{token}\2", program)


async def test_the_guides_program_makes_a_link_to_one_users_calls(moesif: MoesifCaller) -> None:
    """A token with create:workspaces, sent bare, is enough; behind the link are that user's calls, and no others."""
    program = _changed(_PROGRAM, moesif.url, "makes")
    code, said = await outcome([sys.executable, "-c", program])
    assert code == 0, said
    link = said.split()[-1]
    assert link.startswith(f"{moesif.url}/public/")
    token = link.rpartition("/")[2]
    status, opened = await moesif.ask("GET", "/api/workspace", token)
    assert (status, opened["view"]) == (200, "events")
    assert opened["period"] == {"from": "-1w", "to": "now"}
    status, listed = await moesif.ask("GET", "/api/events?limit=1000", token)
    assert [event["id"] for event in listed["events"]] == [call["id"] for call in moesif.of(user=USER)]
    assert {event["user"] for event in listed["events"]} == {USER}
    other = moesif.of(user=OTHER)[0]["id"]
    assert (await moesif.ask("GET", f"/api/events/{other}", token))[0] == 404
    async with moesif.client.get(link) as page:
        assert (page.headers["Cache-Control"], page.headers["Referrer-Policy"]) == ("no-store", "no-referrer")


async def test_with_a_wrong_token_the_program_fails_as_at_moesif(moesif: MoesifCaller) -> None:
    """It does not look at the status, and finds no access_token."""
    code, said = await outcome([sys.executable, "-c", _changed(_PROGRAM, moesif.url, "wrong")])
    assert (code, "KeyError: 'access_token'" in said) == (1, True)
