"""Examples of what the data API takes, as its description shows them."""

from typing import Any, Final

EXAMPLES: Final[dict[str, dict[str, Any]]] = {
    "calls of each API in the last week, compared with the week before": {
        "measures": ["calls", "error_rate", "latency_p95"],
        "by": ["api"],
        "from": "-7d",
        "compare": "previous",
        "limit": 10,
    },
    "server errors by hour and by API since yesterday morning": {
        "measures": ["errors"],
        "by": ["api"],
        "filters": [{"field": "status_class", "is": ["5xx"]}],
        "from": "-1d/d",
        "interval": "1h",
        "time_zone": "Europe/Berlin",
    },
    "slowest resources of one API, without robots": {
        "measures": ["latency_p95", "backend_latency_p95", "calls"],
        "by": ["method", "resource"],
        "filters": [{"field": "api", "is": ["Orders"]}, {"field": "bot", "is_not": [True]}],
        "order": "-latency_p95",
    },
    "tokens by model in March": {
        "measures": ["ai_prompt_tokens", "ai_completion_tokens"],
        "by": ["ai_vendor", "ai_model"],
        "filters": [{"field": "ai_model", "is_not": [None]}],
        "from": "2026-03-01",
        "to": "2026-04-01",
    },
    "who is throttled, by hour of the day": {
        "measures": ["throttled"],
        "by": ["application", "hour"],
        "filters": [
            {"field": "error_type", "is": ["THROTTLED"]},
            {"field": "user", "matches": "@acme[.]com$"},
        ],
    },
}

BOARDS: Final[dict[str, dict[str, Any]]] = {
    "what one team looks at": {
        "name": "Orders team",
        "filters": [{"field": "api", "is": ["Orders"]}],
        "views": [
            {
                "title": "Errors by application",
                "form": "time",
                "width": 3,
                "question": {"measures": ["errors"], "by": ["application"]},
            },
            {
                "title": "Slowest resources",
                "form": "table",
                "width": 2,
                "question": {"measures": ["latency_p95", "calls"], "by": ["method", "resource"], "limit": 10},
            },
            {"title": "Where from", "form": "map", "question": {"measures": ["calls"], "by": ["country"]}},
        ],
    },
}

MONITORS: Final[dict[str, dict[str, Any]]] = {
    "a gateway's health, looked at every minute": {
        "name": "Gateway",
        "url": "https://gateway.example.com:8243/services/Version",
        "contains": "WSO2",
        "public": True,
    },
    "a call that needs a key, every five minutes": {
        "name": "Orders",
        "url": "https://gateway.example.com:8243/orders/1.0/search",
        "method": "POST",
        "headers": {"Content-Type": "application/json", "apikey": "the key"},
        "body": '{"customer": "probe"}',
        "status": ["200", "404"],
        "interval_seconds": 300,
        "limit_seconds": 20,
    },
    "that nobody gets in without a token": {
        "name": "Locked",
        "url": "https://gateway.example.com:8243/payments/1.0/accounts",
        "status": ["401"],
        "retries": 0,
    },
}
