"""The documents as tests read them: pages, their headings, links and the code blocks in them."""

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from places import ROOT

DOCS: Final = ROOT / "docs"
README: Final = ROOT / "README.md"
# What a user reads; golden files and the like explain themselves where they lie.
PAGES: Final = sorted(
    path
    for path in ROOT.rglob("*.md")
    if not path.relative_to(ROOT).parts[0].startswith((".", "run", "tests"))
    # npm's packages are not ours.
    and "node_modules" not in path.parts
)
_FENCE: Final = re.compile(r"^( *)```(\w*)\n(.*?)^ *```", re.DOTALL | re.MULTILINE)


def page(name: str) -> str:
    """Return the text of a page below docs/."""
    return (DOCS / name).read_text()


def everything() -> str:
    """Return the text of the README and of all pages below docs/."""
    return "\n".join(path.read_text() for path in [README, *sorted(DOCS.rglob("*.md"))])


def section(text: str, heading: str) -> str:
    """Return what stands under a heading, up to the next one of the same or a higher rank."""
    level = heading.index(" ")
    _, found, rest = f"\n{text}".partition(f"\n{heading}\n")
    assert found, heading
    return re.split(rf"^#{{1,{level}}} ", rest, maxsplit=1, flags=re.MULTILINE)[0]


def blocks(text: str) -> Iterator[tuple[str, str]]:
    """Yield language and text of each code block."""
    for _, language, body in _FENCE.findall(text):
        yield language, textwrap.dedent(body)


def prose(text: str) -> str:
    """Return the text without its code blocks."""
    return _FENCE.sub("", text)


def anchors(path: Path) -> set[str]:
    """Return what a link may name in a page: its headings, as GitHub writes them."""
    found: set[str] = set()
    for heading in re.findall(r"^#+ +(.*?) *$", prose(path.read_text()), re.MULTILINE):
        shown = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading)
        name = re.sub(r"[^\w -]", "", shown.lower()).replace(" ", "-")
        same = sum(one == name or re.fullmatch(rf"{re.escape(name)}-\d+", one) is not None for one in found)
        found.add(f"{name}-{same}" if same else name)
    return found
