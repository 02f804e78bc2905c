"""Which sinks are on, and the settings of each: from `type`, [bridge.sinks.NAME], and WSO2's own keys."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bridge.document.faults import nearest
from bridge.document.placeholders import Placeholders
from bridge.settings.faults import TableFaults
from bridge.settings.forms import split_names
from bridge.settings.model import DeliveryDefaults, HttpSinkSettings, SinkSettings, WSO2Settings
from bridge.settings.wso2 import LOG_WORDS
from bridge.settings.wso2_proxy import PROXY_HOST, wso2_proxy

Types = Mapping[str, type[SinkSettings]]


@dataclass(frozen=True, slots=True)
class Route:
    """An active sink, with the key of the file that each of its values came from."""

    settings: SinkSettings
    places: Mapping[str, str]


def active_names(bridge: Mapping[str, Any], wso2: WSO2Settings, faults: TableFaults) -> tuple[str, ...]:
    """Return the names in `type`, [bridge] before [apim.analytics]; empty after a fault."""
    if "type" in bridge:
        try:
            names = split_names(bridge["type"])
        except ValueError as error:
            faults.add("bridge.type", str(error))
            return ()
        if not names:
            faults.add("bridge.type", "names no sink", 'name one, such as type = "moesif"')
        return names
    if not wso2.enable:
        faults.add(
            "apim.analytics.enable",
            "analytics is off",
            'set enable = true and a type there, or name the sinks in [bridge], such as type = "moesif"',
        )
        return ()
    if not wso2.type:
        faults.add(
            "apim.analytics.type",
            "names no sink",
            'name one there or in [bridge], such as type = "moesif"',
        )
    return wso2.type


def routes(
    names: tuple[str, ...],
    types: Types,
    tables: Mapping[str, Any],
    delivery: Mapping[str, Any],
    wso2: WSO2Settings,
    *,
    type_key: str,
    placeholders: Placeholders,
    faults: TableFaults,
) -> dict[str, Route]:
    """Return the active sinks that have no fault, by name.

    `tables` are [bridge.sinks.*] and `delivery` is [bridge.delivery]; only the tables of active sinks are
    resolved, so that a sink that is off needs neither its secrets nor its variables.
    """
    found: dict[str, Route] = {}
    for name in names:
        key = f"bridge.sinks.{name}"
        if name not in tables and name not in types:
            faults.add(type_key, *_unknown(name, types, tables, type_key))
            continue
        table = placeholders.resolve(faults.table(tables, name, key), key)
        kind = table.get("type", name)
        if not isinstance(kind, str) or kind not in types:
            if "type" in table:
                faults.add(f"{key}.type", f'unknown kind of sink "{kind}"', nearest(str(kind), types))
            else:
                faults.add(f"{key}.type", "is missing", f"set it to one of {', '.join(types)}")
            continue
        if (model := faults.model(types, kind, f"{key}.type")) is None:
            continue
        route = _route(name, kind, model, table, delivery, wso2, placeholders, faults)
        if route is not None:
            found[name] = route
    return found


def _unknown(name: str, types: Types, tables: Mapping[str, Any], type_key: str) -> tuple[str, str]:
    known = {*types, *tables}
    if name.lower() in LOG_WORDS:
        problem = f'"{name}" is WSO2\'s word for its own reporter, not a sink'
        if type_key == "bridge.type":
            return problem, nearest(name, known)
        return (
            problem,
            f'keep it for WSO2 and name the sinks in [bridge], such as type = "{next(iter(types))}"',
        )
    return f'unknown sink "{name}"', f"{nearest(name, known)} (or add [bridge.sinks.{name}] with its type)"


def _route(
    name: str,
    kind: str,
    model: type[SinkSettings],
    table: Mapping[str, Any],
    delivery: Mapping[str, Any],
    wso2: WSO2Settings,
    placeholders: Placeholders,
    faults: TableFaults,
) -> Route | None:
    own = f"bridge.sinks.{name}"
    values: dict[str, Any] = {"type": kind}
    places: dict[str, str] = {}
    # From the weakest to the strongest: WSO2's proxy, the settings of all sinks, WSO2's other keys, this sink's own
    # settings.
    if issubclass(model, HttpSinkSettings) and (proxy := wso2_proxy(wso2.properties, placeholders, faults)):
        values["proxy"] = proxy
        places["proxy"] = f"apim.analytics.properties.{PROXY_HOST}"
    for field in DeliveryDefaults.model_fields:
        if field in delivery and field in model.model_fields:
            values[field] = delivery[field]
            places[field] = f"bridge.delivery.{field}"
    for wso2_key, field in reversed(tuple(model.WSO2_KEYS.items())):
        if wso2_key in wso2.properties:
            places[field] = f"apim.analytics.properties.{wso2_key}"
            values[field] = placeholders.resolve(wso2.properties[wso2_key], places[field])
    for field, value in table.items():
        values[field] = value
        places.pop(field, None)
    cures = {
        field: f"set {wso2_key} in [apim.analytics.properties] or {field} in [{own}]"
        for wso2_key, field in model.WSO2_KEYS.items()
    }
    settings = faults.read(model, values, own, places=places, cures=cures)
    return Route(settings, places) if settings is not None else None
