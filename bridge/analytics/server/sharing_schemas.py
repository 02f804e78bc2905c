"""The schemas of workspaces, for the data API's description."""

from typing import Any, Final

from bridge.analytics.questions.boards import FORMS, MOST_NAME
from bridge.analytics.questions.fields import FIELDS
from bridge.analytics.server.describing import ApiSchema, ref, text
from bridge.analytics.sharing.options import COLORS, SWITCHES
from bridge.analytics.sharing.passwords import LEAST, MOST
from bridge.analytics.sharing.workspace import DEFAULT_PERIOD, EVERY_FIELD

_FIELD: Final = {"enum": [*FIELDS]}
_MOMENT: Final = {"type": ["string", "null"]}
_COLOR: Final = text(pattern="^#([0-9A-Fa-f]{3}|[0-9A-Fa-f]{6})$")


def sharing_schemas() -> dict[str, ApiSchema]:
    """Return the schemas by name."""
    asked = _workspace()
    kept = {
        "id": text(pattern="^[0-9a-f]{24}$"),
        **{name: schema for name, schema in asked.items() if name not in {"password", "public"}},
        "expires": _MOMENT,
        "has_password": {"type": "boolean"},
        "made": text(format="date-time"),
        "changed": text(format="date-time"),
        "made_by": text("Name of the token that made it."),
        "looks": {"type": "integer", "description": "How often it was opened."},
        "links": _list(ref("ShareLink"), "Where one workspace is shown."),
    }
    return {
        "Workspace": _object(asked, "name") | {"additionalProperties": False},
        "KeptWorkspace": _object(kept, "id", "name", "view", "filters", "made"),
        "OpenedWorkspace": _object(_opened(asked), "id", "name", "view", "question", "period", "fields"),
        "LinkRequest": _object(
            {
                "name": text("What tells this link from others.", maxLength=MOST_NAME),
                "values": {
                    "type": "object",
                    "description": "A value, or a list of them, for each field of the template.",
                },
                "from": text("Nothing from before this is shown."),
                "to": text("Nothing from then on is shown."),
                "expires": text(
                    "After how long it ends (90d), or when; an embedded token after a day unless said."
                ),
            }
        )
        | {"additionalProperties": False},
        "ShareLink": _object(
            {
                "id": text(),
                "name": text(),
                "values": {"type": "object"},
                **dict.fromkeys(("from", "to", "made", "expires"), _MOMENT),
                "token": text("Opens the workspace, as `Authorization: Bearer TOKEN`."),
                "url": text("Its page."),
            },
            "id",
            "token",
            "url",
        ),
        "EmbeddedToken": _object({"token": text(), "expires": _MOMENT, "url": text()}, "token", "expires"),
        "WorkspaceLook": _object(
            {
                "at": text(format="date-time"),
                "link": {
                    "type": ["string", "null"],
                    "description": "By which link; null: an embedded token.",
                },
                "name": text("The link's, as it was then."),
                "values": {"type": "object"},
                "address": text("Who asked this server; behind a proxy that is the proxy."),
            },
            "at",
        ),
    }


def _workspace() -> dict[str, ApiSchema]:
    grant = _object({"grantee": text(), "permission": {"enum": ["read", "admin"]}}, "grantee", "permission")
    first, last = DEFAULT_PERIOD
    return {
        "name": text(minLength=1, maxLength=MOST_NAME),
        "view": {"enum": [*FORMS], "default": "events"},
        "question": {
            "type": "object",
            "description": "What the view asks, as a board's view does; there is one for each view unless said.",
        },
        "filters": _list(
            ref("Filter"), "The sandbox: nothing else is seen. Not by correlation_id, hour or weekday."
        ),
        "everything": _flag("Has to be true where neither filters nor a template hold anything back."),
        "template": _list(_FIELD, "Fields that each link, or embedded token, holds to its own values."),
        "shown": _list(
            {"enum": [*FIELDS, EVERY_FIELD]},
            "Fields to show beside those that name nobody else; `*`: all, and each event as it came.",
        ),
        "period": _edges("From when to when it is opened.", first, last),
        "bounds": _edges("Between which times a viewer may choose; null: there is no choice.")
        | {"type": ["object", "null"]},
        "live": _flag("Whether events show as they come in."),
        "events": _flag("Whether there are single events, beside figures.", default=True),
        "options": {
            "type": "object",
            "description": "How the page looks; the address of an embedded page can say it, too.",
            "properties": {
                **{name: {"type": "boolean"} for name in SWITCHES},
                "time_zone": text("In which its days begin."),
                COLORS[0]: _COLOR,
                COLORS[1]: _list(_COLOR),
            },
            "additionalProperties": False,
        },
        "acl": _list(
            grant, "Who may open it: `public` may by its links. Other entries are kept for Moesif's clients."
        ),
        "expires": {**_MOMENT, "description": "After how long it ends (90d), or when."},
        "password": {
            "type": ["string", "null"],
            "minLength": LEAST,
            "maxLength": MOST,
            "description": "Asked for at its links; kept as a hash.",
        },
        "public": _flag("Adds `public` to acl and, without a template, a link."),
    }


def _opened(asked: dict[str, ApiSchema]) -> dict[str, ApiSchema]:
    same = ("name", "view", "question", "period", "bounds", "live", "events", "options")
    return {
        "id": text(),
        **{name: asked[name] for name in same},
        "time_zone": text(),
        "seen": _edges("Between which times there are calls now; null: no bound."),
        "fields": _list(_FIELD, "What is shown, and may be asked for."),
        "filters": _list(ref("Filter"), "What it is held by, as far as that is shown."),
        "expires": _MOMENT,
    }


def _edges(about: str, first: str | None = None, last: str | None = None) -> ApiSchema:
    return {
        "type": "object",
        "description": about,
        "properties": {
            name: _MOMENT | ({} if value is None else {"default": value})
            for name, value in (("from", first), ("to", last))
        },
    }


def _flag(about: str, *, default: bool = False) -> ApiSchema:
    return {"type": "boolean", "description": about, "default": default}


def _object(properties: dict[str, ApiSchema], *required: str) -> ApiSchema:
    return {"type": "object", "properties": properties, "required": [*required]}


def _list(items: Any, about: str = "") -> ApiSchema:
    return {"type": "array", "items": items} | ({"description": about} if about else {})
