"""A workspace as a document of Moesif's, and back."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from bridge.analytics.admin.workspaces import KeptWorkspace
from bridge.analytics.server.moesif.charts import clauses_of, question_of
from bridge.analytics.sharing.workspace import Grant, Workspace, check_workspace
from bridge.errors import Unanswerable
from bridge.events.times import format_ms
from bridge.formats.moesif.names import NAME_OF
from bridge.formats.moesif.resource import resource_of
from bridge.formats.moesif.workspaces import MoesifWorkspace, read_workspace

_AGREEING: Final = ("view", "question", "filters", "template", "period", "bounds", "shown", "events")
_OWN: Final = ("org_id", "app_id")
"""What is kept beside the body: who was named as the owner when the workspace was made."""


def workspace_of(
    read: MoesifWorkspace, owner: Mapping[str, str], zone: ZoneInfo, now: datetime, expires_ms: int | None
) -> Workspace:
    """Return the workspace that a body stands for, checked; raises Unanswerable."""
    workspace = _made(read, owner, expires_ms)
    check_workspace(workspace, zone, now)
    return workspace


def _made(read: MoesifWorkspace, owner: Mapping[str, str], expires_ms: int | None) -> Workspace:
    since, until = read.policy.bounds.since, read.policy.bounds.until
    for side, times in (("gte", since), ("lte", until)):
        if len(times) > 1:
            raise Unanswerable(
                f"policy.resource has several ranges of request.time ({side})",
                "write one",
                field="policy.resource",
            )
    charted = clauses_of(read.search)
    if any(one.bounds.since or one.bounds.until for one in charted):
        raise Unanswerable(
            "chart.es_query has a range of request.time",
            "say it with chart.from and chart.to, or in policy.resource",
            field="chart.es_query",
        )
    bounds: tuple[str | None, str | None] | None = None
    if since or until or read.dynamic_time:
        # With dynamic_time each token brings its own.
        bounds = (since[0] if since else None, until[0] if until else None)
    acl = tuple(Grant(one["grantee"], one["permission"]) for one in read.body["policy"]["acl"])
    return Workspace(
        name=read.name,
        view=read.view,
        question=question_of(read.view, read.search),
        filters=(*read.policy.filters, *(made for one in charted for made in one.filters)),
        template=tuple(one.field for one in read.dynamic),
        period=(read.since, read.until),
        bounds=bounds,
        live=read.view == "events" and read.until == "now",
        events=read.view == "events",
        options={} if read.time_zone is None else {"time_zone": read.time_zone},
        acl=acl,
        expires_ms=expires_ms,
        document={**read.body, **owner},
    )


def document_of(kept: KeptWorkspace, looks: int = 0) -> dict[str, Any]:
    """Return what Moesif's callers get of a workspace; one that was made in another way is put into that form."""
    workspace = kept.workspace
    body = dict(workspace.document or {})
    if not agrees(workspace):
        body |= _written(workspace)
    acl = [{"grantee": grant.grantee, "permission": grant.permission} for grant in workspace.acl]
    body["policy"] = {**body["policy"], "acl": acl}
    return body | {
        "_id": kept.id,
        "name": workspace.name,
        "org_id": body.get("org_id", "~"),
        "app_id": body.get("app_id", "~"),
        "auth_user_id": kept.made_by,
        "created": format_ms(kept.made_ms),
        "view_count": looks,
        "is_template": is_template(workspace),
        "sequence": [],
        "comments": {"summary": {"count": 0}},
    }


def agrees(workspace: Workspace) -> bool:
    """Return whether what is kept of Moesif's body is still what the workspace shows.

    It may have been changed in another way since; then the body would open what was closed.
    """
    if workspace.document is None:
        return False
    try:
        made = _made(read_workspace(body_of(workspace.document)), {}, None)
    except Unanswerable:
        return False
    return all(getattr(made, name) == getattr(workspace, name) for name in _AGREEING)


def is_template(workspace: Workspace) -> bool:
    """Return whether it is shown with a token for each viewer."""
    return bool(workspace.template) or has_dynamic_time(workspace)


def has_dynamic_time(workspace: Workspace) -> bool:
    """Return whether each token has to say from when to when it shows anything."""
    template = (workspace.document or {}).get("template")
    return isinstance(template, Mapping) and template.get("dynamic_time") is True


def body_of(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body that a workspace was made of, without its owner."""
    return {name: value for name, value in document.items() if name not in _OWN}


def owner_of(document: Mapping[str, Any]) -> dict[str, str]:
    """Return who was named as the owner."""
    return {name: str(document[name]) for name in _OWN if name in document}


def _written(workspace: Workspace) -> dict[str, Any]:
    try:
        resource = resource_of(workspace.filters)
    except Unanswerable:
        # Its sandbox has no form there, or it holds a template's fields alone.
        resource = {}
    body: dict[str, Any] = {
        "name": workspace.name,
        "chart": {
            "view": workspace.view,
            "url_query": "",
            "from": workspace.period[0],
            "to": workspace.period[1],
        },
        "policy": {"acl": [], "resource": resource},
    }
    if workspace.template:
        names = [NAME_OF.get(field, field) for field in workspace.template]
        body["template"] = {"dynamic_fields": names, "dynamic_time": False}
    return body
