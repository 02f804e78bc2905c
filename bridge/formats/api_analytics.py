"""The rows that API Analytics' middlewares send, as WSO2's own flat event.

A row is a call: hostname, ip_address, path, user_agent, method, status, response_time (ms), user_id, created_at; any of
them may be null (tom-draper/api-analytics, analytics/python and analytics/nodejs). What is true of all rows of a
request stands in `origin`, beside the members of a row that nobody knows:

    origin: {"api_analytics": {"key": the key's hash, "framework": "FastAPI"}}

A row has no id, and the Node package sends rows again when two of its posts overlap: first `[A, B]`, then `[A, B, C]`.
So the id of a row is made of what the rows before it say, and of the row itself: A and B get the same ids again, two
calls that look alike in one request get different ones, and so do such calls in requests of two processes.
"""

import ipaddress
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from hashlib import blake2b, sha256
from typing import Any, Final, NamedTuple
from uuid import UUID

from bridge.errors import Unacceptable
from bridge.events.reading import Json
from bridge.events.sentinels import real
from bridge.events.times import format_ms, parse_ms

ORIGIN: Final = "api_analytics"
"""The member of `origin`."""
METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "HEAD", "TRACE")
"""Methods by their codes (server/logger/main.go, methodID)."""

_MEMBERS: Final = frozenset(
    {
        "hostname",
        "ip_address",
        "path",
        "user_agent",
        "method",
        "status",
        "response_time",
        "user_id",
        "created_at",
    }
)
_KEY_DIGITS: Final = 32
# A version of the API as its dashboard finds it: a segment of the path.
_VERSION: Final = re.compile(r"/(v\d+(?:\.\d+)*)(?=/|$)")
# What stands for one of many in a path: a number, a UUID, a long hexadecimal or random text.
_ONE_OF_MANY: Final = re.compile(
    r"[0-9]+|[0-9a-fA-F]{8}(?:-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}|[0-9a-fA-F]{16,}|(?=[^/]*[0-9])[0-9A-Za-z_-]{20,}"
)
_LONGEST_MS: Final = 2**31 - 1
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)


class ClientRequest(NamedTuple):
    """What is true of all rows of a request."""

    key: str
    """Hash of the key that came with it."""
    framework: str
    privacy_level: int
    """What becomes of the caller's address: 0 it is kept, 1 its country is, 2 neither."""


def hashed_key(key: str) -> str:
    """Return what is kept of a key: 32 hexadecimal digits of the SHA-256 of its UUID in lower case.

    A key is as random as a UUID, so that the digest is no way to it. Raises ValueError for what is no UUID.
    """
    # Its server takes out quotes, too.
    uuid = UUID(key.strip().replace('"', ""))
    return sha256(str(uuid).encode()).hexdigest()[:_KEY_DIGITS]


class ClientRows:
    """Makes events of the rows of one request; call it with each, in their order."""

    def __init__(
        self,
        request: ClientRequest,
        zone: tzinfo = UTC,
        country_of: Callable[[str], str | None] | None = None,
    ) -> None:
        """`zone`: of times that name none. `country_of`: looks up an address that is not kept."""
        self._request = request
        self._zone = zone
        self._country_of = country_of
        self._before = blake2b(f"{request.key}\n{request.framework}".encode(), digest_size=16)

    def __call__(self, row: Json) -> Json:
        """Return the canonical event; raises Unacceptable (`unrecognised`)."""
        if _MEMBERS.isdisjoint(row):
            raise Unacceptable("unrecognised", "no member of API Analytics' rows is in it")
        rest = {name: value for name, value in row.items() if value is not None}
        event: Json = {"apiType": "HTTP", "correlationId": self._id(rest)}
        properties: Json = {}
        _take_time(rest, event, self._zone)
        _take_address(rest, event, properties)
        _take_texts(rest, event)
        _take_number(rest, "status", event, "proxyResponseCode")
        _take_number(rest, "response_time", event, "responseLatency")
        self._take_caller(rest, event, properties)
        if properties:
            event["properties"] = properties
        request = self._request
        return {
            **event,
            "origin": {ORIGIN: {**rest, "key": request.key, "framework": request.framework}},
        }

    def _id(self, row: Json) -> str:
        # Nothing that a mask hides (P5): who called is not in it, nor what.
        said = [str(row.get(name)) for name in ("created_at", "method", "status", "response_time")]
        self._before.update("\n".join(said).encode("utf-8", "replace") + b"\0")
        return self._before.hexdigest()

    def _take_caller(self, rest: Json, event: Json, properties: Json) -> None:
        given = rest.pop("ip_address", None)
        address = _address(given) if isinstance(given, str) else None
        if address is None:
            return
        if self._request.privacy_level <= 0:
            event["userIp"] = address
        elif self._request.privacy_level == 1 and self._country_of is not None:
            country = self._country_of(address)
            if country is not None:
                properties["country"] = country


def _take_time(rest: Json, event: Json, zone: tzinfo) -> None:
    """Move the time; one that cannot be read stays as it is, and the time of receipt counts."""
    given = rest.get("created_at")
    if not isinstance(given, str | int) or isinstance(given, bool):
        return
    ms = _asked_ms(given, zone)
    event["requestTimestamp"] = given if ms is None else format_ms(ms)
    del rest["created_at"]


def _asked_ms(given: str | int, zone: tzinfo) -> int | None:
    if isinstance(given, str):
        try:
            moment = datetime.fromisoformat(given)
            ms = (
                (moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)) - _EPOCH
            ) // _MILLISECOND
        except (ValueError, OverflowError):
            return parse_ms(given)
        return ms if ms >= 0 else None
    return parse_ms(given)


def _take_address(rest: Json, event: Json, properties: Json) -> None:
    """Move what was called, as one address: https stands for whatever it was, which no row says."""
    host = real(_text(rest, "hostname"))
    path = _text(rest, "path")
    if host is not None:
        event["apiName"] = host
        del rest["hostname"]
    if path is None:
        if host is not None:
            properties["x-original-gw-url"] = f"https://{host}/"
        return
    del rest["path"]
    if not path.startswith("/"):
        path = f"/{path}"
    properties["x-original-gw-url"] = path if host is None else f"https://{host}{path}"
    event["apiResourceTemplate"], version = _kind_of(path)
    if version is not None:
        event["apiVersion"] = version


# Services are asked for the same paths again and again, by the same callers.
@lru_cache(maxsize=4096)
def _kind_of(path: str) -> tuple[str, str | None]:
    """Return the template of a path, and the version of the API in it."""
    plain = path.partition("?")[0].partition("#")[0]
    version = _VERSION.search(plain)
    return template(plain), None if version is None else version[1]


def template(path: str) -> str:
    """Return a path with `{id}` for what is one of many in it: `/order/17` is `/order/{id}`."""
    return "/".join("{id}" if _ONE_OF_MANY.fullmatch(part) else part for part in path.split("/"))


def _take_texts(rest: Json, event: Json) -> None:
    for name, field in (("method", "apiMethod"), ("user_agent", "userAgentHeader"), ("user_id", "userName")):
        value = rest.get(name)
        if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
            del rest[name]
            text = str(value)
            if text:
                event[field] = text.upper() if name == "method" else text


def _take_number(rest: Json, name: str, event: Json, field: str) -> None:
    value: Any = rest.get(name)
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,10}", value, re.ASCII):
        value = int(value)
    if isinstance(value, float) and 0 <= value <= _LONGEST_MS:
        value = round(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _LONGEST_MS:
        event[field] = value
        del rest[name]


def _text(rest: Json, name: str) -> str | None:
    value = rest.get(name)
    return value if isinstance(value, str) else None


@lru_cache(maxsize=4096)
def _address(given: str) -> str | None:
    """Return the caller's of the addresses that a proxy may have put in a row, the first."""
    text = given.partition(",")[0].strip()
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return real(text)
    return str(getattr(found, "ipv4_mapped", None) or found)
