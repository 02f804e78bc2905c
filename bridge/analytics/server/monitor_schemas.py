"""The schemas of monitors, of how they stand, and of incidents."""

from typing import Any

from bridge.analytics.monitoring.monitor import (
    LEAST_INTERVAL_SECONDS,
    METHODS,
    MOST_INTERVAL_SECONDS,
    MOST_LIMIT_SECONDS,
    MOST_RETRIES,
)
from bridge.analytics.monitoring.probe import REASONS
from bridge.analytics.monitoring.reading import (
    MOST_BODY,
    MOST_HEADERS,
    MOST_NAME,
    MOST_STATUSES,
    MOST_TEXT,
    MOST_URL,
    PAGE_SLUG,
)
from bridge.analytics.monitoring.summary import WINDOWS
from bridge.analytics.server.describing import ApiSchema, text

_SECRET = "In an answer null; null in a request keeps what there is, as long as the URL stays at its origin."  # noqa: S105 - a sentence about secrets


def monitor_schemas() -> dict[str, ApiSchema]:
    """Return the schemas by name."""
    return {
        "Monitor": {
            "type": "object",
            "description": "An endpoint that is asked again and again from the place of this process.",
            "properties": _monitor(),
            "required": ["name", "url"],
        },
        "MonitorState": {
            "type": "object",
            "description": "A monitor, how it stands, and how it has stood.",
            "properties": _monitor() | _standing(),
            "required": ["id", "version", "name", "url", "state"],
        },
        "Incident": {
            "type": "object",
            "properties": {
                "begin": _time("When the first probe that failed began."),
                "end": _time(
                    "When the first probe that was answered began; null: it is still down.", null=True
                ),
                "ending": {"enum": ["up", "paused", None]},
                "reason": {
                    "enum": [*REASONS],
                    "description": "; ".join(f"{k}: {v}" for k, v in REASONS.items()),
                },
                "status": {"type": ["integer", "null"]},
                "detail": text("The reason in an operator's words."),
            },
            "required": ["begin", "end", "reason"],
        },
    }


def _monitor() -> dict[str, Any]:
    return {
        "name": text(minLength=1, maxLength=MOST_NAME),
        "url": text("Of http or https, without a user or password.", maxLength=MOST_URL),
        "method": {"enum": [*METHODS], "default": "GET"},
        "headers": {
            "type": "object",
            "additionalProperties": {"type": ["string", "null"]},
            "maxProperties": MOST_HEADERS,
            "description": f"What is sent with each probe. {_SECRET}",
        },
        "body": {
            "type": ["string", "null"],
            "maxLength": MOST_BODY,
            "description": f"What POST sends. {_SECRET}",
        },
        "status": {
            "type": "array",
            "items": text('"204", "2xx" or "200-299".'),
            "minItems": 1,
            "maxItems": MOST_STATUSES,
            "default": ["2xx"],
        },
        "contains": text("What has to stand in the first MiB of the answer.", maxLength=MOST_TEXT),
        "lacks": text("What must not stand there.", maxLength=MOST_TEXT),
        "interval_seconds": _number(LEAST_INTERVAL_SECONDS, MOST_INTERVAL_SECONDS, 60),
        "limit_seconds": _number(1, MOST_LIMIT_SECONDS, 10)
        | {"description": "For the whole of a probe: name, connection, TLS, redirects and body."},
        "retries": _number(0, MOST_RETRIES, 2)
        | {"description": "How often a failure is tried again, after 30 seconds, before it is down."},
        "follow": _truth("Follow a redirect that is not itself expected.", default=True),
        "verify": _truth("Check the certificate.", default=True),
        "public": _truth("Show it on the status page.", default=False),
        "page": text("On which status page: /status, or /status/PAGE.", pattern=f"^({PAGE_SLUG})?$"),
        "paused": _truth("Do not ask.", default=False),
    }


def _standing() -> dict[str, Any]:
    share = {"type": ["number", "null"], "minimum": 0, "maximum": 1}
    return {
        "id": text(),
        "version": {"type": "integer"},
        "state": {
            "enum": ["new", "up", "failing", "down", "paused"],
            "description": "failing: it is tried again, and was not down until now.",
        },
        "since": _time("Since when it is up or down.", null=True),
        "last": {"type": ["object", "null"], "description": "What came of the last probe."},
        "tls_expires": _time("When the first of its certificates ends.", null=True),
        "windows": {
            "type": "object",
            "description": f"Figures of {', '.join(WINDOWS)}: `uptime` of the time that was measured (null: none was), "
            "`measured` of the whole time, seconds down, probes, and quantiles of response times to within 2 %.",
            "additionalProperties": {"type": "object", "properties": {"uptime": share, "measured": share}},
        },
        "days": {
            "type": "array",
            "items": {"type": "object"},
            "description": "The last 90 days, today last.",
        },
        "medians_ms": {
            "type": "array",
            "items": {"type": ["integer", "null"]},
            "description": "The median response time of each of the last 24 hours.",
        },
        "chart": {
            "type": "array",
            "items": {"type": "object"},
            "description": "Of the window that was asked for.",
        },
    }


def _time(about: str, *, null: bool = False) -> ApiSchema:
    return {"type": ["string", "null"] if null else "string", "format": "date-time", "description": about}


def _number(least: int, most: int, default: int) -> ApiSchema:
    return {"type": "integer", "minimum": least, "maximum": most, "default": default}


def _truth(about: str, *, default: bool) -> ApiSchema:
    return {"type": "boolean", "default": default, "description": about}
