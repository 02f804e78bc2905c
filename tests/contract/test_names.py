"""One word, one meaning: no two classes of the package share a name."""

import ast
from collections import Counter

from places import ROOT


def test_no_two_classes_share_a_name() -> None:
    """Whoever reads a name need not ask which one is meant."""
    names = Counter(
        node.name
        for module in (ROOT / "bridge").rglob("*.py")
        for node in ast.walk(ast.parse(module.read_text()))
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )
    assert [name for name, times in names.items() if times > 1] == []
