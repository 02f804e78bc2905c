"""Whoever is erased is named by no workspace, link or look either."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from bridge.analytics.admin import for_command, links, looks, workspaces
from bridge.analytics.admin.file import writing
from bridge.analytics.admin.forgetting import forget
from bridge.analytics.admin.looks import WorkspaceLook
from bridge.analytics.sharing.workspace import read_workspace


def _workspace(**given: Any) -> Any:
    return read_workspace({"name": "Calls of ann", **given}, ZoneInfo("UTC"), datetime.now(UTC))


def test_somebody_is_named_nowhere(tmp_path: Path) -> None:
    """What showed them alone is gone, what showed others as well shows those, and the rest is as it was."""
    given: dict[str, dict[str, Any]] = {
        "alone": {"filters": [{"field": "user", "is": "ann"}]},
        "not her": {"filters": [{"field": "user", "is_not": ["ann"]}]},
        "with bob": {"filters": [{"field": "user", "is": ["ann", "bob"]}]},
        "of an API": {"filters": [{"field": "api", "is": "ann"}], "name": "an API"},
        "template": {"template": ["user"], "name": "each"},
    }
    with for_command(tmp_path) as connection:
        with writing(connection):
            ids = {
                name: workspaces.create(connection, _workspace(**one), now_ms=1, by="x") or ""
                for name, one in given.items()
            }
            for user in ("ann", "bob"):
                links.make_link(connection, ids["template"], now_ms=1, values={"user": [user]})
                looks.note(connection, ids["template"], WorkspaceLook(None, "", {"user": user}, "", 1))
        with writing(connection):
            assert forget(connection, {"user", "application_owner"}, {"ann"}, now_ms=2) == 5
        left = {one.id: one.workspace for one in workspaces.every(connection)}
        assert {name for name, number in ids.items() if number in left} == {
            "with bob",
            "of an API",
            "template",
        }
        with_bob = left[ids["with bob"]]
        assert (with_bob.filters, with_bob.name) == (({"field": "user", "is": ["bob"]},), "Calls of …")
        assert [one.values for one in links.links_of(connection, ids["template"])] == [{"user": ["bob"]}]
        assert [one.values for one in looks.looks_at(connection, ids["template"])] == [{"user": "bob"}]
