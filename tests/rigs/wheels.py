"""The package, built from a copy of this repository."""

import shutil
import subprocess
import sys
from pathlib import Path

from places import ROOT

_STATIC = "bridge/analytics/static"
_UI = "bridge/analytics/ui"


def copied(folder: Path, *, static: Path | None) -> Path:
    """Copy what a package is made of; `static`: the folder of the dashboard, if it is built."""
    tree = folder / "tree"
    ignored = shutil.ignore_patterns("__pycache__", "static", "node_modules")
    shutil.copytree(ROOT / "bridge", tree / "bridge", ignore=ignored)
    for name in (".gitignore", "pyproject.toml", "hatch_build.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree)
    # As npm leaves it.
    module = tree / _UI / "node_modules" / "preact"
    module.mkdir(parents=True)
    (module / "index.js").touch()
    if static is not None:
        shutil.copytree(static, tree / _STATIC)
    return tree


def build(tree: Path, into: Path, *targets: str) -> subprocess.CompletedProcess[str]:
    """Build the targets (`wheel`, `sdist`), as `make dist` does."""
    chosen = [option for target in targets for option in ("--target", target)]
    return subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--directory", str(into), *chosen],
        cwd=tree,
        capture_output=True,
        text=True,
        check=False,
    )
