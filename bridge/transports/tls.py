"""TLS from PEM files: contexts that follow their files, so that a renewed certificate needs no restart.

The files are checked for each new connection; open connections are left alone.
"""

import _ssl
import functools
import ssl
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from bridge.errors import SettingsError
from bridge.settings import ConnectionSettings, TlsSettings
from bridge.transports.happenings import TlsHappenings

_Stamp = tuple[tuple[int, int, int] | None, ...]

_ALPN: Final = ["http/1.1"]
_WHY: Final = {
    "KEY_VALUES_MISMATCH": "the key does not belong to the certificate",
    "NO_CERTIFICATE_OR_CRL_FOUND": "there is no PEM certificate in it",
}


class FollowingContext(ssl.SSLContext):
    """A context that is rebuilt when one of its files has changed.

    If the new files cannot be used, the old context stays. `expires`: when our own certificate expires, in
    seconds since the epoch; None if we show none.
    """

    def __init__(self, _protocol: int, files: "_Files", happenings: TlsHappenings) -> None:
        """Raise SettingsError when the files cannot be used now."""
        self._files = files
        self._happenings = happenings
        self._stamp = files.stamp()
        self._inside, self.expires = files.read()

    def follow(self) -> None:
        """Read the files again if they have changed."""
        stamp = self._files.stamp()
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._inside, self.expires = self._files.read()
        except SettingsError as error:
            self._happenings.kept(str(error), self.expires)
        else:
            self._happenings.renewed(self.expires)

    def wrap_bio(self, *args: Any, **options: Any) -> ssl.SSLObject:
        """Begin a connection, as asyncio and uvloop do."""
        self.follow()
        return self._inside.wrap_bio(*args, **options)


class _Files:
    """The files of one table, by the keys that name them, and what is made of them."""

    def __init__(
        self,
        table: str,
        files: Mapping[str, Path | None],
        make: Callable[[], ssl.SSLContext],
        shown: Path | None,
    ) -> None:
        self._table = table
        self._files = {key: path for key, path in files.items() if path is not None}
        self._make = make
        self._shown = shown

    def stamp(self) -> _Stamp:
        """Return what changes with the files."""
        return tuple(_stamp(path) for path in self._files.values())

    def read(self) -> tuple[ssl.SSLContext, float | None]:
        """Return a context, and when its certificate ends; raises SettingsError."""
        for key, path in self._files.items():
            try:
                path.read_bytes()
            except OSError as error:
                raise SettingsError(
                    f"{self._table} {key} = {path}: {error.strerror}; name a PEM file that this user may read"
                ) from None
        try:
            context = self._make()
            return context, None if self._shown is None else _expires(self._shown)
        except (OSError, ValueError) as error:
            names = ", ".join(f"{key} = {path}" for key, path in self._files.items())
            why = _WHY.get(
                getattr(error, "reason", None) or "", f"one of them is not what it should be ({error})"
            )
            raise SettingsError(
                f"{self._table} {names}: {why}; name PEM files: a certificate (its chain behind it) and its own "
                "unencrypted key, authorities as certificates"
            ) from None


def server_context(settings: TlsSettings, table: str, logger: Any) -> FollowingContext:
    """Return the context of a listener; raises SettingsError."""

    def make() -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.set_alpn_protocols(_ALPN)
        context.load_cert_chain(settings.cert, settings.key, _no_password)
        if settings.client_ca is not None:
            context.load_verify_locations(settings.client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    named = {"cert": settings.cert, "key": settings.key, "client_ca": settings.client_ca}
    files = _Files(f"{table} tls", named, make, settings.cert)
    return FollowingContext(ssl.PROTOCOL_TLS_SERVER, files, TlsHappenings(logger, table))


class SystemContext(ssl.SSLContext):
    """A context that only trusts the system's authorities, which it reads at the first connection.

    That takes 20 ms and 1 to 2 MB, wasted if the destination uses plain HTTP. All sinks share one.
    """

    def wrap_bio(self, *args: Any, **options: Any) -> ssl.SSLObject:
        """Begin a connection, as asyncio and uvloop do."""
        return _systems_own().wrap_bio(*args, **options)


@functools.cache
def _systems_own() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.set_alpn_protocols(_ALPN)
    return context


def client_context(settings: ConnectionSettings, table: str, logger: Any) -> ssl.SSLContext:
    """Return the context of a sink's connections; raises SettingsError."""
    if settings.ca_file is None and settings.client_cert is None:
        return SystemContext(ssl.PROTOCOL_TLS_CLIENT)

    def make() -> ssl.SSLContext:
        context = ssl.create_default_context()
        context.set_alpn_protocols(_ALPN)
        if settings.ca_file is not None:
            context.load_verify_locations(settings.ca_file)
        if settings.client_cert is not None:
            context.load_cert_chain(settings.client_cert, settings.client_key, _no_password)
        return context

    named = {
        "ca_file": settings.ca_file,
        "client_cert": settings.client_cert,
        "client_key": settings.client_key,
    }
    files = _Files(table, named, make, settings.client_cert)
    return FollowingContext(ssl.PROTOCOL_TLS_CLIENT, files, TlsHappenings(logger, table))


def _no_password() -> str:
    # Without this OpenSSL would ask on the terminal, and wait.
    raise ValueError("the key is encrypted")


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino, status.st_size


def _expires(path: Path) -> float:
    """Return when the first certificate in a file ends."""
    # The one reader of certificates that the standard library has; it is not in typeshed.
    read: Callable[[str], dict[str, Any]] = _ssl._test_decode_cert  # type: ignore[attr-defined] # noqa: SLF001
    return ssl.cert_time_to_seconds(read(str(path))["notAfter"])
