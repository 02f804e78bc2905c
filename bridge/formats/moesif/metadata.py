"""The metadata of an event in Moesif's schema: the event with its properties at the root.

WSO2's publisher writes it so since 2026.
"""

from operator import attrgetter
from typing import Any, Final

import msgspec

from bridge.events.event import Event, Properties
from bridge.events.origin import origin_of

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
_twice_of: Final = attrgetter(*_TWICE)

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


# fmt: off
def plain_metadata(
    event: Event, properties: Properties, user: str | None, context: str | None, instance: str
) -> Any:
    """Return what event and properties tell with their fields, no two of which contradict each other.

    `user` and `context` are those of the event, else those of the properties.
    """
    # In the order of the fields, which a test looks at. One by one, because `attrgetter` takes 0.6 us longer, a
    # fifth of the whole mapping.
    return Metadata(
        event.apiName, event.proxyResponseCode, event.destination, event.apiCreatorTenantDomain, event.platform,
        event.apiMethod, event.apiVersion, event.gatewayType, event.apiCreator, event.responseCacheHit,
        event.backendLatency, event.correlationId, event.requestMediationLatency, event.keyType, event.apiId,
        event.applicationName, event.targetResponseCode, event.requestTimestamp, event.applicationOwner,
        event.userAgent, user, event.apiResourceTemplate, event.responseLatency, event.regionId,
        event.responseMediationLatency, event.userIp, context, event.applicationId, event.apiType,
        event.errorType, event.errorCode, event.errorMessage, event.eventType, event.userAgentHeader,
        event.organizationId, event.environmentId,
        properties.responseSize, properties.responseContentType, properties.commonName, properties.isEgress,
        properties.subtype, properties.subType, properties.gateway_url, properties.deployment_type,
        properties.aiMetadata, properties.aiTokenUsage, properties.mcpAnalytics, properties.requestSize,
        properties.requestContentType, properties.isGuardrailHit, properties.guardrailName,
        instance,
    )
# fmt: on


def whole_metadata(event: Event, properties: Properties, instance: str) -> Any:
    """Return all that event and properties tell.

    Keys that no release of WSO2 writes, values of another type, or two values for one name: none is lost.
    """
    metadata = plain_metadata(event, properties, event.userName, event.apiContext, instance)
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
