"""Turns AWS API Gateway's access log into WSO2's own event: the 19 keys of Moesif's log format, and any others.

All values are strings and `-` means nothing (AWS, "Set up CloudWatch logging for REST APIs"; Moesif/apidocs,
AWS API Gateway with Firehose). A key that the flat form has no place for stays in `properties` under its name.

The request's id becomes `correlationId`, so that the event's id is made of it as any other's is, and is the
same for every copy (P5). It is not the id itself: clients can override `$context.requestId`, and two calls
that bring the same one differ in time, API or status. `extendedRequestId`, which AWS alone makes, goes first.
"""

import re
from typing import Any, Final

from bridge.errors import Unacceptable
from bridge.events.sentinels import real
from bridge.events.times import format_ms, parse_ms

GATEWAY_TYPE: Final = "AWS"

# An access log has at least one of these; the other keys occur in lines of many programs.
_MARKS: Final = ("requestId", "extendedRequestId", "requestTime", "requestTimeEpoch", "httpMethod")
_PLACED: Final = (
    ("apiId", "apiId"),
    ("httpMethod", "apiMethod"),
    ("ip", "userIp"),
    ("requestUserAgentHeader", "userAgentHeader"),
)
_NUMBERS: Final = (("status", "proxyResponseCode"), ("durationMs", "responseLatency"))
# Who called, as Moesif looks for it.
_USERS: Final = ("user", "apiKeyId", "principalId", "cognitoIdentityId", "caller", "userArn")
# The caller's credential in clear text, however the log format spells it.
_SECRETS: Final = frozenset({"apikey", "xapikey"})

_CLF: Final = re.compile(r"([0-9]{2})/([A-Z][a-z]{2})/([0-9]{4}):([0-9:]{8}) ([+-][0-9]{2}):?([0-9]{2})")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def canonical(record: dict[str, Any]) -> dict[str, Any]:
    """Return one line of an access log under WSO2's field names.

    `apiKey` is left out: `apiKeyId` says which one it was. Raises Unacceptable (`unrecognised`).
    """
    rest = {
        key: value
        for key, value in record.items()
        if _says_something(value) and re.sub("[-_.]", "", key).lower() not in _SECRETS
    }
    if not any(key in rest for key in _MARKS):
        raise Unacceptable("unrecognised", "no field of an AWS access log is in it")
    event: dict[str, Any] = {"gatewayType": GATEWAY_TYPE}
    for key, field in _PLACED:
        if isinstance(rest.get(key), str):
            event[field] = rest.pop(key)
    for key, field in _NUMBERS:
        _move_number(rest, key, event, field)
    for key in ("extendedRequestId", "requestId"):
        if isinstance(rest.get(key), str):
            event["correlationId"] = rest.pop(key)
            break
    asked_ms = _asked_ms(rest)
    if asked_ms is not None:
        event["requestTimestamp"] = format_ms(asked_ms)
    user = next((rest[key] for key in _USERS if isinstance(rest.get(key), str)), None)
    if user is not None:
        event["userName"] = user
        # Moved, not copied: a mask on `userName` has to hide all of it.
        rest = {key: value for key, value in rest.items() if key not in _USERS or value != user}
    event["properties"] = _properties(rest)
    return event


def _properties(rest: dict[str, Any]) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    _move_number(rest, "responseLength", properties, "responseSize")
    host, path = rest.get("requestHostHeader"), rest.get("resourcePath")
    if isinstance(host, str):
        # The user agent is a header, too, but if `userAgentHeader` is masked it must not appear here in clear.
        properties["requestHeaders"] = {"Host": rest.pop("requestHostHeader")}
    if isinstance(path, str) and path.startswith("/"):
        properties["x-original-gw-url"] = f"https://{host}{path}" if isinstance(host, str) else path
        del rest["resourcePath"]
    return properties | {key: value for key, value in rest.items() if key not in properties}


def _says_something(value: Any) -> bool:
    return value is not None and not (isinstance(value, str) and real(value) is None)


def _move_number(rest: dict[str, Any], key: str, owner: dict[str, Any], field: str) -> None:
    """Move a whole number, which AWS writes as text; anything else stays where it is."""
    value = rest.get(key)
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,18}", value, re.ASCII):
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        owner[field] = value
        del rest[key]


def _asked_ms(rest: dict[str, Any]) -> int | None:
    """Take the time of the call: to the millisecond where the log has it, else to the second."""
    for key, parse in (("requestTimeEpoch", parse_ms), ("requestTime", _parse_clf)):
        value = rest.get(key)
        moment = parse(value) if isinstance(value, str) else None
        if moment is not None:
            del rest[key]
            return moment
    return None


def _parse_clf(text: str) -> int | None:
    """Return the milliseconds of `07/Oct/2026:08:21:45 +0000`."""
    parts = _CLF.fullmatch(text)
    if parts is None or parts[2] not in _MONTHS:
        return parse_ms(text)
    month = _MONTHS.index(parts[2]) + 1
    return parse_ms(f"{parts[3]}-{month:02d}-{parts[1]}T{parts[4]}{parts[5]}:{parts[6]}")
