"""A report as one table: a line for each figure, which spreadsheets sort and pivot."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

COLUMNS: Final = {
    "section": "VARCHAR",
    "item": "VARCHAR",
    "measure": "VARCHAR",
    "unit": "VARCHAR",
    "value": "DOUBLE",
    "previous": "DOUBLE",
}


def lines_of(report: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the lines; `item` names the values of a list's fields, with slashes between them."""
    for one in report["totals"]:
        yield _line("totals", "", one["measure"], one["unit"], one["value"], one["previous"])
    for day in report["days"]:
        for name, unit in (("calls", "calls"), ("errors", "calls"), ("latency_p95", "ms")):
            yield _line("days", day["date"], name, unit, day[name])
    for one in report["lists"]:
        for row in one["rows"]:
            item = " / ".join("" if row[name] is None else str(row[name]) for name in one["by"])
            for place, measure in enumerate(one["measures"]):
                before = None if place else row["previous"]
                yield _line(one["id"], item, measure["name"], measure["unit"], row[measure["name"]], before)
    for monitor in report["monitors"]:
        yield _line("monitors", monitor["name"], "uptime", "fraction", monitor["uptime"])
        yield _line("monitors", monitor["name"], "down", "seconds", monitor["down_seconds"])


def _line(
    section: str, item: str, measure: str, unit: str, value: Any, previous: Any = None
) -> dict[str, Any]:
    return {
        "section": section,
        "item": item,
        "measure": measure,
        "unit": unit,
        "value": value,
        "previous": previous,
    }
