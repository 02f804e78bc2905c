"""Which certificates a server showed, whether or not they were trusted, and when the first of them ends."""

import contextlib
import ssl
from typing import Any, Self


class ShownCertificates(ssl.SSLContext):
    """A context for one exchange, which remembers the connections that were begun with it; `inside` does the work."""

    def __new__(cls, *_: Any) -> Self:
        """Make a context that is only a shell."""
        return super().__new__(cls, ssl.PROTOCOL_TLS_CLIENT)

    def __init__(self, inside: ssl.SSLContext) -> None:
        self._inside = inside
        self._begun: list[ssl.SSLObject] = []

    def wrap_bio(self, *args: Any, **options: Any) -> ssl.SSLObject:
        """Begin a connection, as asyncio and uvloop do."""
        made = self._inside.wrap_bio(*args, **options)
        self._begun.append(made)
        return made

    @property
    def expires_ms(self) -> int | None:
        """When the first certificate of the first chain that came ends, in milliseconds since the epoch.

        Servers often renew their own certificate and forget an intermediate one; both end a connection.
        """
        for made in self._begun:
            # Python's public way to a chain that is not trusted comes with 3.13, and gives bytes that it cannot read.
            with contextlib.suppress(ValueError, AttributeError, KeyError):
                chain: list[Any] = made._sslobj.get_unverified_chain() or []  # type: ignore[attr-defined] # noqa: SLF001
                ends = [ssl.cert_time_to_seconds(one.get_info()["notAfter"]) for one in chain]
                if ends:
                    return min(ends) * 1000
        return None
