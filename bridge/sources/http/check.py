"""Will it work? What `apim-bridge check` says of a listener."""

from collections.abc import Iterator, Mapping

from bridge.contracts import Finding
from bridge.events.times import format_ms
from bridge.sources.http.settings import HttpSourceSettings
from bridge.telemetry import logs
from bridge.transports.tls import server_context


def check(name: str, settings: HttpSourceSettings, sender_keys: Mapping[str, str]) -> Iterator[Finding]:
    """Yield when the certificate ends; raises SettingsError for an open door, and for files that cannot be used."""
    settings.refuse_open_door(name, sender_keys)
    if settings.tls is not None:
        tls = server_context(settings.tls, f"[bridge.sources.{name}]", logs.logger(source=name))
        ends = format_ms(int((tls.expires or 0) * 1000))
        yield Finding("ok", f"TLS of {name}: the certificate ends {ends}")
