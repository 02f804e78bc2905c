"""How the page of a workspace looks; the names are those of Moesif's embedded page."""

import re
from collections.abc import Mapping
from typing import Any, Final
from zoneinfo import ZoneInfo

from bridge.analytics.questions.question import read_zone
from bridge.analytics.questions.words import one_of
from bridge.errors import Unanswerable

_COLOR: Final = re.compile(r"#[0-9A-Fa-f]{3}(?:[0-9A-Fa-f]{3})?")
_MOST_COLORS: Final = 12
SWITCHES: Final = ("hide_header", "show_daterange", "hide_chart_legend", "hide_chart_axis_label")
COLORS: Final = ("primary_color", "color_array")
OPTIONS: Final = (*SWITCHES, "time_zone", *COLORS)


def read_options(given: Any) -> Mapping[str, Any]:
    """Return the options of a workspace; raises Unanswerable."""
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise Unanswerable(
            "options is not a JSON object", 'write it like {"hide_header": true}', field="options"
        )
    for name, value in given.items():
        one_of(name, OPTIONS, "option", "options")
        place = f"options.{name}"
        if name in SWITCHES and not isinstance(value, bool):
            raise Unanswerable(f"{place} is not true or false", "correct it", field=place)
        if name == "time_zone":
            read_zone(value, ZoneInfo("UTC"))
        if name == "primary_color" and not _is_color(value):
            raise Unanswerable(f"{place} is not a colour", 'write it like "#1f6feb"', field=place)
        if name == "color_array" and not _are_colors(value):
            raise Unanswerable(
                f"{place} is not a list of 1 to {_MOST_COLORS} colours",
                'write them like "#1f6feb"',
                field=place,
            )
    return given


def _is_color(value: Any) -> bool:
    return isinstance(value, str) and _COLOR.fullmatch(value) is not None


def _are_colors(value: Any) -> bool:
    return isinstance(value, list) and 0 < len(value) <= _MOST_COLORS and all(map(_is_color, value))
