"""A canonical event in Moesif's schema.

Schema: Moesif/apidocs, collector-api/_events-api.md. What the mapping does better than WSO2's own publisher
(wso2/apim-analytics-publisher, SimpleMoesifClient): numbers stay numbers, faults keep their verb, address
and user, `transaction_id` is the same for every copy of an event.
"""

import re
from functools import lru_cache
from typing import Any, Final

import msgspec

from bridge.contracts import Gateway
from bridge.events.event import Event, Properties
from bridge.events.origin import bridge_of, holds_record, origin_of
from bridge.events.sentinels import SENTINELS, real
from bridge.events.times import call_times
from bridge.events.uri import UNKNOWN, joined, uri
from bridge.events.users import SUPER_TENANT, user_name
from bridge.formats.api_analytics import ORIGIN
from bridge.formats.moesif.metadata import plain_metadata, whole_metadata

# Without an address Moesif would take the one that the request came from: this bridge's. The
# unspecified address says that it is not known (RFC 1122, 3.2.1.3).
_NO_ADDRESS: Final = "0.0.0.0"  # noqa: S104 - no listener

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
    """Return the event in Moesif's schema. Nothing is made up: unknown values are left out or `UNKNOWN`.

    `received_ms` stands in for a request time that the event does not tell, because Moesif demands one.
    """
    properties = event.properties or _NO_PROPERTIES
    # Usually root and properties agree, or the properties have what a fault leaves out of the root.
    user, context = event.userName, event.apiContext
    plain = (
        event.extra is properties.extra is None
        and properties.apiMethod is properties.apiResourceTemplate is None
    )
    if user is None:
        user = properties.userName
    elif properties.userName is not None and properties.userName != user:
        plain = False
    if context is None:
        context = properties.apiContext
    elif properties.apiContext is not None and properties.apiContext != context:
        plain = False
    metadata = (
        plain_metadata(event, properties, user, context, gateway.instance)
        if plain
        else whole_metadata(event, properties, gateway.instance)
    )
    # Who called, as `user_name` has it, and with what.
    if user is None or user in SENTINELS:
        user = real(properties.userName)
    company, weight = None, 1
    if event.extra is None and event.gatewayType != "AWS":
        user = UNKNOWN if user is None else user.removesuffix(SUPER_TENANT)
    else:
        user, company, weight = _caller(event, properties, user)
    ip_address = _NO_ADDRESS if (ip := event.userIp) is None or ip in SENTINELS else ip
    agent = event.userAgentHeader
    if agent is None or agent in SENTINELS:
        agent = event.userAgent
    # What they asked for.
    address = properties.gateway_url
    if address is None or address in SENTINELS:
        address = (
            joined(gateway.url, context, event.apiResourceTemplate) if plain else uri(event, gateway.url)
        )
    verb = event.apiMethod
    if verb is None or verb in SENTINELS:
        verb = real(properties.apiMethod) or UNKNOWN
    version = None if event.apiVersion in SENTINELS else event.apiVersion
    # What they got. WebSub and some WebSocket events have the status -1: no answer is known.
    status = event.proxyResponseCode
    if status is not None and status < 100:
        status = None
    latency_ms = None if status is None else event.responseLatency
    asked, answered = call_times(event.requestTimestamp, latency_ms, received_ms)

    request = Request(asked, address, verb, _of_agent(agent), ip_address, version)
    response = (
        None if status is None else Response(answered, status, _of_kind(properties.responseContentType))
    )
    if not (
        properties.requestHeaders is properties.responseHeaders is None
        and properties.requestBody is properties.responseBody is properties.requestContentType is None
    ):
        _add_captures(request, response, properties)
    direction = "Outgoing" if properties.isEgress else "Incoming"
    return MoesifEvent(request, event_id, user, direction, metadata, company, weight, response)


def moesif_form(
    event: Event, event_id: str, received_ms: int, gateway: Gateway
) -> MoesifEvent | dict[str, Any]:
    """Return the event in Moesif's schema; one that came from a Moesif SDK is complete again.

    `origin` says what such a one had beside the fields of the flat form, see `bridge.formats.moesif.parsing`.
    Raises ValueError for a record, which is not an event.
    """
    if event.extra is None:
        return moesif_event(event, event_id, received_ms, gateway)
    if holds_record(event):
        raise ValueError("a record is not an event")
    mapped = moesif_event(event, event_id, received_ms, gateway)
    origin = origin_of(event)
    if origin is not None and ORIGIN in origin and mapped.user_id == UNKNOWN:
        # Only WSO2's own events have to name somebody.
        mapped.user_id = None
    if origin is None or not isinstance(rest := origin.get("moesif"), dict):
        return mapped
    if event.correlationId is None:
        _correct(mapped, event, origin, gateway.instance)
    whole = _plain(mapped)
    for key, value in rest.items():
        own = whole.get(key)
        if key == "company_id" and own is not None:
            # What [bridge.identity] found wins over what the SDK said.
            continue
        if key in {"request", "response", "metadata"} and isinstance(value, dict) and own is not None:
            whole[key] = (msgspec.to_builtins(own) if key == "metadata" else _plain(own)) | value
        else:
            whole[key] = value
    return whole


def _correct(mapped: MoesifEvent, event: Event, origin: dict[str, Any], instance: str) -> None:
    """Take out what only WSO2's events should have: events of other SDKs have their own id, user and metadata."""
    properties = event.properties or _NO_PROPERTIES
    transaction_id = origin.get("transaction_id")
    if isinstance(transaction_id, str) and _UUID.fullmatch(transaction_id):
        # The event's own id was made of it, and neither Moesif nor the SDK's user has ever seen that.
        mapped.transaction_id = transaction_id
    bridge = bridge_of(event)
    if bridge.get("user") is None:
        mapped.user_id = None if "user" in bridge else event.userName
    mapped.direction = None
    # Not a field of its metadata: it came from `request.uri`.
    mapped.metadata = whole_metadata(Event(), msgspec.structs.replace(properties, gateway_url=None), instance)


def _caller(event: Event, properties: Properties, user: str | None) -> tuple[str, str | None, int]:
    """Return user, company and weight, if the event has more of them than its `user`."""
    bridge = bridge_of(event)
    user, company, weight = bridge.get("user", user), bridge.get("company"), bridge.get("weight")
    if "company" not in bridge and event.gatewayType == "AWS" and properties.extra is not None:
        # An optional key of Moesif's access log format.
        company = properties.extra.get("companyId")
    return (
        user_name(user) if isinstance(user, str) else UNKNOWN,
        real(company) if isinstance(company, str) else None,
        weight if isinstance(weight, int) and weight > 1 else 1,
    )


def _plain(struct: msgspec.Struct) -> dict[str, Any]:
    """Return the fields that have a value; what is inside them stays as it is."""
    there = {key: value for key, value in msgspec.structs.asdict(struct).items() if value is not None}
    if there.get("weight") == 1:
        del there["weight"]
    return there


# There are few different agents. Many events share the dict, which nobody changes.
@lru_cache(maxsize=1024)
def _of_agent(agent: str | None) -> dict[str, str]:
    return {} if agent is None or agent in SENTINELS else {"User-Agent": agent}


@lru_cache(maxsize=1024)
def _of_kind(kind: str | None) -> dict[str, str]:
    # WSO2 also writes words without a slash there: UNKNOWN, a builder's name.
    return {"Content-Type": kind} if kind and "/" in kind else {}


def _add_captures(request: Request, response: Response | None, properties: Properties) -> None:
    """Put captured headers and bodies, and the request's content type, into their places."""
    implied = request.headers | _of_kind(properties.requestContentType)
    request.headers = _with_captured(implied, properties.requestHeaders)
    request.body, request.transfer_encoding = _body(
        properties.requestBody, properties.requestBodyTransferEncoding
    )
    if response is not None:
        response.headers = _with_captured(response.headers, properties.responseHeaders)
        response.body, response.transfer_encoding = _body(
            properties.responseBody, properties.responseBodyTransferEncoding
        )


def _with_captured(implied: dict[str, str], captured: dict[str, str] | None) -> dict[str, str]:
    """Return all headers; captured ones win over those made from other fields."""
    if not captured:
        return implied
    # Usually they have been captured, too: that saves 1.5 us for such an event.
    if implied.keys() <= captured.keys():
        return captured
    names = {*map(str.lower, captured)}
    return {name: value for name, value in implied.items() if name.lower() not in names} | captured


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
