"""Credentials in the queries of URLs: their values never reach the journal unless someone asks for them by name.

WSO2 takes an API key from `?apikey=` and a browser's WebSocket token from `?access_token=`, and `x-original-gw-url`
has the whole query; backends and clouds have names of their own (RFC 6750, section 2.3; AWS and Azure signatures).
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final
from urllib.parse import unquote

import msgspec

from bridge.events.event import Event, Properties
from bridge.privacy.captures import BODIES
from bridge.privacy.hiding import HIDDEN, Hidden, beside, owners, read_headers

PARAMETERS: Final = frozenset(
    {
        "access_token",
        "api_key",
        "api_token",
        "auth",
        "auth_token",
        "authorization",
        "client_assertion",
        "client_secret",
        "id_token",
        "internal_key",
        "jwt",
        "key",
        "passwd",
        "password",
        "pwd",
        "refresh_token",
        "secret",
        "session_token",
        "sig",
        "signature",
        "subscription_key",
        "token",
        "x_access_token",
        "x_amz_security_token",
        "x_amz_signature",
        "x_api_key",
        "x_auth_token",
        "x_goog_signature",
    }
)
"""In any case, and with `-`, `.` or nothing in place of `_`."""

_URLS: Final = frozenset({"destination", "apiContext", "apiResourceTemplate", "x-original-gw-url"})
# Fields that hold no URL, and captures, which have no queries.
_OTHERS: Final = (
    frozenset(
        field.encode_name for kind in (Event, Properties) for field in msgspec.structs.fields(kind)
    ).union(BODIES)
    - _URLS
)
_CAPTURED: Final = ("requestHeaders", "responseHeaders")
_VALUE: Final = re.compile(r'[^&#\s"]*')


class Queries:
    """Hides the values of credentials in URLs."""

    def __init__(self, keep: Iterable[str] = ()) -> None:
        """`keep`: names that are kept all the same."""
        kept = set(map(_plain, keep))
        self._names = frozenset(map(_plain, PARAMETERS)) - kept
        spelled = (name.replace("_", "[-_.]?") for name in PARAMETERS if _plain(name) not in kept)
        # A name with an escape in it may be any of them; the limits keep long URLs from taking long.
        names = "|".join((*spelled, r'[^=?&;#\s"%]{0,32}%[^=?&;#\s"]{0,64}'))
        pattern = f"[?&;#]({names})="
        # In lower case and with it, because a pattern that ignores the case takes twice the time.
        self._search = re.compile(pattern).search
        self._each = re.compile(pattern, re.IGNORECASE).finditer

    def found(self, text: Any) -> bool:
        """Tell whether a text might have such a value; cheap where it has no query."""
        return (
            isinstance(text, str) and "?" in text and self._search(text.lower(), text.find("?")) is not None
        )

    def apply(self, data: dict[str, Any], hidden: Hidden) -> None:
        """Hide them in this event's dict, and note in `hidden` what they were."""
        for owner in owners(data):
            self._apply(owner, hidden)
            for name in _CAPTURED:
                captured = owner.get(name)
                if isinstance(captured, str) and "?" in captured:
                    captured = read_headers(captured)
                if isinstance(captured, dict) and self._apply(captured, hidden):
                    owner[name] = captured
        for owner in beside(data):
            self._apply(owner, hidden)

    def _apply(self, owner: dict[str, Any], hidden: Hidden) -> bool:
        changed = False
        for name, text in owner.items():
            if isinstance(text, str) and "?" in text and name not in _OTHERS:
                shown = self._shown(text, hidden)
                if shown != text:
                    owner[name] = shown
                    changed = True
        hidden.touched |= changed
        return changed

    def _shown(self, text: str, hidden: Hidden) -> str:
        parts: list[str] = []
        at = 0
        for begin, end in self._values(text):
            value = text[begin:end]
            hidden.credentials |= {value, unquote(value)}
            parts += (text[at:begin], HIDDEN)
            at = end
        return "".join((*parts, text[at:]))

    def _values(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield where the values of credentials stand that say something."""
        at = 0
        for parameter in self._each(text, text.find("?")):
            if parameter.start() < at or _plain(parameter[1]) not in self._names:
                continue
            value = _VALUE.match(text, parameter.end())
            if value is not None and value[0].strip("*"):
                at = value.end()
                yield value.span()


def _plain(name: str) -> str:
    return re.sub("[-_.]", "", unquote(name)).strip().lower()
