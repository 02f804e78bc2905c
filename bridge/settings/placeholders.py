"""$env{NAME}, $secret{name} and $ref{a.b} inside the texts of a configuration file.

As WSO2 users know them from deployment.toml; what a placeholder stands for is taken as it is, so that an
environment variable or a secret cannot bring in further placeholders.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from bridge.settings.faults import Faults, nearest
from bridge.settings.forms import as_text
from bridge.settings.model import BridgeSettings

_PLACEHOLDER: Final = re.compile(r"\$(env|secret|ref)\{([^{}]*)(\}?)")


class _Unresolvable(Exception):  # noqa: N818 - a state of the text, reported as a fault
    def __init__(self, problem: str, cure: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.cure = cure


class Placeholders:
    """Resolves the placeholders of one file; what cannot be resolved is noted and left as written."""

    def __init__(self, document: Mapping[str, Any], environ: Mapping[str, str], faults: Faults) -> None:
        self._document = document
        self._environ = environ
        self._faults = faults
        bridge = document.get("bridge")
        written = bridge.get("secrets_dir") if isinstance(bridge, dict) else None
        default: Path = BridgeSettings.model_fields["secrets_dir"].default
        self._secrets_dir: Path | None = None
        if written is not None:
            resolved = self.resolve(written, "bridge.secrets_dir")
            self._secrets_dir = Path(resolved) if isinstance(resolved, str) else default
        else:
            self._secrets_dir = default

    def resolve(self, value: Any, key: str) -> Any:
        """Return the value with all its placeholders resolved; `key` is where it stands, dotted."""
        if isinstance(value, dict):
            return {name: self.resolve(item, f"{key}.{name}") for name, item in value.items()}
        if isinstance(value, list):
            return [self.resolve(item, f"{key}[{index}]") for index, item in enumerate(value)]
        try:
            return self._text(value, ()) if isinstance(value, str) else value
        except _Unresolvable as fault:
            self._faults.add(key, fault.problem, fault.cure)
            return value

    def _text(self, text: str, trail: tuple[str, ...]) -> Any:
        whole = _PLACEHOLDER.fullmatch(text)
        if whole:
            return self._meaning(whole, trail)
        return _PLACEHOLDER.sub(lambda match: as_text(self._meaning(match, trail)), text)

    def _meaning(self, match: re.Match[str], trail: tuple[str, ...]) -> Any:
        placeholder, kind, name = match[0], match[1], match[2].strip()
        if not name or not match[3]:
            raise _Unresolvable(f"{placeholder} is not finished", f"write it like ${kind}{{name}}")
        if kind == "ref":
            return self._reference(name, trail)
        value = self._variable(name) if kind == "env" else self._secret(name)
        self._faults.conceal(value, placeholder)
        return value

    def _variable(self, name: str) -> str:
        value = self._environ.get(name, "")
        if not value.strip():
            state = "is empty" if name in self._environ else "is not set"
            raise _Unresolvable(f"$env{{{name}}} {state}", f"set the environment variable {name}")
        return value

    def _secret(self, name: str) -> str:
        placeholder = f"$secret{{{name}}}"
        if self._secrets_dir is None:
            raise _Unresolvable(f"{placeholder} cannot say where secrets are", "write the folder itself")
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise _Unresolvable(f"{placeholder} leaves {self._secrets_dir}", "name a file in that folder")
        path = self._secrets_dir / name
        cure = f"write the secret into {path}, or set secrets_dir in [bridge]"
        try:
            value = path.read_text("utf-8")
        except OSError as error:
            raise _Unresolvable(f"{placeholder}: {path}: {error.strerror}", cure) from None
        except UnicodeDecodeError:
            raise _Unresolvable(f"{placeholder}: {path} is not UTF-8 text", cure) from None
        if not value.strip():
            raise _Unresolvable(f"{placeholder}: {path} is empty", cure)
        return value.rstrip("\r\n")

    def _reference(self, name: str, trail: tuple[str, ...]) -> Any:
        if name in trail:
            circle = " -> ".join((*trail[trail.index(name) :], name))
            raise _Unresolvable(f"$ref{{{name}}} leads back to itself ({circle})", "write the value at one")
        found, value = _find(self._document, name.split("."))
        if not found:
            raise _Unresolvable(
                f"$ref{{{name}}} names no key of this file", nearest(name, _keys(self._document))
            )
        if isinstance(value, dict):
            raise _Unresolvable(f"$ref{{{name}}} is a table, not a value", "name one of its keys")
        trail = (*trail, name)
        if isinstance(value, list):
            return [self._text(item, trail) if isinstance(item, str) else item for item in value]
        return self._text(value, trail) if isinstance(value, str) else value


def _find(node: Any, steps: list[str]) -> tuple[bool, Any]:
    if not steps:
        return True, node
    if isinstance(node, dict):
        # A quoted key may hold dots of its own: "queue.size".
        for length in range(1, len(steps) + 1):
            key = ".".join(steps[:length])
            if key in node:
                found, value = _find(node[key], steps[length:])
                if found:
                    return True, value
    return False, None


def _keys(node: Mapping[str, Any], prefix: str = "") -> list[str]:
    keys: list[str] = []
    for name, value in node.items():
        keys += _keys(value, f"{prefix}{name}.") if isinstance(value, dict) else [f"{prefix}{name}"]
    return keys
