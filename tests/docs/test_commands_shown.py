"""Commands that the documents show: each can be typed as it stands."""

import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click
import pytest
from docs.pages import PAGES, README, blocks, page, prose
from places import ROOT

from bridge.cli import COMMANDS, command_line

# What ends a command in a line of a shell.
_ENDS = {"|", "&&", "||", ";", ">", ">>", "<", "#"}


@cache
def _commands() -> click.Group:
    group = command_line()
    for name in COMMANDS:
        group.get_command(click.Context(group), name)
    return group


def _lines(text: str) -> Iterator[str]:
    """Yield each piece of a text that begins with the program's name, from code blocks and from `code`."""
    for language, block in blocks(text):
        if language in {"", "sh", "bash", "console"}:
            yield from re.findall(r"\bapim-bridge (?!\.|apim-bridge)[^\n]*", block.replace("\\\n", " "))
    yield from re.findall(r"`(?:\S+/)?(apim-bridge [^`\n]*)`", prose(text))


def _words(line: str) -> list[str]:
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;<>")
    lexer.whitespace_split = True
    words = []
    for word in lexer:
        if word in _ENDS:
            break
        words.append(word.strip("…,"))
    return words[1:]


def _fault(words: list[str]) -> str | None:
    """Return what is wrong with a command: a name or an option that there is not; None: nothing."""
    command: click.Command = _commands()
    while words and isinstance(command, click.Group):
        if words[0].startswith("-"):
            break
        if words[0] not in command.commands:
            return f"no command {words[0]}"
        command = command.commands[words.pop(0)]
    known = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    known |= {"--help", "-h"}
    for word in words:
        option = word.partition("=")[0]
        if re.match(r"--?[a-z]", option) and option not in known:
            return f"{command.name} has no {option}"
    return None


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_exist_as_they_are_shown(path: Path) -> None:
    """Each command of apim-bridge in a page has its name and its options from the program."""
    for line in _lines(path.read_text()):
        words = _words(line)
        # An image or a name, not a command: `docker run … apim-bridge`.
        if words and re.fullmatch(r"[a-z-]+", words[0]):
            assert _fault(words) is None, (line, _fault(words))


def test_a_command_that_is_not_there_is_seen() -> None:
    """The look at commands would see a wrong one."""
    assert _fault(["journal", "verify"]) is None
    assert _fault(["journal", "burn"]) == "no command burn"
    assert _fault(["status", "--yaml"]) == "status has no --yaml"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_make_is_asked_for_is_in_the_makefile(path: Path) -> None:
    """Each `make NAME` in a page is a target."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    text = path.read_text()
    shown = re.findall(r"`make ([a-z-]+)[ `]", text)
    for language, block in blocks(text):
        if language in {"", "sh", "bash", "console"}:
            shown += re.findall(r"^make ([a-z-]+)", block, re.MULTILINE)
    assert set(shown) <= targets


def test_every_command_is_described_and_explains_itself() -> None:
    """Each command has its line among the commands, and its help ends with an example."""
    described = page("operating.md")
    for name, sub in _commands().commands.items():
        assert f"`apim-bridge {name}`" in described, name
        leaves = [*sub.commands.values()] if isinstance(sub, click.Group) else [sub]
        if isinstance(sub, click.Group) and sub.invoke_without_command:
            leaves.append(sub)
        for leaf in leaves:
            assert "Example: apim-bridge " in (leaf.help or ""), leaf.name


def test_the_first_commands_are_in_the_readme() -> None:
    """The README shows how to run it and how to test it."""
    assert {"make run", "make test"} <= {
        line.partition("#")[0].strip()
        for _, block in blocks(README.read_text())
        for line in block.splitlines()
    }
