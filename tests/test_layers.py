"""The shape of the package: imports point down only, and modules stay small."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "bridge"

# From the bottom up. A module may import from its own part and from lower layers.
LAYERS: list[set[str]] = [
    {"errors", "events", "contracts"},
    {"shaping", "settings"},
    {"telemetry"},
    {"journal"},
    {"intake", "delivery", "supervise", "tls", "systemd"},
    {"sources", "sinks", "web"},
    {"advice", "build", "demo"},
    {"app"},
    {"reload"},
    {"view"},
    {"operations"},
    {"cli"},
    {"__main__"},
]
LEVEL = {part: level for level, parts in enumerate(LAYERS) for part in parts}
# These three are one layer, but are written in this order.
GROUND = ["errors", "events", "contracts"]
EDGES = {"sources", "sinks", "web"}

MODULES = sorted(PACKAGE.rglob("*.py"))


def part_of(module: Path) -> str:
    name = module.relative_to(PACKAGE).parts[0].removesuffix(".py")
    return "" if name == "__init__" else name


def imports_of(module: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(module.read_text())):
        names = (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
        for name in names:
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


def test_sinks_and_sources_know_nothing_of_their_kind() -> None:
    """No sink imports another sink, and no source another source: what they share has a name of its own."""
    for folder, kinds in (("sinks", {"moesif", "file", "http"}), ("sources", {"log_tail", "http"})):
        for name in kinds:
            text = (PACKAGE / folder / f"{name}.py").read_text()
            for other in kinds - {name}:
                assert f"bridge.{folder}.{other} " not in text


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_modules_say_what_they_are_for_and_stay_small(module: Path) -> None:
    """The first line of a module is a sentence; hardly any module is longer than 300 lines."""
    text = module.read_text()
    assert ast.get_docstring(ast.parse(text)), module
    assert text.count("\n") <= 350, module
