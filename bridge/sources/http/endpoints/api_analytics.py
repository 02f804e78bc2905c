"""`POST /api/log-request`: API Analytics' clients send what their middleware has seen, all calls of a minute and more.

They look at no answer, send nothing again, and drop what is refused; the Python package waits for ten seconds
(analytics/python core.py, analytics/nodejs). So whatever can be read is taken, whether or not its sender still waits: a
bad row is rejected alone, there may be any number of them in any number of requests, and a framework that their server
does not know is no reason to refuse its calls. The answers are their server's own (server/logger/main.go), and come
when all rows are on disk.
"""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any, Final

import msgspec
from aiohttp import web

from bridge.errors import JournalWaits, Unacceptable
from bridge.events.event import REFUSALS, encode
from bridge.events.reading import read_object
from bridge.formats.api_analytics import ClientRequest, ClientRows, hashed_key
from bridge.settings import Address
from bridge.sources.http.answers import Answer, Answers, Refusal
from bridge.sources.http.body import Body, RawEvent, split
from bridge.sources.http.endpoints.converting import converted
from bridge.sources.http.happenings import HttpHappenings
from bridge.sources.http.portions import portions
from bridge.sources.http.reception import LARGE_BODY_BYTES, OpenDoor, Reception
from bridge.sources.http.settings import HttpSourceSettings

PATHS: Final = ("/api/log-request", "/api/requests")

_TAKEN: Final = "API requests logged successfully."
_UNREADABLE: Final = "Invalid request data."
_TOO_MANY: Final = "Too many requests."
_LONGEST_NAME: Final = 100


class _Payload(msgspec.Struct):
    """The body of a request; each row is looked at by itself."""

    api_key: str | None = None
    requests: msgspec.Raw = msgspec.Raw(b"null")
    framework: str | None = None
    privacy_level: int | None = None


_read_payload: Final = msgspec.json.Decoder(_Payload).decode


@dataclass(frozen=True, slots=True)
class ClientKeys:
    """Which keys may send."""

    hashes: frozenset[str] | None
    """None: every key may."""
    asks_nothing: bool
    """Whether only a look at the caller keeps others out: no keys are set."""
    cure: str

    def __contains__(self, hashed: str) -> bool:
        return self.hashes is None or hashed in self.hashes


def client_keys(settings: HttpSourceSettings, address: Address, source: str) -> ClientKeys:
    """Return the keys of a source that really listens at this address."""
    cure = f"add its key to api_analytics_keys in [bridge.sources.{source}]"
    if settings.takes_any_key(address):
        return ClientKeys(None, not settings.api_analytics_keys, cure)
    keys = (key.get_secret_value() for key in settings.api_analytics_keys)
    return ClientKeys(frozenset(map(hashed_key, keys)), asks_nothing=False, cure=cure)


class ClientsEndpoint:
    """Answers as API Analytics' server; `reception.Endpoint`."""

    method = "POST"

    def __init__(
        self,
        reception: Reception,
        answers: Answers,
        keys: ClientKeys,
        door: OpenDoor,
        happenings: HttpHappenings,
        *,
        zone: tzinfo,
        country_of: Callable[[str], str | None] | None,
    ) -> None:
        """`zone`: of times that name none. `country_of`: looks up addresses that are not kept."""
        self._reception = reception
        self._answers = answers
        self._keys = keys
        self._door = door
        self._happenings = happenings
        self._zone = zone
        self._country_of = country_of

    def admit(self, request: web.BaseRequest) -> None:
        """Return unless a foreign web page may ask where no key is asked for; the key comes with the body."""
        if self._keys.asks_nothing:
            self._door.admit(request)

    async def answer(self, request: web.BaseRequest, *, close: bool) -> Answer:
        """Return 201 once all good rows are on disk, 400 if there was none, 401 for a key that may not send."""
        try:
            async with self._reception.body(request) as body:
                return await self._take(request, body, close=close)
        except Refusal as refusal:
            error, cure = refusal.content["error"], refusal.content["cure"]
            # What would be 503 is what their server calls 429.
            status, message = (429, _TOO_MANY) if refusal.status == 503 else (refusal.status, error)
            return self._make(status, message, {"cure": cure}, refusal.headers, close=close, cut=refusal.cut)
        except JournalWaits as waits:
            self._reception.no_room(str(waits))
            headers = {"Retry-After": str(waits.retry_after_seconds)}
            return self._make(503, waits.in_short, {"cure": "send it again"}, headers, close=close)

    async def _take(self, request: web.BaseRequest, body: Body, *, close: bool) -> Answer:
        large = len(body) > LARGE_BODY_BYTES
        payload = await asyncio.to_thread(_opened, body) if large else _opened(body)
        sender, rows = self._checked(payload, request.remote or "?")
        make = ClientRows(sender, self._zone, self._country_of)
        parts = portions(converted(rows, make))
        tally = await self._reception.take(request, parts, len(body), whoever_waits=True)
        if not tally.events:
            raise Refusal(400, "Payload contains no logged requests.", "send a row for each request")
        counts = tally.content() if tally.rejected_total else {}
        if tally.is_nothing_good:
            return self._make(400, _UNREADABLE, counts, close=close)
        return self._make(201, _TAKEN, counts, close=close)

    def _checked(self, payload: _Payload, peer: str) -> tuple[ClientRequest, Iterator[RawEvent]]:
        """Return what is true of all rows, and the rows; raises Refusal, in the order of their server."""
        if not payload.api_key:
            raise Refusal(400, "API key requied.", "send api_key")
        raw = bytes(payload.requests)
        if raw == b"null":
            raise Refusal(400, "Payload contains no logged requests.", "send a row for each request")
        if not raw.startswith(b"["):
            raise Refusal(400, _UNREADABLE, "send requests as an array")
        framework = (payload.framework or "").strip()
        if not framework or len(framework) > _LONGEST_NAME:
            raise Refusal(400, "Unsupported API framework.", "send the name of the framework")
        try:
            hashed = hashed_key(payload.api_key)
        except ValueError:
            raise Refusal(400, "Invalid data.", "send a UUID as api_key") from None
        if hashed not in self._keys:
            self._happenings.unknown_key(peer, self._keys.cure)
            raise Refusal(401, "Invalid API key.", "use a key that this server knows")
        return ClientRequest(hashed, framework, payload.privacy_level or 0), split(raw)

    def _make(
        self,
        status: int,
        message: str,
        more: dict[str, Any],
        headers: Any = None,
        *,
        close: bool,
        cut: bool = False,
    ) -> Answer:
        content = {"status": status, "message": message, **more}
        return self._answers.make(status, content, headers, close=close, cut=cut)


def _opened(body: Body) -> _Payload:
    """Return what is in a body; raises Refusal."""
    try:
        return _read_payload(body)
    except REFUSALS:
        pass
    try:
        # One text that is damaged must not cost the other rows.
        return _read_payload(encode(read_object(bytes(body))[0]))
    except (*REFUSALS, Unacceptable) as error:
        why = error.detail if isinstance(error, Unacceptable) else str(error)
        raise Refusal(400, f"{_UNREADABLE}\n{why}", "send JSON as API Analytics' clients do") from None
