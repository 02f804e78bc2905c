"""The traffic log of WSO2's API Platform gateway as WSO2's own flat event.

One JSON object for each call, every field of it optional (wso2/api-platform, policy-engine,
publishers/traffic_log_event.go). What the flat form has no place for stays in `properties` under its name;
the keys of the log's own `properties`, which its operator has chosen, stand beside it.
"""

import json
from typing import Any, Final

from bridge.errors import Unacceptable
from bridge.events.event import encode

# wso2/api-platform, policy-engine, analytics/constants.go, GatewayLabel.
GATEWAY_TYPE: Final = "ENVOY"

_ROOT: Final = {
    "timestamp": "requestTimestamp",
    "correlationId": "correlationId",
    "status": "proxyResponseCode",
}
_SECTIONS: Final = {
    "api": {
        "id": "apiId",
        "name": "apiName",
        "version": "apiVersion",
        "context": "apiContext",
        "kind": "apiType",
    },
    "operation": {"method": "apiMethod", "path": "apiResourceTemplate"},
    "target": {"statusCode": "targetResponseCode", "destination": "destination"},
    "application": {
        "id": "applicationId",
        "name": "applicationName",
        "owner": "applicationOwner",
        "keyType": "keyType",
    },
    "client": {"ip": "userIp", "userAgent": "userAgentHeader"},
}
_LATENCIES: Final = {
    "durationUs": "responseLatency",
    "requestMediationLatencyUs": "requestMediationLatency",
    "responseMediationLatencyUs": "responseMediationLatency",
    "backendLatencyUs": "backendLatency",
}
_MARKS: Final = frozenset({"correlationId", "status", "api", "operation", "latencies"})


def canonical(line: dict[str, Any]) -> dict[str, Any]:
    """Return one line of a traffic log under WSO2's field names; raises Unacceptable (`unrecognised`)."""
    if _MARKS.isdisjoint(line):
        raise Unacceptable("unrecognised", "no field of a traffic log is in it")
    rest = dict(line)
    event: dict[str, Any] = {"gatewayType": GATEWAY_TYPE}
    _move(rest, _ROOT, event)
    for name, fields in _SECTIONS.items():
        section = rest.get(name)
        if not isinstance(section, dict):
            continue
        section = dict(section)
        _move(section, fields, event)
        # What is left of it was put there by a later release, or by hand.
        if section:
            rest[name] = section
        else:
            del rest[name]
    # Microseconds are finer than the flat form: they stay in `properties` as they are.
    latencies = rest.get("latencies")
    for key, field in _LATENCIES.items():
        value = latencies.get(key) if isinstance(latencies, dict) else None
        if isinstance(value, int) and not isinstance(value, bool):
            event[field] = (value + 500) // 1000
    _shorten(event)
    event["properties"] = _properties(rest)
    return event


def _properties(rest: dict[str, Any]) -> dict[str, Any]:
    chosen = rest.pop("properties", None)
    for name in ("requestHeaders", "responseHeaders"):
        if name in rest:
            rest[name] = _headers(rest[name])
    for name in ("requestBody", "responseBody"):
        if name in rest and not isinstance(rest[name], str):
            rest[name] = encode(rest[name]).decode()
    if not isinstance(chosen, dict):
        return rest if chosen is None else rest | {"properties": chosen}
    twice = {key: value for key, value in chosen.items() if key in rest}
    return chosen | rest | ({"properties": twice} if twice else {})


def _move(owner: dict[str, Any], fields: dict[str, str], event: dict[str, Any]) -> None:
    for key, field in fields.items():
        if key in owner:
            event[field] = owner.pop(key)


def _shorten(event: dict[str, Any]) -> None:
    """Take the API's context off the path of its operation, where the gateway has put it in front."""
    context, path = event.get("apiContext"), event.get("apiResourceTemplate")
    if isinstance(context, str) and isinstance(path, str) and len(context) > 1:
        prefix = context.rstrip("/")
        if path == prefix or path.startswith(f"{prefix}/"):
            event["apiResourceTemplate"] = path.removeprefix(prefix) or "/"


def _headers(value: Any) -> Any:
    """Return headers as an object of strings; they came as one, as its JSON text, or with lists of values."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return value
    if not isinstance(value, dict):
        return value
    return {name: _header(one) for name, one in value.items()}


def _header(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_header, value))
    return value if isinstance(value, str) else encode(value).decode()
