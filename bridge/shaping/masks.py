"""Masks: what is hidden in an event before it is written to disk, by WSO2's [apim.analytics.mask].

Keys and kinds are WSO2's (docs-apim, "Masking sensitive data"; carbon-apimgt, SuccessRequestDataCollector),
without its faults: a user agent's mask hides the user agent and not the address, an address is masked as
what it is whatever its mask is called, and what does not look as expected is hidden whole.
"""

import ipaddress
import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from bridge.errors import SettingsError

HIDDEN: Final = "*****"

# WSO2's own names for some fields.
_ALIASES: Final = {
    "api.analytics.user.ip": "userIp",
    "api.ut.userName": "userName",
    "api.ut.userId": "userId",
    "api.analytics.user.agent": "userAgent",
}
# One mask hides every form of the same fact.
_FIELDS: Final = {"userAgent": ("userAgent", "userAgentHeader", "platform")}
_HEADERS: Final = {"request_headers": "requestHeaders", "response_headers": "responseHeaders"}


def _mask_address(value: str) -> str:
    try:
        address = ipaddress.ip_address(value.strip())
    except ValueError:
        # Masked before, by WSO2 itself, or no address at all.
        return value if "***" in value else HIDDEN
    if isinstance(address, ipaddress.IPv4Address):
        first, second, _, last = str(address).split(".")
        return f"{first}.{second}.***.{last}"
    return ":".join([*address.exploded.split(":")[:4], *["****"] * 4])


def _mask_email(value: str) -> str:
    _, found, domain = value.rpartition("@")
    return f"{HIDDEN}@{domain}" if found else HIDDEN


def _mask_text(_value: str) -> str:
    return HIDDEN


_KINDS: Final[Mapping[str, Callable[[str], str]]] = {
    "IPV4": _mask_address,
    "IPV6": _mask_address,
    "EMAIL": _mask_email,
}


class Masks:
    """Hides fields at the root and in `properties`, and headers by their names in any case."""

    def __init__(self, written: Mapping[str, str]) -> None:
        """`written` is [apim.analytics.mask]; raises SettingsError for a list of headers that is none."""
        self._fields: dict[str, Callable[[str], str]] = {}
        self._headers: dict[str, frozenset[str]] = {}
        for key, value in written.items():
            if key in _HEADERS:
                self._headers[_HEADERS[key]] = _header_names(key, value)
                continue
            name = _ALIASES.get(key, key)
            for field in _FIELDS.get(name, (name,)):
                # USERNAME, STRING and every other word hide all of it, as with WSO2.
                self._fields[field] = _KINDS.get(value.strip().upper(), _mask_text)

    def __bool__(self) -> bool:
        return bool(self._fields or self._headers)

    def apply(self, data: dict[str, Any]) -> None:
        """Hide in this event's dict what is to be hidden; applying it again changes nothing more."""
        properties = data.get("properties")
        for owner in (data, properties):
            if not isinstance(owner, dict):
                continue
            for field in owner.keys() & self._fields.keys():
                value = owner[field]
                if value is not None:
                    owner[field] = self._fields[field](value) if isinstance(value, str) else HIDDEN
            for field in owner.keys() & self._headers.keys():
                owner[field] = _hide_headers(owner[field], self._headers[field])


def _header_names(key: str, value: str) -> frozenset[str]:
    try:
        names = json.loads(value)
    except ValueError:
        names = None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise SettingsError(
            f"apim.analytics.mask.{key}: {value!r} is no list of header names; "
            'write a JSON list in quotes: \'["X-Api-Key", "X-User"]\''
        )
    return frozenset(name.lower() for name in names)


def _hide_headers(headers: Any, names: frozenset[str]) -> Any:
    if isinstance(headers, str):
        # API Platform's gateway sends headers as JSON text; what cannot be read cannot be shown safely.
        try:
            headers = json.loads(headers)
        except ValueError:
            return HIDDEN
    if not isinstance(headers, dict):
        return HIDDEN
    return {name: HIDDEN if name.lower() in names else value for name, value in headers.items()}
