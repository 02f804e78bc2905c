"""$env{NAME}, $secret{name}, $ref{a.b} and $sys{name} inside the texts of a configuration file.

As WSO2 users know them from deployment.toml; what a placeholder stands for is taken as it is, so that an
environment variable or a secret cannot bring in further placeholders. What looks like a placeholder of another
kind is a fault: taken as it stands, it would become the name of a folder, or a key that everybody refuses.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from bridge.document.faults import Faults, nearest

DEFAULT_SECRETS_DIR: Final = Path("/run/secrets")

KINDS: Final = ("env", "secret", "ref", "sys")
_PLACEHOLDER: Final = re.compile(r"\$([A-Za-z_][\w.:-]*)?\{([^{}]*)(\}?)")


def as_text(value: Any) -> str:
    """Return a TOML value as text: true is "true", 5 is "5", a list is JSON."""
    return json.dumps(value, default=str) if isinstance(value, bool | list | dict) else str(value)


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
        bridge = bridge if isinstance(bridge, dict) else {}
        system = bridge.get("sys")
        self._system: Mapping[str, Any] = system if isinstance(system, dict) else {}
        self._secrets_dir: Path | None = None
        self._written_secrets_dir = bridge.get("secrets_dir", str(DEFAULT_SECRETS_DIR))

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
        placeholder, kind, name = match[0], match[1] or "", match[2].strip()
        if kind not in KINDS:
            raise _Unresolvable(
                f"{placeholder} is not a known placeholder",
                "write $env{NAME} for an environment variable, $secret{name} for a file in secrets_dir, "
                "$ref{a.b} for another key of this file, or $sys{name} for a key of [bridge.sys]",
            )
        if not name or not match[3]:
            raise _Unresolvable(f"{placeholder} is not finished", f"write it like ${kind}{{name}}")
        match kind:
            case "ref":
                return self._reference(name, trail)
            case "sys":
                return self._property(name, trail)
            case "env":
                value = self._variable(name)
            case _:
                value = self._secret(name)
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
        folder = self._folder_of_secrets()
        if folder is None:
            raise _Unresolvable(f"{placeholder} cannot say where secrets are", "write the folder itself")
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise _Unresolvable(f"{placeholder} leaves {folder}", "name a file in that folder")
        path = folder / name
        cure = f"write the secret into {path}, or set secrets_dir in [bridge]"
        try:
            value = path.read_text("utf-8-sig")
        except OSError as error:
            raise _Unresolvable(f"{placeholder}: {path}: {error.strerror}", cure) from None
        except ValueError:
            raise _Unresolvable(f"{placeholder}: {path} is not UTF-8 text", cure) from None
        if not value.strip():
            raise _Unresolvable(f"{placeholder}: {path} is empty", cure)
        return value.rstrip("\r\n")

    def _folder_of_secrets(self) -> Path | None:
        """Return where secrets are; None while that itself is looked up."""
        written, self._written_secrets_dir = self._written_secrets_dir, None
        if written is not None:
            resolved = self.resolve(written, "bridge.secrets_dir")
            self._secrets_dir = Path(resolved) if isinstance(resolved, str) else DEFAULT_SECRETS_DIR
        return self._secrets_dir

    def _property(self, name: str, trail: tuple[str, ...]) -> Any:
        # WSO2 takes these from its own Java process, so they have to be given to us.
        found, value = _find(self._system, name.split("."))
        if not found or isinstance(value, dict):
            raise _Unresolvable(
                f"$sys{{{name}}} is a system property of the gateway's Java, which the bridge cannot see",
                f'write its value into [bridge.sys]: "{name}" = …',
            )
        return self._value(value, f"$sys{{{name}}}", trail)

    def _reference(self, name: str, trail: tuple[str, ...]) -> Any:
        found, value = _find(self._document, name.split("."))
        if not found:
            raise _Unresolvable(
                f"$ref{{{name}}} names no key of this file", nearest(name, _keys(self._document))
            )
        if isinstance(value, dict):
            raise _Unresolvable(f"$ref{{{name}}} is a table, not a value", "name one of its keys")
        return self._value(value, f"$ref{{{name}}}", trail)

    def _value(self, value: Any, placeholder: str, trail: tuple[str, ...]) -> Any:
        if placeholder in trail:
            circle = " -> ".join((*trail[trail.index(placeholder) :], placeholder))
            raise _Unresolvable(f"{placeholder} leads back to itself ({circle})", "write the value at one")
        trail = (*trail, placeholder)
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
