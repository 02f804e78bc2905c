"""What Moesif's collector says to a request: the checks of its API, in the order of their status codes.

Source: Moesif's collector API reference (endpoints, headers, limits, errors). It says nothing of 413, 415
and of a batch with one bad event; here the strictest reading is taken: the whole batch is refused.
"""

import re
import zlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
from isal import igzip, isal_zlib

from bridge.demo.moesif_knobs import Knobs
from bridge.demo.moesif_schema import CallEvent, InvalidEventError, check_events, check_objects, sizes

# Names in any case find their header, as in aiohttp's requests.
Headers = Mapping[str, str]

POST_PATH: Final = re.compile(r"/v1/(events|users|companies|subscriptions|actions)(/batch)?")
GET_PATHS: Final = ("/v1/config", "/v1/rules", "/health/probe")


class NotTakenError(Exception):
    """The request gets a status outside of 2xx, with this text as its body."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status} {text}")
        self.status = status
        self.text = text


@dataclass(frozen=True, slots=True)
class Posted:
    """What one post brought, all of it good."""

    collection: str
    body: bytes
    """Without compression."""
    batch: bool
    events: list[CallEvent] = field(default_factory=list)
    objects: list[dict[str, Any]] = field(default_factory=list)
    """For the other collections."""

    def as_objects(self) -> list[dict[str, Any]]:
        """Return the events as they were sent."""
        value: Any = msgspec.json.decode(self.body)
        return value if self.batch else [value]


def page(path: str, headers: Headers, keys: Collection[str], knobs: Knobs) -> bytes:
    """Return the body of the answer to a GET; raises NotTakenError."""
    if path == "/health/probe":
        return b'{"status":true,"region":"loopback"}'
    if path not in GET_PATHS:
        raise NotTakenError(405 if POST_PATH.fullmatch(path) else 404, "not there")
    _check_key(headers, keys, knobs)
    if path == "/v1/rules":
        return msgspec.json.encode(knobs.rules)
    if knobs.config_status is not None:
        raise NotTakenError(knobs.config_status, "")
    if headers.get("If-None-Match") == config_etag(knobs, _key(headers)):
        raise NotTakenError(304, "")
    return _config(knobs, _key(headers))


def etags(headers: Headers, knobs: Knobs) -> dict[str, str]:
    """Return the headers of every answer that tell of the settings of the request's application."""
    rules = f"{zlib.crc32(msgspec.json.encode(knobs.rules)):08x}"
    return {"X-Moesif-Config-ETag": config_etag(knobs, _key(headers)), "X-Moesif-Rules-Tag": rules}


def config_etag(knobs: Knobs, key: str = "") -> str:
    """Return the ETag of an application's sampling settings, which changes when they do."""
    return f"{zlib.crc32(_config(knobs, key)):08x}"


def _config(knobs: Knobs, key: str) -> bytes:
    return msgspec.json.encode(knobs.config_of.get(key, knobs.config))


def post(path: str, headers: Headers, body: bytes, keys: Collection[str], knobs: Knobs) -> Posted:
    """Return what a POST brought; raises NotTakenError."""
    match = POST_PATH.fullmatch(path)
    if match is None:
        raise NotTakenError(405 if path in GET_PATHS else 404, "not there")
    collection, batch = match[1], match[2] is not None
    _check_key(headers, keys, knobs)
    plain = _plain(headers, body, collection)
    if len(plain) > knobs.max_body_bytes:
        raise NotTakenError(413, f"{len(plain)} bytes, more than {knobs.max_body_bytes}")
    try:
        if collection != "events":
            return Posted(collection, plain, batch, objects=check_objects(collection, plain, batch=batch))
        events = check_events(plain, batch=batch, full_uris=knobs.full_uris)
    except InvalidEventError as error:
        raise NotTakenError(400, str(error)) from None
    limit = knobs.max_event_bytes
    if limit is not None and max(sizes(plain, batch=batch), default=0) > limit:
        raise NotTakenError(413, f"an event of more than {limit} bytes")
    return Posted(collection, plain, batch, events=events)


def _key(headers: Headers) -> str:
    return headers.get("X-Moesif-Application-Id", "")


def _check_key(headers: Headers, keys: Collection[str], knobs: Knobs) -> None:
    key = _key(headers)
    if key not in keys:
        raise NotTakenError(401, "X-Moesif-Application-Id is missing or unknown")
    if key in knobs.refused_keys:
        raise NotTakenError(knobs.refused_keys[key], "this application may not send")


def _plain(headers: Headers, body: bytes, collection: str) -> bytes:
    content_type = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if content_type != "application/json":
        raise NotTakenError(415, "Content-Type is not application/json")
    match headers.get("Content-Encoding", "identity"):
        case "identity":
            return body
        case "gzip" if collection == "events":
            return unzip(body)
        case encoding:
            # Moesif's own SDKs compress events and nothing else.
            raise NotTakenError(415, f"Content-Encoding {encoding} is not taken for {collection}")


def unzip(body: bytes) -> bytes:
    """Return a gzip body without its compression; raises NotTakenError."""
    try:
        plain: bytes = igzip.decompress(body)  # type: ignore[no-untyped-call]  # isal's stubs are partial
    except (OSError, EOFError, isal_zlib.error) as error:  # type: ignore[misc]  # typed as an instance
        raise NotTakenError(400, f"no gzip: {error}") from None
    return plain


def how_many(headers: Headers, body: bytes) -> int:
    """Return how many events a body holds, good or bad; 0 if it cannot be read."""
    try:
        plain = unzip(body) if headers.get("Content-Encoding") == "gzip" else body
        return len(sizes(plain, batch=plain.lstrip().startswith(b"[")))
    except (NotTakenError, InvalidEventError):
        return 0
