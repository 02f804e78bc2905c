"""Log lines: one for each thing that happens, as text on a terminal and as JSON elsewhere."""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

from bridge.telemetry import console

# structlog loads rich if it is installed, for tracebacks on a terminal: 3 MB that a daemon does not need.
_with_rich = "rich" in sys.modules
if not _with_rich:
    sys.modules["rich"] = None  # type: ignore[assignment] # makes the import fail
import structlog  # noqa: E402 - see above

if not _with_rich:
    del sys.modules["rich"]


class _Threshold:
    """Drops lines below a level; one for the process, so that loggers bound earlier follow it, too."""

    def __init__(self) -> None:
        self.level = logging.INFO

    def __call__(self, _logger: Any, method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        if structlog.processors.NAME_TO_LEVEL[method] < self.level:
            raise structlog.DropEvent
        return line


_threshold = _Threshold()


def configure(level: str = "INFO", *, json: bool | None = None) -> None:
    """Set up structlog for this process; `json` None means: JSON unless standard error is a terminal."""
    set_level(level)
    as_json = not sys.stderr.isatty() if json is None else json
    renderer: Any = structlog.processors.JSONRenderer() if as_json else console.render
    structlog.configure(
        processors=[
            _threshold,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.NOTSET),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )


def set_level(level: str) -> None:
    """Log lines of this level and above from now on."""
    _threshold.level = logging.getLevelNamesMapping()[level.upper()]


def logger(**context: Any) -> Any:
    """Return a logger whose lines all carry this context."""
    return structlog.get_logger(**context)
