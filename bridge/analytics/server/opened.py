"""What the bearer of a workspace's token may do."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from bridge.analytics.admin import AdminFile
from bridge.analytics.admin.links import PREFIX, OpenedToken, read_token
from bridge.analytics.questions.sandbox import Sandbox
from bridge.analytics.server.refusals import RequestRefused
from bridge.analytics.server.rights import Rights
from bridge.analytics.sharing.workspace import TimeBounds
from bridge.contracts import Clock
from bridge.errors import Unanswerable
from bridge.settings.analytics import Scope

PER_MINUTE: Final = 60
AT_ONCE: Final = 2
_WRONG: Final = "this link is wrong, has expired, or was taken back"
_HEADERS: Final = {"WWW-Authenticate": 'Bearer realm="apim-bridge"'}


def workspace_rights(admin: AdminFile, clock: Clock, zone: ZoneInfo) -> Callable[[str], Rights | None]:
    """Return what says of a token of a workspace what it allows; raises RequestRefused for one that does not hold."""

    def read(token: str) -> Rights | None:
        if not token.startswith(PREFIX):
            return None
        opened = opened_by(admin, token, clock)
        if opened.locked:
            raise RequestRefused(
                401,
                "this workspace asks for its password",
                "POST it to /api/workspace/open, and use the token of the answer",
                headers=_HEADERS,
                password=True,
            )
        scopes: frozenset[Scope] = frozenset({"read:data"})
        if opened.kept.workspace.events:
            scopes |= {"read:events"}
        return Rights(
            f"workspace {opened.kept.id} {opened.key}",
            scopes,
            sandbox_of(opened, clock, zone),
            PER_MINUTE,
            AT_ONCE,
            opened,
        )

    return read


def opened_by(admin: AdminFile, token: str, clock: Clock) -> OpenedToken:
    """Return what a token stands for; raises RequestRefused."""
    opened = read_token(admin.looking, token, int(clock.time() * 1000))
    if opened is None:
        raise RequestRefused(401, _WRONG, "ask whoever gave it to you for another", headers=_HEADERS)
    return opened


def sandbox_of(opened: OpenedToken, clock: Clock, zone: ZoneInfo) -> Sandbox:
    """Return what a token shows now; raises RequestRefused where its workspace was changed, so that it does not fit."""
    bounds = TimeBounds(*(None if ms is None else ms * 1000 for ms in (opened.from_ms, opened.to_ms)))
    now = datetime.fromtimestamp(clock.time(), UTC)
    try:
        return opened.kept.workspace.sandbox(opened.values, zone, now, bounds)
    except Unanswerable:
        raise RequestRefused(
            401, _WRONG, "ask whoever gave it to you for another", headers=_HEADERS
        ) from None
