"""The shape of the package: imports point down only, and modules stay small."""

import ast
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from places import ROOT

from bridge.settings.kinds import Kinds
from bridge.sinks import SINKS
from bridge.sources import SOURCES

PACKAGE = ROOT / "bridge"

# From the bottom up. A module may import from its own part and from lower layers.
LAYERS: list[set[str]] = [
    {"errors", "events", "batches", "contracts", "clock"},
    {"formats", "document"},
    {"settings"},
    {"privacy"},
    {"telemetry"},
    {"journal", "transports", "aside"},
    {"intake", "delivery"},
    {"sources", "sinks", "web"},
    {"analytics"},
    {"demo"},
    {"app"},
    {"cli"},
    {"__main__"},
]
LEVEL = {part: level for level, parts in enumerate(LAYERS) for part in parts}
# These are one layer, but are written in this order.
GROUND = ["errors", "events", "batches", "contracts", "clock"]

MODULES = sorted(PACKAGE.rglob("*.py"))


def part_of(module: Path) -> str:
    name = module.relative_to(PACKAGE).parts[0].removesuffix(".py")
    return "" if name == "__init__" else name


def dotted_imports_of(module: Path) -> Iterator[str]:
    """Yield each module that this one imports, by its whole name."""
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def imports_of(module: Path) -> Iterator[str]:
    """Yield the part of the package that each of these is in."""
    for name in dotted_imports_of(module):
        parts = name.split(".")
        if parts[0] == "bridge" and len(parts) > 1:
            yield parts[1]


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down(module: Path) -> None:
    """A part imports from lower layers only, and the edges know nothing of each other."""
    part = part_of(module)
    if not part:
        return
    for imported in imports_of(module):
        assert imported in LEVEL, f"{module} imports bridge.{imported}, which has no layer"
        if imported == part:
            continue
        if part in GROUND:
            assert GROUND.index(imported) < GROUND.index(part), f"{part} imports {imported}"
        else:
            assert LEVEL[imported] < LEVEL[part], f"{part} imports {imported}"


def rooms(folder: str) -> Iterator[tuple[str, list[Path]]]:
    """Yield each room of a folder, which is a folder or a module there, with its modules."""
    for path in sorted((PACKAGE / folder).iterdir()):
        if path.is_dir() and path.name != "__pycache__":
            yield path.name, sorted(path.rglob("*.py"))
        elif path.suffix == ".py" and path.name != "__init__.py":
            yield path.stem, [path]


# Of the parts below, what a source or a sink may use: delivery, the journal and intake are none of its business.
FOR_ROOMS = {
    "batches",
    "clock",
    "contracts",
    "document",
    "errors",
    "events",
    "formats",
    "privacy",
    "settings",
    "telemetry",
    "transports",
}
ROOMS = [(folder, name, modules) for folder in ("sinks", "sources") for name, modules in rooms(folder)]


@pytest.mark.parametrize(
    ("folder", "name", "modules"), ROOMS, ids=[f"{folder}.{name}" for folder, name, _ in ROOMS]
)
def test_rooms_know_the_contracts_and_nothing_of_each_other(
    folder: str, name: str, modules: Sequence[Path]
) -> None:
    """A sink or source imports its own room, what it is given, and what lies below; never another one."""
    for module in modules:
        for imported in dotted_imports_of(module):
            match imported.split("."):
                case ["bridge", part, *rest] if part == folder:
                    assert not rest or rest[0] == name, f"{module} imports {imported}"
                case ["bridge", part, *_]:
                    assert part in FOR_ROOMS, f"{module} imports {imported}"


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_nobody_looks_into_a_room(module: Path) -> None:
    """Outside of a sink's or source's room there is only its row in the table, which is a text."""
    own = module.relative_to(PACKAGE).with_suffix("").parts
    for imported in dotted_imports_of(module):
        match imported.split("."):
            case ["bridge", "sinks" | "sources" as folder, name, *_]:
                inside = own[:2] == (folder, name)
                assert inside, f"{module} imports {imported}"


@pytest.mark.parametrize("kinds", [SINKS, SOURCES], ids=["sinks", "sources"])
def test_every_room_has_its_row(kinds: Kinds[Any]) -> None:
    """The table names every room of its folder, once, and what the room shows is what the table says."""
    folder = "sinks" if kinds is SINKS else "sources"
    assert {row.partition(":")[0] for row in kinds.rows.values()} == {
        f"bridge.{folder}.{name}" for name, _ in rooms(folder)
    }
    assert len(list(kinds.values())) == len(kinds.rows)


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_modules_say_what_they_are_for_and_stay_small(module: Path) -> None:
    """The first line of a module is a sentence; hardly any module is longer than 300 lines."""
    text = module.read_text()
    assert ast.get_docstring(ast.parse(text)), module
    assert text.count("\n") <= 320, module
