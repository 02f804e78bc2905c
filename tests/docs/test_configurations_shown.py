"""Configurations that the documents show: each can be copied as it stands."""

import re
from pathlib import Path

import pytest
import tomli
from docs.pages import PAGES, blocks
from places import ROOT

from bridge.cli.settings import read
from bridge.errors import SettingsError

SHOWN = [
    pytest.param(block, id=f"{path.relative_to(ROOT)}-{number}")
    for path in PAGES
    for number, (language, block) in enumerate(blocks(path.read_text()))
    if language == "toml"
]
# What a piece may leave out, because the reader has it already.
LEFT_OUT = re.compile("analytics is off|no source is on|is missing; set it|WSO2's word for its own reporter")


@pytest.mark.parametrize("block", SHOWN)
def test_what_is_shown_is_a_configuration(
    block: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each piece is TOML, and the bridge knows its tables, keys and values."""
    document = tomli.loads(block)
    assert document
    if not document.keys() & {"apim", "bridge"}:
        return  # another program's
    for name in re.findall(r"\$env\{(\w+)\}", block):
        monkeypatch.setenv(name, "k" * 60)
    for name in re.findall(r"\$secret\{(\w+)\}", block):
        (tmp_path / name).write_text("k" * 60)
    file = tmp_path / "bridge.toml"
    table = "" if "bridge" in document and "\n[bridge]\n" in f"\n{block}" else "[bridge]\n"
    file.write_text((table + block).replace("[bridge]\n", f'[bridge]\nsecrets_dir = "{tmp_path}"\n', 1))
    try:
        read(file)
    except SettingsError as error:
        faults = [line for line in str(error).splitlines() if not LEFT_OUT.search(line)]
        assert not faults
