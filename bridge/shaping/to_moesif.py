"""A canonical event in Moesif's schema.

Schema: Moesif/apidocs, collector-api/_events-api.md. What the mapping does better than WSO2's own publisher
(wso2/apim-analytics-publisher, SimpleMoesifClient): numbers stay numbers, faults keep their verb, address
and user, `transaction_id` is the same for every copy of an event.
"""

import re
from functools import lru_cache
from operator import attrgetter
from typing import Any, Final

import msgspec

from bridge.contracts import Gateway
from bridge.events import Event, Properties
from bridge.shaping.address import UNKNOWN, uri
from bridge.shaping.identity import user_name
from bridge.shaping.origin import bridge_of, origin_of
from bridge.shaping.sentinels import NOTHING, real
from bridge.shaping.times import format_ms, parse_ms

# Without an address Moesif would take the one that the request came from: this bridge's. The
# unspecified address says that it is not known (RFC 1122, 3.2.1.3).
_NO_ADDRESS: Final = "0.0.0.0"  # noqa: S104 - no listener

_EVENT_FIELDS: Final = tuple(
    field.name for field in msgspec.structs.fields(Event) if field.name not in {"properties", "extra"}
)
# Has a place of its own in Moesif's schema.
_PLACED: Final = frozenset(
    {
        "requestHeaders",
        "responseHeaders",
        "requestBody",
        "responseBody",
        "requestBodyTransferEncoding",
        "responseBodyTransferEncoding",
    }
)
# Of the properties, those that the event's root may hold too, and those that only they hold.
_TWICE: Final = tuple(name for name in Properties.__struct_fields__ if name in _EVENT_FIELDS)
_LIFTED: Final = tuple(
    field
    for field in msgspec.structs.fields(Properties)
    if field.name not in {*_EVENT_FIELDS, *_PLACED, "extra"}
)

# The metadata: the event with its properties at the root, as WSO2's publisher writes it since 2026.
Metadata: Final = msgspec.defstruct(
    "Metadata",
    [
        *((name, Any, None) for name in _EVENT_FIELDS),
        *((field.name, Any, None) for field in _LIFTED),
        ("bridgeInstance", str | None, None),
    ],
    rename={field.name: field.encode_name for field in _LIFTED if field.name != field.encode_name},
    omit_defaults=True,
    gc=False,
)
_of_event: Final = attrgetter(*_EVENT_FIELDS)
_of_properties: Final = attrgetter(*(field.name for field in _LIFTED))
_twice_of: Final = attrgetter(*_TWICE)
_NO_PROPERTIES: Final = Properties()
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_read_json: Final = msgspec.json.Decoder(msgspec.Raw).decode


class Request(msgspec.Struct, omit_defaults=True, gc=False):
    """`request` of Moesif's schema."""

    time: str
    uri: str
    verb: str
    headers: dict[str, str]
    ip_address: str
    api_version: str | None = None
    body: Any = None
    transfer_encoding: str | None = None


class Response(msgspec.Struct, omit_defaults=True, gc=False):
    """`response` of Moesif's schema."""

    time: str
    status: int
    headers: dict[str, str]
    body: Any = None
    transfer_encoding: str | None = None


class MoesifEvent(msgspec.Struct, omit_defaults=True, gc=False):
    """An event of Moesif's schema."""

    request: Request
    transaction_id: str
    user_id: str | None
    direction: str | None
    metadata: Any
    company_id: str | None = None
    weight: int = 1
    response: Response | None = None


def moesif_event(event: Event, event_id: str, received_ms: int, gateway: Gateway) -> MoesifEvent:
    """Return the event in Moesif's schema. Nothing is invented: what is not known is left out or `UNKNOWN`.

    `received_ms` stands in for a request time that the event does not tell, because Moesif demands one.
    """
    properties = event.properties or _NO_PROPERTIES
    asked_ms = parse_ms(event.requestTimestamp)
    if asked_ms is None:
        asked_ms = received_ms
    agent = event.userAgentHeader
    if agent is None or agent in NOTHING:
        agent = real(event.userAgent)
    verb = event.apiMethod
    if verb is None or verb in NOTHING:
        verb = real(properties.apiMethod) or UNKNOWN
    user, company, weight = _caller(event, properties)
    return MoesifEvent(
        Request(
            format_ms(asked_ms),
            uri(event, gateway.url),
            verb,
            _headers(properties.requestHeaders, properties.requestContentType, agent),
            real(event.userIp) or _NO_ADDRESS,
            real(event.apiVersion),
            *_body(properties.requestBody, properties.requestBodyTransferEncoding),
        ),
        event_id,
        user,
        "Outgoing" if properties.isEgress else "Incoming",
        _metadata(event, properties, gateway.instance),
        company,
        weight,
        _response(event, properties, asked_ms),
    )


def moesif_form(
    event: Event, event_id: str, received_ms: int, gateway: Gateway
) -> MoesifEvent | dict[str, Any]:
    """Return the event in Moesif's schema; one that came from a Moesif SDK is complete again.

    `origin` says what such a one had beside the fields of the flat form, see `bridge.shaping.from_moesif`.
    """
    if event.extra is None:
        return moesif_event(event, event_id, received_ms, gateway)
    mapped = moesif_event(event, event_id, received_ms, gateway)
    origin = origin_of(event)
    if origin is None or not isinstance(rest := origin.get("moesif"), dict):
        return mapped
    if event.correlationId is None:
        _correct(mapped, event, origin, gateway.instance)
    whole = _plain(mapped)
    for key, value in rest.items():
        own = whole.get(key)
        if key == "company_id" and own is not None:
            # What [bridge.identity] found goes before what the SDK said.
            continue
        if key in {"request", "response", "metadata"} and isinstance(value, dict) and own is not None:
            whole[key] = (msgspec.to_builtins(own) if key == "metadata" else _plain(own)) | value
        else:
            whole[key] = value
    return whole


def _correct(mapped: MoesifEvent, event: Event, origin: dict[str, Any], instance: str) -> None:
    """Take out what is said of WSO2's events only: another SDK's has its own id, user and metadata."""
    properties = event.properties or _NO_PROPERTIES
    transaction_id = origin.get("transaction_id")
    if isinstance(transaction_id, str) and _UUID.fullmatch(transaction_id):
        # The event's own id was made of it, and is none that Moesif or the SDK's user has seen.
        mapped.transaction_id = transaction_id
    bridge = bridge_of(event)
    if bridge.get("user") is None:
        mapped.user_id = None if "user" in bridge else event.userName
    mapped.direction = None
    # Not a field of its metadata: it came from `request.uri`.
    mapped.metadata = _metadata(Event(), msgspec.structs.replace(properties, gateway_url=None), instance)


def _caller(event: Event, properties: Properties) -> tuple[str, str | None, int]:
    """Return user and company, and for how many calls the event stands."""
    user = event.userName
    if user is None or user in NOTHING:
        user = real(properties.userName)
    if event.extra is None and event.gatewayType != "AWS":
        return UNKNOWN if user is None else user_name(user), None, 1
    bridge = bridge_of(event)
    user, company, weight = bridge.get("user", user), bridge.get("company"), bridge.get("weight")
    if "company" not in bridge and event.gatewayType == "AWS" and properties.extra is not None:
        # An optional key of Moesif's format of the access log.
        company = properties.extra.get("companyId")
    return (
        user_name(user) if isinstance(user, str) else UNKNOWN,
        real(company) if isinstance(company, str) else None,
        weight if isinstance(weight, int) and weight > 1 else 1,
    )


def _plain(struct: msgspec.Struct) -> dict[str, Any]:
    """Return the fields that say something; what is inside them stays as it is."""
    there = {key: value for key, value in msgspec.structs.asdict(struct).items() if value is not None}
    if there.get("weight") == 1:
        del there["weight"]
    return there


def _response(event: Event, properties: Properties, asked_ms: int) -> Response | None:
    status = event.proxyResponseCode
    if status is None or status < 100:
        # WebSub and some WebSocket events have -1: no answer is known.
        return None
    latency = event.responseLatency
    answered_ms = asked_ms + latency if latency is not None and 0 <= latency < 2**40 else asked_ms
    return Response(
        format_ms(answered_ms),
        status,
        _headers(properties.responseHeaders, properties.responseContentType),
        *_body(properties.responseBody, properties.responseBodyTransferEncoding),
    )


def _headers(captured: dict[str, str] | None, kind: str | None, agent: str | None = None) -> dict[str, str]:
    """Return the headers that the event tells of; captured ones say more than what was made of them."""
    headers = _implied(kind, agent)
    if not captured:
        return headers
    names = {name.lower() for name in captured}
    return {name: value for name, value in headers.items() if name.lower() not in names} | captured


# Few callers use many agents. The dict is the same for many events, and nobody changes it.
@lru_cache(maxsize=1024)
def _implied(kind: str | None, agent: str | None) -> dict[str, str]:
    headers = {"User-Agent": agent} if agent else {}
    # WSO2 writes words without a slash there, too: UNKNOWN, a builder's name.
    if kind and "/" in kind:
        headers["Content-Type"] = kind
    return headers


def _body(text: str | None, encoding: str | None) -> tuple[Any, str | None]:
    """Return a body and its `transfer_encoding`: base64 as it is, JSON as JSON, other text as a JSON string."""
    if text is None:
        return None, None
    if encoding == "base64":
        return text, encoding
    if text.startswith(("{", "[")):
        try:
            return _read_json(text), None
        except (msgspec.DecodeError, RecursionError):
            return text, None
    return text, None


def _metadata(event: Event, properties: Properties, instance: str) -> Any:
    metadata: Any = Metadata(*_of_event(event), *_of_properties(properties), instance)
    # The usual event has nothing else, and in its properties only what the root says as well.
    if (
        event.extra is properties.extra is None
        and properties.userName in (None, event.userName)
        and properties.apiContext in (None, event.apiContext)
        and properties.apiMethod is properties.apiResourceTemplate is None
    ):
        return metadata
    differing: dict[str, Any] = {}
    for name, value in zip(_TWICE, _twice_of(properties), strict=True):
        if value is None:
            continue
        own = getattr(metadata, name)
        if own is None:
            setattr(metadata, name, value)
        elif own != value:
            differing[name] = value
    extra = _sent_on(event)
    if not differing and not extra and properties.extra is None:
        return metadata
    # Keys that no release of WSO2 writes, values of another type, or two values for one name: none is lost.
    known: dict[str, Any] = msgspec.to_builtins(metadata)
    flat = {**(properties.extra or {}), **extra, **known}
    for keys in (extra, properties.extra or {}):
        differing |= {key: value for key, value in keys.items() if flat[key] != value}
    if differing:
        flat["properties"] = differing
    return flat


def _sent_on(event: Event) -> dict[str, Any]:
    """Return the unknown keys that metadata takes: who called and what a Moesif SDK sent have their own place."""
    extra: dict[str, Any] = event.extra or {}
    placed = {"bridge"} if isinstance(extra.get("bridge"), dict) else set()
    if "moesif" in (origin_of(event) or {}):
        placed.add("origin")
    return {key: value for key, value in extra.items() if key not in placed} if placed else extra
