"""The shape of the package: imports point down only, and modules stay small."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from places import ROOT

PACKAGE = ROOT / "bridge"

# From the bottom up. A module may import from its own part and from lower layers.
LAYERS: list[set[str]] = [
    {"errors", "events", "contracts", "clock"},
    {"formats", "document"},
    {"settings"},
    {"privacy"},
    {"telemetry"},
    {"journal", "transports"},
    {"intake", "delivery"},
    {"sources", "sinks", "web"},
    {"demo"},
    {"app"},
    {"cli"},
    {"__main__"},
]
LEVEL = {part: level for level, parts in enumerate(LAYERS) for part in parts}
# These three are one layer, but are written in this order.
GROUND = ["errors", "events", "contracts", "clock"]
EDGES = {"sources", "sinks", "web"}

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


def rooms(folder: str) -> Iterator[Path]:
    """Yield each room of a folder: its folders and its modules."""
    for path in (PACKAGE / folder).iterdir():
        if (path.is_dir() and path.name != "__pycache__") or (
            path.suffix == ".py" and path.name != "__init__.py"
        ):
            yield path


@pytest.mark.parametrize("folder", ["sinks", "sources"])
def test_rooms_know_nothing_of_each_other(folder: str) -> None:
    """No sink imports another sink, and no source another source: what they share has a room of its own."""
    kinds = {room.stem: room for room in rooms(folder)}
    assert len(kinds) > 1
    for name, room in kinds.items():
        for module in sorted(room.rglob("*.py")) if room.is_dir() else [room]:
            for imported in dotted_imports_of(module):
                parts = imported.split(".")
                if parts[:2] == ["bridge", folder] and len(parts) > 2:
                    assert parts[2] == name, f"{module} imports {imported}"


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_modules_say_what_they_are_for_and_stay_small(module: Path) -> None:
    """The first line of a module is a sentence; hardly any module is longer than 300 lines."""
    text = module.read_text()
    assert ast.get_docstring(ast.parse(text)), module
    assert text.count("\n") <= 350, module
