"""`apim-bridge token`: tokens of the analytics process, for people and programs."""

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import click

from bridge.cli.admin_file import admin_file, require_analytics
from bridge.cli.configuration import config_option, json_option
from bridge.cli.groups import InOrder
from bridge.cli.journal_view import table
from bridge.cli.showing import json_text, show
from bridge.document.units import parse_duration
from bridge.events.times import format_ms
from bridge.settings.analytics import Scope


@click.group(cls=InOrder)
def token() -> None:
    """Make, list and revoke tokens of the analytics process. What changes holds at once, while it runs.

    Tokens of [bridge.analytics.tokens] stand in the configuration alone.
    """
    require_analytics()


@token.command
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    type=click.Choice(get_args(Scope)),
    help="What it allows; may be given several times.",
)
@click.option("--expires", metavar="DURATION", help="After how long it ends, such as 90d; never unless said.")
@click.option(
    "--per-minute", type=click.IntRange(1, 1_000_000), help="How many requests it may make in a minute."
)
@config_option
@json_option
def create(
    name: str,
    scopes: Sequence[str],
    expires: str | None,
    per_minute: int | None,
    config: Path | None,
    as_json: bool,
) -> None:
    """Make a token, and print it alone on the last line. Nobody can ask for it again.

    --json answers `{"id": …, "name": …, "token": …}`.

    Example: apim-bridge token create portal --scope create:workspaces
    """
    from bridge.analytics.admin.tokens import make  # noqa: PLC0415 - see above
    from bridge.analytics.store.people import transaction  # noqa: PLC0415 - it imports what an extra brings

    now_ms = int(time.time() * 1000)
    expires_ms = None if expires is None else now_ms + int(_seconds(expires) * 1000)
    with admin_file(config) as (connection, _), transaction(connection):
        made = make(connection, name, scopes, now_ms=now_ms, expires_ms=expires_ms, per_minute=per_minute)
    if made is None:
        raise click.ClickException(f"a token is named {name} already; revoke it first, or take another name")
    if as_json:
        print(json_text({"id": made[0], "name": name, "token": made[1]}))
        return
    show(f"{name} allows {', '.join(scopes)}; this is shown once:")
    print(made[1])


@token.command("list")
@config_option
@json_option
def list_tokens(config: Path | None, as_json: bool) -> None:
    """List tokens that were made, without themselves.

    --json answers `[{"id": …, "name": …, "scopes": […], "per_minute": …, "made": …, "expires": …, "used": …}]`.

    Example: apim-bridge token list
    """
    from bridge.analytics.admin.tokens import every  # noqa: PLC0415 - see above

    with admin_file(config) as (connection, _):
        kept = every(connection)
    rows = [
        {
            "id": one.id,
            "name": one.name,
            "scopes": sorted(one.scopes),
            "per_minute": one.per_minute,
            **{
                name: None if ms is None else format_ms(ms)
                for name, ms in (("made", one.made_ms), ("expires", one.expires_ms), ("used", one.used_ms))
            },
        }
        for one in kept
    ]
    if as_json:
        print(json_text(rows, indent=2))
    elif not rows:
        show("no tokens were made here")
    else:
        table(
            ("name", "scopes", "a minute", "made", "expires", "last used"),
            [
                (
                    one.name,
                    " ".join(sorted(one.scopes)),
                    "any" if one.per_minute is None else str(one.per_minute),
                    str(row["made"]),
                    str(row["expires"] or "never"),
                    str(row["used"] or "never"),
                )
                for one, row in zip(kept, rows, strict=True)
            ],
        )


@token.command
@click.argument("name")
@config_option
@json_option
def revoke(name: str, config: Path | None, as_json: bool) -> None:
    """Take a token away, by its name or id: it is refused from now on.

    --json answers `{"revoked": true}`, or false where there is none; the exit code is 1 then.

    Example: apim-bridge token revoke reports
    """
    from bridge.analytics.admin.tokens import revoke as revoke_token  # noqa: PLC0415 - see above
    from bridge.analytics.store.people import transaction  # noqa: PLC0415 - see above

    with admin_file(config) as (connection, _), transaction(connection):
        gone = revoke_token(connection, name)
    if as_json:
        print(json_text({"revoked": gone}))
    elif gone:
        show(f"{name} is revoked")
    else:
        show(f"no token is named {name}; `apim-bridge token list` has those that there are")
    if not gone:
        sys.exit(1)


def _seconds(text: str) -> float:
    try:
        seconds = parse_duration(text)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--expires") from None
    if not 0 < seconds < 10**9:
        raise click.BadParameter("not a duration above 0", param_hint="--expires")
    return seconds
