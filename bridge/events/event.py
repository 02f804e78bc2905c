"""The event: one API call as WSO2 reports it, under WSO2's own field names.

Two ways lead from bytes to an `Event`. The fast one is msgspec with typed, known fields only. What it
refuses (an unknown key, a number as text, a repaired line) goes the generic way through a dict, which
gives the same result and loses no key: whatever does not fit a field is kept in `extra` under its name.

Fields and types: wso2/apim-analytics-publisher, `GenericInputValidator` and `DefaultInputValidator`,
all releases from 1.0.1 (API Manager 4.0) on, and the keys that carbon-apimgt puts into `properties`.
"""

import re
from types import NoneType
from typing import Annotated, Any, Final, Union, get_args

import msgspec

from bridge.errors import Unacceptable
from bridge.events.names import Names
from bridge.events.reading import read_object

# What destinations calculate with. A larger number is kept beside the fields, as it came.
Int = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
Scalar = str | Int | float | bool | None
Flat = dict[str, Scalar]


# The JSON name of `extra`, which is not a key of any event: a key named `extra` must be an unknown one.
_NO_KEY: Final = "(no key)"


class Leftover(dict[str, Any]):
    """What an object held beside its known fields. No JSON decodes into it, see `_no_leftover`."""


class Properties(
    msgspec.Struct,
    forbid_unknown_fields=True,
    omit_defaults=True,
    gc=False,
    rename={"gateway_url": "x-original-gw-url", "deployment_type": "deployment-type", "extra": _NO_KEY},
):
    """The `properties` object; which keys are there depends on the gateway's version and settings."""

    apiContext: str | None = None
    userName: str | None = None
    responseSize: Int | None = None
    responseContentType: str | None = None
    commonName: str | None = None
    isEgress: bool | Int | None = None
    subtype: str | None = None
    subType: str | None = None
    gateway_url: str | None = None
    deployment_type: str | None = None
    aiMetadata: Flat | None = None
    aiTokenUsage: Flat | None = None
    mcpAnalytics: dict[str, Scalar | Flat] | None = None
    requestHeaders: dict[str, str] | None = None
    responseHeaders: dict[str, str] | None = None
    requestSize: Int | None = None
    requestContentType: str | None = None
    isGuardrailHit: bool | None = None
    guardrailName: str | None = None
    requestBody: str | None = None
    responseBody: str | None = None
    requestBodyTransferEncoding: str | None = None
    responseBodyTransferEncoding: str | None = None
    apiMethod: str | None = None
    apiResourceTemplate: str | None = None
    extra: Leftover | None = None


class Event(
    msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, gc=False, rename={"extra": _NO_KEY}
):
    """One API call. Every field may be missing: no release of WSO2 sends them all."""

    apiName: str | None = None
    proxyResponseCode: Int | None = None
    destination: str | None = None
    apiCreatorTenantDomain: str | None = None
    platform: str | None = None
    apiMethod: str | None = None
    apiVersion: str | None = None
    gatewayType: str | None = None
    apiCreator: str | None = None
    responseCacheHit: bool | None = None
    backendLatency: Int | None = None
    correlationId: str | None = None
    requestMediationLatency: Int | None = None
    keyType: str | None = None
    apiId: str | None = None
    applicationName: str | None = None
    targetResponseCode: Int | None = None
    requestTimestamp: str | Int | None = None
    applicationOwner: str | None = None
    userAgent: str | None = None
    userName: str | None = None
    apiResourceTemplate: str | None = None
    responseLatency: Int | None = None
    regionId: str | None = None
    responseMediationLatency: Int | None = None
    userIp: str | None = None
    apiContext: str | None = None
    applicationId: str | None = None
    apiType: str | None = None
    properties: Properties | None = None
    errorType: str | None = None
    errorCode: Int | None = None
    errorMessage: str | None = None
    eventType: str | None = None
    userAgentHeader: str | None = None
    organizationId: str | None = None
    environmentId: str | None = None
    extra: Leftover | None = None


def is_fault(event: Event) -> bool:
    """Tell whether the gateway answered with an error of its own (`apim_event_faulty`).

    `eventType` decides where it is there; else a fault is what carries an error, which is how WSO2's own Moesif
    client tells them apart (`SimpleMoesifClient`: containsKey("errorCode")).
    """
    if event.eventType is not None:
        return event.eventType == "fault"
    return event.errorCode is not None or event.errorType is not None


def _no_leftover(kind: type, _value: object) -> object:
    # Makes the fast way refuse an input that brings even the key that no event has.
    raise NotImplementedError(kind)


EMPTY: Final = Event()
"""What the fast way makes of an object without any field of ours; the generic way refuses it."""

# The fast way by itself: raises one of REFUSALS. For loops that know both ways, and look for EMPTY.
decode_fast = msgspec.json.Decoder(Event, dec_hook=_no_leftover).decode
_encode = msgspec.json.Encoder().encode

# What msgspec raises for input that is not what it expects. NotImplementedError is `_no_leftover`.
REFUSALS: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, NotImplementedError)


def decode(body: bytes) -> Event:
    """Return the event that these bytes are; the generic way when the fast one refuses.

    Raises Unacceptable.
    """
    try:
        event = decode_fast(body)
    except REFUSALS:
        return mend(body)[1]
    if event == EMPTY:
        raise _unrecognised()
    return event


def mend(body: bytes) -> tuple[bytes, Event]:
    """Return the event that these bytes are, and its canonical bytes, by the generic way.

    The canonical bytes are the input's own if those are plain JSON with canonical names. Raises Unacceptable.
    """
    data, plain = read_object(body)
    return accept(body, data, plain=plain)


def accept(body: bytes, data: Any, *, plain: bool) -> tuple[bytes, Event]:
    """Return the canonical bytes and the event of a JSON value that was read from `body`; see `read_object`.

    Raises Unacceptable.
    """
    if not isinstance(data, dict):
        raise Unacceptable("not_an_object", f"JSON, but {type(data).__name__} instead of an object")
    canonical = with_canonical_names(data)
    event = from_object(canonical)
    return (body if plain and canonical is data else _encode(canonical)), event


def with_canonical_names(data: dict[str, Any]) -> dict[str, Any]:
    """Return an event's dict under canonical names, the same one if it has no others.

    One name in another spelling makes no event: `user_name` stands in other programs' lines, too.
    """
    canonical = NAMES.canonical_in(data, least=2)
    # The first API Manager 4.0 called it that (wso2/samples-apim, analytics-custom-data-provider).
    if isinstance(canonical.get("customProperties"), dict) and canonical.get("properties") is None:
        canonical = {**canonical, "properties": canonical["customProperties"]}
        del canonical["customProperties"]
    properties = canonical.get("properties")
    if isinstance(properties, dict):
        inner = PROPERTIES_NAMES.canonical_in(properties)
        if inner is not properties:
            canonical = {**canonical, "properties": inner}
    return canonical


def encode(data: dict[str, Any]) -> bytes:
    """Return an event's dict as JSON on one line."""
    return _encode(data)


def from_object(data: dict[str, Any]) -> Event:
    """Return the event of a JSON object, by the generic way.

    Raises Unacceptable (`unrecognised`) when not one field of a WSO2 event is in it.
    """
    known: dict[str, Any] = {}
    extra = Leftover()
    for key, value in data.items():
        kind = _EVENT_FIELDS.get(key)
        if value is None and kind is not None:
            continue
        if kind is Properties and isinstance(value, dict):
            known["properties"] = _properties(value)
        elif kind is None or (fitting := _fit(value, kind)) is None:
            extra[key] = value
        else:
            known[key] = fitting
    if not known and not any(key in _EVENT_FIELDS for key in extra):
        raise _unrecognised()
    return Event(**known, extra=extra or None)


def _unrecognised() -> Unacceptable:
    return Unacceptable("unrecognised", "no field of a WSO2 event is in it")


def _properties(data: dict[str, Any]) -> Properties:
    known: dict[str, Any] = {}
    extra = Leftover()
    for key, value in data.items():
        field = _PROPERTIES_FIELDS.get(key)
        if field is None:
            extra[key] = value
        elif value is not None:
            name, kind = field
            fitting = _fit(value, kind)
            if fitting is None:
                extra[key] = value
            else:
                known[name] = fitting
    return Properties(**known, extra=extra or None)


def _fit(value: Any, kind: Any) -> Any:
    """Return the value as its field's type, or None when that would change what it says."""
    if type(value) is kind:
        return value
    if kind is str:
        return _encode(value).decode() if isinstance(value, (int, float)) else None
    try:
        return msgspec.convert(value, kind)
    except (msgspec.ValidationError, RecursionError):
        return _fit_text(value.strip(), kind) if isinstance(value, str) else _fit_number(value, kind)


def _fit_text(text: str, kind: Any) -> Any:
    # WSO2's Moesif publisher up to 1.2.32 writes every value as text.
    if kind in _TRUTH and text.lower() in {"true", "false"}:
        return text.lower() == "true"
    if kind in _WHOLE and re.fullmatch(r"-?[0-9]{1,18}", text, re.ASCII):
        return int(text)
    if kind == dict[str, str] and text.startswith("{"):
        # API Platform's gateway sends headers as JSON text.
        try:
            return msgspec.json.decode(text, type=dict[str, str])
        except msgspec.DecodeError:
            return None
    return None


def _fit_number(value: Any, kind: Any) -> Any:
    if kind is Int and isinstance(value, float) and value.is_integer() and -(2**63) <= value < 2**63:
        return int(value)
    return None


def _types(struct: type[msgspec.Struct]) -> dict[str, tuple[str, Any]]:
    """Return the fields of a struct by their JSON name: attribute, type without the None."""
    return {
        field.encode_name: (field.name, Union[tuple(t for t in get_args(field.type) if t is not NoneType)])  # noqa: UP007 - made from a list
        for field in msgspec.structs.fields(struct)
        if field.name != "extra"
    }


_WHOLE: Final = (Int, bool | Int)
_TRUTH: Final = (bool, bool | Int)
_PROPERTIES_FIELDS: Final = _types(Properties)
_EVENT_FIELDS: Final = {
    name: Properties if name == "properties" else kind for name, (_, kind) in _types(Event).items()
}

# Captures stand at the root, where they are not fields, only if a sender puts them there.
NAMES: Final = Names((*_EVENT_FIELDS, "requestHeaders", "responseHeaders"), {"apiCreation": "apiCreator"})
PROPERTIES_NAMES: Final = Names(_PROPERTIES_FIELDS)
