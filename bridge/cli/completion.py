"""`apim-bridge completion`: what the shell offers when Tab is pressed.

The scripts contain all words, so a Tab starts no process, which would take longer than typing.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import click

# What follows them is a file; behind every other option with a value only its owner knows.
_FILE_OPTIONS: Final = ("--config", "-c", "--output", "-o", "--from", "--folder")


@dataclass(frozen=True, slots=True)
class _Words:
    """What may follow a command."""

    commands: Mapping[str, str]
    """Names and what they are for."""
    options: Mapping[str, str]
    valued: tuple[str, ...]
    """The options that take a value."""


@click.command
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]), help="Your shell.")
def completion(shell: str) -> None:
    """Print a script for your shell, which your shell has to load at its start.

    bash: `source <(apim-bridge completion bash)`, in ~/.bashrc.
    zsh: `source <(apim-bridge completion zsh)`, in ~/.zshrc behind compinit.
    fish: `apim-bridge completion fish > ~/.config/fish/completions/apim-bridge.fish`.

    Example: apim-bridge completion bash > /etc/bash_completion.d/apim-bridge
    """
    from bridge.cli import command_line  # noqa: PLC0415 - it imports this

    print("\n".join(_SCRIPTS[shell](_tree(command_line()))))


def _tree(root: click.Command) -> dict[str, _Words]:
    """Return the words of every command by its path: "", "status", "journal verify"."""
    tree: dict[str, _Words] = {}

    def look(path: str, command: click.Command) -> None:
        below = dict(_below(command))
        options = [one for one in command.params if isinstance(one, click.Option)]
        tree[path] = _Words(
            {name: one.get_short_help_str(70) for name, one in below.items()},
            {
                word: (one.help or "").partition(". ")[0].partition(": ")[0].rstrip(".")
                for one in options
                for word in one.opts
                if word.startswith("--")
            }
            | {"--help": "Show what it does"},
            tuple(word for one in options if not one.is_flag for word in one.opts),
        )
        for name, one in below.items():
            look(f"{path} {name}".strip(), one)

    look("", root)
    return tree


def _below(command: click.Command) -> Iterator[tuple[str, click.Command]]:
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            if (one := command.get_command(context, name)) is not None:
                yield name, one


def _bash(tree: Mapping[str, _Words]) -> Iterator[str]:
    valued = sorted({word for words in tree.values() for word in words.valued} - set(_FILE_OPTIONS))
    yield "# Completion of apim-bridge for bash."
    yield "_apim_bridge() {"
    yield '    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} at="" words="" next i'
    yield "    case $before in"
    yield f"        {'|'.join(_FILE_OPTIONS)})"
    yield "            compopt -o filenames 2>/dev/null"
    yield '            mapfile -t COMPREPLY < <(compgen -f -- "$word")'
    yield "            return ;;"
    yield f"        {'|'.join(valued)}) return ;;"
    yield "    esac"
    yield "    for ((i = 1; i < COMP_CWORD; i++)); do"
    yield '        next="${at:+$at }${COMP_WORDS[i]}"'
    yield "        case $next in"
    yield f"            {'|'.join(_quoted(path) for path in tree if path)}) at=$next ;;"
    yield "        esac"
    yield "    done"
    yield "    case $at in"
    for path, words in tree.items():
        yield f"        {_quoted(path)}) words={_quoted(' '.join([*words.commands, *words.options]))} ;;"
    yield "    esac"
    yield '    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")'
    yield "}"
    yield "complete -o default -F _apim_bridge apim-bridge"


def _zsh(tree: Mapping[str, _Words]) -> Iterator[str]:
    valued = sorted({word for words in tree.values() for word in words.valued} - set(_FILE_OPTIONS))
    yield "#compdef apim-bridge"
    yield "# Completion of apim-bridge for zsh."
    yield "_apim_bridge() {"
    yield "    local at='' next i"
    yield "    local -a described"
    yield "    case $words[CURRENT-1] in"
    yield f"        {'|'.join(_FILE_OPTIONS)}) _files; return ;;"
    yield f"        {'|'.join(valued)}) return 1 ;;"
    yield "    esac"
    yield "    for ((i = 2; i < CURRENT; i++)); do"
    yield '        next="${at:+$at }$words[i]"'
    yield "        case $next in"
    yield f"            {'|'.join(_quoted(path) for path in tree if path)}) at=$next ;;"
    yield "        esac"
    yield "    done"
    yield "    case $at in"
    for path, words in tree.items():
        described = " ".join(
            _quoted(f"{word}:{help_}") for word, help_ in {**words.commands, **words.options}.items()
        )
        yield f"        {_quoted(path)}) described=({described}) ;;"
    yield "    esac"
    yield "    _describe apim-bridge described || _files"
    yield "}"
    yield "compdef _apim_bridge apim-bridge"


def _fish(tree: Mapping[str, _Words]) -> Iterator[str]:
    yield "# Completion of apim-bridge for fish."
    yield "complete -c apim-bridge -f"
    for path, words in tree.items():
        names = path.split()
        here = [f"__fish_seen_subcommand_from {name}" for name in names] or ["__fish_use_subcommand"]
        if names and words.commands:
            here.append(f"not __fish_seen_subcommand_from {' '.join(words.commands)}")
        condition = _quoted("; and ".join(here))
        for word, help_ in words.commands.items():
            yield f"complete -c apim-bridge -n {condition} -a {word} -d {_quoted(help_)}"
        for word, help_ in words.options.items():
            kind = " -r -F" if word in _FILE_OPTIONS else " -x" if word in words.valued else ""
            yield f"complete -c apim-bridge -n {condition} -l {word[2:]}{kind} -d {_quoted(help_)}"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "\u2019") + "'"


_SCRIPTS: Final[Mapping[str, Callable[[Mapping[str, _Words]], Iterator[str]]]] = {
    "bash": _bash,
    "zsh": _zsh,
    "fish": _fish,
}
