"""The files in deploy/, read as those read them who use them."""

import re
from functools import reduce
from pathlib import Path
from typing import Any, Final

import yaml
from places import ROOT

from bridge.cli.settings import read as read_settings
from bridge.settings import BridgeSettings, Settings, load_bridge

Document = dict[str, Any]

DEPLOY: Final = ROOT / "deploy"
KUBERNETES: Final = DEPLOY / "kubernetes"
SYSTEMD: Final = DEPLOY / "systemd"
COMPOSE: Final = DEPLOY / "compose.yaml"
OVERLAYS: Final = sorted(DEPLOY.glob("compose.*.yaml"))
SCHEMA: Final = "1.33"
"""The release of Kubernetes in which native sidecars became stable."""


def documents(path: Path) -> list[Document]:
    return [document for document in yaml.safe_load_all(path.read_text()) if document]


def settings(path: Path, folder: Path) -> Settings:
    """The bridge's own reading of a file, with a secret for each that it names."""
    return read_settings(with_secrets(path, folder))


def with_secrets(path: Path, folder: Path) -> Path:
    """Copy a configuration into a folder, with a secret for each that it names."""
    text = path.read_text()
    secrets = folder / "secrets"
    secrets.mkdir(exist_ok=True)
    for name in re.findall(r"\$secret\{(\w+)\}", text):
        (secrets / name).write_text("0" * 64 if name.endswith("_sha256") else "k" * 60)
    copy = folder / "bridge.toml"
    copy.write_text(text.replace("[bridge]\n", f'[bridge]\nsecrets_dir = "{secrets}"\n'))
    return copy


def merged(over: Path | None) -> Document:
    """Compose's own merge of a file over the first, as far as these need it: tables by key, lists joined."""

    def merge(one: Any, other: Any) -> Any:
        if isinstance(one, dict) and isinstance(other, dict):
            return {key: merge(one.get(key), other.get(key)) for key in {**one, **other}}
        if isinstance(one, list) and isinstance(other, list):
            return one + other
        return one if other is None else other

    result: Document = reduce(merge, (yaml.safe_load(path.read_text()) for path in (COMPOSE, over) if path))
    return result


def analytics_settings(path: Path, folder: Path) -> BridgeSettings:
    """The analytics process's own reading of a file, with a secret for each that it names."""
    return load_bridge(with_secrets(path, folder), {})
