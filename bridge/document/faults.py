"""The faults of a configuration file: collected, so that an operator sees all of them at once."""

import difflib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from bridge.errors import SettingsError

# What others call it; without these the nearest key would be one that only looks like it.
_OTHER_WORDS: Final[Mapping[str, tuple[str, ...]]] = {
    "batch_size": ("batch_max_events",),
    "batch_bytes": ("batch_max_bytes",),
    "flush_interval": ("linger",),
    "max_in_flight": ("concurrency",),
    "workers": ("concurrency",),
    "rate_limit": ("max_requests_per_second",),
    "max_retry": ("retry_max",),
    "timeout": ("request_timeout",),
    "api_key": ("key", "bearer_token"),
    "application_id": ("key",),
    "token": ("tokens", "bearer_token"),
    "url": ("base_url",),
    "endpoint": ("url", "base_url"),
    "address": ("listen",),
    "host": ("listen",),
    "port": ("listen",),
    "file": ("paths", "path"),
    "files": ("paths",),
    "folder": ("path", "state_dir"),
    "data_dir": ("state_dir",),
    "retention": ("retain",),
    "max_size": ("max_bytes", "rotate_bytes"),
    "certificate": ("cert",),
    "ca": ("ca_file", "client_ca"),
}


class Faults:
    """What is wrong with one file, a line for each key: file, dotted key, what is wrong, cure."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lines: dict[str, str] = {}
        self._concealed: dict[str, str] = {}

    def add(self, key: str, problem: str, cure: str = "") -> None:
        """Note what is wrong at a key; only the first fault of a key counts, the rest follows from it."""
        for value, placeholder in self._concealed.items():
            problem = problem.replace(value, placeholder)
        self._lines.setdefault(key, f"{self._file}: {key}: {problem}" + (f"; {cure}" if cure else ""))

    def conceal(self, value: str, placeholder: str) -> None:
        """Hide in all messages what a placeholder stood for: it may be a secret in the wrong place."""
        if len(value) > 3:
            self._concealed[value] = placeholder

    def check(self) -> None:
        """Raise SettingsError with all the lines, if there are any."""
        if self._lines:
            raise SettingsError("\n".join(self._lines.values()))

    def table(self, parent: Mapping[str, Any], name: str, key: str) -> dict[str, Any]:
        """Return a table inside another, empty if it is not there or no table."""
        value = parent.get(name, {})
        if isinstance(value, dict):
            return value
        self.add(key, "is a value, not a table", f"write it as [{key}] with its keys below")
        return {}


def nearest(word: str, known: Iterable[str]) -> str:
    """Ask whether the most similar known word was meant; if none is similar, name all known ones."""
    words = sorted(known)
    close = _closest(word, words)
    return f'did you mean "{close}"?' if close else f"known here: {', '.join(words)}"


def _closest(word: str, words: list[str]) -> str | None:
    for other in _OTHER_WORDS.get(word.lower(), ()):
        if other in words:
            return other
    plain = {_plain(one): one for one in words}
    close = difflib.get_close_matches(_plain(word), plain, n=1)
    return plain[close[0]] if close else None


def _plain(word: str) -> str:
    """Return the common form of batchMaxEvents, batch-max-events and BATCH_MAX_EVENTS."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", word).replace("-", "_").lower()
