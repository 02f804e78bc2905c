"""Looks, before a wheel or a source distribution is built, whether the dashboard is there to go into it."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class DashboardHook(BuildHookInterface[Any]):
    """Without the dashboard an installation would answer 404 where people look for it."""

    def initialize(self, version: str, _build_data: dict[str, Any]) -> None:
        """End the build if the dashboard has not been built; an editable installation finds it when it is."""
        page = Path(self.root, "bridge", "analytics", "static", "index.html")
        if version != "editable" and not page.is_file():
            raise SystemExit(
                f"{page} is missing: the dashboard is not built; run `make dist`, which builds it first"
            )
