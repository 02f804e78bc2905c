"""Log lines of commands: errors alone."""

from typing import Any


class ErrorLines:
    """A logger that says errors, and has structlog loaded only when there is one."""

    def info(self, _what: str, **_facts: object) -> None:
        """Say nothing."""

    def warning(self, _what: str, **_facts: object) -> None:
        """Say nothing."""

    def error(self, what: str, **facts: object) -> None:
        """Say that something failed."""
        _logger().error(what, **facts)

    def critical(self, what: str, **facts: object) -> None:
        """Say that something failed badly."""
        _logger().critical(what, **facts)


def _logger() -> Any:
    from bridge.telemetry import logs  # noqa: PLC0415 - takes as long as a whole command, and few have an error

    logs.configure("ERROR")
    return logs.logger()
