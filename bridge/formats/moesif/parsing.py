"""Turns an event that a Moesif SDK sent into the canonical form, WSO2's own.

WSO2's publisher (wso2/apim-analytics-publisher, `SimpleMoesifClient`) puts the event into `metadata`, and makes up the
other fields where it knows nothing; we do not pass made-up values on as facts. Of any other SDK's event everything is
kept: fields of the flat form go there, where masks and other destinations find them, and the rest goes into `origin`,
from which the Moesif sink sends it on:

    origin: {"transaction_id": the SDK's own, "moesif": what the flat form has no place for}

Schema: Moesif/apidocs, collector-api/_events-api.md.
"""

from typing import Any, Final

import msgspec

from bridge.errors import Unacceptable
from bridge.events.event import Event, Properties, encode, from_object
from bridge.events.origin import RECORD
from bridge.events.reading import Json
from bridge.events.sentinels import real
from bridge.events.times import format_ms, parse_ms

_ROOT: Final = frozenset(Event.__struct_fields__) - {"properties", "extra"}
_INNER: Final = {
    field.encode_name: field.name for field in msgspec.structs.fields(Properties) if field.name != "extra"
}
_URL: Final = "x-original-gw-url"
# Fields that the flat form takes from elsewhere in a Moesif event.
_TAKEN: Final = frozenset(
    {_URL, *(f"{side}{what}" for side in ("request", "response") for what in ("Headers", "Body"))}
) | {"requestBodyTransferEncoding", "responseBodyTransferEncoding"}
# `MoesifConstants` of WSO2's publisher: each of its events has them, whatever the call had.
_MADE_UP_HEADERS: Final = {
    "request": {"content-type": "application/json"},
    "response": {
        "cache-control": "no-cache",
        "vary": "Accept-Encoding",
        "pragma": "no-cache",
        "expires": "-1",
        "content-type": "application/json; charset=utf-8",
    },
}
_LONGEST_MS: Final = 2**40


def record(sent: Json, tenant: str = "", *, path: str) -> Json:
    """Return a record that is not an API call (a user, company, action or subscription) in the form that is journalled.

    `path` is where it was posted, without `/batch`; `tenant` as in `canonical`.
    """
    origin: Json = {"path": path, RECORD: sent}
    if tenant:
        origin["tenant"] = tenant
    if isinstance(sent.get("transaction_id"), str):
        origin["transaction_id"] = sent["transaction_id"]
    return {"eventType": RECORD, "origin": origin}


def canonical(sent: Json, tenant: str = "") -> Json:
    """Return the canonical form of a Moesif event; raises Unacceptable if it is not one.

    `tenant`: whose key the SDK sent, if that tenant has its own; WSO2's events name their tenant themselves.
    """
    rest = {key: value for key, value in sent.items() if value is not None}
    request = rest.pop("request", None)
    if not isinstance(request, dict) or not request:
        raise Unacceptable("unrecognised", "no request of a Moesif event is in it")
    request = dict(request)
    response = dict(rest.pop("response")) if isinstance(rest.get("response"), dict) else {}
    metadata = dict(rest.pop("metadata")) if isinstance(rest.get("metadata"), dict) else {}
    # How Jackson writes a member that is not a field of an event; events of all Java SDKs have it.
    rest.pop("regexMap", None)
    wso2 = _text(metadata.get("correlationId")) is not None and "apiId" in metadata
    event, properties = _of_wso2(metadata) if wso2 else _of_another(metadata, rest)
    transaction_id = rest.pop("transaction_id", None)
    _take_user(event, rest, wso2=wso2)
    # WSO2 writes 0 for 1, and with sampling what it stands for.
    if (weight := _number(rest.pop("weight", None))) > 1:
        rest["weight"] = weight
    _take_times(event, request, response, wso2=wso2)
    _take_address(event, properties, request, wso2=wso2)
    _take(event, "apiMethod", request, "verb", wso2=wso2)
    _take(event, "apiVersion", request, "api_version", wso2=wso2)
    _take(event, "userIp", request, "ip_address", wso2=wso2)
    if isinstance(response.get("status"), int | str):
        event["proxyResponseCode"] = response.pop("status")
    for name, side in (("request", request), ("response", response)):
        _take_headers(event, properties, name, side, wso2=wso2)
        _take_body(properties, name, side)
        if left := {key: value for key, value in side.items() if value is not None}:
            rest[name] = left
    if properties:
        event["properties"] = properties
    _settle_types(event)
    origin: Json = {}
    if rest or not wso2:
        origin["moesif"] = rest
    # WSO2's publisher gives a retried event a new one, so only those of other SDKs last (P5).
    if transaction_id is not None and not wso2:
        origin["transaction_id"] = transaction_id
    if tenant and not wso2:
        origin["tenant"] = tenant
    return {**event, "origin": origin} if origin else event


def _of_wso2(metadata: Json) -> tuple[Json, Json]:
    """Return the event and its properties, which newer releases write side by side."""
    event = {key: value for key, value in metadata.items() if key in _ROOT}
    return event, {key: value for key, value in metadata.items() if key not in _ROOT}


def _of_another(metadata: Json, rest: Json) -> tuple[Json, Json]:
    """Return an empty event; the metadata, which may mean anything, becomes its properties."""
    if clash := {key: value for key, value in metadata.items() if key in _TAKEN}:
        rest["metadata"] = clash
    return {}, {key: value for key, value in metadata.items() if key not in _TAKEN}


def _take(event: Json, name: str, side: Json, key: str, *, wso2: bool) -> None:
    """Move a text to its field, unless the field already says something else."""
    value = side.get(key)
    if not isinstance(value, str):
        return
    if real(value) is None:
        if wso2:
            del side[key]
    elif event.setdefault(name, value) == value:
        del side[key]


def _take_user(event: Json, rest: Json, *, wso2: bool) -> None:
    user = rest.pop("user_id", None)
    if user is None:
        return
    if not wso2:
        event["userName"] = user if isinstance(user, str) else encode(user).decode()
        return
    # For a fault, 1.2.30 names the creator of the API, not the caller.
    made_up = _is_fault(event) and user == event.get("apiCreator")
    if _text(event.get("userName")) is None and _text(user) is not None and not made_up:
        event["userName"] = user


def _take_times(event: Json, request: Json, response: Json, *, wso2: bool) -> None:
    asked, answered = request.get("time"), response.get("time")
    asked_ms, answered_ms = _ms(asked), _ms(answered)
    if isinstance(asked, str):
        event["requestTimestamp"] = asked if asked_ms is None else format_ms(asked_ms)
        del request["time"]
    if asked_ms is not None and answered_ms is not None and 0 <= answered_ms - asked_ms < _LONGEST_MS:
        # For a fault it is the time when WSO2's publisher built its batch.
        if not (wso2 and _is_fault(event)):
            event.setdefault("responseLatency", answered_ms - asked_ms)
        response.pop("time")
    elif wso2:
        response.pop("time", None)


def _take_address(event: Json, properties: Json, request: Json, *, wso2: bool) -> None:
    uri = request.pop("uri", None)
    if not isinstance(uri, str) or (wso2 and real(uri) is None):
        return
    if "://" in uri:
        if properties.setdefault(_URL, uri) != uri:
            request["uri"] = uri
    elif not wso2:
        event["apiContext"] = uri
        # The gateway's address must not be put before it.
        request["uri"] = uri
    elif _text(event.get("apiContext")) is None:
        # It is context plus template; 1.2.x gives the template only.
        template = _text(event.get("apiResourceTemplate")) or ""
        if uri.endswith(template):
            event["apiContext"] = uri.removesuffix(template)
        else:
            request["uri"] = uri


def _take_headers(event: Json, properties: Json, name: str, side: Json, *, wso2: bool) -> None:
    headers = side.pop("headers", None)
    if not isinstance(headers, dict):
        return
    field = f"{name}Headers"
    captured = properties.get(field)
    known = captured if isinstance(captured, dict) else {}
    names = {key.lower() for key in known}
    kept: dict[str, str] = {}
    for key, value in headers.items():
        text = _header(value)
        if wso2 and _MADE_UP_HEADERS[name].get(key.lower()) == text:
            continue
        if name == "request" and key.lower() == "user-agent":
            # Where a mask of the user agent finds it.
            if real(text) is not None:
                event.setdefault("userAgentHeader", text)
            if wso2 or event.get("userAgentHeader") == text:
                continue
        if key.lower() not in names:
            kept[key] = text
    if kept:
        properties[field] = {**known, **kept}


def _take_body(properties: Json, name: str, side: Json) -> None:
    body, encoding = side.pop("body", None), side.get("transfer_encoding")
    if encoding in ("json", "base64"):
        side.pop("transfer_encoding")
    if body is None:
        return
    field = f"{name}Body"
    if isinstance(body, str) and encoding == "base64":
        # WSO2's publisher breaks it into lines.
        properties[field] = body.replace("\n", "").replace("\r", "")
        properties[f"{field}TransferEncoding"] = encoding
    else:
        properties[field] = body if isinstance(body, str) else encode(body).decode()


def _settle_types(event: Json) -> None:
    """Give texts that stand for numbers and booleans their own type, as far as the field has one."""
    read = from_object(event)
    for key, value in event.items():
        if isinstance(value, str) and (fitting := getattr(read, key)) is not None:
            event[key] = fitting
    properties = event.get("properties", {})
    for key, value in properties.items():
        if isinstance(value, str) and key in _INNER:
            fitting = getattr(read.properties, _INNER[key])
            properties[key] = value if fitting is None else fitting


def _header(value: Any) -> str:
    """Return a header's value as text; several of one name as HTTP joins them."""
    if isinstance(value, list):
        return ", ".join(map(_header, value))
    return value if isinstance(value, str) else encode(value).decode()


def _is_fault(event: Json) -> bool:
    return event.get("errorCode") is not None or event.get("errorType") is not None


def _text(value: Any) -> str | None:
    return real(value) if isinstance(value, str) else None


def _ms(value: Any) -> int | None:
    ms = parse_ms(value) if isinstance(value, str) else None
    return ms if ms is not None and ms >= 0 else None


def _number(value: Any) -> float:
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 10:
        return int(value)
    return value if isinstance(value, int | float) else 0
