"""The country of a client's address; nothing else imports MaxMind's reader."""

import ipaddress
from pathlib import Path
from typing import Any

import maxminddb

from bridge.errors import SettingsError


class Countries:
    """Countries by address, from a MaxMind database file (GeoLite2, GeoIP2, DB-IP or IPinfo)."""

    def __init__(self, path: Path) -> None:
        """Open the file; raises SettingsError with its place in the configuration."""
        try:
            self._reader = maxminddb.open_database(path)
        except (OSError, ValueError, maxminddb.InvalidDatabaseError) as error:
            problem = error.strerror if isinstance(error, OSError) else "is not a MaxMind database"
            raise SettingsError(
                f"bridge.privacy.country_database: {path}: {problem}; "
                "name a .mmdb file with countries that this user may read"
            ) from None

    def country(self, data: dict[str, Any]) -> str | None:
        """Return the ISO 3166 code of where the event's client is; None when that is not known."""
        text = data.get("userIp")
        return self.country_of(text) if isinstance(text, str) else None

    def country_of(self, text: str) -> str | None:
        """Return the same for an address, or what stands in its place."""
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
