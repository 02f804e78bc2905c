"""One word, one meaning: no two classes or types of the package share a name."""

import ast
from collections import Counter
from collections.abc import Iterator

from places import ROOT


def test_no_two_classes_share_a_name() -> None:
    """A name means one thing, so that nobody has to ask which."""
    names = Counter(
        name
        for module in (ROOT / "bridge").rglob("*.py")
        for name in types_of(ast.parse(module.read_text()))
        if not name.startswith("_")
    )
    assert [name for name, times in names.items() if times > 1] == []


def types_of(module: ast.Module) -> Iterator[str]:
    """Yield the name of each class, and of each type that is only another name for one: `Json = dict[str, Any]`."""
    for node in ast.walk(module):
        if isinstance(node, ast.ClassDef):
            yield node.name
    for node in module.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)]) if not name.isupper() and name[:1].isupper():
                yield name
