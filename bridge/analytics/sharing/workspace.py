"""A workspace: a named view, the sandbox that it shows, and what its viewers may do."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from bridge.analytics.questions.boards import FORMS, read_name, read_view_question
from bridge.analytics.questions.fields import FIELDS, FieldKind
from bridge.analytics.questions.filters import CallFilter, read_filters
from bridge.analytics.questions.periods import read_period, read_time
from bridge.analytics.questions.question import read_question, read_zone
from bridge.analytics.questions.sandbox import Sandbox, default_fields
from bridge.analytics.questions.words import known, one_of
from bridge.analytics.sharing.options import read_options
from bridge.errors import Unanswerable

DEFAULT_PERIOD: Final = ("-1w", "now")
PUBLIC: Final = "public"
EVERY_FIELD: Final = "*"
QUESTIONS: Final[Mapping[str, Mapping[str, Any]]] = {
    "events": {},
    "time": {"measures": ["calls"]},
    "segment": {"measures": ["calls"], "by": ["api"]},
    "map": {"measures": ["calls"], "by": ["country"]},
    "table": {"measures": ["calls", "error_rate", "latency_p95"], "by": ["api"]},
    "heatmap": {"measures": ["calls"], "by": ["weekday", "hour"]},
}
"""What each view asks unless said."""
_MOST_GRANTS: Final = 100
_MOST_GRANTEE: Final = 200
_PERMISSIONS: Final = ("read", "admin")
_KEYS: Final = (
    *("name", "view", "question", "filters", "everything", "template", "shown", "period", "bounds"),
    *("live", "events", "options", "acl"),
)
_TEMPLATE_KINDS: Final = frozenset({FieldKind.NAME, FieldKind.PERSON, FieldKind.TEXT})


@dataclass(frozen=True, slots=True)
class Grant:
    """Who may do what with a workspace: `public` may read it by its links; others are for Moesif's clients."""

    grantee: str
    permission: str


@dataclass(frozen=True, slots=True)
class Workspace:
    """What is shown; all of it is checked, and kept as it was written."""

    name: str
    view: str = "events"
    """One of the forms of a board's views."""
    question: Mapping[str, Any] = field(default_factory=dict)
    """What the view asks, as a board's views do."""
    filters: tuple[Mapping[str, Any], ...] = ()
    """What holds the sandbox, as a question's filters are written."""
    template: tuple[str, ...] = ()
    """Fields that each link, or embedded token, holds to values of its own."""
    shown: tuple[str, ...] = ()
    """Fields beside those that name nobody else; `*`: all of them, and the event as it came."""
    period: tuple[str, str] = DEFAULT_PERIOD
    """From when to when it is opened."""
    bounds: tuple[str | None, str | None] | None = None
    """Between which times a viewer may choose another period; None: there is no choice."""
    live: bool = False
    """Whether events show as they come in."""
    events: bool = True
    """Whether there are single events, beside figures."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """How the page looks: `options`."""
    acl: tuple[Grant, ...] = ()
    expires_ms: int | None = None
    password: str | None = None
    """As `passwords` hashes it."""
    document: Mapping[str, Any] | None = None
    """What Moesif's clients sent, and get back."""

    @property
    def public(self) -> bool:
        """Whether its links can be opened without a login."""
        return any(grant.grantee == PUBLIC for grant in self.acl)

    def sandbox(
        self, values: Mapping[str, Any], zone: ZoneInfo, now: datetime, bounds: "TimeBounds | None" = None
    ) -> Sandbox:
        """Return what is seen by whoever has these values for the template; raises Unanswerable.

        `zone`: for a workspace that names none; `bounds`: the token's own.
        """
        filters = (*read_filters([*self.filters]), *_template_filters(self.template, values))
        fields = None if EVERY_FIELD in self.shown else default_fields(filters) | {*self.shown}
        earliest, latest = self._times(self.zone(zone), now)
        own = bounds or TimeBounds()
        return Sandbox(filters, fields, _later(earliest, own.earliest), _earlier(latest, own.latest))

    def zone(self, default: ZoneInfo) -> ZoneInfo:
        """Return the time zone in which its days begin."""
        return read_zone(self.options.get("time_zone"), default)

    def _times(self, zone: ZoneInfo, now: datetime) -> tuple[int | None, int | None]:
        first, last = self.period if self.bounds is None else self.bounds
        earliest = None if first is None else read_time(first, zone, now, "from")
        # What comes in from a clock that is ahead is there, too.
        return earliest, None if last is None or last == "now" else read_time(last, zone, now, "to")


@dataclass(frozen=True, slots=True)
class TimeBounds:
    """Between which times a token shows anything, in microseconds since the epoch; None: no bound of its own."""

    earliest: int | None = None
    latest: int | None = None


def _later(one: int | None, other: int | None) -> int | None:
    return max((at for at in (one, other) if at is not None), default=None)


def _earlier(one: int | None, other: int | None) -> int | None:
    return min((at for at in (one, other) if at is not None), default=None)


def _template_filters(template: tuple[str, ...], values: Mapping[str, Any]) -> tuple[CallFilter, ...]:
    for name in values:
        one_of(name, template, "field of the template", "values")
    given = []
    for name in template:
        texts = values.get(name)
        texts = texts if isinstance(texts, list) else [texts]
        if not texts or not all(isinstance(text, str) and text for text in texts):
            # Without a value it would hold nothing.
            raise Unanswerable(
                f"values: the template's field {name} has no value",
                f'write it like {{"{name}": "…"}}',
                field=f"values.{name}",
            )
        given.append({"field": name, "is": texts})
    return read_filters(given)


def read_workspace(given: Any, zone: ZoneInfo, now: datetime) -> Workspace:
    """Return the workspace that a JSON object describes, without expiry and password; raises Unanswerable."""
    if not isinstance(given, dict):
        raise Unanswerable(
            "a workspace is a JSON object", 'write it like {"name": "…", "view": "events", "filters": […]}'
        )
    for key in given:
        one_of(key, _KEYS, "key", str(key)[:60])
    view = known(given.get("view", "events"), FORMS, "view", "view")
    workspace = Workspace(
        name=read_name(given, "name", "name"),
        view=view.name,
        question=read_view_question(given.get("question") or QUESTIONS[view.name], view),
        filters=tuple(given.get("filters") or ()) if isinstance(given.get("filters"), list) else (),
        template=_read_template(given.get("template")),
        shown=_read_shown(given.get("shown")),
        period=_read_period(given.get("period")),
        bounds=_read_bounds(given.get("bounds")),
        live=_truth(given, "live", default=False),
        events=_truth(given, "events", default=True),
        options=read_options(given.get("options")),
        acl=_read_acl(given.get("acl")),
    )
    _check_holds(workspace, given, _truth(given, "everything", default=False))
    check_workspace(workspace, zone, now)
    return workspace


def check_workspace(workspace: Workspace, zone: ZoneInfo, now: datetime) -> None:
    """Return if a workspace can be shown: its view asks for what its sandbox shows. Raises Unanswerable."""
    if workspace.view == "events" and not workspace.events:
        raise Unanswerable(
            "the view events is of single events, which are off", "leave events out", field="events"
        )
    sandbox = workspace.sandbox(dict.fromkeys(workspace.template, "x"), zone, now)
    read_period(*workspace.period, workspace.zone(zone), now)
    asked = {"measures": ["calls"], **workspace.question}
    read_question(asked, now=now, zone=zone).within(sandbox)


def _check_holds(workspace: Workspace, given: Mapping[str, Any], everything: bool) -> None:
    filters = read_filters(given.get("filters"))
    if not filters and not workspace.template and not everything:
        raise Unanswerable(
            "the workspace has no filters: it would show all events",
            'add filters such as {"field": "user", "is": "…"}, a template, or "everything": true if that is meant',
            field="filters",
        )


def _read_template(given: Any) -> tuple[str, ...]:
    names = _names(given, "template")
    for name in names:
        one = known(name, FIELDS, "field", "template")
        if one.kind not in _TEMPLATE_KINDS or one.codes is not None:
            raise Unanswerable(
                f"template: {name} has no texts", "take a field such as user", field="template"
            )
        Sandbox(read_filters([{"field": name, "is": "x"}]))
    return names


def _read_shown(given: Any) -> tuple[str, ...]:
    names = _names(given, "shown")
    for name in names:
        one_of(name, (*FIELDS, EVERY_FIELD), "field", "shown")
    return names


def _names(given: Any, key: str) -> tuple[str, ...]:
    if given is None:
        return ()
    if (
        not isinstance(given, list)
        or len(given) > len(FIELDS)
        or not all(isinstance(name, str) for name in given)
    ):
        raise Unanswerable(f"{key} is not a list of names", f'write it like "{key}": ["user"]', field=key)
    return tuple(dict.fromkeys(given))


def _read_period(given: Any) -> tuple[str, str]:
    start, end = _edges(given, "period")
    return start or DEFAULT_PERIOD[0], end or DEFAULT_PERIOD[1]


def _read_bounds(given: Any) -> tuple[str | None, str | None] | None:
    return None if given is None else _edges(given, "bounds")


def _edges(given: Any, key: str) -> tuple[str | None, str | None]:
    given = {} if given is None else given
    if not isinstance(given, dict) or not all(isinstance(one, str | None) for one in given.values()):
        raise Unanswerable(
            f"{key} is not an object of two times", f'write it like "{key}": {{"from": "-4w"}}', field=key
        )
    for name in given:
        one_of(name, ("from", "to"), "key", key)
    return given.get("from"), given.get("to")


def _truth(given: Mapping[str, Any], key: str, *, default: bool) -> bool:
    value = given.get(key, default)
    if not isinstance(value, bool):
        raise Unanswerable(f"{key} is not true or false", "correct it", field=key)
    return value


def _read_acl(given: Any) -> tuple[Grant, ...]:
    if given is None:
        return ()
    grants = given if isinstance(given, list) else [given]
    if len(grants) > _MOST_GRANTS:
        raise Unanswerable(f"acl has more than {_MOST_GRANTS} entries", "shorten it", field="acl")
    return tuple(read_grant(one) for one in grants)


def read_grant(given: Any) -> Grant:
    """Return one entry of an access list; raises Unanswerable."""
    grantee = given.get("grantee") if isinstance(given, dict) else None
    if not isinstance(grantee, str) or not 0 < len(grantee) <= _MOST_GRANTEE:
        raise Unanswerable(
            "an entry of acl names no grantee",
            'write it like {"grantee": "public", "permission": "read"}',
            field="acl",
        )
    permission = one_of(given.get("permission"), _PERMISSIONS, "permission", "acl")
    if grantee == PUBLIC and permission != "read":
        raise Unanswerable("acl: the public may read, and nothing else", 'write "read"', field="acl")
    return Grant(grantee, permission)


def shown_workspace(workspace: Workspace) -> dict[str, Any]:
    """Return a workspace as `read_workspace` takes it."""
    bounds = workspace.bounds
    return {
        "name": workspace.name,
        "view": workspace.view,
        "question": workspace.question,
        "filters": workspace.filters,
        "everything": not workspace.filters and not workspace.template,
        "template": workspace.template,
        "shown": workspace.shown,
        "period": dict(zip(("from", "to"), workspace.period, strict=True)),
        "bounds": None if bounds is None else dict(zip(("from", "to"), bounds, strict=True)),
        "live": workspace.live,
        "events": workspace.events,
        "options": workspace.options,
        "acl": [{"grantee": grant.grantee, "permission": grant.permission} for grant in workspace.acl],
    }


def made_public(workspace: Workspace) -> Workspace:
    """Return a workspace whose links can be opened by everybody who has one."""
    return workspace if workspace.public else replace(workspace, acl=(*workspace.acl, Grant(PUBLIC, "read")))
