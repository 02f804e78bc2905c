"""Moesif's names of what a call has, and the analytics' fields that hold the same.

Moesif's names are those of its stored events (Moesif/apidocs, management-api.json, `eventResponseDTO`). A WSO2
event lies there in `metadata`, with WSO2's own names, whoever sent it: WSO2's publisher or this bridge (`metadata.py`).
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

TIME: Final = "request.time"

_OF_WSO2: Final = {
    "apiName": "api",
    "apiVersion": "version",
    "apiType": "api_type",
    "apiContext": "context",
    "apiCreator": "api_creator",
    "apiCreatorTenantDomain": "tenant",
    "apiMethod": "method",
    "apiResourceTemplate": "resource",
    "applicationName": "application",
    "applicationOwner": "application_owner",
    "keyType": "key_type",
    "gatewayType": "gateway_type",
    "regionId": "region",
    "environmentId": "environment",
    "destination": "backend",
    "proxyResponseCode": "status",
    "targetResponseCode": "target_status",
    "errorType": "error_type",
    "errorCode": "error_code",
    "responseLatency": "latency",
    "backendLatency": "backend_latency",
    "requestMediationLatency": "request_mediation_latency",
    "responseMediationLatency": "response_mediation_latency",
    "responseCacheHit": "cache_hit",
    "responseSize": "response_bytes",
    "correlationId": "correlation_id",
    "userIp": "ip",
    "userAgentHeader": "user_agent",
    "guardrailName": "guardrail",
    "aiMetadata.model": "ai_model",
    "aiMetadata.vendorName": "ai_vendor",
    "aiTokenUsage.promptTokens": "ai_prompt_tokens",
    "aiTokenUsage.completionTokens": "ai_completion_tokens",
    "aiTokenUsage.totalTokens": "ai_total_tokens",
    "mcpAnalytics.capabilityName": "mcp_tool",
    "bridgeInstance": "instance",
}

FIELD_OF: Final[Mapping[str, str]] = MappingProxyType(
    {
        "user_id": "user",
        "company_id": "company",
        "request.verb": "method",
        "request.route": "resource",
        "request.ip_address": "ip",
        "request.api_version": "version",
        "request.geo_ip.country_code2": "country",
        "request.user_agent.name": "browser",
        "request.user_agent.os_name": "os",
        "response.status": "status",
        "duration_ms": "latency",
    }
    | {f"metadata.{name}": field for name, field in _OF_WSO2.items()}
)
"""Moesif's name to the field."""

NAME_OF: Final[Mapping[str, str]] = MappingProxyType(
    {field: name for name, field in reversed([*FIELD_OF.items()])}
)
"""The field to Moesif's name: where there are two, Moesif's own."""

NUMBERS: Final = frozenset(
    {
        "status",
        "target_status",
        "error_code",
        "latency",
        "backend_latency",
        "request_mediation_latency",
        "response_mediation_latency",
        "response_bytes",
        "ai_prompt_tokens",
        "ai_completion_tokens",
        "ai_total_tokens",
    }
)
TRUTHS: Final = frozenset({"cache_hit"})


def plain(name: str) -> str:
    """Return a name without `.raw`: the same value, which Moesif's index keeps as it came."""
    return name.removesuffix(".raw")


def moesif_name(field: str) -> str | None:
    """Return what Moesif's queries call a field, None if Moesif has no such thing.

    Texts have `.raw` there; without it they are looked up word by word.
    """
    name = NAME_OF.get(field)
    return name if name is None or field in NUMBERS | TRUTHS else f"{name}.raw"
