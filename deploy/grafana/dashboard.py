"""Prints the Grafana dashboard: `make dashboard` writes apim-bridge.json anew from panels.toml.

A panel's id counts up and its place follows from its row, so that a change of one panel changes little else.
"""

import json
import tomllib
from itertools import count
from pathlib import Path
from typing import Any, Final

_COLUMNS: Final = 24
# Bridges and analytics processes.
_INSTANCES: Final = '{__name__=~"apim_bridge_build_info|apim_bridge_analytics_events"}'
_DATASOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}


def dashboard(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the dashboard as Grafana's JSON model."""
    numbers = count(1)
    panels: list[dict[str, Any]] = []
    y = 0
    for row in rows:
        panels.append(
            {
                "id": next(numbers),
                "type": "row",
                "title": row["title"],
                "collapsed": False,
                "gridPos": {"x": 0, "y": y, "w": _COLUMNS, "h": 1},
                "panels": [],
            }
        )
        y += 1
        x = height = 0
        for panel in row["panel"]:
            width = panel.get("width", 8)
            if x + width > _COLUMNS:
                x, y = 0, y + height
            height = 4 if panel.get("type") == "stat" else 8
            place = {"x": x, "y": y, "w": width, "h": height}
            panels.append({"id": next(numbers), "gridPos": place} | _panel(panel))
            x += width
        y += height
    return {
        "uid": "apim-bridge",
        "title": "apim-bridge",
        "description": "What apim-bridge takes, keeps and delivers, and what the gateway's APIs do.",
        "tags": ["apim-bridge", "wso2"],
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "templating": {
            "list": [
                {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"},
                _choice("instance", "Instance", _INSTANCES),
                _choice("api", "API", 'apim_bridge_api_requests_total{instance=~"$instance"}'),
            ]
        },
        "annotations": {"list": []},
        "panels": panels,
    }


def _choice(label: str, title: str, series: str) -> dict[str, Any]:
    return {
        "name": label,
        "label": title,
        "type": "query",
        "datasource": _DATASOURCE,
        "query": f"label_values({series}, {label})",
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
    }


def _panel(panel: dict[str, Any]) -> dict[str, Any]:
    kind = panel.get("type", "timeseries")
    stat = kind == "stat"
    return {
        "type": kind,
        "title": panel["title"],
        "description": panel["description"],
        "datasource": _DATASOURCE,
        "fieldConfig": {"defaults": _stat_field(panel) if stat else _graph_field(panel), "overrides": []},
        "options": _stat_options(panel) if stat else _GRAPH_OPTIONS,
        "targets": [
            {
                "refId": chr(ord("A") + index),
                "datasource": _DATASOURCE,
                "expr": expression,
                "legendFormat": legend,
                "instant": stat,
                "range": not stat,
            }
            for index, (expression, legend) in enumerate(panel["queries"])
        ],
    }


_GRAPH_OPTIONS: Final = {
    "legend": {"displayMode": "list", "placement": "bottom"},
    "tooltip": {"mode": "multi", "sort": "desc"},
}


def _graph_field(panel: dict[str, Any]) -> dict[str, Any]:
    return {
        "unit": panel.get("unit", "short"),
        "min": 0,
        "custom": {"fillOpacity": 10, "showPoints": "never"},
    }


def _stat_options(panel: dict[str, Any]) -> dict[str, Any]:
    # With a legend it is the legend that tells something: a version, a hash.
    told_by_name = any(legend for _, legend in panel["queries"])
    return {
        "colorMode": "none" if told_by_name else "value",
        "graphMode": "none",
        "textMode": "name" if told_by_name else "value",
        "reduceOptions": {"calcs": ["lastNotNull"]},
    }


def _stat_field(panel: dict[str, Any]) -> dict[str, Any]:
    steps: list[dict[str, Any]] = [{"color": "green", "value": None}]
    steps += [
        {"color": colour, "value": panel[key]}
        for key, colour in (("warn", "yellow"), ("alarm", "red"))
        if key in panel
    ]
    words = {
        str(value): {"text": word, "color": colour, "index": value}
        for value, (word, colour) in enumerate(zip(panel.get("words", ()), ("red", "green"), strict=False))
    }
    return {
        "unit": panel.get("unit", "short"),
        "thresholds": {"mode": "absolute", "steps": steps},
        "mappings": [{"type": "value", "options": words}] if words else [],
    }


if __name__ == "__main__":
    panels = tomllib.loads(Path(__file__).with_name("panels.toml").read_text())
    print(json.dumps(dashboard(panels["row"]), indent=2))
