"""What aiohttp says of requests that it cannot read, without their words."""

import logging
from typing import Any


class _Unread(logging.Handler):
    def __init__(self, logger: Any) -> None:
        super().__init__(logging.WARNING)
        self._logger = logger

    def emit(self, record: logging.LogRecord) -> None:
        kind = record.exc_info[0] if record.exc_info else None
        self._logger.warning("a request was not answered", problem=kind.__name__ if kind else "unknown")


def unread(logger: Any) -> logging.Logger:
    """Return a log for aiohttp: it would write down what it cannot read, and there may be a token in that."""
    log = logging.Logger("unread")  # noqa: LOG001 - of its own: nobody else hears it
    log.addHandler(_Unread(logger))
    return log
