"""Takes somebody out of workspaces, who is erased: a sandbox, a link and the list of who looked may name them."""

import json
import sqlite3
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from bridge.analytics.admin import workspaces
from bridge.analytics.sharing.workspace import Workspace


def forget(
    connection: sqlite3.Connection, fields: Collection[str], values: Collection[str], *, now_ms: int
) -> int:
    """Let no workspace, link or look name these values of these fields; returns how many did.

    What showed nobody else is deleted: without the value it would show more.
    """
    count = 0
    for kept in workspaces.every(connection):
        if not _names(kept.workspace, fields, values):
            continue
        count += 1
        left = _without(kept.workspace, fields, values)
        if left is None:
            workspaces.delete(connection, kept.id)
        else:
            workspaces.change(connection, kept.id, left, now_ms=now_ms)
    for table, key in (("workspace_links", "id"), ("workspace_looks", "number")):
        rows = connection.execute(f"SELECT {key}, given FROM {table} WHERE given != '{{}}'").fetchall()  # noqa: S608 - our own names
        gone = [(row[0],) for row in rows if _gives(json.loads(row[1]), fields, values)]
        connection.executemany(f"DELETE FROM {table} WHERE {key} = ?", gone)  # noqa: S608 - our own names
        count += len(gone)
    return count


def _gives(given: Mapping[str, Any], fields: Collection[str], values: Collection[str]) -> bool:
    said = [text for name in fields for text in _texts(given.get(name))]
    return any(text in values for text in said)


def _texts(value: Any) -> list[Any]:
    return [*value] if isinstance(value, list | tuple) else [value]


def _filters_of(workspace: Workspace) -> list[Mapping[str, Any]]:
    return [*workspace.filters, *(workspace.question.get("filters") or ())]


def _names(workspace: Workspace, fields: Collection[str], values: Collection[str]) -> bool:
    return any(
        one["field"] in fields
        and any(text in values for test in one if test != "field" for text in _texts(one[test]))
        for one in _filters_of(workspace)
    )


def _without(workspace: Workspace, fields: Collection[str], values: Collection[str]) -> Workspace | None:
    """Return a workspace that shows the others who are named; None if there are none, or a client's own words stay."""
    if workspace.document is not None:
        return None
    filters = [_left(one, fields, values) for one in workspace.filters]
    asked = [_left(one, fields, values) for one in workspace.question.get("filters") or ()]
    if None in filters or None in asked:
        return None
    name = workspace.name
    for value in values:
        name = name.replace(value, "…")
    question = {**workspace.question, "filters": asked} if asked else workspace.question
    return replace(workspace, name=name, filters=tuple(one for one in filters if one), question=question)


def _left(
    one: Mapping[str, Any], fields: Collection[str], values: Collection[str]
) -> Mapping[str, Any] | None:
    if one["field"] not in fields:
        return one
    left: dict[str, Any] = {"field": one["field"]}
    for test, value in one.items():
        if test != "field":
            texts = [text for text in _texts(value) if text not in values]
            if not texts:
                return None
            left[test] = texts if isinstance(value, list | tuple) else value
    return left
