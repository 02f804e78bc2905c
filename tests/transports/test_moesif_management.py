"""Workspaces at Moesif: made by its legacy call, and whatever goes wrong is said with status and cure."""

from collections.abc import AsyncIterator
from typing import Any, Final

import pytest
import pytest_asyncio
from fakes.moesif_management import MoesifManagement
from pydantic import SecretStr

from bridge.errors import MoesifRefused
from bridge.formats.moesif.workspaces import read_workspace, workspace_body
from bridge.settings import MoesifManagementSettings
from bridge.transports.moesif_management import make_workspace

_ALICE: Final[list[dict[str, Any]]] = [{"field": "user", "is": ["alice b"]}]


@pytest_asyncio.fixture
async def moesif() -> AsyncIterator[MoesifManagement]:
    async with MoesifManagement().running() as server:
        yield server


def _settings(moesif: MoesifManagement, **more: Any) -> MoesifManagementSettings:
    settings = {"org": moesif.org, "app": moesif.app, "token": SecretStr(moesif.token), "url": moesif.address}
    return MoesifManagementSettings.model_validate(settings | more)


def _body(*, public: bool = True) -> dict[str, Any]:
    return workspace_body("Calls of Alice", "events", _ALICE, "1w", org=MoesifManagement.org, public=public)


async def test_a_workspace_is_made(moesif: MoesifManagement) -> None:
    """The legacy call with organisation, application and token; the link is made of the answer's access_token."""
    made = await make_workspace(_settings(moesif), _body())
    assert made.link == "https://www.moesif.com/public/eyJ0.ws1"
    assert made.id == "ws1"
    (called,) = moesif.calls
    assert (called.method, called.path, called.query) == (
        "POST",
        "/replay/177:3/workspaces",
        {"app_id": "198:3"},
    )
    assert called.body["policy"] == {
        "resource": {
            "must": [
                {"range": {"request.time": {"gte": "now-1w", "lte": "now"}}},
                {"terms": {"user_id.raw": ["alice b"]}},
            ]
        },
        "acl": [
            {"grantee": "org|177:3", "permission": "admin"},
            {"grantee": "public", "permission": "read"},
        ],
    }
    assert (
        called.body["chart"]["url_query"]
        == "?userIdFilter%5B0%5D%5Bkey%5D=alice%20b&userIdFilter%5B0%5D%5Bflag%5D=or"
    )


def test_what_is_sent_can_be_read_here() -> None:
    """The body that makes a workspace at Moesif makes the same one here."""
    read = read_workspace(_body())
    assert read.policy.filters == _ALICE
    assert (read.view, read.since, read.until, read.public) == ("events", "-1w", "now", True)
    assert not read_workspace(_body(public=False)).public


@pytest.mark.parametrize("base", ["", "/v1"])
async def test_sharing_that_was_left_out_is_made_up_for(moesif: MoesifManagement, base: str) -> None:
    """A client saw workspaces that were made without their acl: public reading is asked for once more."""
    moesif.knobs.keeps_acl = False
    made = await make_workspace(_settings(moesif, url=moesif.address + base), _body())
    assert made.link.endswith("/public/eyJ0.ws1")
    assert {"grantee": "public", "permission": "read"} in moesif.workspaces["ws1"]["policy"]["acl"]
    assert moesif.calls[-1].path == "/v1/~/workspaces/ws1/policy/acl"


async def test_sharing_that_cannot_be_made_up_for_is_said(moesif: MoesifManagement) -> None:
    """A link that shows nothing is not given out as one that works."""
    moesif.knobs.keeps_acl, moesif.knobs.takes_acl = False, 403
    with pytest.raises(MoesifRefused, match=r"ws1 was made, but not for everybody.* 403: not now; the token"):
        await make_workspace(_settings(moesif), _body())


async def test_an_answer_without_a_token_is_said(moesif: MoesifManagement) -> None:
    """Where the guide's own program ends with a KeyError, the workspace's id and the cure are told."""
    moesif.knobs.access_token = False
    with pytest.raises(
        MoesifRefused, match=r"has made the workspace ws1, and its answer has no access_token.*share"
    ):
        await make_workspace(_settings(moesif), _body())


async def test_a_missing_scope_is_said(moesif: MoesifManagement) -> None:
    """Moesif answers 401 for it."""
    moesif.knobs.scopes.clear()
    with pytest.raises(
        MoesifRefused, match=r"401: missing scope create:workspaces; make a token with the scope"
    ):
        await make_workspace(_settings(moesif), _body())


@pytest.mark.parametrize(
    ("status", "cure"),
    [
        (301, "look at org, app and url"),
        (400, "correct what it names"),
        (402, "the subscription"),
        (403, "create:workspaces"),
        (404, "org, app and url"),
        (405, "url"),
        (410, "url"),
        (418, "look at org, app and url"),
        (429, "try again in the next"),
        (500, "try again later"),
        (502, "try again later"),
    ],
)
async def test_every_status_is_said_with_its_cure(moesif: MoesifManagement, status: int, cure: str) -> None:
    """What Moesif says is shown, without the token."""
    moesif.knobs.status, moesif.knobs.says = status, f"no  good:\n{moesif.token}"
    with pytest.raises(MoesifRefused) as refused:
        await make_workspace(_settings(moesif), _body())
    text = str(refused.value)
    assert text.startswith(f"Moesif answered {status}: no good: …; ")
    assert cure in text
    assert moesif.token not in text


async def test_how_long_to_wait_is_told(moesif: MoesifManagement) -> None:
    """Of a limit, from Retry-After."""
    moesif.knobs.status, moesif.knobs.headers = 429, {"Retry-After": "17"}
    with pytest.raises(MoesifRefused, match=r"429: without a word; try again in 17 s"):
        await make_workspace(_settings(moesif), _body())


async def test_an_answer_that_is_none_of_moesifs_is_said(moesif: MoesifManagement) -> None:
    """Another server, a page for logging in."""
    moesif.knobs.raw = b"<html>Log in</html>"
    with pytest.raises(MoesifRefused, match=r"no JSON object: <html>Log in</html>; look at url"):
        await make_workspace(_settings(moesif), _body())


async def test_silence_and_absence_are_said(moesif: MoesifManagement) -> None:
    """No answer in time, and nobody there."""
    moesif.knobs.hangs = True
    with pytest.raises(MoesifRefused, match=r"no answer in time; look at url and proxy"):
        await make_workspace(_settings(moesif, request_timeout=0.2), _body())
    await moesif.vanish()
    with pytest.raises(MoesifRefused, match=r"look at url and proxy"):
        await make_workspace(_settings(moesif), _body())


async def test_an_account_that_is_not_told_is_asked_for(moesif: MoesifManagement) -> None:
    """Nothing is sent without organisation, application and token."""
    with pytest.raises(MoesifRefused, match=r"has no org and no token; set"):
        await make_workspace(_settings(moesif, org="", token=None), _body())
    assert moesif.calls == []
