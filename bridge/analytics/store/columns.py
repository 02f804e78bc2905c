"""The columns of `facts`, in their order, and where in an event each comes from."""

from typing import Final

NAMED: Final = (
    "error_type",
    "api",
    "version",
    "api_type",
    "context",
    "method",
    "resource",
    "application",
    "company",
    "tenant",
    "key_type",
    "gateway_type",
    "region",
    "environment",
    "instance",
    "backend",
    "country",
    "browser",
    "os",
    "device",
    "ai_model",
    "ai_vendor",
    "guardrail",
    "mcp_tool",
    "graphql_operation",
    "hostname",
    "path",
    "framework",
    "key",
)
"""Columns that hold numbers of `names`."""

PERSONAL: Final = ("user", "ip", "user_agent", "application_owner", "api_creator")
"""Columns that hold numbers of people.db."""

CALLER: Final = ("user", "ip", "user_agent")
"""Those of them that are about who called."""
PERSONS: Final = ("user", "application_owner", "api_creator")
"""Those of them that hold names of people: the same person may be in each."""

MEASURED: Final = {
    "id": "UUID",
    "time": "TIMESTAMP",
    "received": "TIMESTAMP",
    "faulty": "BOOLEAN",
    "status": "USMALLINT",
    "target_status": "USMALLINT",
    "error_code": "INTEGER",
    "latency": "INTEGER",
    "backend_latency": "INTEGER",
    "request_mediation_latency": "INTEGER",
    "response_mediation_latency": "INTEGER",
    "response_bytes": "BIGINT",
    "cache_hit": "BOOLEAN",
    "bot": "BOOLEAN",
    "ai_prompt_tokens": "INTEGER",
    "ai_completion_tokens": "INTEGER",
    "ai_total_tokens": "INTEGER",
}

FACTS: Final = MEASURED | dict.fromkeys((*NAMED, *PERSONAL), "INTEGER")
"""Column to its type in DuckDB."""
DETAILS: Final = {
    "id": "UUID",
    "time": "TIMESTAMP",
    "shape": "INTEGER",
    "correlation_id": "VARCHAR",
    "rest": "VARCHAR",
}

MARKS: Final = (
    "requestTimestamp",
    "properties",
    "properties.apiContext",
    "properties.apiMethod",
    "properties.apiResourceTemplate",
    "userName",
    "userName@carbon.super",
    "properties.userName",
    "properties.userName@carbon.super",
    "bridge.user",
    "userAgent",
    "userAgent=header",
    "userAgentHeader=header",
    "platform=Other",
    "no platform",
    "no apiContext",
    "no apiMethod",
    "no apiResourceTemplate",
    "no properties.country",
    "no bridge.company",
)
"""What the columns do not say of an event's members: the bits of `shape`, the lowest first. They are on disk: new ones
go to the end."""
MARK: Final = {name: 1 << place for place, name in enumerate(MARKS)}
"""The bit of each."""

TEXTS: Final = {
    "errorType": "error_type",
    "apiName": "api",
    "apiVersion": "version",
    "apiType": "api_type",
    "apiContext": "context",
    "apiCreator": "api_creator",
    "apiMethod": "method",
    "apiResourceTemplate": "resource",
    "applicationName": "application",
    "applicationOwner": "application_owner",
    "apiCreatorTenantDomain": "tenant",
    "keyType": "key_type",
    "gatewayType": "gateway_type",
    "regionId": "region",
    "environmentId": "environment",
    "destination": "backend",
    "platform": "os",
}
"""Members of an event whose texts go to `names`."""

TAGS: Final = {"instance": "instance", "company": "company"}
"""The same for its `bridge` object."""

CLIENT: Final = "api_analytics"
"""The member of `origin` that says which client a call was sent by."""
CLIENT_TEXTS: Final = {"framework": "framework", "key": "key"}
"""Members of that object whose texts go to `names`."""

NUMBERS: Final = {
    "proxyResponseCode": "status",
    "targetResponseCode": "target_status",
    "errorCode": "error_code",
    "responseLatency": "latency",
    "backendLatency": "backend_latency",
    "requestMediationLatency": "request_mediation_latency",
    "responseMediationLatency": "response_mediation_latency",
}
"""Members of an event that are whole numbers, none of them negative."""

MOST: Final = {"USMALLINT": 2**16 - 1, "INTEGER": 2**31 - 1, "BIGINT": 2**40}
"""The largest number that goes into a column of each type. No answer has more than a terabyte, and sums have to fit."""

PROPERTY_TEXTS: Final = {"guardrailName": "guardrail", "country": "country"}
"""Members of `properties` whose texts go to `names`."""
PROPERTY_NUMBERS: Final = {"responseSize": "response_bytes"}
INNER_TEXTS: Final = {
    "aiMetadata": {"model": "ai_model", "vendorName": "ai_vendor"},
    "mcpAnalytics": {"mcpToolName": "mcp_tool", "capabilityName": "mcp_tool"},
}
"""Members of objects in `properties`; the objects themselves stay whole in the rest of the event."""
INNER_NUMBERS: Final = {
    "aiTokenUsage": {
        "promptTokens": "ai_prompt_tokens",
        "completionTokens": "ai_completion_tokens",
        "totalTokens": "ai_total_tokens",
    }
}
TWINS: Final = {"apiContext": "context", "apiMethod": "method", "apiResourceTemplate": "resource"}
"""Members of `properties` that say what a member of the event says, too: they count where that one is missing."""

HARMLESS: Final = frozenset(
    {
        "apiId",
        "applicationId",
        "eventType",
        "organizationId",
        "requestTimestamp",
    }
)
"""Members of an event that are in no column, and hold nothing personal."""
HARMLESS_PROPERTIES: Final = frozenset(
    {
        "responseContentType",
        "requestContentType",
        "requestSize",
        "isEgress",
        "subtype",
        "subType",
        "deployment-type",
        "aiMetadata",
        "aiTokenUsage",
        "mcpAnalytics",
        "isGuardrailHit",
        "requestBodyTransferEncoding",
        "responseBodyTransferEncoding",
    }
)
"""The same for `properties`."""
HARMLESS_OBJECTS: Final = frozenset({"aiMetadata", "aiTokenUsage", "mcpAnalytics"})
"""Those of them that are objects."""
