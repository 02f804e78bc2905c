"""What WSO2's publisher wrote, varied: other times, callers and figures, repeats; and what it says, read for itself.

Nothing of the product's reading is used here: whoever counts these calls counts independently.
"""

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

from places import RECORDED
from rigs.analytics_calls import AGENTS, BOTS, BROWSERS, EPOCH, SYSTEMS, Values, millis

from bridge.demo.gateway import gson, java_time, log_time

# When calls come from: nights in which clocks of Europe, America and Lord Howe are changed, and the days around them.
_TIMES: Final = (
    (datetime(2026, 10, 20, tzinfo=UTC), datetime(2026, 11, 3, tzinfo=UTC)),
    (datetime(2026, 10, 24, 12, tzinfo=UTC), datetime(2026, 10, 25, 12, tzinfo=UTC)),
    (datetime(2026, 10, 24, 23, tzinfo=UTC), datetime(2026, 10, 25, 3, tzinfo=UTC)),
    (datetime(2026, 10, 3, 12, tzinfo=UTC), datetime(2026, 10, 3, 18, tzinfo=UTC)),
    (datetime(2026, 3, 28, 20, tzinfo=UTC), datetime(2026, 3, 29, 20, tzinfo=UTC)),
)
_USERS: Final = [
    *(f"user{number}@acme.com" for number in range(300)),
    *(f"PRIMARY/dave{number}@carbon.super" for number in range(30)),
    *("UNKNOWN", "anonymous", "", "jürgen@carbon.super", "alice@acme.com@carbon.super"),
]
_IPS: Final = [*(f"10.0.{number // 20}.{number % 20}" for number in range(400)), "UNKNOWN", "2001:db8::7334"]
_LATENCIES: Final = (
    "responseLatency",
    "backendLatency",
    "requestMediationLatency",
    "responseMediationLatency",
)
# What some gateways leave out; the id is not made of it.
_LEFT_OUT: Final = (
    *("destination", "platform", "apiMethod", "responseCacheHit", "keyType", "applicationName", "regionId"),
    *("applicationOwner", "userAgent", "userName", "apiResourceTemplate", "userIp", "apiContext", "apiType"),
    *_LATENCIES,
)
_NONE: Final = {"", "UNKNOWN", "N/A", "null", "-", "-1", "anonymous", "dummy_endpoint_address"}
_TEXTS: Final = {
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
    "error_type": "errorType",
    "ip": "userIp",
}
_NUMBERS: Final = {
    "status": "proxyResponseCode",
    "target_status": "targetResponseCode",
    "error_code": "errorCode",
    "latency": "responseLatency",
    "backend_latency": "backendLatency",
    "request_mediation_latency": "requestMediationLatency",
    "response_mediation_latency": "responseMediationLatency",
}
_TWINS: Final = {"context": "apiContext", "method": "apiMethod", "resource": "apiResourceTemplate"}


@dataclass(frozen=True, slots=True)
class RecordedLine:
    """One call, as the gateway writes it."""

    prefix: bytes
    """Time, thread and logger of its line, before the event."""
    event: bytes
    has_own_id: bool
    """Whether its id is made of itself alone, so that a repeat can be told wherever it stands."""

    @property
    def line(self) -> bytes:
        return self.prefix + self.event + b"\n"


def varied(seed: int, number: int) -> list[RecordedLine]:
    """Return so many different calls, in no order."""
    chance = random.Random(seed)
    recorded = [*_recorded()]
    before = ""
    lines = []
    for place in range(number):
        prefix, event = chance.choice(recorded)
        event = json.loads(event)
        start, end = chance.choice(_TIMES)
        ms = chance.randrange(millis(start), millis(end))
        event["requestTimestamp"] = java_time(ms - ms % 1000 if chance.random() < 0.1 else ms)
        odd = chance.random()
        # Some calls share an id, as a fault and its answer do; of some it is not known.
        before = before if odd < 0.03 and before else str(UUID(int=chance.getrandbits(128), version=4))
        event["correlationId"] = before if odd < 0.99 else chance.choice(["UNKNOWN", ""])
        _change_agent(chance, event["properties"])
        if place % 3:
            _change(chance, event)
        lines.append(RecordedLine(log_time(ms).encode() + prefix[12:], gson(event), odd < 0.99))
    return lines


def _recorded() -> Iterator[tuple[bytes, bytes]]:
    for file in sorted((RECORDED[0] / "wso2-log").glob("*.log")):
        for line in file.read_bytes().splitlines():
            prefix, mark, event = line.partition(b"properties :")
            if mark:
                yield prefix + mark, event


def _change_agent(chance: random.Random, properties: dict[str, Any]) -> None:
    """Put user agents of which it is known what they are in the place of captured ones."""
    if "requestHeaders" in properties or chance.random() < 0.1:
        agent = chance.choice(AGENTS)
        properties["requestHeaders"] = {"User-Agent": agent} if agent else {"x-nothing": "1"}


def _change(chance: random.Random, event: dict[str, Any]) -> None:
    if "userName" in event:
        event["userName"] = chance.choice(_USERS)
    if "userIp" in event:
        event["userIp"] = chance.choice(_IPS)
    for name in _LATENCIES:
        if name in event:
            event[name] = int(20_000 * chance.random() ** 4)
    event["properties"]["responseSize"] = int(3_000_000 * chance.random() ** 5)
    for name in chance.sample(_LEFT_OUT, chance.choice([0, 0, 0, 1, 3])):
        event.pop(name, None)


def values_of(body: bytes, instance: str) -> Values:
    """Return what a call says, by the fields of questions."""
    event = json.loads(body)
    properties = event["properties"]
    values: Values = dict.fromkeys(("company", "country", "guardrail", "device"))
    at = datetime.fromisoformat(event["requestTimestamp"])
    values |= {
        "id": _id_of(event, at),
        "time_ms": (at - EPOCH) // timedelta(milliseconds=1),
        "faulty": "errorCode" in event,
        "instance": instance,
        "cache_hit": event.get("responseCacheHit"),
        "correlation_id": event.get("correlationId") or None,
        "response_bytes": _number(properties.get("responseSize")),
        "user": _user(event.get("userName")) or _user(properties.get("userName")),
    }
    values |= {name: _text(event.get(member)) for name, member in _TEXTS.items()}
    values |= {name: _number(event.get(member)) for name, member in _NUMBERS.items()}
    for name, member in _TWINS.items():
        values[name] = values[name] or _text(properties.get(member))
    values["graphql_operation"] = values["resource"] if values["api_type"] == "GRAPHQL" else None
    model, tokens = properties.get("aiMetadata", {}), properties.get("aiTokenUsage", {})
    values |= {"ai_model": _text(model.get("model")), "ai_vendor": _text(model.get("vendorName"))}
    values["mcp_tool"] = _text(properties.get("mcpAnalytics", {}).get("mcpToolName"))
    for kind in ("prompt", "completion", "total"):
        values[f"ai_{kind}_tokens"] = _number(tokens.get(f"{kind}Tokens"))
    url = urlsplit(properties.get("x-original-gw-url", ""))
    values |= {"hostname": url.netloc or None, "path": url.path or None}
    return values | _agent(event, properties.get("requestHeaders", {}).get("User-Agent"))


def _agent(event: dict[str, Any], header: str | None) -> Values:
    """Return what is known of the caller's program: by its own words if they were captured, else by WSO2's."""
    browser, system = _text(event.get("userAgent")), _text(event.get("platform"))
    browser, system = (None if word == "Other" else word for word in (browser, system))
    if header is None or header in _NONE:
        return {
            "user_agent": None,
            "browser": browser,
            "os": system,
            "bot": None if browser is None else False,
        }
    return {
        "user_agent": header,
        "browser": BROWSERS[header] or browser,
        "os": system or SYSTEMS.get(header),
        "bot": BOTS[header],
    }


def _text(value: str | None) -> str | None:
    # Longer ones are cut where they are counted.
    return None if value is None or value in _NONE else value[:500]


def _number(value: int | None) -> int | None:
    return None if value is None or value < 0 else value


def _user(name: str | None) -> str | None:
    return None if name is None or name in _NONE else _text(name.removesuffix("@carbon.super"))


def _id_of(event: dict[str, Any], at: datetime) -> str | None:
    """Return the id that every copy has to carry (P5); None where it is made of where the event stood."""
    correlation = _text(event.get("correlationId"))
    if correlation is None:
        return None
    time = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    kind = "fault" if "errorCode" in event else "response"
    key = f"{correlation}\n{time}\n{kind}\n{event['apiId']}\n{event['proxyResponseCode']}"
    digits = blake2b(key.encode(), digest_size=16).hexdigest()
    return str(UUID(f"{digits[:12]}8{digits[13:16]}a{digits[17:]}"))


def with_repeats(chance: random.Random, lines: Sequence[RecordedLine], share: float) -> list[RecordedLine]:
    """Return the lines, and so many of them once more, in any order."""
    own = [one for one in lines if one.has_own_id]
    mixed = [*lines, *chance.sample(own, int(share * len(own)))]
    chance.shuffle(mixed)
    return mixed
