"""The options of `apim-bridge workspace`, and what they ask for."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar
from zoneinfo import ZoneInfo

import click

from bridge.errors import Unanswerable
from bridge.settings import BridgeSettings

if TYPE_CHECKING:
    from bridge.analytics.sharing.workspace import Workspace

VIEWS: Final = ("events", "time", "segment", "table", "heatmap", "map")
HELD_BY: Final = ("user", "company", "application", "api", "tenant", "key")
_R = TypeVar("_R")


def held_by(command: Any) -> Any:
    """Add an option for each field that a sandbox is mostly held by."""
    for name in reversed(HELD_BY):
        command = click.option(
            f"--{name}", multiple=True, metavar="VALUE", help=f"Show calls of this {name}; several: of any."
        )(command)
    return command


def asked_workspace(given: Mapping[str, Any], settings: BridgeSettings) -> "Workspace":
    """Return the workspace that the options of `create` describe."""
    from bridge.analytics.sharing.request import read_request  # noqa: PLC0415 - it imports what an extra brings

    held = {name: [*given[name]] for name in HELD_BY if given[name]}
    said = {
        "name": given["name"] or _name(held, given["template"]),
        "view": given["view"],
        "filters": [{"field": name, "is": values} for name, values in held.items()],
        "everything": given["everything"],
        "template": [*given["template"]],
        "shown": [*given["shown"]],
        "period": {"from": _back(given["period"])},
        "bounds": None if given["within"] is None else {"from": _back(given["within"])},
        "live": given["live"],
        "expires": given["expires"],
        "public": True,
    }
    if (path := given["password_file"]) is not None:
        said["password"] = path.read_text().partition("\n")[0].rstrip("\r")
    return understood(lambda: read_request(said, zone_of(settings), datetime.now(UTC)))


def _name(held: Mapping[str, Sequence[str]], template: Sequence[str]) -> str:
    of = [f"{name} {', '.join(values)}" for name, values in held.items()] + [
        f"each {name}" for name in template
    ]
    return f"Calls of {' and '.join(of)}"[:100] if of else "All calls"


def _back(text: str) -> str:
    return f"-{text}" if re.fullmatch(r"[0-9]+[smhdwMy]", text) else text


def values_of(given: Sequence[str]) -> dict[str, list[str]]:
    """Return values of a template, written as FIELD=VALUE."""
    values: dict[str, list[str]] = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not equals:
            raise click.BadParameter(f"{one} is not FIELD=VALUE", param_hint="--value")
        values.setdefault(name, []).append(value)
    return values


def understood(read: Callable[[], _R]) -> _R:
    """Return what is read; what is wrong with it is said in the words of the data API."""
    try:
        return read()
    except Unanswerable as wrong:
        raise click.ClickException(f"{wrong}; {wrong.cure}") from None


def site_of(settings: BridgeSettings) -> str:
    """Return where the pages of this configuration are."""
    analytics = settings.analytics
    return (
        f"http://{analytics.listen}"
        if analytics.public_url is None
        else str(analytics.public_url).rstrip("/")
    )


def zone_of(settings: BridgeSettings) -> ZoneInfo:
    """Return the time zone of what names none."""
    return ZoneInfo(settings.analytics.time_zone)
