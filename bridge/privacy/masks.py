"""Masks: what is hidden in an event before it is written to disk, by WSO2's [apim.analytics.mask].

Keys and kinds are WSO2's (docs-apim, "Masking sensitive data"; carbon-apimgt, SuccessRequestDataCollector),
without its faults: a user agent's mask hides the user agent and not the address, an address is masked as
an address whatever its mask is called, and a value of an unexpected form is hidden completely. A mask also hides
the same value in captured headers, and under the names that Moesif's SDKs have for it.
"""

import ipaddress
import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from bridge.errors import SettingsError
from bridge.events.event import NAMES, PROPERTIES_NAMES
from bridge.privacy.client_address import ADDRESS_HEADERS
from bridge.privacy.hiding import HIDDEN, Hiding, Shape, header_name

# WSO2's own names for some fields.
_ALIASES: Final = {
    "api.analytics.user.ip": "userIp",
    "api.ut.userName": "userName",
    "api.ut.userId": "userId",
    "api.analytics.user.agent": "userAgent",
}
# One mask hides a value wherever it is: in the flat event (API Platform's gateway has its own name for the user), in
# what a Moesif SDK sent, and in captured headers.
_FIELDS: Final = {
    "userAgent": ("userAgent", "userAgentHeader", "platform"),
    "userName": ("userName", "x-wso2-user-id"),
}
_BESIDE: Final = {
    "userAgent": ("user_agent_string",),
    "userName": ("user", "user_id"),
    "userIp": ("ip_address",),
}
_IN_HEADERS: Final = {
    "userAgent": ("user-agent", "sec-ch-ua", "sec-ch-ua-platform"),
    "userName": ("x-wso2-user-id",),
    "userIp": ADDRESS_HEADERS,
}
_HEADERS: Final = frozenset({"request_headers", "response_headers"})


def _mask_address(value: str) -> str:
    try:
        address = ipaddress.ip_address(value.strip())
    except ValueError:
        # WSO2 itself has masked it, or it is not an address.
        return value if "***" in value else HIDDEN
    if isinstance(address, ipaddress.IPv4Address):
        first, second, _, last = str(address).split(".")
        return f"{first}.{second}.***.{last}"
    return ":".join([*address.exploded.split(":")[:4], *["****"] * 4])


def _mask_email(value: str) -> str:
    _, found, domain = value.rpartition("@")
    return f"{HIDDEN}@{domain}" if found else HIDDEN


def _of_text(mask: Callable[[str], str]) -> Shape:
    return lambda value: mask(value) if isinstance(value, str) else HIDDEN


def _mask(_value: Any) -> str:
    return HIDDEN


_KINDS: Final[Mapping[str, Shape]] = {
    "IPV4": _of_text(_mask_address),
    "IPV6": _of_text(_mask_address),
    "EMAIL": _of_text(_mask_email),
}


def masks(written: Mapping[str, str]) -> Hiding:
    """Return what [apim.analytics.mask] hides; raises SettingsError if a list of headers cannot be read."""
    fields: dict[str, Shape] = {}
    beside: dict[str, Shape] = {}
    headers: dict[str, Shape] = {}
    named: dict[str, dict[str, Shape]] = {key: {} for key in _HEADERS}
    for key, value in written.items():
        if key in _HEADERS:
            named[key] = dict.fromkeys(_header_names(key, value), _mask)
            continue
        name = NAMES.canonical(_ALIASES.get(key, key))
        # USERNAME, STRING and every other word hide all of it, as with WSO2.
        shape = _KINDS.get(value.strip().upper(), _mask)
        fields |= dict.fromkeys(_FIELDS.get(name, (name,)), shape)
        beside |= dict.fromkeys(_BESIDE.get(name, ()), shape)
        headers |= dict.fromkeys(_IN_HEADERS.get(name, ()), _mask)
    return Hiding(fields, beside, headers | named["request_headers"], headers | named["response_headers"])


def hides_a_field(key: str) -> bool:
    """Tell whether a key of [apim.analytics.mask] names what WSO2's events have, in any spelling."""
    if key in _HEADERS or key in _ALIASES or key in _ALIASES.values():
        return True
    return any(names.canonical(key) in names.known for names in (NAMES, PROPERTIES_NAMES))


def _header_names(key: str, value: str) -> frozenset[str]:
    try:
        names = json.loads(value)
    except ValueError:
        names = None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise SettingsError(
            f"apim.analytics.mask.{key}: {value!r} is not a list of header names; "
            'write a JSON list in quotes: \'["X-Api-Key", "X-User"]\''
        )
    return frozenset(map(header_name, names))
