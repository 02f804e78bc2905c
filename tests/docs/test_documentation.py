"""The documents tell what the code does: metrics, commands, endpoints, settings."""

import re
import subprocess
import sys
import textwrap

import pytest
import tomli
from places import ROOT
from typer.main import get_command

from bridge.cli import command_line
from bridge.errors import DEAD_REASONS, PAUSE_REASONS, REJECT_REASONS
from bridge.settings.wso2 import TABLE as WSO2_TABLE
from bridge.telemetry.metrics import API_TABLE, TABLE

README = (ROOT / "README.md").read_text()


def test_every_metric_is_in_the_readme_as_the_table_says_it() -> None:
    """The README's table of metrics is the table in the code, no more and no less."""
    rows = re.findall(r"^\| `(apim_bridge_\w+)` \| (.*?) \| (.*?) \|$", README, re.MULTILINE)
    assert rows == [
        (metric.exposed, ", ".join(f"`{label}`" for label in metric.labels) or "", metric.help)
        for metric in (*TABLE, *API_TABLE)
    ]


def test_every_key_of_wso2_is_in_the_readme_as_the_table_says_it() -> None:
    """The README's table of WSO2's keys is the one that `check` shows, no more and no less."""
    section = README.partition("### WSO2's keys")[2].partition("\n### ")[0]
    rows = re.findall(r"^\| (`.*?`) \| (yes|no) \| (.*?) \|$", section, re.MULTILINE)
    assert rows == [
        (", ".join(f"`{key}`" for key in row.keys), "yes" if row.honoured else "no", row.meaning)
        for row in WSO2_TABLE
    ]


def test_every_command_is_in_the_readme_and_explains_itself() -> None:
    """Each command has its line in the README, and its help ends with an example."""
    command = get_command(command_line())
    for name, sub in command.commands.items():  # type: ignore[attr-defined] # typer hides click's group
        assert f"`apim-bridge {name}`" in README, name
        for leaf in getattr(sub, "commands", {name: sub}).values():
            assert "Example: apim-bridge " in (leaf.help or ""), leaf.name


@pytest.mark.parametrize(
    "path",
    [
        "/metrics",
        "/healthz",
        "/readyz",
        "/status",
        "/events",
        "/v1/events",
        "/v1/events/batch",
        "/v1/users",
        "/v1/companies",
        "/v1/actions",
        "/v1/subscriptions",
        "/firehose",
        "/traffic-log",
    ],
)
def test_every_endpoint_is_in_the_readme(path: str) -> None:
    """Each path that the bridge serves is described."""
    assert f"`{path}`" in README or f"`POST {path}`" in README


@pytest.mark.parametrize("reason", [*DEAD_REASONS, *PAUSE_REASONS, *REJECT_REASONS])
def test_every_reason_is_in_the_readme(reason: str) -> None:
    """Whatever an operator sees as a reason is explained."""
    assert f"`{reason}`" in README


def test_the_sample_is_what_the_settings_say() -> None:
    """config/bridge.toml is generated; `make sample` writes it anew."""
    printed = subprocess.run(
        [sys.executable, "-m", "bridge.cli.sample"], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert (ROOT / "config" / "bridge.toml").read_text() == printed.stdout


def test_files_that_the_readme_links_to_are_there() -> None:
    """No link of the README leads nowhere."""
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target


def test_links_inside_the_readme_have_a_heading() -> None:
    """The table of contents and every other link to a section find it, by GitHub's names for headings."""
    prose = re.sub(r"^ *```.*?^ *```", "", README, flags=re.DOTALL | re.MULTILINE)
    headings = {
        re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.*)$", prose, re.MULTILINE)
    }
    links = set(re.findall(r"\]\(#([^)]*)\)", README))
    assert links
    assert links <= headings, links - headings


def test_configurations_in_the_readme_are_toml() -> None:
    """Each piece of a configuration can be copied as it stands."""
    blocks = re.findall(r"^( *)```toml\n(.*?)^ *```", README, re.DOTALL | re.MULTILINE)
    assert len(blocks) > 5
    for indentation, block in blocks:
        assert all(line.startswith(indentation) for line in block.splitlines() if line)
        assert tomli.loads(textwrap.dedent(block))
