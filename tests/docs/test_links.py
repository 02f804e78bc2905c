"""Every page can be found, and no link leads nowhere."""

import re
from pathlib import Path

import pytest
from docs.pages import DOCS, PAGES, README, anchors, prose
from places import ROOT

_LINK = re.compile(r"\]\(([^)\s]+)\)")


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", PAGES, ids=_name)
def test_links_lead_somewhere(path: Path) -> None:
    """Each relative link names a file that is there, and a heading of it."""
    for link in _LINK.findall(prose(path.read_text())):
        if "://" in link or link.startswith("mailto:"):
            continue
        target, _, anchor = link.partition("#")
        file = (path.parent / target).resolve() if target else path
        assert file.exists(), link
        if anchor:
            assert anchor in anchors(file), link


def test_every_page_is_in_the_index() -> None:
    """The index of docs/ links to each page, and the README to the index's important ones."""
    index = {
        (DOCS / link.partition("#")[0]).resolve() for link in _LINK.findall((DOCS / "README.md").read_text())
    }
    assert set(DOCS.rglob("*.md")) - index == {DOCS / "README.md"}


def test_the_readme_is_short() -> None:
    """The README can be read in one go; what is longer is in docs/."""
    assert len(README.read_text().splitlines()) <= 220


def test_every_picture_says_what_it_shows() -> None:
    """A picture has a text for those who do not see it, and belongs to a page."""
    shown = set()
    for path in PAGES:
        for words, target in re.findall(r"!\[(.*?)\]\((.*?)\)", path.read_text()):
            assert len(words) > 20, target
            shown.add((path.parent / target).resolve())
    assert shown == {path.resolve() for path in (DOCS / "images").iterdir()}
