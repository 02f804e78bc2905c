"""`POST /firehose`: AWS Data Firehose delivers the access log of an API Gateway.

request ──▶ records ──▶ base64 ──▶ events ──▶ 200, when they are on disk

Firehose takes 200 alone for success, 413 as the loss of all of it, and sends everything else again under the
same request id (AWS, "HTTP endpoint delivery request and response specifications"). So a record that cannot
be read is rejected by itself and counted, or it would come again for ever; only when nothing in the request
can be read is that answered with 400, and its sender keeps it.
"""

import asyncio
import base64
import binascii
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import islice
from typing import Any, Final

import msgspec
from aiohttp import web

from bridge.contracts import Arrival, Clock
from bridge.errors import JournalWaits, Unacceptable
from bridge.events.event import REFUSALS
from bridge.events.reading import read_object
from bridge.formats.aws import canonical
from bridge.sources.http.answers import Answer, Answers, Refusal
from bridge.sources.http.body import Body, RawEvent, split
from bridge.sources.http.endpoints.converting import converted
from bridge.sources.http.endpoints.firehose_requests import DIGEST_BYTES, PositionChanges, RequestIds
from bridge.sources.http.happenings import HttpHappenings
from bridge.sources.http.portions import PORTION_BYTES, Portion, portions
from bridge.sources.http.reception import OpenDoor, Reception, is_one_of

KEY_HEADER: Final = "X-Amz-Firehose-Access-Key"
ID_HEADER: Final = "X-Amz-Firehose-Request-Id"
VERSION_HEADER: Final = "X-Amz-Firehose-Protocol-Version"
VERSION: Final = "1.0"

# Far more than the 10,000 records that Firehose sends at most; 64 MiB of `[1,1,…` would be 32 million.
_MOST_COMMAS: Final = 100_000
# A GUID has 36.
_LONGEST_ID: Final = 256


class _Envelope(msgspec.Struct):
    """The body of a request; each record is looked at by itself."""

    records: list[msgspec.Raw]


class _Record(msgspec.Struct):
    data: str


_read_envelope: Final = msgspec.json.Decoder(_Envelope).decode
_read_record: Final = msgspec.json.Decoder(_Record).decode


@dataclass(slots=True)
class _Part(Portion):
    """Events that are committed together with how far their request has been taken."""

    changes: PositionChanges = field(default_factory=dict)

    def arrival(self, source: str) -> Arrival:
        """Return what intake is given."""
        # Not super(): a class with slots is another than the one in which this was written.
        return msgspec.structs.replace(Portion.arrival(self, source), positions=self.changes)


class FirehoseEndpoint:
    """Answers in Firehose's own form; `reception.Endpoint`."""

    method = "POST"

    def __init__(
        self,
        reception: Reception,
        answers: Answers,
        keys: Collection[bytes],
        door: OpenDoor,
        requests: RequestIds,
        happenings: HttpHappenings,
        clock: Clock,
    ) -> None:
        """`keys`: X-Amz-Firehose-Access-Key must be one of them; empty: any will do."""
        self._reception = reception
        self._answers = answers
        self._keys = keys
        self._door = door
        self._requests = requests
        self._happenings = happenings
        self._clock = clock

    def admit(self, request: web.BaseRequest) -> None:
        """Leave it to `answer`, which refuses in the form that Firehose understands."""

    async def answer(self, request: web.BaseRequest, *, close: bool) -> Answer:
        """Return 200 once everything readable is on disk, or else why to send it again."""
        request_id = _request_id(request)
        try:
            self._check(request, request_id)
            if request_id in self._requests.underway:
                # Firehose waits for 3 minutes and sends it again; the first may still be on its way to disk.
                raise Refusal(503, "this request is being taken", "send it again", {"Retry-After": "1"})
            self._requests.underway.add(request_id)
            try:
                await self._take(request, request_id)
            finally:
                self._requests.underway.discard(request_id)
        except Refusal as refusal:
            # What it may send again in another encoding has one code; what is too large it would drop at 413. So it
            # keeps that, and hands it to its stream's backup in the end.
            status = 400 if refusal.status in {413, 415} else refusal.status
            why = f"{refusal.content['error']}; {refusal.content['cure']}"
            return self._make(status, request_id, why, refusal.headers, close=close, cut=refusal.cut)
        except JournalWaits as waits:
            self._reception.no_room(str(waits))
            headers = {"Retry-After": str(waits.retry_after_seconds)}
            return self._make(503, request_id, f"{waits.in_short}; send it again", headers, close=close)
        return self._make(200, request_id, close=close)

    def _check(self, request: web.BaseRequest, request_id: str) -> None:
        """Raise Refusal for a sender who may not send here, and for another protocol."""
        if not self._keys:
            self._door.admit(request)
        elif not is_one_of(request.headers.get(KEY_HEADER, ""), self._keys):
            self._happenings.unauthorised(request.remote or "?")
            raise Refusal(
                401,
                "the access key is missing or not known",
                "set the stream's access key to one of the bridge's tokens",
            )
        if request.headers.get(VERSION_HEADER) != VERSION:
            raise Refusal(400, f"{VERSION_HEADER} is not {VERSION}", "send with AWS Data Firehose")
        if not request_id:
            raise Refusal(400, f"{ID_HEADER} is missing or no id", "send with AWS Data Firehose")

    async def _take(self, request: web.BaseRequest, request_id: str) -> None:
        async with self._reception.body(request) as body:
            records, digest = await asyncio.to_thread(_open, body)
            if records and not await asyncio.to_thread(_is_readable, records):
                detail = "no record is base64 of a JSON object"
                self._happenings.nothing_good(request.remote or "?", "not_json", detail)
                raise Refusal(400, detail, "deliver an API Gateway's access log in JSON")
            # Never less than a portion: what is on disk is noted when the next one is asked for.
            size = max(len(body), PORTION_BYTES + 1)
            await self._reception.take(request, self._parts(records, request_id, digest), size)

    def _parts(self, records: Sequence[msgspec.Raw], request_id: str, digest: bytes) -> Iterator[Portion]:
        """Yield the events that are not on disk yet; each part is there when the next is asked for."""
        taken = self._requests.taken(request_id, digest)
        end = taken
        if taken:
            # Counted even if none of it is new.
            yield _Part(repeated=taken)
        for portion in portions(islice(converted(_raw_events(records), canonical), taken, None)):
            # Counted from the request's beginning, as if it had been taken in one go.
            places = [place + taken for place in portion.places]
            refused = [(place + taken, reason, detail) for place, reason, detail in portion.refused]
            end += len(places) + len(refused)
            changes = self._requests.note(request_id, digest, end)
            yield _Part(portion.bodies, portion.kinds, places, refused, changes=changes)
            self._requests.apply(changes)

    def _make(
        self,
        status: int,
        request_id: str,
        why: str = "",
        headers: Any = None,
        *,
        close: bool,
        cut: bool = False,
    ) -> Answer:
        content: dict[str, Any] = {"requestId": request_id, "timestamp": int(self._clock.time() * 1000)}
        if why:
            content["errorMessage"] = why
        return self._answers.make(status, content, headers, close=close, cut=cut)


def _request_id(request: web.BaseRequest) -> str:
    """Return the id that the answer has to repeat; empty if it is not a valid id."""
    text = request.headers.get(ID_HEADER, "")
    return text if text.isascii() and text.isprintable() and len(text) <= _LONGEST_ID else ""


def _open(body: Body) -> tuple[list[msgspec.Raw], bytes]:
    """Return the records of a body, and a digest of them; raises Refusal."""
    cure = "send with AWS Data Firehose"
    if body.count(b",") > _MOST_COMMAS:
        raise Refusal(400, "more records than Firehose sends", cure)
    try:
        records = _read_envelope(body).records
    except REFUSALS:
        raise Refusal(400, "the body is not a JSON object with records", cure) from None
    # Of the records alone: when the request is sent again, its own time may differ.
    digest = blake2b(digest_size=DIGEST_BYTES)
    for record in records:
        digest.update(len(record).to_bytes(8, "big"))
        digest.update(record)
    return records, digest.digest()


def _is_readable(records: Sequence[msgspec.Raw]) -> bool:
    """Tell whether the records hold at least one JSON object; usually the first one does."""
    for event in _raw_events(records):
        if isinstance(event, Unacceptable):
            continue
        try:
            read_object(event[1])
        except Unacceptable:
            continue
        return True
    return False


def _raw_events(records: Sequence[msgspec.Raw]) -> Iterator[RawEvent]:
    """Yield what the records hold: an object, several with or without line ends between them, or an array."""
    for record in records:
        try:
            data = base64.b64decode(_read_record(record).data, validate=True)
        except (*REFUSALS, binascii.Error, ValueError):
            yield Unacceptable("not_json", "a record whose data is not base64")
            continue
        yield from split(data)
