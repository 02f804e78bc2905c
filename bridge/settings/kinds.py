"""The kinds of sinks or sources by their `type`: a table of rows, each loaded when it is needed.

A row is `package.module:VALUE`, or `package.module:VALUE [extra]` for a room whose client library comes with that
extra of ours. To look at the names loads nothing.
"""

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Final, Generic, Protocol, TypeVar

from bridge.document.faults import nearest
from bridge.errors import SettingsError

_DISTRIBUTION: Final = "apim-event-bridge"


_K = TypeVar("_K")
_M_co = TypeVar("_M_co", covariant=True)


class Kinds(Mapping[str, _K], Generic[_K]):
    """The table; `kinds[name]` loads the row's room, and raises SettingsError with the cure if that cannot be."""

    def __init__(self, what: str, rows: Mapping[str, str]) -> None:
        """`what` the kinds are of, for people: `sink`, `source`."""
        self._what = what
        self.rows = rows
        self._loaded: dict[str, _K] = {}

    def __getitem__(self, name: str) -> _K:
        if name not in self._loaded:
            self._loaded[name] = self._load(name)
        return self._loaded[name]

    def __contains__(self, name: object) -> bool:
        return name in self.rows

    def __iter__(self) -> Iterator[str]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def there(self) -> Iterator[_K]:
        """Yield every kind whose libraries are installed."""
        for name in self.rows:
            try:
                yield self[name]
            except SettingsError:
                continue

    def _load(self, name: str) -> _K:
        if name not in self.rows:
            raise SettingsError(f'unknown kind of {self._what} "{name}"; {nearest(name, self.rows)}')
        place, _, extra = self.rows[name].partition(" ")
        module, _, value = place.partition(":")
        try:
            row: _K = getattr(import_module(module), value)
        except ModuleNotFoundError as error:
            # Without an extra, or if a module of ours is missing, it is a fault of the bridge.
            if not extra or (error.name or "").partition(".")[0] == "bridge":
                raise
            raise SettingsError(
                f'{self._what} of type "{name}": the library {error.name} is not installed; '
                f"pip install '{_DISTRIBUTION}{extra}'"
            ) from None
        return row


class HasSettings(Protocol[_M_co]):
    """What the settings need of a kind."""

    @property
    def settings(self) -> _M_co:
        """The model of its tables."""
        ...


class Models(Mapping[str, _M_co], Generic[_M_co]):
    """The settings' models of kinds, by the same names and loaded as late."""

    def __init__(self, kinds: Mapping[str, HasSettings[_M_co]]) -> None:
        self._kinds = kinds

    def __getitem__(self, name: str) -> _M_co:
        return self._kinds[name].settings

    def __contains__(self, name: object) -> bool:
        return name in self._kinds

    def __iter__(self) -> Iterator[str]:
        return iter(self._kinds)

    def __len__(self) -> int:
        return len(self._kinds)
