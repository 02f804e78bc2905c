"""The documents tell what the code does: metrics, endpoints, settings, reasons."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from docs.pages import everything, page, section
from fakes.metric_names import every_metric
from places import ROOT
from rigs.rig import journalling
from rigs.serving import source_of

from bridge.errors import DEAD_REASONS, PAUSE_REASONS, REJECT_REASONS
from bridge.settings.wso2 import TABLE as WSO2_TABLE
from bridge.web.admin import AdminPages, Readiness


def test_every_metric_is_described_as_the_table_says_it() -> None:
    """The table of metrics is the table in the code, no more and no less."""
    rows = re.findall(r"^\| `(apim_bridge_\w+)` \| (.*?) \| (.*?) \|$", page("metrics.md"), re.MULTILINE)
    assert sorted(rows) == sorted(
        (metric.exposed, ", ".join(f"`{label}`" for label in metric.labels) or "", metric.help)
        for metric in every_metric()
    )


def test_every_key_of_wso2_is_described_as_the_table_says_it() -> None:
    """The table of WSO2's keys is the one that `check` shows, no more and no less."""
    rows = re.findall(r"^\| (`.*?`) \| (yes|no) \| (.*?) \|$", page("wso2-keys.md"), re.MULTILINE)
    assert rows == [
        (", ".join(f"`{key}`" for key in row.keys), "yes" if row.honoured else "no", row.meaning)
        for row in WSO2_TABLE
    ]


async def test_every_endpoint_of_the_http_source_is_described(tmp_path: Path) -> None:
    """The page on sources names each path that the source serves, with its method, and no other."""
    async with journalling(tmp_path) as behind:
        served = {(endpoint.method, path) for path, endpoint in source_of(behind)._table.items()}
    assert set(re.findall(r"`(GET|POST) (/[\w/-]+)`", page("sources.md"))) == served


def test_every_admin_page_is_described() -> None:
    """The table of the admin listener has each path that it serves, and no other."""

    async def nothing(_accept: str) -> tuple[bytes, str]:
        return b"", "text/plain"

    async def status() -> dict[str, Any]:
        return {}

    pages = AdminPages(nothing, status, lambda: Readiness(None, {}), lambda: 0.0).pages()
    listed = re.findall(r"^\| `(/\w*)` \|", section(page("operating.md"), "## Listeners"), re.MULTILINE)
    assert set(listed) == set(pages)


@pytest.mark.parametrize("reason", [*DEAD_REASONS, *PAUSE_REASONS, *REJECT_REASONS])
def test_every_reason_is_described(reason: str) -> None:
    """Every reason that an operator may see is explained."""
    assert f"`{reason}`" in everything()


def test_the_sample_is_what_the_settings_say() -> None:
    """config/bridge.toml is generated; `make sample` writes it anew."""
    printed = subprocess.run(
        [sys.executable, "-m", "bridge.cli.sample"], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert (ROOT / "config" / "bridge.toml").read_text() == printed.stdout
