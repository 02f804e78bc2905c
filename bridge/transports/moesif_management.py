"""Makes workspaces at Moesif, by its Management API; whatever goes wrong is said with the status and the cure.

The legacy call is used (`POST /replay/ORG/workspaces`): its answer has the `access_token` that a share link is made of,
which the answer of the current one has not (Moesif's guide; Moesif/apidocs, management-api.json). A client of Moesif's
was seen to get workspaces whose `acl` was left out, so that the link shows nothing: what the answer says is looked at.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

import aiohttp
import msgspec
import structlog

from bridge.errors import MoesifRefused
from bridge.settings.moesif_management import MoesifManagementSettings
from bridge.transports.http.answers import of_failure, parse_retry_after
from bridge.transports.http.post import proxy_of
from bridge.transports.tls import client_context

_TABLE: Final = "[bridge.moesif_management]"
_ANSWER_BYTES: Final = 2**20
_SHOWN: Final = 300
_CURES: Final = {
    400: "correct what it names",
    401: f"make a token with the scope create:workspaces at Moesif (API keys), and set token in {_TABLE} to it",
    402: "the subscription of the account is not active: renew it at Moesif",
    403: "the token may not do this: make one with the scope create:workspaces at Moesif (API keys)",
    404: f"look at org, app and url in {_TABLE}: there is no such organisation or call",
    405: f"look at url in {_TABLE}: there is no such call",
    410: f"look at url in {_TABLE}: the call is no longer there",
    429: "Moesif takes 500 requests in a minute: try again in the next one",
}


@dataclass(frozen=True, slots=True)
class MadeWorkspace:
    """A workspace that Moesif has made."""

    id: str | None
    link: str
    """Whoever has it sees the workspace, without a login."""


async def make_workspace(
    settings: MoesifManagementSettings, body: Mapping[str, Any], *, public: bool = True
) -> MadeWorkspace:
    """Make a workspace; raises MoesifRefused, or SettingsError for a certificate that cannot be read.

    `body`: as `bridge.formats.moesif.workspaces` writes it; `public`: it is to be seen by whoever has the link.
    """
    async with _management(settings) as api:
        made = await api.post(
            f"{api.root}/replay/{_part(settings.org)}/workspaces", {"app_id": settings.app}, body
        )
        number = next((made[key] for key in ("_id", "id") if isinstance(made.get(key), str)), None)
        token = made.get("access_token")
        if not isinstance(token, str) or not token:
            named = f"the workspace {number}" if number else "a workspace"
            raise MoesifRefused(
                f"Moesif has made {named}, and its answer has no access_token, of which the link is made; "
                "share the workspace on Moesif's page, or make it here, without --at moesif"
            )
        if public and number is not None and _is_closed(made):
            await api.post(
                f"{api.versioned}/~/workspaces/{_part(number)}/policy/acl",
                {"app_id": settings.app, "grantee": "public", "permission": "read"},
                None,
                so_that=f"the workspace {number} was made, but not for everybody, so that its link shows nothing",
            )
    return MadeWorkspace(number, f"{settings.page_url}/public/{quote(token, safe='')}")


def require_complete(settings: MoesifManagementSettings) -> None:
    """Return if the settings say which account it is; raises MoesifRefused."""
    missing = [name for name in ("org", "app", "token") if not getattr(settings, name)]
    if missing:
        raise MoesifRefused(
            f"{_TABLE} has no {' and no '.join(missing)}; set what is missing: Moesif shows org and app in the "
            "links of its pages, and makes tokens under API keys"
        )


def _is_closed(made: Mapping[str, Any]) -> bool:
    """Return whether the answer says that not everybody may read the workspace."""
    policy = made.get("policy")
    acl = policy.get("acl") if isinstance(policy, dict) else None
    return isinstance(acl, list) and not any(
        isinstance(one, dict) and one.get("grantee") == "public" for one in acl
    )


def _part(text: str) -> str:
    return quote(text, safe="~")


@asynccontextmanager
async def _management(settings: MoesifManagementSettings) -> AsyncIterator["_Management"]:
    """Have connections to the API while the block runs; raises SettingsError or MoesifRefused."""
    require_complete(settings)
    tls = client_context(settings, _TABLE, structlog.get_logger())
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=tls),
        timeout=aiohttp.ClientTimeout(total=settings.request_timeout),
    ) as session:
        yield _Management(settings, session)


class _Management:
    def __init__(self, settings: MoesifManagementSettings, session: aiohttp.ClientSession) -> None:
        self._settings = settings
        self._session = session
        self._token = "" if settings.token is None else settings.token.get_secret_value()
        # Moesif's own address is written with and without /v1; its secure proxy has /api in the place of it.
        self.root = settings.url.removesuffix("/v1")
        self.versioned = self.root if self.root.endswith("/api") else f"{self.root}/v1"

    async def post(
        self, url: str, parameters: Mapping[str, str], body: Mapping[str, Any] | None, so_that: str = ""
    ) -> dict[str, Any]:
        """Return the object that a 2xx brings; raises MoesifRefused."""
        proxy, proxy_headers = proxy_of(self._settings)
        headers = {"Accept": "application/json", "Authorization": f"Bearer {self._token}"}
        try:
            async with self._session.post(
                url,
                params=parameters,
                headers=headers,
                json=body,
                proxy=proxy,
                proxy_headers=proxy_headers,
                allow_redirects=False,
            ) as answer:
                read = await answer.content.read(_ANSWER_BYTES)
                while len(read) < _ANSWER_BYTES and (more := await answer.content.read(_ANSWER_BYTES)):
                    read += more
                status, retry_after = answer.status, answer.headers.get("Retry-After")
        except (aiohttp.ClientError, OSError) as error:
            failure = of_failure(error, f"Moesif at {self._settings.url}")
            raise MoesifRefused(
                f"{so_that}{': ' if so_that else ''}{failure}; look at url and proxy in {_TABLE}, and try again"
            ) from None
        return self._understood(status, read, retry_after, so_that)

    def _understood(self, status: int, read: bytes, retry_after: str | None, so_that: str) -> dict[str, Any]:
        try:
            given = msgspec.json.decode(read) if read.strip() else {}
        except (msgspec.DecodeError, UnicodeError):
            given = None
        before = f"{so_that}: " if so_that else ""
        if 200 <= status < 300:
            if isinstance(given, dict):
                return given
            raise MoesifRefused(
                f"{before}Moesif answered {status} with what is no JSON object: {self._shown(read)}; "
                f"look at url in {_TABLE}"
            )
        cure = _CURES.get(status) or (
            "try again later" if status >= 500 else f"look at org, app and url in {_TABLE}"
        )
        if (seconds := parse_retry_after(retry_after)) is not None:
            cure = f"try again in {seconds:.0f} s"
        raise MoesifRefused(f"{before}Moesif answered {status}: {self._shown(read)}; {cure}")

    def _shown(self, read: bytes) -> str:
        text = " ".join(read[: 4 * _SHOWN].decode(errors="replace").split())[:_SHOWN]
        return text.replace(self._token, "…") if text else "without a word"
