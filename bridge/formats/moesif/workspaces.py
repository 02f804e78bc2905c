"""A workspace as Moesif's Management API takes it, read and written.

Shapes: Moesif/apidocs, management-api.json (`WorkspaceCreateItem`), and the guide's example, the only public one. What
restricts a workspace is read to the last clause. The rest (colours, drawings, widths) is kept and given back as it
came.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from bridge.errors import Unanswerable
from bridge.formats.moesif.bounds import read_bound
from bridge.formats.moesif.clauses import Clauses, read_policy
from bridge.formats.moesif.names import FIELD_OF, plain
from bridge.formats.moesif.refusals import unknown_option
from bridge.formats.moesif.resource import resource_of
from bridge.formats.moesif.searches import EventSearch, read_search

VIEWS: Final = ("events", "time", "segment", "map", "table", "heatmap")
PUBLIC: Final = "public"
PERMISSIONS: Final = ("read", "write", "admin")
_POLICY: Final = ("acl", "resource", "api_scopes", "original_encoded_resource")
_TEMPLATE: Final = ("dynamic_fields", "dynamic_time")
_MOST_NAME: Final = 200
_MOST_DYNAMIC: Final = 20


@dataclass(frozen=True, slots=True)
class DynamicField:
    """A field whose value comes with each token of an embedded view."""

    name: str
    """As Moesif's callers name it: `user_id`."""
    field: str


@dataclass(frozen=True, slots=True)
class MoesifWorkspace:
    """What a caller of the Management API wants to have made."""

    name: str
    view: str
    since: str
    """From when on the view shows at first, in the words of periods."""
    until: str
    time_zone: str | None
    policy: Clauses
    search: EventSearch
    """`es_query`: its filters hold, too."""
    public: bool
    """Whether `acl` lets everybody read."""
    dynamic: tuple[DynamicField, ...]
    dynamic_time: bool
    body: Mapping[str, Any]
    """As it came."""

    @property
    def is_template(self) -> bool:
        """Whether it is shown with tokens only, each for one customer."""
        return bool(self.dynamic) or self.dynamic_time


def read_workspace(body: Any) -> MoesifWorkspace:
    """Return the workspace of a body; raises Unanswerable."""
    given = _object(body, "the body")
    name = given.get("name")
    if not isinstance(name, str) or not 0 < len(name.strip()) <= _MOST_NAME:
        raise Unanswerable(f"name is not a text of 1 to {_MOST_NAME} characters", "name it", field="name")
    chart = _object(given.get("chart"), "chart")
    view = chart.get("view")
    if view not in VIEWS:
        raise Unanswerable(
            f'chart.view: there is no view "{str(view)[:40]}"',
            f"take one of {', '.join(VIEWS)}",
            field="chart.view",
        )
    if not isinstance(chart.get("url_query", ""), str):
        raise Unanswerable(
            "chart.url_query is not a text",
            "leave it empty: it only says what a page has set",
            field="chart.url_query",
        )
    zone = chart.get("time_zone")
    policy = _object(given.get("policy"), "policy")
    for key in policy:
        if key not in _POLICY:
            raise unknown_option(key, "policy", _POLICY)
    if policy.get("api_scopes"):
        raise Unanswerable(
            "policy.api_scopes is not understood here",
            "leave it out; tokens have scopes",
            field="policy.api_scopes",
        )
    if "resource" not in policy:
        raise Unanswerable(
            "policy.resource is missing, so that every call would be shown",
            'add what may be seen, such as {"must": [{"terms": {"user_id.raw": ["alice"]}}]}',
            field="policy.resource",
        )
    dynamic, dynamic_time = _template(given.get("template"))
    clauses = read_policy(policy["resource"])
    return MoesifWorkspace(
        name=name,
        view=view,
        since=read_bound(chart.get("from") or "-1w", "chart.from"),
        until=read_bound(chart.get("to") or "now", "chart.to"),
        time_zone=zone if isinstance(zone, str) and zone else None,
        policy=clauses,
        search=read_search(chart.get("es_query") or {}, "chart.es_query."),
        public=any(grantee == PUBLIC for grantee, _ in _acl(policy.get("acl"))),
        dynamic=_checked(dynamic, clauses),
        dynamic_time=dynamic_time,
        body=given,
    )


def _object(given: Any, place: str) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise Unanswerable(
            f"{place} is {'missing' if given is None else 'not an object'}",
            "send name, chart and policy, as in the documentation",
            field=place,
        )
    return given


def _acl(given: Any) -> list[tuple[str, str]]:
    """Return who may do what; raises Unanswerable."""
    if not isinstance(given, list):
        raise Unanswerable(
            "policy.acl is not a list",
            'write [{"grantee": "public", "permission": "read"}]',
            field="policy.acl",
        )
    return [
        read_grant(one.get("grantee"), one.get("permission"), f"policy.acl[{number}]")
        if isinstance(one, dict)
        else read_grant(None, None, f"policy.acl[{number}]")
        for number, one in enumerate(given)
    ]


def read_grant(grantee: Any, permission: Any, place: str) -> tuple[str, str]:
    """Return a grantee and its permission; raises Unanswerable."""
    known = isinstance(grantee, str) and (grantee == PUBLIC or grantee.partition("|")[2])
    if not known:
        raise Unanswerable(
            f'{place}: "{str(grantee)[:60]}" is no grantee',
            'write "public", or "org|ORG"',
            field=f"{place}.grantee",
        )
    if permission not in PERMISSIONS or (grantee == PUBLIC and permission != "read"):
        raise Unanswerable(
            f'{place}: {grantee} cannot have the permission "{str(permission)[:40]}"',
            "everybody may only read" if grantee == PUBLIC else f"take one of {', '.join(PERMISSIONS)}",
            field=f"{place}.permission",
        )
    return grantee, permission


def _template(given: Any) -> tuple[tuple[DynamicField, ...], bool]:
    if given is None:
        return (), False
    template = _object(given, "template")
    for key in template:
        if key not in _TEMPLATE:
            raise unknown_option(key, "template", _TEMPLATE)
    names = template.get("dynamic_fields", [])
    if not isinstance(names, list) or len(names) > _MOST_DYNAMIC:
        raise Unanswerable(
            "template.dynamic_fields is no list of names",
            'write ["user_id"]',
            field="template.dynamic_fields",
        )
    known = []
    for number, name in enumerate(names):
        if not isinstance(name, str) or plain(name) not in FIELD_OF:
            raise unknown_option(name, f"template.dynamic_fields[{number}]", [*FIELD_OF])
        known.append(DynamicField(plain(name), FIELD_OF[plain(name)]))
    dynamic_time = template.get("dynamic_time", False)
    if not isinstance(dynamic_time, bool):
        raise Unanswerable(
            "template.dynamic_time is not true or false", "correct it", field="template.dynamic_time"
        )
    return tuple(dict.fromkeys(known)), dynamic_time


def _checked(dynamic: tuple[DynamicField, ...], clauses: Clauses) -> tuple[DynamicField, ...]:
    """Return the dynamic fields, if the policy fits; raises Unanswerable."""
    names = {one.name for one in dynamic}
    for name in clauses.placeholders:
        if name not in names:
            raise Unanswerable(
                f"policy.resource: {{{{{name}}}}} is not among template.dynamic_fields",
                f'add "{name}" there, or give the value',
                field="template.dynamic_fields",
            )
    for one in dynamic:
        if any(made["field"] == one.field for made in clauses.filters):
            raise Unanswerable(
                f"policy.resource: {one.name} has a value, and is a dynamic field, too",
                f'write "{{{{{one.name}}}}}" there, or leave the clause out',
                field="policy.resource",
            )
    return dynamic


def filled(
    dynamic: Iterable[DynamicField], values: Any, place: str = "template.values"
) -> list[dict[str, Any]]:
    """Return the filters of dynamic fields with their values; raises Unanswerable unless each has one."""
    given = _object({} if values is None else values, place)
    fields = {one.name: one.field for one in dynamic}
    filters = []
    read = {}
    for name, value in given.items():
        if plain(name) not in fields:
            raise unknown_option(name, place, [*fields] or ["no dynamic field"])
        read[plain(name)] = value
    for name, field in fields.items():
        value = read.get(name)
        there = value if isinstance(value, list) else [value]
        if not there or not all(_is_value(one) for one in there):
            raise Unanswerable(
                f"{place}.{name} has no value, and without it every one would be shown",
                f'send {{"{name}": "…"}}',
                field=f"{place}.{name}",
            )
        filters.append({"field": field, "is": [str(one) for one in there]})
    return filters


def _is_value(given: Any) -> bool:
    return (
        bool(given)
        if isinstance(given, str)
        else isinstance(given, int | float) and not isinstance(given, bool)
    )


def workspace_body(
    name: str, view: str, filters: list[dict[str, Any]], period: str, *, org: str, public: bool
) -> dict[str, Any]:
    """Return the body that makes a workspace at Moesif; `period`: `1w`, as Moesif writes it. Raises Unanswerable."""
    acl = [{"grantee": f"org|{org}", "permission": "admin"}]
    if public:
        acl.append({"grantee": PUBLIC, "permission": "read"})
    return {
        "name": name,
        "chart": {
            "args": "",
            "url_query": _url_query(filters),
            "view": view,
            "es_query": {"size": 50, "from": 0, "sort": [{"request.time": "desc"}]},
            "from": f"-{period}",
            "to": "now",
        },
        "policy": {"resource": resource_of(filters, f"now-{period}", "now"), "acl": acl},
    }


def _url_query(filters: list[dict[str, Any]]) -> str:
    """Return what Moesif's page shows as its filter: of users alone its form is known."""
    users = [one["is"] for one in filters if one["field"] == "user" and isinstance(one.get("is"), list)]
    if len(users) != 1 or None in users[0]:
        return ""
    parts = [
        f"{quote(f'userIdFilter[{number}][{key}]', safe='')}={quote(str(value), safe='')}"
        for number, user in enumerate(users[0])
        for key, value in (("key", user), ("flag", "or"))
    ]
    return f"?{'&'.join(parts)}"
