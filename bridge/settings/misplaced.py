"""Finds tables in the wrong place, and says where they probably belong."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from pydantic import BaseModel

from bridge.document.faults import Faults
from bridge.settings.model import BridgeSettings, SinkSettings, SourceSettings, WSO2Settings

# A word and those that it is mistaken for, at the root of the file.
_MEANT: Final[Mapping[str, str]] = {
    "brigde": "bridge",
    "birdge": "bridge",
    "bridges": "bridge",
    "apim-bridge": "bridge",
    "apim_bridge": "bridge",
}


def refuse_misplaced(
    document: Mapping[str, Any],
    sinks: Mapping[str, type[SinkSettings]],
    sources: Mapping[str, type[SourceSettings]],
    faults: Faults,
) -> bool:
    """Note each table of ours that stands elsewhere; returns whether there are any.

    WSO2's deployment.toml has many tables that are none of our business: one counts only if it has a key that is
    known where it was meant to be.
    """
    places = _Places(sinks, sources)
    found = dict(_found(document, places))
    for key, meant in found.items():
        faults.add(key, "nobody reads it here", f"did you mean {meant}?")
    return bool(found)


class _Places:
    """Where a table of some name belongs."""

    def __init__(
        self, sinks: Mapping[str, type[SinkSettings]], sources: Mapping[str, type[SourceSettings]]
    ) -> None:
        self._kinds = {"sources": sources, "sinks": sinks}
        self._tables: dict[str, type[BaseModel]] = {
            name: field.annotation
            for name, field in BridgeSettings.model_fields.items()
            if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
        }

    def of(self, name: str, value: Any, *, but: str = "") -> str | None:
        """Return where this belongs, below [bridge]; `but`: where it stands already."""
        if not isinstance(value, dict):
            return None
        if name in self._kinds and name != but:
            return f"[bridge.{name}.{next(iter(value), 'NAME')}]" if self._has_tables(name, value) else None
        if name in self._tables and but != "bridge":
            return f"[bridge.{name}]" if value.keys() & self._tables[name].model_fields.keys() else None
        known = {
            f"[bridge.{kinds}.{name}]": len(value.keys() & models[name].model_fields.keys())
            for kinds, models in self._kinds.items()
            if kinds != but and name in models
        }
        best = max(known, key=lambda place: known[place], default=None)
        return best if best is not None and known[best] else None

    def names(self, kinds: str) -> Iterable[str]:
        """Return what a table there may be called without saying its type."""
        return self._kinds[kinds]

    def _has_tables(self, kinds: str, value: Mapping[str, Any]) -> bool:
        return any(
            isinstance(table, dict) and (name in self._kinds[kinds] or "type" in table)
            for name, table in value.items()
        )


def _found(document: Mapping[str, Any], places: _Places) -> Iterator[tuple[str, str]]:
    for name, value in document.items():
        if name in _MEANT:
            yield name, f"[{_MEANT[name]}]"
        elif name not in {"apim", "bridge"}:
            if meant := places.of(name, value):
                inner = next(iter(value), "")
                yield (f"{name}.{inner}" if name in {"sources", "sinks"} else name), meant
            elif name == "analytics" and isinstance(value, dict) and value.keys() & {"enable", "properties"}:
                yield name, "[apim.analytics]"
            elif name in BridgeSettings.model_fields and not isinstance(value, dict):
                yield name, f"{name} in [bridge]"
    bridge, apim = document.get("bridge"), document.get("apim")
    if isinstance(bridge, dict):
        yield from _below("bridge", bridge, places)
    if isinstance(apim, dict):
        if isinstance(apim.get("bridge"), dict):
            yield "apim.bridge", "[bridge]"
        yield from _below("apim", {name: apim[name] for name in ("sources", "sinks") if name in apim}, places)
        analytics = apim.get("analytics")
        if isinstance(analytics, dict):
            others = {name: one for name, one in analytics.items() if name not in WSO2Settings.model_fields}
            yield from _below("apim.analytics", others, places)


def _below(key: str, table: Mapping[str, Any], places: _Places) -> Iterator[tuple[str, str]]:
    for name, value in table.items():
        if key == "bridge" and name in {"sources", "sinks"} and isinstance(value, dict):
            for inner, one in value.items():
                # A sink may have any name, one that says its type among them.
                plain = isinstance(one, dict) and "type" not in one
                if plain and inner not in places.names(name) and (meant := places.of(inner, one, but=name)):
                    yield f"bridge.{name}.{inner}", meant
        elif meant := places.of(name, value, but="bridge" if key == "bridge" else ""):
            yield f"{key}.{name}", meant
