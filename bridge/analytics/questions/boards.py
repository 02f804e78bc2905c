"""Boards: views that people keep together. A view is a question and the form in which its answer is shown.

A view says neither a period nor a time zone: both are the reader's.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from bridge.analytics.questions.filters import read_filters
from bridge.analytics.questions.question import MOST_DIMENSIONS, read_question
from bridge.analytics.questions.words import known, one_of
from bridge.errors import Unanswerable

MOST_VIEWS: Final = 24
MOST_NAME: Final = 100
WIDTHS: Final = (1, 2, 3)
"""Columns of the three that a board has."""
_MOST_COLUMNS: Final = 12
_BOARD: Final = ("name", "filters", "views")
_VIEW: Final = ("title", "form", "width", "question")
# No question is asked here; its words are checked.
_SOMETIME: Final = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ViewForm:
    """How an answer is shown, and which questions have such an answer."""

    name: str
    about: str
    measures: tuple[int, int]
    """How few and how many measures it shows."""
    by: tuple[int, int]
    """The same of dimensions."""
    most_rows: int = 0
    """How high a limit may be; 0: it takes none."""


FORMS: Final[Mapping[str, ViewForm]] = {
    form.name: form
    for form in (
        ViewForm("time", "A line or stacked bars over time, one for each group", (1, 1), (0, 2), 6),
        ViewForm("segment", "Bars, the longest first", (1, 1), (1, 2), 100),
        ViewForm("table", "A row for each group", (1, _MOST_COLUMNS), (0, MOST_DIMENSIONS), 100),
        ViewForm("heatmap", "Two dimensions across each other, in shades", (1, 1), (2, 2)),
        ViewForm("map", "The countries of the world, in shades", (1, 1), (1, 1)),
        ViewForm("events", "The newest events", (0, 0), (0, 0), 50),
    )
}


def read_board(given: Any) -> dict[str, Any]:
    """Return a board as it is kept: `name`, `filters` and `views`; raises Unanswerable."""
    _object(given, _BOARD, "a board")
    views = given.get("views")
    if not isinstance(views, list) or len(views) > MOST_VIEWS:
        raise Unanswerable(
            f"views is not a list of at most {MOST_VIEWS} views",
            "make another board of the rest",
            field="views",
        )
    read_filters(given.get("filters"))
    return {
        "name": read_name(given, "name", "name"),
        "filters": given.get("filters") or [],
        "views": [_read_view(view, f"views[{place}]") for place, view in enumerate(views)],
    }


def _read_view(given: Any, place: str) -> dict[str, Any]:
    try:
        _object(given, _VIEW, "a view")
        form = known(given.get("form"), FORMS, "form", "form")
        width = given.get("width", 1)
        if isinstance(width, bool) or width not in WIDTHS:
            raise Unanswerable(
                "width is not 1, 2 or 3", "say how many of three columns it takes", field="width"
            )
        return {
            "title": read_name(given, "title", "title"),
            "form": form.name,
            "width": width,
            "question": read_view_question(given.get("question"), form),
        }
    except Unanswerable as wrong:
        field = f"{place}.{wrong.field}" if wrong.field else place
        raise Unanswerable(f"{place}: {wrong}", wrong.cure, field=field, nearest=wrong.nearest) from None


def read_view_question(given: Any, form: ViewForm) -> dict[str, Any]:
    """Return the question of a view as it is kept, without what is left to the form; raises Unanswerable."""
    keys = (
        *(("measures",) if form.measures[1] else ()),
        *(("by",) if form.by[1] else ()),
        "filters",
        *(("order",) if form.measures[1] else ()),
        *(("limit",) if form.most_rows else ()),
    )
    _object(given, keys, "a question of a view")
    if not isinstance(given.get("order", ""), str):
        raise Unanswerable(
            "order is not a text: a view has one order", 'write it like "-calls"', field="order"
        )
    asked = given if form.measures[1] else {"measures": ["calls"], **given}
    question = read_question(asked, now=_SOMETIME, zone=ZoneInfo("UTC"), most_rows=form.most_rows or 1)
    for measure in question.measures:
        if not measure.sorts:
            raise Unanswerable(
                f"a view cannot show {measure.name}", "take a measure that is one number", field="measures"
            )
    by = given.get("by") or []
    for name, (least, most), has in (
        ("measures", form.measures, given.get("measures") or []),
        ("by", form.by, by),
    ):
        if not least <= len(has) <= most:
            counted = str(most) if least == most else f"{least} to {most}"
            raise Unanswerable(
                f"{form.name} shows {counted} in {name}, not {len(has)}", "correct it", field=name
            )
    if form.name == "map" and by != ["country"]:
        raise Unanswerable("a map is by country", 'write "by": ["country"]', field="by")
    return {key: given[key] for key in keys if given.get(key)}


def _object(given: Any, keys: tuple[str, ...], what: str) -> None:
    if not isinstance(given, dict):
        raise Unanswerable(f"{what} is not a JSON object", f"give it {', '.join(keys)}")
    for key in given:
        one_of(key, keys, "key", str(key)[:60])


def read_name(given: Mapping[str, Any], key: str, field: str) -> str:
    """Return a name that people gave; raises Unanswerable."""
    name = given.get(key)
    if not isinstance(name, str) or not 0 < len(name.strip()) <= MOST_NAME:
        raise Unanswerable(f"{key} is not a text of 1 to {MOST_NAME} characters", "give it one", field=field)
    return name.strip()
