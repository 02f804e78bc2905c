"""The schemas of the data API's description, made from the same lists that questions are checked against."""

from collections.abc import Iterable
from typing import Any, Final

from bridge.analytics.questions.boards import FORMS, MOST_NAME, MOST_VIEWS, WIDTHS, ViewForm
from bridge.analytics.questions.fields import DIMENSIONS, FIELDS, MEASURES, FieldKind
from bridge.analytics.questions.filters import RANGES, SETS, TEXTS
from bridge.analytics.questions.intervals import INTERVALS
from bridge.analytics.questions.question import (
    DEFAULT_FROM,
    DEFAULT_TO,
    MOST_DIMENSIONS,
    MOST_MEASURES,
    MOST_ROWS,
)
from bridge.analytics.questions.tables import EXACT_CALLS
from bridge.analytics.server.describing import ApiSchema, text

_TIME: Final = (
    '"now", "-7d", "-1d/d" (the start of yesterday); units s, m, h are elapsed, d, w, M, y go by the calendar, '
    'and /UNIT rounds down. Or a date or time: "2026-03-29", "2026-03-29T12:00" (local), "2026-03-29T12:00:00Z".'
)


def described(names: Iterable[tuple[str, str]]) -> str:
    """Return a list of names with what they are, as Markdown."""
    return "\n".join(f"- `{name}`: {about}" for name, about in names)


def schemas() -> dict[str, ApiSchema]:
    """Return all schemas by name."""
    return {
        "Question": _question(),
        "Filter": _filter(),
        "Answer": _answer(),
        "Period": _object(
            {
                "from": text(format="date-time"),
                "to": text(format="date-time"),
                "time_zone": text(),
                "times": _list(text(format="date-time"), "With `interval`: when each bucket begins."),
            },
            "from",
            "to",
            "time_zone",
        ),
        "Missed": _object(
            {
                "missed": {
                    "type": "integer",
                    "minimum": 1,
                    "description": "How many events before the next line were left out, for a slow reader.",
                }
            },
            "missed",
        ),
        "Problem": _object(
            {
                "error": text("What is wrong."),
                "cure": text("What to do about it."),
                "field": text("The part of the question that is wrong."),
                "nearest": text("The known name that is most like the one that stands there."),
            },
            "error",
            "cure",
        ),
        "Event": {
            "type": "object",
            "description": "Fields of one event; one that it does not have is not there.",
            "properties": _event_fields(),
            "required": ["id", "time"],
        },
        "Annotation": _object(
            {"id": text(format="uuid"), "time": text(format="date-time"), "text": text(maxLength=500)},
            "id",
            "time",
            "text",
        ),
        "Board": _board(),
        "View": _view(),
    }


def _question() -> ApiSchema:
    question = _object(
        {
            "measures": _list(_ref("Measure"), "What is counted.", minItems=1, maxItems=MOST_MEASURES),
            "by": _list(_ref("Dimension"), "What the calls are told apart by.", maxItems=MOST_DIMENSIONS),
            "filters": _list(
                _ref("Filter"), "Which calls are counted: those that pass all filters.", maxItems=50
            ),
            "from": text(f"From when on. {_TIME}", default=DEFAULT_FROM),
            "to": text(
                f"Before when, in the same forms as `from`, also rounded down. {_TIME}", default=DEFAULT_TO
            ),
            "interval": {
                "enum": [*INTERVALS],
                "description": "Adds `time`: a row for each bucket in which there is a call, in local time.",
            },
            "compare": {
                "enum": ["previous"],
                "description": "Adds `previous`: the same figures of the period before, which is as long: whole local "
                "days before for one of whole local days, else by elapsed time.",
            },
            "order": {
                "description": 'Name of a measure, a dimension or "time"; with - in front the largest comes first.',
                "oneOf": [text(), _list(text())],
            },
            "limit": {
                "type": "integer",
                "minimum": 1,
                "maximum": MOST_ROWS,
                "description": "Most rows (default 100); with `interval` and `by` most series (default 10), ranked "
                "over the whole period.",
            },
            "time_zone": text('Name of a time zone, such as "Europe/Berlin".'),
        },
        "measures",
    )
    return question | {"additionalProperties": False}


def _board() -> ApiSchema:
    board = _object(
        {
            "id": text("Where it is kept; of answers."),
            "version": {"type": "integer", "minimum": 0, "description": "Grows with each change."},
            "name": text(minLength=1, maxLength=MOST_NAME),
            "filters": _list(_ref("Filter"), "Hold for all views of the board.", maxItems=50),
            "views": _list(_ref("View"), maxItems=MOST_VIEWS),
        },
        "name",
        "views",
    )
    return board | {"additionalProperties": False}


def _view() -> ApiSchema:
    asked = _question()["properties"]
    question = {key: asked[key] for key in ("measures", "by", "filters", "limit")}
    question["order"] = text("What the rows are ordered by: one name, with - in front the largest first.")
    view = _object(
        {
            "title": text(minLength=1, maxLength=MOST_NAME),
            "form": {
                "enum": [*FORMS],
                "description": described((form.name, _shows(form)) for form in FORMS.values()),
            },
            "width": {"enum": [*WIDTHS], "default": 1, "description": "Columns of the three of a board."},
            "question": _object(question) | {"additionalProperties": False},
        },
        "title",
        "form",
        "question",
    )
    return view | {"additionalProperties": False, "description": "A question, and how its answer is shown."}


def _shows(form: ViewForm) -> str:
    if not form.measures[1]:
        return f"{form.about}; the question has filters and a limit alone"
    most = f", a limit of up to {form.most_rows}" if form.most_rows else ""
    return f"{form.about}; {_some(form.measures)} in measures, {_some(form.by)} in by{most}"


def _some(between: tuple[int, int]) -> str:
    least, most = between
    return str(most) if least == most else f"{least} to {most}"


def lists() -> dict[str, ApiSchema]:
    """Return the fixed lists as schemas."""
    return {
        "Measure": {
            "enum": [*MEASURES],
            "description": described((m.name, f"{m.about} ({m.unit})") for m in MEASURES.values()),
        },
        "Dimension": {
            "enum": [*DIMENSIONS],
            "description": described((f.name, f.about) for f in DIMENSIONS.values()),
        },
        "Field": {"enum": [*FIELDS], "description": "What can be filtered: dimensions and quantities."},
    }


def _filter() -> ApiSchema:
    values = {"type": ["string", "number", "boolean", "null"]}
    tests = {
        name: _list(
            values, "Has one of these values; null: has none." if not denies else "Has none of these values."
        )
        for name, denies in SETS.items()
    }
    tests |= {
        name: text(
            {
                "contains": "Has this text in it, in any case.",
                "contains_not": "Does not, or has no value.",
                "matches": "Matches this regular expression (RE2).",
                "matches_not": "Does not, or has no value.",
            }[name],
            maxLength=200 if "matches" in name else 2000,
        )
        for name in TEXTS
    }
    tests |= {name: {"type": "number", "description": f"Is {sign} this."} for name, sign in RANGES.items()}
    return _object({"field": _ref("Field"), **tests}, "field") | {
        "additionalProperties": False,
        "minProperties": 2,
        "description": "A field and one or more tests, all of which have to hold. A call without a value passes only "
        "the tests that deny something, and `is` with null.",
    }


def _answer() -> ApiSchema:
    return _object(
        {
            "rows": _list({"type": "object"}, "Dimensions, `time`, measures and `previous`, by their names."),
            "fields": _list(
                _object(
                    {
                        "name": text(),
                        "unit": text("Of measures; the interval's name for `time`."),
                        "kind": {"enum": ["dimension", "time", "measure"]},
                    },
                    "name",
                    "unit",
                    "kind",
                )
            ),
            "period": _ref("Period"),
            "previous": _ref("Period"),
            "groups": {"type": "integer", "description": "How many rows (or series) there are in all."},
            "exact": {"type": "boolean", "description": "Whether every figure is exact."},
            "approximate": _object(
                {
                    "measures": _list(_ref("Measure"), "Which are not exact."),
                    "error": {
                        "type": "number",
                        "description": "By which share of itself such a figure may be wrong.",
                    },
                }
            )
            | {
                "description": "Only where `exact` is false: quantiles of more than "
                f"{EXACT_CALLS:,} calls may come from the rollup. All other figures are exact."
            },
            "took_ms": {"type": "integer"},
        },
        "rows",
        "fields",
        "period",
        "groups",
        "exact",
        "took_ms",
    )


def _event_fields() -> dict[str, ApiSchema]:
    kinds = {FieldKind.NUMBER: "integer", FieldKind.TRUTH: "boolean"}
    fields = {
        field.name: {"type": kinds.get(field.kind, "string"), "description": field.about}
        for field in FIELDS.values()
        if field.name not in {"hour", "weekday"}
    }
    times = {
        "time": text(format="date-time"),
        "received": text("When the bridge took it.", format="date-time"),
    }
    return {"id": text(format="uuid"), **times, **fields}


def _object(properties: dict[str, ApiSchema], *required: str) -> ApiSchema:
    return {"type": "object", "properties": properties, "required": [*required]}


def _list(items: ApiSchema, about: str = "", **more: Any) -> ApiSchema:
    return {"type": "array", "items": items} | ({"description": about} if about else {}) | more


def _ref(name: str) -> ApiSchema:
    return {"$ref": f"#/components/schemas/{name}"}
