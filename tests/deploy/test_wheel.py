"""The wheel and the source distribution: what is in them. tests/services/test_wheel.py installs the wheel."""

import tarfile
import zipfile
from pathlib import Path

import pytest
from rigs.wheels import build, copied

STATIC = "bridge/analytics/static/index.html"


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """A folder that stands for the dashboard."""
    folder = tmp_path / "page"
    folder.mkdir()
    (folder / "index.html").write_text("<!doctype html>")
    return folder


def test_the_wheel_has_the_dashboard_and_nothing_that_it_is_made_of(tmp_path: Path, page: Path) -> None:
    """The built page is in it; its sources, node's packages and the tests are not."""
    built = build(copied(tmp_path, static=page), tmp_path / "dist", "wheel")
    assert built.returncode == 0, built.stderr
    (wheel,) = (tmp_path / "dist").iterdir()
    names = zipfile.ZipFile(wheel).namelist()
    assert STATIC in names
    assert "bridge/app/bridge.py" in names
    assert not [name for name in names if "/ui/" in name or "node_modules" in name]
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {"bridge"}


def test_the_source_distribution_can_be_built_without_node(tmp_path: Path, page: Path) -> None:
    """It has the built page beside its sources, so that a wheel of it needs no node; node's packages stay out."""
    built = build(copied(tmp_path, static=page), tmp_path / "dist", "sdist")
    assert built.returncode == 0, built.stderr
    (packed,) = (tmp_path / "dist").iterdir()
    with tarfile.open(packed) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {STATIC, "bridge/analytics/ui/package-lock.json", "hatch_build.py"} <= names
    assert not [name for name in names if "node_modules" in name]


@pytest.mark.parametrize("target", ["wheel", "sdist"])
def test_nothing_is_built_without_the_dashboard(tmp_path: Path, target: str) -> None:
    """A checkout whose page was not built makes no package, and says what to do."""
    built = build(copied(tmp_path, static=None), tmp_path / "dist", target)
    assert built.returncode == 1
    assert "the dashboard is not built; run `make dist`, which builds it first" in built.stderr
    assert not list((tmp_path / "dist").iterdir())
