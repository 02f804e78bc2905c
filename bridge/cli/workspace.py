"""`apim-bridge workspace`: views of a part of the events, for somebody outside."""

import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from sqlite3 import Connection
from typing import TYPE_CHECKING, Any, Final

import click

from bridge.cli.admin_file import admin_file, require_analytics
from bridge.cli.configuration import config_option, json_option
from bridge.cli.groups import InOrder
from bridge.cli.journal_view import table
from bridge.cli.showing import json_text, show
from bridge.cli.workspace_moesif import create_at_moesif
from bridge.cli.workspace_options import (
    VIEWS,
    asked_workspace,
    held_by,
    site_of,
    understood,
    values_of,
    zone_of,
)
from bridge.events.times import format_ms

if TYPE_CHECKING:
    from bridge.analytics.admin.workspaces import KeptWorkspace

_BY: Final = "the command line"


@click.group(cls=InOrder)
def workspace() -> None:
    """Make, list and take back workspaces: views of some events, for a customer. What changes holds at once."""
    require_analytics()


@workspace.command
@held_by
@click.option("--view", type=click.Choice(VIEWS), default="events", show_default=True, help="What it shows.")
@click.option("--period", default="1w", show_default=True, metavar="DURATION", help="How far it looks back.")
@click.option("--within", metavar="DURATION", help="Let viewers choose a period within this one.")
@click.option("--name", help="What it is called; after what it shows unless said.")
@click.option(
    "--template", multiple=True, metavar="FIELD", help="A field that each link holds to its own value."
)
@click.option(
    "--show", "shown", multiple=True, metavar="FIELD", help="A field to show beside the usual ones."
)
@click.option("--live", is_flag=True, help="Show events as they come in.")
@click.option("--everything", is_flag=True, help="Hold nothing back: show all events.")
@click.option("--expires", metavar="DURATION", help="After how long it ends, such as 90d; never unless said.")
@click.option(
    "--password-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File whose first line is a password that viewers have to give.",
)
@click.option(
    "--at",
    type=click.Choice(("here", "moesif")),
    default="here",
    show_default=True,
    help="Where: `moesif` is the account of [bridge.moesif_management].",
)
@config_option
@json_option
def create(config: Path | None, as_json: bool, at: str, **given: Any) -> None:
    """Make a workspace, and print its share link alone on the last line.

    With --template there is no link before `apim-bridge workspace link` makes one; the last line is the id then. With
    --at moesif the workspace is made by Moesif's Management API, and the link is Moesif's.

    --json answers `{"id": …, "name": …, "link": …}`; the link is null with a template.

    Example: apim-bridge workspace create --user my_user_id --view events --period 1w
    """
    from bridge.analytics.admin import links, workspaces  # noqa: PLC0415 - it imports what an extra brings
    from bridge.analytics.store.people import transaction  # noqa: PLC0415 - see above

    if at == "moesif":
        create_at_moesif(config, given, as_json=as_json)
        return
    with admin_file(config) as (connection, settings):
        asked, now_ms = asked_workspace(given, settings), _now_ms()
        with transaction(connection):
            number = workspaces.create(connection, asked, now_ms=now_ms, by=_BY)
            if number is None:
                raise click.ClickException("there are too many workspaces; delete some")
            made = None if asked.template else links.make_link(connection, number, now_ms=now_ms)
    link = None if made is None else f"{site_of(settings)}/public/{made[1]}"
    if as_json:
        print(json_text({"id": number, "name": asked.name, "link": link}))
        return
    if link is None:
        show(
            f"{asked.name}: make links with `apim-bridge workspace link ID --value {asked.template[0]}=…`; its id:"
        )
    else:
        show(f"{asked.name} ({number}): whoever has this link sees it")
    print(link or number)


@workspace.command
@click.argument("number", metavar="ID")
@click.option(
    "--value", "values", multiple=True, metavar="FIELD=VALUE", help="What a field of the template is held to."
)
@click.option("--name", default="", help="What tells this link from others.")
@click.option("--expires", metavar="DURATION", help="After how long it ends, such as 90d; never unless said.")
@config_option
@json_option
def link(
    number: str, values: Sequence[str], name: str, expires: str | None, config: Path | None, as_json: bool
) -> None:
    """Make one more link to a workspace, and print it alone on the last line.

    --json answers `{"id": …, "link": …}`.

    Example: apim-bridge workspace link 65f0c1d2a3b4c5d6e7f80912 --value user=my_user_id
    """
    from bridge.analytics.admin import links  # noqa: PLC0415 - see above
    from bridge.analytics.sharing.request import read_link  # noqa: PLC0415 - see above
    from bridge.analytics.store.people import transaction  # noqa: PLC0415 - see above

    with admin_file(config) as (connection, settings):
        kept = _kept(connection, number)
        given = {"name": name, "values": values_of(values), "expires": expires}
        asked = understood(lambda: read_link(given, kept.workspace, zone_of(settings), datetime.now(UTC)))
        with transaction(connection):
            made = links.make_link(
                connection,
                number,
                now_ms=_now_ms(),
                name=asked.name,
                values=asked.values,
                expires_ms=asked.expires_ms,
            )
    if made is None:
        raise click.ClickException("this workspace has too many links; take some back")
    address = f"{site_of(settings)}/public/{made[1]}"
    if as_json:
        print(json_text({"id": made[0], "link": address}))
        return
    show(f"{kept.workspace.name}: whoever has this link sees it")
    print(address)


@workspace.command("list")
@config_option
@json_option
def list_workspaces(config: Path | None, as_json: bool) -> None:
    """List workspaces with their links, the newest first.

    --json answers `[{"id": …, "name": …, "view": …, "filters": […], "looks": …, "made": …, "expires": …,
    "links": [{"id": …, "name": …, "values": {…}, "link": …}]}]`.

    Example: apim-bridge workspace list
    """
    from bridge.analytics.admin import links, looks, workspaces  # noqa: PLC0415 - see above

    with admin_file(config) as (connection, settings):
        counted, site = looks.counts(connection), site_of(settings)
        rows: list[dict[str, Any]] = [
            {
                "id": one.id,
                "name": one.workspace.name,
                "view": one.workspace.view,
                "filters": one.workspace.filters,
                "looks": counted.get(one.id, 0),
                "made": format_ms(one.made_ms),
                "expires": None if one.workspace.expires_ms is None else format_ms(one.workspace.expires_ms),
                "links": [
                    {
                        "id": link.id,
                        "name": link.name,
                        "values": link.values,
                        "link": f"{site}/public/{links.token_of(connection, link.id)}",
                    }
                    for link in links.links_of(connection, one.id)
                ],
            }
            for one in workspaces.every(connection)
        ]
    if as_json:
        print(json_text(rows, indent=2))
    elif not rows:
        show("there are no workspaces; `apim-bridge workspace create` makes one")
    else:
        table(
            ("id", "name", "view", "links", "looks", "made", "expires"),
            [
                (
                    str(row["id"]),
                    str(row["name"]),
                    str(row["view"]),
                    str(len(row["links"])),
                    str(row["looks"]),
                    str(row["made"]),
                    str(row["expires"] or "never"),
                )
                for row in rows
            ],
        )


@workspace.command
@click.argument("which", metavar="LINK|ID")
@config_option
@json_option
def revoke(which: str, config: Path | None, as_json: bool) -> None:
    """Take back a link, by itself or its id; by a workspace's id all of its links and embedded tokens.

    --json answers `{"revoked": 1}`: how many links; the exit code is 1 where there is nothing to take back.

    Example: apim-bridge workspace revoke 65f0c1d2a3b4c5d6e7f80912
    """
    from bridge.analytics.admin import links, workspaces  # noqa: PLC0415 - see above
    from bridge.analytics.store.people import transaction  # noqa: PLC0415 - see above

    token, now_ms = which.rstrip("/").rpartition("/")[2], _now_ms()
    with admin_file(config) as (connection, _), transaction(connection):
        if token.startswith(links.PREFIX):
            opened = links.read_token(connection, token, now_ms)
            gone = [opened.link] if opened is not None and opened.link is not None else []
        else:
            gone = [one.id for one in links.links_of(connection, which)] or [which]
        ended = workspaces.end_embedding(connection, which)
        count = sum(links.revoke_link(connection, number) for number in gone)
    if as_json:
        print(json_text({"revoked": count}))
    elif count or ended:
        show(
            f"{count} {'link is' if count == 1 else 'links are'} taken back{' and all embedded tokens' * ended}"
        )
    else:
        show(
            "there is no such link or workspace; `apim-bridge workspace list --json` has those that there are"
        )
    if not count and not ended:
        sys.exit(1)


@workspace.command
@click.argument("number", metavar="ID")
@config_option
@json_option
def delete(number: str, config: Path | None, as_json: bool) -> None:
    """Delete a workspace with its links.

    --json answers `{"deleted": true}`, or false where there is none; the exit code is 1 then.

    Example: apim-bridge workspace delete 65f0c1d2a3b4c5d6e7f80912
    """
    from bridge.analytics.admin import workspaces  # noqa: PLC0415 - see above
    from bridge.analytics.store.people import transaction  # noqa: PLC0415 - see above

    with admin_file(config) as (connection, _), transaction(connection):
        gone = workspaces.delete(connection, number)
    if as_json:
        print(json_text({"deleted": gone}))
    else:
        show(f"{number} is deleted" if gone else f"no workspace has the id {number}")
    if not gone:
        sys.exit(1)


def _kept(connection: Connection, number: str) -> "KeptWorkspace":
    from bridge.analytics.admin import workspaces  # noqa: PLC0415 - see above

    kept = workspaces.get(connection, number)
    if kept is None:
        raise click.ClickException(
            f"no workspace has the id {number}; `apim-bridge workspace list` has those there are"
        )
    return kept


def _now_ms() -> int:
    return int(time.time() * 1000)
