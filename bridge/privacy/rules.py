"""The rules by which intake shapes an event before it is written to disk: who called, and what is left out.

Decided once, at the start. In this order for each event: look who called, derive the country, hide what masks,
credentials and the privacy level hide, drop captures, and keep who called as far as that is not hidden.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import msgspec

from bridge.events.event import (
    EMPTY,
    REFUSALS,
    Event,
    Leftover,
    Properties,
    decode_fast,
    encode,
    from_object,
)
from bridge.events.users import user_name
from bridge.privacy.captures import CAPTURED, Captures
from bridge.privacy.client_address import no_address
from bridge.privacy.credentials import credentials
from bridge.privacy.hiding import HIDDEN, Hidden, Hiding, Shapes, header_name
from bridge.privacy.identity import Caller, Identity
from bridge.privacy.queries import Queries

if TYPE_CHECKING:
    from bridge.privacy.countries import Countries

_TEXT_OWNERS: Final = ("properties", "customProperties")
_KEEP_ALL: Final = Captures()
_NO_PROPERTIES: Final = Properties()
# Longer texts are not cached, so that the cache takes little memory (P8).
_LONGEST_URL: Final = 1000
_LONGEST_NAME: Final = 100
# Callers send the same few headers again and again.
_known_name: Final = lru_cache(maxsize=1024)(header_name)
_read_json: Final = msgspec.json.Decoder(dict[str, Any]).decode
_encode: Final = msgspec.json.Encoder().encode


class Rules:
    """What intake does to events; without arguments it takes credentials out of captured headers and URLs."""

    def __init__(
        self,
        *,
        masks: Hiding | None = None,
        identity: Identity | None = None,
        kept_headers: Iterable[str] = (),
        captures: Captures = _KEEP_ALL,
        keep_address: bool = True,
        countries: "Countries | None" = None,
    ) -> None:
        """`keep_address` is about the client's; where it is not kept, `countries` may still look at it."""
        # A mask comes after the credentials: what it names may not be read for claims either.
        self._hiding = (
            credentials(kept_headers) | (masks or Hiding()) | (Hiding() if keep_address else no_address())
        )
        self._queries = Queries(kept_headers)
        self._identity = identity or None
        self._captures = captures
        self._countries = countries
        # Whether every event is concerned, or only those with something captured.
        self._every = bool(masks or identity) or not keep_address
        self._bodies = captures.about_bodies
        # Whether all that can be hidden of a usual event is in captured headers and URLs.
        self._only_headers = not (self._hiding.fields or identity or countries) and captures == _KEEP_ALL
        # A gateway has few backends and calls them again and again: remembering costs a tenth of looking again.
        self._found_again = lru_cache(maxsize=256)(self._queries.found)

    def concern(self, event: Event) -> bool:
        """Tell, at almost no cost, whether `applied` might change this event.

        It sees the last copy of a key that stands twice. No JSON library writes a second `properties` behind one
        with headers; to look for it in every body would cost half a microsecond an event (`bytes.count` over 1 kB),
        more than all that is looked at here. With any mask or identity rule each event is read anyway.
        """
        properties = event.properties or _NO_PROPERTIES
        if (
            self._every
            or properties.requestHeaders is not None
            or properties.responseHeaders is not None
            or (self._bodies and (properties.requestBody is not None or properties.responseBody is not None))
            or (event.extra is not None and self._concern_other(event.extra))
            or (properties.extra is not None and self._concern_other(properties.extra))
        ):
            return True
        url = event.destination
        if url is not None and "?" in url and (len(url) > _LONGEST_URL or self._found_again(url)):
            return True
        # WSO2 puts no query into a path; other senders may.
        for url in (event.apiResourceTemplate, event.apiContext, properties.gateway_url):
            if url is not None and "?" in url and self._queries.found(url):
                return True
        return False

    def _concern_other(self, extra: Leftover) -> bool:
        return not CAPTURED.isdisjoint(extra) or any(map(self._queries.found, extra.values()))

    def applied(self, body: bytes, event: Event) -> tuple[bytes, Event]:
        """Return the event, and its bytes, as they may be kept; the same ones when nothing had to be done.

        `body` is plain JSON already, as the fast way takes it or `mend` returns it.
        """
        if self._harmless(event) and _same_keys(_encode(event), body):
            return body, event
        data = _read_json(body)
        shaped = self.shaped(data)
        shown = encode(data if shaped is None else shaped)
        if shaped is None and _same_keys(shown, body):
            return body, event
        return shown, _read(shown, data if shaped is None else shaped)

    def _harmless(self, event: Event) -> bool:
        """Tell, at a fraction of the cost, whether an event with captured headers has nothing to hide.

        Usually it has nothing: the gateway has already hidden the credentials among them.
        """
        properties = event.properties
        if (
            not self._only_headers
            or event.extra is not None
            or properties is None
            or properties.extra is not None
        ):
            return False
        urls = (
            event.destination,
            event.apiContext,
            event.apiResourceTemplate,
            properties.apiContext,
            properties.apiResourceTemplate,
            properties.gateway_url,
        )
        for url in urls:
            if url is not None and "?" in url and self._queries.found(url):
                return False
        return self._shown(properties.requestHeaders, self._hiding.request_headers) and self._shown(
            properties.responseHeaders, self._hiding.response_headers
        )

    def _shown(self, headers: Mapping[str, str] | None, shapes: Shapes) -> bool:
        """Tell whether these headers may be shown as they are."""
        for name, value in (headers or {}).items():
            if len(name) > _LONGEST_NAME:
                return False
            shape = shapes.get(_known_name(name))
            if shape is not None and shape(value) != value:
                return False
            if "?" in value and self._queries.found(value):
                return False
        return True

    def shaped(self, data: dict[str, Any]) -> dict[str, Any] | None:
        """Return this event's dict as it may be kept, None if it may stay as it is; changes what it is given."""
        texts, unreadable = _open_texts(data)
        who = self._identity.resolve(data) if self._identity is not None else {}
        country = self._countries.country(data) if self._countries is not None else None
        hidden = self._hiding.apply(data)
        self._queries.apply(data, hidden)
        touched = self._captures.apply(data) or hidden.touched or unreadable
        if country is not None:
            touched |= _add_country(data, country)
        if not touched:
            data |= texts
        if who:
            return _identified(data, who, hidden)
        return data if touched else None


def _same_keys(shown: bytes, body: bytes) -> bool:
    """Tell whether an event that is encoded again has all keys of its bytes.

    Of a key that stands twice only the last was seen: then the input's own bytes cannot be trusted.
    """
    return shown.count(b'"') == body.count(b'"')


def _read(body: bytes, data: dict[str, Any]) -> Event:
    """Return the event of an object and its bytes; the fast way where only a `bridge` object is in its way."""
    bridge = data.get("bridge")
    try:
        if not isinstance(bridge, dict):
            event = decode_fast(body)
        else:
            event = decode_fast(encode({key: value for key, value in data.items() if key != "bridge"}))
    except REFUSALS:
        return from_object(data)
    if event == EMPTY:
        return from_object(data)
    if isinstance(bridge, dict):
        event.extra = Leftover(bridge=bridge)
    return event


def _open_texts(data: dict[str, Any]) -> tuple[dict[str, str], bool]:
    """Read properties that came as JSON text, so that the rules see into them.

    Returns the texts, and whether there was one that cannot be read and so cannot be shown safely.
    """
    texts: dict[str, str] = {}
    unreadable = False
    for name in _TEXT_OWNERS:
        text = data.get(name)
        if isinstance(text, str) and text.lstrip().startswith("{"):
            try:
                data[name] = _read_json(text)
            except (msgspec.DecodeError, RecursionError):
                data[name], unreadable = HIDDEN, True
            else:
                texts[name] = text
    return texts, unreadable


def _add_country(data: dict[str, Any], country: str) -> bool:
    properties = data.setdefault("properties", {})
    if not isinstance(properties, dict) or properties.get("country") is not None:
        return False
    properties["country"] = country
    return True


def _identified(data: dict[str, Any], who: dict[str, Caller | None], hidden: Hidden) -> dict[str, Any]:
    """Return the event with a `bridge` object in front that says who called.

    What another bridge said there stays, where this one knows no better.
    """
    before = data.pop("bridge", {})
    bridge: dict[str, Any] = before if isinstance(before, dict) else {"before": before}
    for kind, found in who.items():
        shown = hidden.shown(*found) if found is not None else None
        if shown is not None:
            bridge[kind] = user_name(shown) if kind == "user" else shown
        else:
            bridge.setdefault(kind, None)
    return {"bridge": bridge, **data}
