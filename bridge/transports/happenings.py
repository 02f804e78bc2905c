"""What happens to TLS files: certificates, keys and authorities."""

from typing import Any

from bridge.events.times import format_ms


class TlsHappenings:
    """One method for each thing that happens to the TLS files of one table of the configuration."""

    def __init__(self, logger: Any, table: str) -> None:
        self._log = logger
        self._table = table

    def renewed(self, expires: float | None) -> None:
        """Changed files were read and are used for new connections; `expires` (seconds) is our certificate's end."""
        self._log.info("tls_files_renewed", table=self._table, expires=_written(expires))

    def kept(self, why: str, expires: float | None) -> None:
        """Changed files cannot be used: the old ones stay until the files change again."""
        self._log.error("tls_files_not_usable", table=self._table, why=why, kept_until=_written(expires))


def _written(expires: float | None) -> str | None:
    return None if expires is None else format_ms(int(expires * 1000))
