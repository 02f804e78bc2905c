"""What holds for every command: what it imports, where it finds the configuration, how it ends, what it shows."""

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
from places import ROOT
from rigs.forks import run_command
from rigs.imports import imported
from rigs.rig import accepted, opened

from bridge.cli import COMMANDS, command_line
from bridge.cli.showing import json_text, printable
from bridge.journal import Letter

# Whatever takes long to import: a running daemon is asked without any of it.
HEAVY = {
    "aiohttp",
    "asyncio",
    "msgspec",
    "prometheus_client",
    "pydantic",
    "rich",
    "sqlite3",
    "structlog",
    "uvloop",
}
CONFIG = """
[bridge]
type = "moesif"
state_dir = "{folder}"
[bridge.sources.log]
paths = ["/no/such/logs/*.log"]
[bridge.sinks.moesif]
key = "$env{{NOT_SET}}"
base_url = "$env{{NOT_SET_EITHER}}"
"""
TRICKY = "\x1b[2J\x9b1m\u202e\u2066\U000e0001 "


def leaves() -> list[tuple[str, ...]]:
    """Every command that does something, by its words."""
    root = command_line()
    found: list[tuple[str, ...]] = []
    for name in COMMANDS:
        command = root.get_command(click.Context(root), name)
        if not isinstance(command, click.Group) or command.invoke_without_command:
            found.append((name,))
        if isinstance(command, click.Group):
            found += [(name, leaf) for leaf in command.commands]
    return found


def parameters(words: tuple[str, ...]) -> set[str]:
    """The options of a command."""
    command: click.Command | None = command_line()
    for word in words:
        assert isinstance(command, click.Group)
        command = command.get_command(click.Context(command), word)
    assert command is not None
    return {name for parameter in command.params for name in parameter.opts}


@pytest.fixture
async def state(tmp_path: Path) -> Path:
    """A state folder with events and a dead letter, and beside it a configuration whose secrets are not there."""
    folder = tmp_path / "state"
    folder.mkdir()
    async with opened(folder, "moesif") as rig:
        await rig.journal.append(accepted(range(3)))
        tricky = json.dumps({"apiName": TRICKY}, ensure_ascii=False).encode()
        letter = Letter("0" * 36, tricky, 1000, "refused", 400, f"no {TRICKY}\n\x07")
        await rig.deliver("moesif", 2, 2, letters=[letter])
    config = tmp_path / "bridge.toml"
    config.write_text(CONFIG.format(folder=folder))
    return config


def shell(line: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a line with `apim-bridge` in it in a real shell."""
    program = f"{sys.executable} -m bridge"
    return subprocess.run(
        ["bash", "-c", line.replace("apim-bridge", program)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environ},
    )


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["version"], ["completion", "-h"]])
def test_what_says_little_imports_little(arguments: list[str]) -> None:
    """`--help`, `--version` and `version` load no library but the one that reads the command line."""
    modules = imported(*arguments)
    assert modules & (HEAVY - {"sqlite3"}) == set()
    assert len(modules) < 400, len(modules)


def test_asking_a_daemon_imports_little() -> None:
    """What asks the running daemon needs neither its libraries nor the models of its settings."""
    for name in ("status", "reload", "tap", "dead-letters", "replay"):
        modules = imported(name, "-h")
        assert modules & HEAVY == set(), name


def test_commands_need_no_secret(state: Path) -> None:
    """Everything but `run`, `check` and a replay without a daemon works without any secret."""
    asked = ["--config", str(state)]
    for line, code in [
        ("status", 0),
        ("version", 0),
        ("dead-letters list", 0),
        ("dead-letters show 1", 0),
        ("dead-letters export -o -", 0),
        ("journal verify", 0),
        ("journal inspect", 0),
        ("rewind --sink moesif --to 1h", 0),
        ("tap", 1),
        ("reload", 1),
        ("dead-letters purge --all", 0),
    ]:
        ended, output, errors = run_command(*line.split(), *asked)
        assert (ended, "NOT_SET" in output + errors) == (code, False), (line, output, errors)
    for line in ("run", "check", "replay --sink moesif --all"):
        ended, _, errors = run_command(*line.split(), *asked)
        assert ended == 2, line
        assert "bridge.sinks.moesif.key: $env{NOT_SET} is not set" in errors


def test_the_usual_places_of_the_configuration(state: Path, tmp_path: Path) -> None:
    """Without --config it is the variable's file, then bridge.toml of the folder; else the places are named."""
    empty = tmp_path / "empty"
    empty.mkdir()
    where = f"cd {state.parent} && apim-bridge version --json"
    assert "bridge.toml" in json.loads(shell(where, APIM_BRIDGE_CONFIG="").stdout)["configuration"]
    where = f"cd {empty} && apim-bridge version --json"
    assert str(state) in json.loads(shell(where, APIM_BRIDGE_CONFIG=str(state)).stdout)["configuration"]
    nowhere = shell(f"cd {empty} && apim-bridge status", APIM_BRIDGE_CONFIG="")
    assert nowhere.returncode == 2
    assert "neither ./bridge.toml nor /etc/apim-bridge/bridge.toml" in nowhere.stderr


MISTAKES = [
    ("dead-letters export -o /no/such/x", 1, "/no/such/x: No such file or directory"),
    ("dead-letters export -o /proc", 1, "/proc: Is a directory"),
    ("dead-letters export -o /dev/full", 1, "/dev/full: No space left on device"),
    ("dead-letters show 99", 1, "there is no dead letter 99"),
    ("dead-letters list --sink nobody", 1, "no sink is called 'nobody'; there is moesif"),
    ("dead-letters purge --sink nobody --all", 1, "no sink is called 'nobody'; there is moesif"),
    ("dead-letters list --reason refusd", 2, 'did you mean "refused"?'),
    ("dead-letters list --since yesterday", 2, "write 2026-11-20T10:00Z"),
    ("dead-letters purge", 2, "say which"),
    ("rewind --sink nobody --to 1h", 1, "no sink is called 'nobody'; there is moesif"),
    ("rewind --sink moesif --to soon", 2, "is not a time"),
    ("journal verify --from /", 1, "/ is not a file"),
    ("journal verify --from /no/such/journal.db", 1, "is not there"),
    ("journal inspect --block 99", 1, "has no block 99"),
    ("journal salvage --from /no/such/x -o -", 1, "/no/such/x"),
    ("journal salvage -o /no/such/x", 1, "/no/such/x: No such file or directory"),
    ("journal salvage", 2, "say where to"),
    ("tap --only x", 2, "write FIELD=VALUE"),
    ("stat", 2, "did you mean status?"),
    ("status --config /no/such/bridge.toml", 2, "there is no such file"),
    ("status --config /", 2, "is a folder, not a file"),
    ("init /no/such/bridge.toml", 1, "/no/such/bridge.toml: No such file or directory"),
    ("status > /dev/full", 1, "standard output: No space left on device"),
    ("dead-letters list --json > /dev/full", 1, "standard output: No space left on device"),
]


def test_an_operators_mistake_is_a_sentence(state: Path) -> None:
    """No path, number or name that is wrong leads to a traceback: each has its sentence and its exit code."""
    for line, code, said in MISTAKES:
        config = (
            []
            if "--config" in line or line == "stat" or line.startswith("init")
            else ["--config", str(state)]
        )
        if ">" in line:
            done = shell(f"apim-bridge {line}", APIM_BRIDGE_CONFIG=str(state))
            ended, errors = done.returncode, done.stderr
        else:
            ended, _, errors = run_command(*line.split(), *config)
        assert "Traceback" not in errors, (line, errors)
        assert (ended, said in errors) == (code, True), (line, errors)


def test_a_closed_pipe_is_quiet(state: Path) -> None:
    """A reader that has seen enough ends the command as it ends `cat`: no message, and exit code 141."""
    for line in ("--help", "init -", "journal inspect --json"):
        done = shell(f"apim-bridge {line} | true; echo ${{PIPESTATUS[0]}}", APIM_BRIDGE_CONFIG=str(state))
        assert (done.stdout, done.stderr) == ("141\n", ""), line


def test_closed_standard_files_do_no_harm(state: Path) -> None:
    """Without standard input, output or errors a command does its work, and no file takes their place."""
    environ = {"APIM_BRIDGE_CONFIG": str(state)}
    for closed in ("<&-", ">&-", "2>&-", "<&- >&- 2>&-"):
        assert shell(f"apim-bridge status {closed}", **environ).returncode == 0, closed


def test_other_peoples_characters_are_shown_and_not_obeyed(state: Path) -> None:
    """ESC, C1 controls and marks of direction come as numbers in every command that shows data of others."""
    asked = ["--config", str(state)]
    for line in (
        "dead-letters list",
        "dead-letters list --json",
        "dead-letters show 1",
        "dead-letters export -o -",
        "journal inspect",
        "status",
    ):
        code, output, errors = run_command(*line.split(), *asked)
        assert code == 0, errors
        assert all(one.isprintable() or one == "\n" for one in output), line
    _, output, _ = run_command("dead-letters", "show", "1", *asked)
    assert json.loads(output)["event"]["apiName"] == TRICKY
    assert printable("a\x1b\x9b\u202e\U000e0001\u00e9\u4e2d") == "a\\x1b\\x9b\\u202e\\U000e0001\u00e9\u4e2d"
    assert json.loads(json_text({"a": TRICKY})) == {"a": TRICKY}


def test_every_command_that_shows_something_can_say_it_as_json(state: Path) -> None:
    """Each has --json (or always prints JSON), and prints JSON in the form that its help describes."""
    speechless = {("run",), ("analytics",), ("init",), ("schema",), ("completion",), ("demo",), ("tap",)}
    for words in leaves():
        assert ("--json" in parameters(words)) is (words not in speechless), words
    asked = ["--json", "--config", str(state)]

    def told(line: str) -> Any:
        _, output, errors = run_command(*line.split(), *asked)
        return json.loads(output or errors)

    assert told("version")["apim-bridge"]
    assert told("status")["sinks"]["moesif"]["dead_letters"] == 1
    assert told("dead-letters list")["reason"] == "refused"
    verified = told("journal verify")
    assert (verified["dead_letters"], verified["running"], verified["findings"]) == (1, False, [])
    assert verified.keys() >= {"path", "blocks", "events"}
    assert told("journal inspect").keys() >= {"blocks", "cursors", "positions", "dead_letters", "totals"}
    assert told(f"journal salvage -o {state.parent}/out")["taken"] >= 1
    assert told("rewind --sink moesif --to 100d").keys() == {"sink", "events", "from"}
    assert told(f"dead-letters export -o {state.parent}/letters") == {"written": 1}
    assert told("dead-letters purge --all") == {"purged": 1}


def test_init_writes_what_can_be_used_and_overwrites_nothing(tmp_path: Path) -> None:
    """The file is the annotated sample: with a key it is a configuration; a second time it stays as it is."""
    path = tmp_path / "bridge.toml"
    code, output, _ = run_command("init", str(path))
    assert code == 0
    assert f"apim-bridge check --config {path}" in output
    text = path.read_text()
    assert ROOT.joinpath("config/bridge.toml").read_text().endswith(text)
    path.write_text(text + "# mine\n")
    code, _, errors = run_command("init", str(path))
    assert (code, path.read_text()) == (1, text + "# mine\n")
    assert "is there already" in errors


def test_the_schema_knows_the_samples_and_finds_faults(tmp_path: Path) -> None:
    """Every sample is valid by the schema in config, which is the printed one; wrong keys and values are not."""
    code, output, _ = run_command("schema")
    assert code == 0
    kept = ROOT / "config" / "bridge.schema.json"
    assert kept.read_text() == output, "write it anew: python -m bridge schema > config/bridge.schema.json"
    samples = [*ROOT.glob("config/*.toml"), *ROOT.glob("deploy/**/*.toml")]
    assert len(samples) > 2

    def validate(*paths: Path) -> subprocess.CompletedProcess[str]:
        program = Path(sys.executable).with_name("check-jsonschema")
        return subprocess.run(
            [program, "--schemafile", kept, *paths], capture_output=True, text=True, check=False
        )

    done = validate(*(path for path in samples if "[bridge" in path.read_text()))
    assert done.returncode == 0, done.stdout
    wrong = tmp_path / "wrong.toml"
    wrong.write_text('[bridge]\ndrian = "1s"\n[bridge.delivery]\nconcurrency = "many"\n')
    done = validate(wrong)
    assert done.returncode == 1
    assert "drian" in done.stdout
    assert "concurrency" in done.stdout


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
def test_completion_in_the_shell_itself(tmp_path: Path, name: str) -> None:
    """The shell takes the script, and offers commands, their commands and their options from it."""
    script = tmp_path / "script"
    script.write_text(run_command("completion", name)[1])
    tries = {
        "bash": (
            f"source {script}; COMP_WORDS=(apim-bridge {{}}); COMP_CWORD=$((${{{{#COMP_WORDS[@]}}}}-1)); "
            "_apim_bridge; printf '%s\\n' \"${{COMPREPLY[@]}}\""
        ),
        "fish": f"source {script}; complete -C 'apim-bridge {{}}'",
        # Its completion needs a terminal: here it says what it would describe.
        "zsh": (
            f"compdef() {{{{ }}}}; _describe() {{{{ print -rl -- $described }}}}; source {script}; "
            "words=(apim-bridge {}); CURRENT=$#words; _apim_bridge"
        ),
    }

    def offered(words: str) -> set[str]:
        try:
            done = subprocess.run(
                [name, "-c", tries[name].format(words)], capture_output=True, text=True, check=True
            )
        except FileNotFoundError:
            pytest.skip(f"{name} is not installed")
        return {re.split(r"[\t:]", line)[0] for line in done.stdout.splitlines()}

    assert "status" in offered("st")
    assert {"verify", "inspect", "salvage"} <= offered("journal ''" if name != "fish" else "journal ")
    assert {"verify", "rebuild", "compact"} <= offered("analytics ''" if name != "fish" else "analytics ")
    assert "--watch" in offered("status --w")
    assert "--block" in offered("journal inspect --b")


CHECKED = """
[bridge]
type = "moesif, archive"
state_dir = "{folder}/state"
[bridge.sources.http]
listen = "127.0.0.1:{port}"
[bridge.admin]
listen = "127.0.0.1:0"
[bridge.sinks.moesif]
key = "k"
base_url = "http://127.0.0.1:9/v1/events/batch"
[bridge.sinks.archive]
type = "file"
path = "{folder}/{name}/archive"
"""


def test_check_changes_nothing_and_asks_nobody_when_told(tmp_path: Path) -> None:
    """It makes no folder and takes no lock; ports are tried, a base URL with the collector's path is named."""
    path = tmp_path / "bridge.toml"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        path.write_text(CHECKED.format(folder=tmp_path, port=port, name="there"))
        code, output, _ = run_command("check", "--offline", "--json", "--config", str(path))
        facts = json.loads(output)
        told = {one["what"]: one["grade"] for one in facts["findings"]}
        assert (code, facts["faults"]) == (1, 1)
        assert [grade for what, grade in told.items() if f"{port}: Address already in use" in what] == [
            "fault"
        ]
    assert 'did you mean "http://127.0.0.1:9"?' in output.replace("\\", "")
    assert told["sink moesif: not asked (--offline)"] == "note"
    code, output, errors = run_command("check", "--offline", "--config", str(path))
    assert (code, "this works" in errors) == (0, True), output
    assert list(tmp_path.iterdir()) == [path]
    # What cannot even be looked at is a finding as well.
    path.write_text(CHECKED.format(folder=tmp_path, port=port, name="x" * 300))
    code, output, errors = run_command("check", "--config", str(path))
    assert (code, "Traceback" in errors) == (1, False), errors
    assert "File name too long" in output
