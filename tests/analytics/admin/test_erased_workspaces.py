"""Whoever is erased is named by no workspace, link or look either, and none of them shows more because of it."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bridge.analytics.admin import AdminFile, links, looks, workspaces
from bridge.analytics.admin.looks import WorkspaceLook
from bridge.analytics.erasures.written import blot_admin
from bridge.analytics.sharing.workspace import Workspace, read_workspace
from bridge.analytics.store.subjects import Erasure


def _workspaces(field: str, value: str) -> list[Workspace]:
    given: list[dict[str, Any]] = [
        {"filters": [{"field": field, "is": value}]},
        {"filters": [{"field": field, "is": [value, "Bob"]}]},
        {
            "filters": [{"field": "api", "is": "Orders"}],
            "shown": [field],
            "question": {"filters": [{"field": field, "is_not": [value]}]},
        },
        {"template": [field]},
    ]
    made = [
        read_workspace({"name": f"Calls of {field} {value}", **one}, ZoneInfo("UTC"), datetime.now(UTC))
        for one in given
    ]
    document = {
        "chart": {"url_query": f"?filter[0][key]={value.replace(' ', '%20')}", "view": "events"},
        "policy": {"resource": {"must": [{"terms": {"user_id.raw": [value]}}]}},
        "original_encoded_resource": f'{{"must":[{{"terms":{{"user_id.raw":["{value}"]}}}}]}}',
    }
    return [*made, Workspace("from a client", filters=({"field": field, "is": [value]},), document=document)]


@pytest.mark.parametrize(
    ("field", "value"),
    [("user", "ann@acme.com"), ("company", "Acme Corp"), ("application", "Mobile/App"), ("ip", "10.1.2.3")],
)
async def test_somebody_is_named_nowhere(tmp_path: Path, field: str, value: str) -> None:
    """Not in filters, names, links, looks, or what a client sent; what was held to that value shows nothing."""
    async with AdminFile.opened(tmp_path) as admin:

        def make(connection: Any) -> None:
            for one in _workspaces(field, value):
                number = workspaces.create(connection, one, now_ms=1, by="x") or ""
                links.make_link(connection, number, now_ms=1, name=f"for {value}", values={field: [value]})
                look = WorkspaceLook(None, f"for {value}", {field: value}, "", 1)
                looks.note(connection, number, look)

        await admin.write(make)
        await admin.write(lambda connection: blot_admin(connection, Erasure(field, value, 0)))
        await admin.settle()
        kept = await admin.read(workspaces.every)
        assert len(kept) == 5
        held = [one.workspace.filters for one in kept if field in str(one.workspace.filters)]
        assert sorted(str(one[0]["is"]) for one in held) == [
            "['[erased]', 'Bob']",
            "['[erased]']",
            "[erased]",
        ]
        found = await asyncio.to_thread(_having, tmp_path, value.encode())
        assert found == []


def _having(folder: Path, text: bytes) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.is_file() and text in path.read_bytes()]
