"""`status` while no daemon runs: it reads the state folder, and is quick."""

import json
from pathlib import Path
from typing import Any

import pytest
from places import ROOT
from rigs.forks import run_command
from rigs.imports import imported
from rigs.rig import accepted, opened, overwrite

# What brings the daemon's libraries along takes longer than all that `status` does.
HEAVY = {
    "aiohttp",
    "bridge.settings",
    "prometheus_client",
    "pydantic",
    "rich",
    "structlog",
    "tenacity",
    "uvloop",
}


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    """A folder with a state folder that has three events."""
    state = tmp_path / "state"
    state.mkdir()
    async with opened(state, "moesif") as rig:
        await rig.journal.append(accepted(range(3)))
    return tmp_path


def configured(folder: Path, *journal: str) -> Path:
    """Write a configuration with these lines in [bridge.journal]."""
    config = folder / "bridge.toml"
    config.write_text(f'[bridge]\nstate_dir = "{folder}/state"\n[bridge.journal]\n' + "\n".join(journal))
    return config


def status(config: Path) -> tuple[int, Any, str]:
    code, output, errors = run_command("status", "--json", "--config", str(config))
    return code, json.loads(output) if output else None, errors


def test_it_imports_no_model_no_metric_and_no_log(folder: Path) -> None:
    """Neither `status` nor `version` loads pydantic or structlog, with the limits of the sample written out."""
    limits = (
        ROOT.joinpath("config/bridge.toml")
        .read_text()
        .partition("\n[bridge.journal]\n")[2]
        .partition("\n[")[0]
    )
    assert "\nmax_bytes = " in limits
    config = configured(folder, limits)
    for name in ("status", "version"):
        assert imported(name, "--config", str(config)) & HEAVY == set(), name


def test_the_limits_are_those_of_the_configuration(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written in [bridge.journal] counts, a placeholder as well; without it the default does."""
    code, facts, errors = status(configured(folder))
    assert (code, facts["journal"]["max_bytes"], errors) == (0, 2 * 2**30, "")
    monkeypatch.setenv("MOST", "3MiB")
    code, facts, errors = status(configured(folder, 'max_bytes = "$env{MOST}"'))
    assert (code, facts["journal"]["max_bytes"], errors) == (0, 3 * 2**20, "")


def test_a_wrong_limit_is_named(folder: Path) -> None:
    """It is told with its cure, as by a start."""
    code, _, errors = status(configured(folder, 'max_bytes = "much"', "retian = 5"))
    assert code == 2
    assert 'bridge.journal.max_bytes: "much" is not a size; write it like' in errors
    assert 'bridge.journal.retian: unknown key; did you mean "retain"?' in errors


def test_a_damaged_journal_is_told(folder: Path) -> None:
    """That it was set aside stands on standard error, as in the daemon's log; the rest of the log does not."""
    overwrite(folder / "state" / "journal.db", 0, b"\0" * 100)
    code, facts, errors = status(configured(folder))
    (line,) = map(json.loads, errors.splitlines())
    assert (code, facts["sinks"]["moesif"]["pending"]) == (0, 3)
    assert (line["event"], line["level"], line["saved_events"]) == ("journal_set_aside", "critical", 3)
