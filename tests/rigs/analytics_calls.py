"""Calls for the analytics, as figures and as the events that WSO2 would write of them, and a store that has them."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

Values = dict[str, Any]

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
NAMES: Final[dict[str, list[str | None]]] = {
    "api": ["Orders", "Orders-v2", "PizzaShack", "Zahlungen «ä»", 'O\'Brien "x"', None],
    "version": ["1.0.0", "2.0.0", None],
    "api_type": ["HTTP", "GRAPHQL", None],
    "context": ["/orders/1.0.0", "/pizza"],
    "method": ["GET", "POST", "DELETE", None],
    "resource": ["/order", "/order/{id}", "/menu", None],
    "application": ["MobileApp", "Web Shop", "büro", None],
    "application_owner": ["alice", "bob", None],
    "company": ["acme", None],
    "tenant": ["carbon.super", "acme.com"],
    "key_type": ["PRODUCTION", "SANDBOX", None],
    "region": ["eu", "us", None],
    "backend": ["https://b1:8443/x", "https://b2", None],
    "country": ["DE", "FR", "US", None],
    "api_creator": ["admin", None],
    "gateway_type": ["SYNAPSE", "ENVOY"],
    "environment": ["Production", None],
    "instance": ["gw-1", "gw-2"],
    "guardrail": ["pii-mask", None, None],
    "mcp_tool": ["search", None, None],
    "hostname": ["api.example.com", "gw", None],
    "path": ["/v1/a", "/v1/b"],
    "ai_model": ["gpt-x", "claude-y", None, None],
    "ai_vendor": ["openai", None],
}
USERS: Final = [*(f"user{number}@acme.com" for number in range(20)), "Jürgen", None, None, None]
IPS: Final = [*(f"10.0.0.{number}" for number in range(15)), None]
_CHROME: Final = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Safari/537.36"
)
AGENTS: Final = ["curl/8.5.0", _CHROME, "Googlebot/2.1 (+http://www.google.com/bot.html)", None]
BROWSERS: Final = dict(zip(AGENTS, ["curl", "Chrome", "Googlebot", None], strict=True))
SYSTEMS: Final[dict[str | None, str]] = {_CHROME: "Linux"}
BOTS: Final = dict(zip(AGENTS, [False, False, True, None], strict=True))
_MEMBERS: Final = {
    "error_type": "errorType",
    "api": "apiName",
    "version": "apiVersion",
    "api_type": "apiType",
    "context": "apiContext",
    "api_creator": "apiCreator",
    "method": "apiMethod",
    "resource": "apiResourceTemplate",
    "application": "applicationName",
    "application_owner": "applicationOwner",
    "tenant": "apiCreatorTenantDomain",
    "key_type": "keyType",
    "gateway_type": "gatewayType",
    "region": "regionId",
    "environment": "environmentId",
    "backend": "destination",
    "status": "proxyResponseCode",
    "target_status": "targetResponseCode",
    "error_code": "errorCode",
    "latency": "responseLatency",
    "backend_latency": "backendLatency",
    "request_mediation_latency": "requestMediationLatency",
    "response_mediation_latency": "responseMediationLatency",
    "cache_hit": "responseCacheHit",
    "correlation_id": "correlationId",
    "ip": "userIp",
    "user_agent": "userAgentHeader",
}
_TOKENS: Final = {
    "ai_prompt_tokens": "promptTokens",
    "ai_completion_tokens": "completionTokens",
    "ai_total_tokens": "totalTokens",
}
_SENTINELS: Final = ("UNKNOWN", "anonymous", None)
_FAULT: Final = {"error_type", "error_code"}
_NEVER_SENTINEL: Final = {"cache_hit", "correlation_id"}


def event_of(call: Values) -> dict[str, Any]:
    """Return the event that a bridge would send of a call; where it has no value, a word for none may stand."""
    at = EPOCH + timedelta(milliseconds=call["time_ms"])
    event: dict[str, Any] = {
        "bridge": {"id": call["id"], "received": "2026-04-10T00:00:00.000Z", "instance": call["instance"]},
        "eventType": "fault" if call["faulty"] else "response",
        "requestTimestamp": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }
    if call["company"] is not None:
        event["bridge"]["company"] = call["company"]
    for number, (name, member) in enumerate(_MEMBERS.items()):
        none: str | int | None = (
            None if name in _NEVER_SENTINEL else _SENTINELS[(call["time_ms"] + number) % 3]
        )
        if isinstance(none, str) and name in _NUMBERS:
            none = -1
        if (value := call[name]) is not None or (none is not None and name not in _FAULT):
            event[member] = none if value is None else value
    event["userName"] = "anonymous" if call["user"] is None else f"{call['user']}@carbon.super"
    event["properties"] = _properties(call)
    return event


_NUMBERS: Final = {*list(_MEMBERS)[16:23]}


def _properties(call: Values) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "country": call["country"],
        "guardrailName": call["guardrail"],
        "responseSize": call["response_bytes"],
        "aiMetadata": {"model": call["ai_model"], "vendorName": call["ai_vendor"]},
        "mcpAnalytics": {"capabilityName": call["mcp_tool"]},
        "aiTokenUsage": {member: call[name] for name, member in _TOKENS.items() if call[name] is not None},
    }
    if call["hostname"] is not None:
        properties["x-original-gw-url"] = f"https://{call['hostname']}{call['path']}?q=1"
    return properties


def millis(at: datetime) -> int:
    return (at - EPOCH) // timedelta(milliseconds=1)


def made_up(seed: int, count: int, start: datetime, end: datetime) -> list[Values]:
    """Return calls from `start` to before `end`: every field, often without a value."""
    chance = random.Random(seed)
    first, last = millis(start), millis(end)
    return [_call(chance, number, chance.randrange(first, last)) for number in range(count)]


def _call(chance: random.Random, number: int, time_ms: int) -> Values:
    faulty = chance.random() < 0.15

    def some(most: int) -> int | None:
        return None if chance.random() < 0.15 else int(most * chance.random() ** 3)

    agent = chance.choice(AGENTS)
    call = {
        "id": str(UUID(int=chance.getrandbits(128), version=4)),
        "time_ms": time_ms,
        "faulty": faulty,
        "status": chance.choice([200, 200, 200, 201, 301, 404, 429, 500, 503, None]),
        "target_status": chance.choice([200, 404, 500, None]),
        "error_code": chance.choice([900901, 900803, 101503]) if faulty else None,
        "error_type": chance.choice(["AUTH", "THROTTLED", "OTHER"]) if faulty else None,
        "latency": some(20_000),
        "backend_latency": some(9_000),
        "request_mediation_latency": some(100),
        "response_mediation_latency": some(50),
        "response_bytes": some(5_000_000),
        "cache_hit": chance.choice([True, False, None]),
        "bot": BOTS[agent],
        "browser": BROWSERS[agent],
        "os": SYSTEMS.get(agent),
        "ai_prompt_tokens": some(1000),
        "ai_completion_tokens": some(500),
        "ai_total_tokens": some(1500),
        "correlation_id": chance.choice([f"c-{number}", f"c-{number // 3}", None]),
        "user": chance.choice(USERS),
        "ip": chance.choice(IPS),
        "user_agent": agent,
    } | {name: chance.choice(values) for name, values in NAMES.items()}
    if call["hostname"] is None:
        call["path"] = None
    call["graphql_operation"] = call["resource"] if call["api_type"] == "GRAPHQL" else None
    return call
