"""The way in: POST /ingest takes events, POST /account what a sender says of itself."""

import asyncio
import re
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

import msgspec
from aiohttp import web

from bridge.analytics.server.describing import body, gives
from bridge.analytics.server.endpoint import ApiEndpoint
from bridge.analytics.server.refusals import RequestRefused
from bridge.analytics.server.served import Served
from bridge.analytics.store import ReceivedEvent, ReceivedRecord
from bridge.analytics.store.usual import UsualEvent, decode_usual
from bridge.errors import StoreWaits, Unacceptable
from bridge.events.event import REFUSALS, from_object, with_canonical_names
from bridge.events.ids import event_id
from bridge.events.origin import RECORD, USERS
from bridge.events.reading import read_object
from bridge.events.times import parse_ms
from bridge.events.users import user_name
from bridge.transports.http.inflating import BrokenGzip, Inflater, TooManyMembers
from bridge.web.answers import json_response

# Events that came together say the same.
_moment: Final = lru_cache(1024)(parse_ms)
CountryOf = Callable[[str], str | None] | None
"""Says where an address is; None: nobody knows."""
MOST_BYTES: Final = 16 * 2**20
"""Of one request's events, unpacked (P8)."""
# So many requests are in memory at a time; the others wait in their senders' connections.
_AT_A_TIME: Final = 4
_MOST_ACCOUNT_BYTES: Final = 256 * 2**10
_MOST_NAMED: Final = 20
# A clock may be so far ahead; what was received later than that was not.
_AHEAD_MS: Final = 86_400_000
_FORMS: Final = ("application/json", "application/x-ndjson", "application/ndjson")
_CANONICAL: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}").fullmatch
_decode: Final = msgspec.json.Decoder().decode
_decode_object: Final = msgspec.json.Decoder(dict[str, Any]).decode
# One value after the other is decoded, so that not all of them are in memory at a time.
_split_array: Final = msgspec.json.Decoder(list[msgspec.Raw]).decode
_split_lines: Final = msgspec.json.Decoder(msgspec.Raw).decode_lines


def endpoints(served: Served) -> Sequence[ApiEndpoint]:
    """Return the endpoints of the way in."""
    ingest = _Ingest(served)
    return [
        ApiEndpoint(
            "POST",
            "/ingest",
            ingest.events,
            "ingest",
            "Take canonical events, each once by its id, as the `http` sink sends them",
            body({"type": "array", "items": {"type": "object"}}, "application/x-ndjson")
            | gives({"type": "object"}),
        ),
        ApiEndpoint(
            "POST",
            "/account",
            ingest.account,
            "ingest",
            "Take what a bridge says of itself",
            body({"type": "object"}) | gives({"type": "object"}),
        ),
    ]


class _Ingest:
    def __init__(self, served: Served) -> None:
        self._served = served
        self._turns = asyncio.Semaphore(_AT_A_TIME)

    async def events(self, request: web.Request) -> web.Response:
        served = self._served
        try:
            async with self._turns:
                body = await _body(request, MOST_BYTES, _FORMS)
                began = served.clock.monotonic()
                now_ms = int(served.clock.time() * 1000)
                appended = await served.store.append(received(body, now_ms, served.country_of))
                del body
        except RequestRefused as refusal:
            served.metrics.count("analytics_refused", 1, str(refusal.status))
            raise
        except StoreWaits:
            served.metrics.count("analytics_refused", 1, "503")
            raise
        served.metrics.observe("analytics_append_duration_seconds", served.clock.monotonic() - began)
        served.metrics.count("analytics_events_new", appended.new)
        served.metrics.count("analytics_events_known", appended.known)
        served.metrics.count("analytics_events_old", appended.old)
        served.metrics.count("analytics_events_erased", appended.erased, "came_again")
        return json_response(
            {
                "new": appended.new,
                "known": appended.known,
                "old": appended.old,
                "erased": appended.erased,
                "records": appended.records,
            }
        )

    async def account(self, request: web.Request) -> web.Response:
        body = await _body(request, _MOST_ACCOUNT_BYTES, _FORMS[:1])
        try:
            account = _decode_object(body)
        except REFUSALS:
            account = {}
        sender, instance = account.get("sender"), account.get("instance")
        if not isinstance(sender, str) or not isinstance(instance, str) or not sender:
            raise RequestRefused(
                400, "an account is an object with sender and instance", "see /api/openapi.json"
            )
        await self._served.store.account(sender, instance, int(self._served.clock.time() * 1000), account)
        return json_response({})


async def _body(request: web.Request, most: int, forms: Sequence[str]) -> bytes:
    """Return a request's body, unpacked. Raises RequestRefused."""
    if request.content_type not in forms:
        raise RequestRefused(415, f"Content-Type is {request.content_type}", f"send {' or '.join(forms)}")
    packing = request.headers.get("Content-Encoding", "identity").strip().lower()
    if packing not in {"identity", "gzip"}:
        raise RequestRefused(415, f"Content-Encoding is {packing}", "send gzip, or the plain body")
    inflater = Inflater() if packing == "gzip" else None
    parts: list[bytes] = []
    size = 0
    try:
        async for chunk in request.content.iter_any():
            for part in inflater.feed(chunk) if inflater is not None else (chunk,):
                size += len(part)
                if size > most:
                    raise RequestRefused(
                        413, f"more than {most} bytes in one request", "send fewer events at a time"
                    )
                parts.append(part)
        if inflater is not None:
            inflater.end()
    except (BrokenGzip, TooManyMembers):
        raise RequestRefused(400, "the body is not gzip", "send it as Content-Encoding says") from None
    return b"".join(parts)


def received(
    body: bytes, now_ms: int, country_of: CountryOf = None
) -> Iterator[ReceivedEvent | ReceivedRecord]:
    """Yield the events and records of a body: an array, or an object a line.

    At its end, if any are bad, raises RequestRefused.

    `country_of` looks up where those come from that bring an address and no country.
    """
    refused: list[dict[str, Any]] = []
    for index, item in enumerate(_items(body)):
        try:
            yield _received(item, now_ms, country_of)
        except Unacceptable as error:
            if len(refused) < _MOST_NAMED:
                refused.append({"index": index, "error": str(error)})
    if refused:
        raise RequestRefused(
            400,
            f"event {refused[0]['index']}: {refused[0]['error']}",
            "leave out what is refused, or mend it; nothing of this request was stored",
            refused=refused,
        )


def _items(body: bytes) -> Sequence[Any]:
    """Return what the body holds: JSON values, those that are not decoded yet as bytes."""
    try:
        if body.lstrip()[:1] == b"[":
            return _split_array(body)
        return _split_lines(body)
    except REFUSALS:
        pass
    try:
        whole = _decode(body)
    except REFUSALS:
        return [line for line in body.split(b"\n") if line.strip()]
    return whole if isinstance(whole, list) else [whole]


def _received(item: Any, now_ms: int, country_of: CountryOf) -> ReceivedEvent | ReceivedRecord:
    if isinstance(item, msgspec.Raw):
        try:
            usual = decode_usual(item)
        except REFUSALS:
            pass
        else:
            if usual.bridge.id and usual.eventType != RECORD:
                return _usual(usual, now_ms, country_of)
    data = _object(item) if isinstance(item, (msgspec.Raw, bytes)) else item
    if type(data) is not dict:
        raise Unacceptable("not_an_object", f"JSON, but {type(data).__name__} instead of an object")
    tag = data.get("bridge")
    number = tag.get("id") if type(tag) is dict else None
    said = tag.get("received") if type(tag) is dict else None
    if data.get("eventType") == RECORD:
        return _record(data, number, _received_ms(said, now_ms))
    if number is None:
        data = with_canonical_names(data)
        number = event_id(from_object(data))
        if number is None:
            raise Unacceptable("unrecognised", "no bridge.id, and no correlationId to make one of")
    return ReceivedEvent(
        _canonical(number),
        _received_ms(said, now_ms),
        data,
        _country(data.get("userIp"), data.get("properties"), country_of),
    )


def _record(data: dict[str, Any], number: Any, received_ms: int) -> ReceivedRecord:
    """Return a record; an update of a user that has a company says whose the later calls are."""
    if number is None:
        raise Unacceptable("unrecognised", "a record without bridge.id, as only a bridge sends it")
    origin = data.get("origin")
    said = origin.get(RECORD) if isinstance(origin, dict) and origin.get("path") == USERS else None
    user, company = (said.get("user_id"), said.get("company_id")) if isinstance(said, dict) else (None, None)
    if not (isinstance(user, str) and isinstance(company, str) and user and company):
        user = company = None
    return ReceivedRecord(_canonical(number), received_ms, user and user_name(user), company)


def _usual(event: UsualEvent, now_ms: int, country_of: CountryOf) -> ReceivedEvent:
    tag = event.bridge
    return ReceivedEvent(
        _canonical(tag.id),
        _received_ms(tag.received, now_ms),
        event,
        _country(event.userIp, event.properties, country_of),
    )


def _received_ms(said: Any, now_ms: int) -> int:
    ms = _moment(said) if type(said) is str else None
    return now_ms if ms is None or not 0 <= ms <= now_ms + _AHEAD_MS else ms


def _country(address: Any, properties: Any, country_of: CountryOf) -> str | None:
    if country_of is None or type(address) is not str:
        return None
    if type(properties) is dict and properties.get("country") is not None:
        return None
    return country_of(address)


def _object(written: msgspec.Raw | bytes) -> dict[str, Any]:
    try:
        return _decode_object(written)
    except REFUSALS:
        return read_object(bytes(written))[0]


def _canonical(number: Any) -> str:
    """Return an id as the store has it: a UUID in lower case with hyphens."""
    if type(number) is not str:
        raise Unacceptable("unrecognised", "bridge.id is no UUID")
    if _CANONICAL(number):
        return number
    try:
        return str(UUID(number))
    except ValueError:
        raise Unacceptable("unrecognised", "bridge.id is no UUID") from None
