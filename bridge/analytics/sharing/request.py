"""What asks for a workspace, a link or an embedded token: read from JSON, the same for HTTP and the command line."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from bridge.analytics.questions.boards import MOST_NAME
from bridge.analytics.questions.periods import read_time
from bridge.analytics.questions.words import one_of
from bridge.analytics.sharing.passwords import hashed
from bridge.analytics.sharing.workspace import Workspace, made_public, read_workspace
from bridge.document.units import parse_duration
from bridge.errors import Unanswerable

BESIDE: Final = ("expires", "password", "public")
"""Keys of a request that are not of the workspace itself."""
_LINK: Final = ("name", "values", "from", "to", "expires")
_MOST_VALUES: Final = 8_192
_MOST_SECONDS: Final = 10**9
_MOST_EMBEDDED: Final = 30 * 86_400
_EMBEDDED: Final = 86_400


@dataclass(frozen=True, slots=True)
class LinkRequest:
    """What one who makes a link or an embedded token asks for."""

    name: str = ""
    values: Mapping[str, Any] | None = None
    from_ms: int | None = None
    to_ms: int | None = None
    expires_ms: int | None = None


def read_request(given: Any, zone: ZoneInfo, now: datetime, kept: Workspace | None = None) -> Workspace:
    """Return the workspace that is asked for; raises Unanswerable.

    `kept`: the one that it replaces, whose expiry and password stay where nothing is said of them. To hash a password
    takes 30 ms.
    """
    if not isinstance(given, dict):
        return read_workspace(given, zone, now)
    workspace = read_workspace({key: given[key] for key in given if key not in BESIDE}, zone, now)
    if kept is not None:
        workspace = replace(
            workspace, expires_ms=kept.expires_ms, password=kept.password, document=kept.document
        )
    if "expires" in given:
        workspace = replace(workspace, expires_ms=read_expiry(given["expires"], zone, now))
    if "password" in given:
        password = given["password"]
        workspace = replace(workspace, password=None if password is None else hashed(password))
    public = given.get("public", False)
    if not isinstance(public, bool):
        raise Unanswerable("public is not true or false", "correct it", field="public")
    return made_public(workspace) if public else workspace


def read_link(given: Any, workspace: Workspace, zone: ZoneInfo, now: datetime) -> LinkRequest:
    """Return what is asked for of a link to this workspace; raises Unanswerable."""
    given = {} if given is None else given
    if not isinstance(given, dict):
        raise Unanswerable("a link is a JSON object", 'write it like {"values": {"user": "…"}}')
    for key in given:
        one_of(key, _LINK, "key", str(key)[:60])
    name, values = given.get("name", ""), given.get("values") or {}
    if not isinstance(name, str) or len(name) > MOST_NAME:
        raise Unanswerable(f"name is not a text of up to {MOST_NAME} characters", "correct it", field="name")
    if not isinstance(values, dict) or len(str(values)) > _MOST_VALUES:
        raise Unanswerable("values is not a small object", 'write it like {"user": "…"}', field="values")
    # All of the template has to be there, and nothing else.
    workspace.sandbox(values, zone, now)
    local = workspace.zone(zone)
    start, end = (_time(given.get(key), local, now, key) for key in ("from", "to"))
    if start is not None and end is not None and start >= end:
        raise Unanswerable("the link would show nothing: from is not before to", "correct it", field="from")
    return LinkRequest(name, values, start, end, read_expiry(given.get("expires"), zone, now))


def read_embedded(given: Any, workspace: Workspace, zone: ZoneInfo, now: datetime) -> LinkRequest:
    """Return what is asked for of an embedded token, which lasts a day unless said; raises Unanswerable."""
    asked = read_link(given, workspace, zone, now)
    now_ms = int(now.timestamp() * 1000)
    if asked.expires_ms is None:
        return replace(asked, expires_ms=now_ms + _EMBEDDED * 1000)
    if asked.expires_ms > now_ms + _MOST_EMBEDDED * 1000:
        raise Unanswerable(
            "an embedded token lasts 30 days at most", "make a new one for each visit", field="expires"
        )
    return asked


def read_expiry(given: Any, zone: ZoneInfo, now: datetime) -> int | None:
    """Return when something ends, in milliseconds, of a duration such as "90d" or of a time; raises Unanswerable."""
    if given is None:
        return None
    now_ms, at = int(now.timestamp() * 1000), None
    with contextlib.suppress(TypeError, ValueError):
        seconds = float(parse_duration(given))
        at = now_ms + int(seconds * 1000) if 0 < seconds < _MOST_SECONDS else None
    if at is None and isinstance(given, str):
        at = read_time(given, zone, now, "expires") // 1000
    if at is None or at <= now_ms:
        raise Unanswerable(
            "expires is not a time to come", 'write it like "90d" or "2030-01-01"', field="expires"
        )
    return at


def _time(given: Any, zone: ZoneInfo, now: datetime, field: str) -> int | None:
    if given is None:
        return None
    if not isinstance(given, str):
        raise Unanswerable(f"{field} is not a text", "put it in quotes", field=field)
    return read_time(given, zone, now, field) // 1000
