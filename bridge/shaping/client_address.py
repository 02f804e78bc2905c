"""The client's address: every place where an event has it, and the country that it stands for."""

import ipaddress
from pathlib import Path
from typing import Any, Final

import maxminddb

from bridge.errors import SettingsError
from bridge.shaping.hiding import Hiding, remove

# Where proxies write it (Moesif's middlewares look for most of these, too).
ADDRESS_HEADERS: Final = (
    "forwarded",
    "forwarded-for",
    "x-forwarded",
    "x-forwarded-for",
    "x-original-forwarded-for",
    "x-real-ip",
    "x-client-ip",
    "client-ip",
    "true-client-ip",
    "x-true-client-ip",
    "x-cluster-client-ip",
    "x-originating-ip",
    "x-remote-ip",
    "x-remote-addr",
    "remote-addr",
    "x-envoy-external-address",
    "x-azure-clientip",
    "x-azure-socketip",
    "cf-connecting-ip",
    "cf-connecting-ipv6",
    "cf-pseudo-ipv4",
    "fastly-client-ip",
    "fly-client-ip",
    "proxy-client-ip",
    "wl-proxy-client-ip",
    "x-appengine-user-ip",
    "x-proxyuser-ip",
)
ADDRESS_FIELDS: Final = (
    "userIp",
    "ip_address",
    "ipAddress",
    "ip",
    "clientIp",
    "client_ip",
    "sourceIp",
    "source_ip",
    "remoteAddr",
    "remote_addr",
    "xForwardedFor",
)


def no_address() -> Hiding:
    """Return what removes the client's address from an event."""
    fields = dict.fromkeys((*ADDRESS_FIELDS, *ADDRESS_HEADERS), remove)
    headers = dict.fromkeys(ADDRESS_HEADERS, remove)
    return Hiding(fields, {}, headers, headers)


class Countries:
    """Countries by address, from a MaxMind database file (GeoLite2, GeoIP2, DB-IP or IPinfo)."""

    def __init__(self, path: Path) -> None:
        """Open the file, whose place in the configuration is in the SettingsError that it raises."""
        try:
            self._reader = maxminddb.open_database(path)
        except (OSError, ValueError, maxminddb.InvalidDatabaseError) as error:
            problem = error.strerror if isinstance(error, OSError) else "is no MaxMind database"
            raise SettingsError(
                f"bridge.privacy.country_database: {path}: {problem}; "
                "name a .mmdb file with countries that this user may read"
            ) from None

    def country(self, data: dict[str, Any]) -> str | None:
        """Return the ISO 3166 code of where the event's client is; None when that is not known."""
        text = data.get("userIp")
        if not isinstance(text, str):
            return None
        try:
            found: Any = self._reader.get(ipaddress.ip_address(text.strip()))
        except (ValueError, maxminddb.InvalidDatabaseError):
            # Masked, no address at all, of the kind that the file does not have, or a damaged part of the file.
            return None
        if not isinstance(found, dict):
            return None
        for key in ("country", "registered_country", "country_code"):
            code = found.get(key)
            if isinstance(code, dict):
                code = code.get("iso_code")
            if isinstance(code, str) and len(code) == 2:
                return code
        return None
