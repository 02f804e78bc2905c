"""One version: what is written beside the package names the same one."""

import re

from fakes.image_steps import read
from places import ROOT

from bridge import __version__

DEPLOY = ROOT / "deploy"


def test_the_image_names_it() -> None:
    """The image's label is the version."""
    assert read(ROOT / "Dockerfile")[-1].labels["org.opencontainers.image.version"] == __version__


def test_tags_name_it() -> None:
    """Compose and Kubernetes start the image of this version, or that with analytics."""
    files = [*DEPLOY.glob("compose*.yaml"), *DEPLOY.rglob("kustomization.yaml")]
    tags = [
        tag
        for file in files
        for tag in re.findall(r"(?:image: apim-bridge:|newTag: )(\S+)", file.read_text())
    ]
    assert set(tags) == {__version__, f"{__version__}-analytics"}
    assert (DEPLOY / "compose.yaml").read_text().count(f"image: apim-bridge:{__version__}\n") == 1


def test_the_changelog_begins_with_it() -> None:
    """What changed last stands under this version."""
    first = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert first is not None
    assert first[1] == __version__


def test_no_document_names_a_version_of_its_own() -> None:
    """Documents that show a version of the bridge would grow old unseen: they show none."""
    for path in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *DEPLOY.rglob("*.md")]:
        assert not re.search(rf"\b{re.escape(__version__)}\b", path.read_text()), path
