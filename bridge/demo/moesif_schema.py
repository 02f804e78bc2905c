"""Moesif's event schema as a check: what its collector documents, and stricter where it says little.

Source: Moesif's collector API reference (events, errors). It says "ISO 8601" for times; here they need
milliseconds, as Moesif's own SDKs write them; without a zone they are UTC, as in its examples.
"""

import binascii
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, Final, Literal

import msgspec

Time = Annotated[
    str,
    msgspec.Meta(
        pattern=r"\A[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
        r"\.[0-9]{3}(Z|[+-][0-9]{2}:[0-9]{2})?\Z"
    ),
]
Uuid = Annotated[
    str,
    msgspec.Meta(pattern=r"\A[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\Z"),
]
Text = Annotated[str, msgspec.Meta(min_length=1)]
Encoding = Literal["json", "base64"]

FULL_URI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#\s]+\S*")

# What the other collections demand.
REQUIRED: Final[dict[str, Sequence[str]]] = {
    "users": ("user_id",),
    "companies": ("company_id",),
    "subscriptions": ("subscription_id", "company_id", "status"),
    "actions": ("action_name", "request"),
}


class CallRequest(msgspec.Struct):
    """An event's `request`."""

    time: Time
    uri: Text
    verb: Text
    headers: dict[str, str]
    api_version: str | None = None
    ip_address: str | None = None
    body: msgspec.Raw = msgspec.Raw(b"null")
    transfer_encoding: Encoding | None = None


class CallResponse(msgspec.Struct):
    """An event's `response`, which may be missing as a whole."""

    time: Time
    status: int
    headers: dict[str, str]
    ip_address: str | None = None
    body: msgspec.Raw = msgspec.Raw(b"null")
    transfer_encoding: Encoding | None = None


class CallEvent(msgspec.Struct):
    """One event of `POST /v1/events`; unknown keys are let through, as Moesif does."""

    request: CallRequest
    response: CallResponse | None = None
    transaction_id: Uuid | None = None
    session_token: str | None = None
    user_id: str | None = None
    company_id: str | None = None
    subscription_id: str | None = None
    action_name: str | None = None
    trace_id: str | None = None
    span: dict[str, msgspec.Raw] | None = None
    direction: Literal["Incoming", "Outgoing", "Internal"] | None = None
    weight: Annotated[int, msgspec.Meta(ge=0)] | None = None
    tags: str | None = None
    blocked_by: str | None = None
    metadata: dict[str, msgspec.Raw] | None = None


class InvalidEventError(Exception):
    """A body that Moesif refuses with 400; the message names the field."""


_decode_one: Final = msgspec.json.Decoder(CallEvent).decode
_decode_batch: Final = msgspec.json.Decoder(list[CallEvent]).decode
_decode_text: Final = msgspec.json.Decoder(str).decode
_decode_parts: Final = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_objects: Final = msgspec.json.Decoder(list[dict[str, Any]]).decode
_decode_object: Final = msgspec.json.Decoder(dict[str, Any]).decode


def check_events(body: bytes, *, batch: bool, full_uris: bool) -> list[CallEvent]:
    """Return the events of one body, an array if `batch`, else one object.

    `full_uris`: `request.uri` must have scheme and host. Raises InvalidEventError.
    """
    with _refusing():
        events = _decode_batch(body) if batch else [_decode_one(body)]
    for index, event in enumerate(events):
        where = f"$[{index}]" if batch else "$"
        if full_uris and not FULL_URI.fullmatch(event.request.uri):
            raise InvalidEventError(f"Expected a full URI with scheme and host - at `{where}.request.uri`")
        _check_base64(event.request, f"{where}.request.body")
        if event.response is not None:
            _check_base64(event.response, f"{where}.response.body")
    return events


def check_objects(collection: str, body: bytes, *, batch: bool) -> list[dict[str, Any]]:
    """Return the objects of one body for `users`, `companies`, `subscriptions` or `actions`.

    Raises InvalidEventError.
    """
    with _refusing():
        objects = _decode_objects(body) if batch else [_decode_object(body)]
    for index, item in enumerate(objects):
        for name in REQUIRED[collection]:
            if not item.get(name):
                where = f"$[{index}]" if batch else "$"
                raise InvalidEventError(f"Object missing required field `{name}` - at `{where}`")
    return objects


def sizes(body: bytes, *, batch: bool) -> list[int]:
    """Return the bytes of each event, good or bad; raises InvalidEventError for what is no JSON."""
    with _refusing():
        return [len(bytes(part)) for part in _decode_parts(body)] if batch else [len(body)]


@contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidEventError(str(error)) from None


def _check_base64(side: CallRequest | CallResponse, where: str) -> None:
    if side.transfer_encoding != "base64":
        return
    try:
        # Line breaks are allowed: WSO2's publisher ends its base64 with one.
        binascii.a2b_base64(_decode_text(side.body).replace("\n", ""), strict_mode=True)
    except (msgspec.DecodeError, ValueError):
        raise InvalidEventError(f"Expected base64 text - at `{where}`") from None
