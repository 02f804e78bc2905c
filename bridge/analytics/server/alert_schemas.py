"""How rules of alerts and channels are described, with examples."""

from typing import Any, Final

from bridge.analytics.alerts.channels import CHANNEL_KINDS, MOST_TO
from bridge.analytics.alerts.rules import (
    MOST_BY,
    MOST_CHANNELS,
    MOST_NAME,
    RULE_ID,
    SILENCE,
    UNKNOWN,
    WEEK_BEFORE,
    WINDOWS,
)
from bridge.analytics.server.describing import ApiSchema, ref, text

RULES: Final[dict[str, dict[str, Any]]] = {
    "an API that fails": {
        "name": "Orders fails",
        "measure": "error_rate",
        "filters": [{"field": "api", "is": ["Orders"]}],
        "window": "10m",
        "above": 0.05,
        "least_calls": 20,
        "for": "5m",
        "channels": ["ops"],
    },
    "each gateway that has gone silent": {
        "name": "Gateway silent",
        "measure": "silence",
        "by": ["instance"],
        "window": "10m",
        "channels": ["ops"],
    },
    "each API whose answers are slow": {
        "name": "Slow answers",
        "measure": "latency_p95",
        "by": ["api"],
        "window": "15m",
        "above": 2000,
        "least_calls": 50,
        "quiet": "12h",
    },
    "half the calls of the week before": {
        "name": "Traffic has dropped",
        "measure": "calls",
        "window": "1h",
        "below": -0.5,
        "against": "week_before",
    },
    "an application that uses many tokens of AI": {
        "name": "Tokens",
        "measure": "ai_total_tokens",
        "by": ["application"],
        "window": "24h",
        "above": 1_000_000,
    },
}
"""What a rule may be."""

CHANNELS: Final[dict[str, dict[str, Any]]] = {
    "a signed webhook": {
        "name": "Pager",
        "kind": "webhook",
        "url": "https://pager.example.com/apim",
        "secret": "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
    },
    "mail": {"name": "On call", "kind": "mail", "to": ["oncall@example.com"]},
    "Slack": {"name": "Operations", "kind": "slack", "url": "https://hooks.slack.com/services/T00/B00/XXX"},
}

_ID: Final = f"^{RULE_ID}$"


def rule_schema() -> ApiSchema:
    """Return the schema of a rule as it is sent."""
    duration = {"type": ["string", "number"]}
    properties: dict[str, ApiSchema] = {
        "name": text(minLength=1, maxLength=MOST_NAME),
        "on": {"type": "boolean", "default": True},
        "measure": {
            "anyOf": [ref("Measure"), {"const": SILENCE}],
            "description": "What is watched; silence holds where there is no call in the window.",
        },
        "per_minute": {
            "type": "boolean",
            "default": False,
            "description": "Of counts and sums: the figure of an average minute.",
        },
        "by": {
            "type": "array",
            "items": ref("Dimension"),
            "maxItems": MOST_BY,
            "description": "Each value is watched for itself: one API, one gateway. Not by what is personal.",
        },
        "filters": {"type": "array", "items": ref("Filter"), "maxItems": 50},
        "window": {"enum": [*WINDOWS], "default": "10m"},
        "above": {"type": "number", "description": "Holds above this, in the measure's unit."},
        "below": {"type": "number", "description": "Holds below this."},
        "against": {
            "const": WEEK_BEFORE,
            "description": "The figure is its change against the same window a week before, as a share: 0.5 is half as "
            "much again, -0.5 is half.",
        },
        "least_calls": {
            "type": "integer",
            "minimum": 0,
            "default": 0,
            "description": "With fewer calls in the window it does not hold.",
        },
        "for": duration | {"default": 0, "description": "How long it has to hold before it is said."},
        "quiet": duration
        | {
            "default": "4h",
            "description": "How long nothing more is said of the same after an alert; then once more, if it holds.",
        },
        "resolved": {"type": "boolean", "default": True, "description": "Whether its end is said, too."},
        "when_unknown": {
            "enum": [*UNKNOWN],
            "description": "What becomes of missing calls whose bridge is not heard: an alert with the cause no_data "
            "(silence, unless said), or nothing changes (all others).",
        },
        "channels": {"type": "array", "items": text(pattern=_ID), "maxItems": MOST_CHANNELS},
    }
    return {
        "type": "object",
        "properties": properties | {"version": {"type": "integer", "minimum": 0}},
        "required": ["name", "measure"],
        "additionalProperties": False,
    }


def channel_schema() -> ApiSchema:
    """Return the schema of a channel as it is sent."""
    return {
        "type": "object",
        "properties": {
            "name": text(minLength=1, maxLength=MOST_NAME),
            "kind": {"enum": [*CHANNEL_KINDS]},
            "url": text("Where messages are posted; it can be written, and is not shown."),
            "secret": text(
                "Of a webhook: what it is signed with (Standard Webhooks); it can be written, and is not shown.",
                pattern="^whsec_",
            ),
            "to": {"type": "array", "items": text(), "minItems": 1, "maxItems": MOST_TO},
        },
        "required": ["name", "kind"],
        "additionalProperties": False,
    }
