"""Prints what others wrote (events, answers, file names) in full, so that the terminal never obeys it.

A terminal takes ESC, the C1 controls and the marks of writing direction as commands: they can colour, hide and
rewrite what stands on the screen. So whatever is not printable is shown as its number.
"""

import json
import os
import re
import sys
import textwrap
from typing import Any, Final

_MAYBE_UNPRINTABLE: Final = re.compile(r"[^\x20-\x7e]")
_SHORT: Final = {"\t": r"\t", "\n": r"\n", "\r": r"\r"}
_WIDEST: Final = 200
"""Columns where output is not a terminal: a pipe has no width, and has no use for cut lines."""

Facts = dict[str, Any]
"""What is known of a bridge or a journal, as plain data: what `--json` writes."""

BOLD: Final = "1"
RED: Final = "31"
GREEN: Final = "32"
YELLOW: Final = "33"
FAINT: Final = "2"


def printable(text: str) -> str:
    r"""Return the text with everything that is not printable as `\x1b`, `\u202e` or `\U000e0001`."""
    return text if text.isprintable() else _MAYBE_UNPRINTABLE.sub(_number, text)


def _number(match: re.Match[str]) -> str:
    character = match[0]
    if character.isprintable():
        return character
    code = ord(character)
    return _SHORT.get(character) or (
        f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
    )


def json_text(value: Any, *, indent: int | None = None) -> str:
    """Return a value as JSON that means the same, and in which everything is printable."""
    return printable_json(json.dumps(value, indent=indent, ensure_ascii=False))


def printable_json(text: str) -> str:
    """Return JSON with unprintable characters as JSON's own escapes; they only occur in strings."""
    return text if text.isprintable() else _MAYBE_UNPRINTABLE.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    return character if character == "\n" or character.isprintable() else json.dumps(character)[1:-1]


def show(*lines: str) -> None:
    """Print lines that may hold data of others."""
    for line in lines:
        print(printable(line))


def on_terminal() -> bool:
    """Return whether standard output is a terminal."""
    return sys.stdout.isatty()


def columns() -> int:
    """Return how wide a line may be."""
    if not on_terminal():
        return _WIDEST
    try:
        return os.get_terminal_size(1).columns or _WIDEST
    except OSError:
        return _WIDEST


def paint(text: str, colour: str) -> str:
    """Return a word of ours in a colour, for a terminal whose owner has not said no (no-color.org)."""
    if not on_terminal() or os.environ.get("NO_COLOR"):
        return text
    return f"\x1b[{colour}m{text}\x1b[0m"


def wrapped(text: str, indentation: str) -> list[str]:
    """Return printable lines that fit a terminal, the second and later ones indented; words and paths stay whole."""
    if not on_terminal():
        return [printable(text)]
    return textwrap.wrap(
        printable(text),
        columns(),
        subsequent_indent=indentation,
        break_long_words=False,
        break_on_hyphens=False,
    ) or [""]
