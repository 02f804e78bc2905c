"""Filters: which calls a question is about. Read from JSON, and put into SQL with bound values.

Each test is true or false, never unknown: a call without a value is not what `is`, `contains`, `matches` and the
ranges ask for, and it is what their opposites ask for.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from bridge.analytics.questions.fields import FIELDS, Field, FieldKind
from bridge.analytics.questions.words import known, one_of
from bridge.errors import Unanswerable

_MOST_FILTERS: Final = 50
_MOST_VALUES: Final = 1000
_MOST_PATTERN: Final = 200
_MOST_TEXT: Final = 2000
_FEW_IDS: Final = 5

SETS: Final = {"is": False, "is_not": True}
TEXTS: Final = {
    "contains": ("contains", False),
    "contains_not": ("contains", True),
    "matches": ("matches", False),
    "matches_not": ("matches", True),
}
"""Test to the test that it is or denies."""
RANGES: Final = {"at_least": ">=", "above": ">", "at_most": "<=", "below": "<"}
_TESTS: Final = (*SETS, *TEXTS, *RANGES)

TEXT_SQL: Final = {
    "contains": "contains(lower({0}), lower(?))",
    "matches": "regexp_matches({0}, ?)",
}
"""What the two tests of texts are, wherever they are made. DuckDB's regular expressions are RE2's."""


@dataclass(frozen=True, slots=True)
class Test:
    """One thing that a filter asks of a field; `value` is a list for `is` and `is_not`."""

    __test__ = False  # pytest

    name: str
    value: Any


@dataclass(frozen=True, slots=True)
class CallFilter:
    """A field and what is asked of it, all of which has to hold."""

    field: Field
    tests: tuple[Test, ...]


@dataclass(frozen=True, slots=True)
class Condition:
    """SQL that is true or false for each row of `facts f`, with its bound values."""

    sql: str
    values: tuple[Any, ...] = ()


PassingIds = Mapping[tuple[str, Test], Sequence[int]]
"""The ids of the texts that pass a test of a field."""


@dataclass(frozen=True, slots=True)
class FoundIds:
    """The ids of texts that were looked up for filters: of people, whose texts are in another database."""

    asked: PassingIds
    """For the caller's filters; in a sandbox for every field of texts, among those of its calls."""
    held: PassingIds
    """For the sandbox's own."""


def read_filters(given: Any) -> tuple[CallFilter, ...]:
    """Return the filters of a question.

    Raises Unanswerable.
    """
    if given is None:
        return ()
    if not isinstance(given, list) or len(given) > _MOST_FILTERS:
        raise Unanswerable(
            f"filters is not a list of at most {_MOST_FILTERS} filters",
            'write it like [{"field": "api", "is": ["Orders"]}]',
            field="filters",
        )
    return tuple(_read_filter(one) for one in given)


def _read_filter(given: Any) -> CallFilter:
    if not isinstance(given, dict) or not isinstance(given.get("field"), str):
        raise Unanswerable(
            "a filter names no field", 'write it like {"field": "api", "is": ["Orders"]}', field="filters"
        )
    field = known(given["field"], FIELDS, "field", "filters")
    tests = []
    for name, value in given.items():
        if name != "field":
            one_of(name, _TESTS, "test", f"filters.{field.name}")
            tests.append(_read_test(field, name, value))
    if not tests:
        raise Unanswerable(
            f"the filter of {field.name} asks for nothing",
            f"add one of {', '.join(_tests_of(field))}",
            field=f"filters.{field.name}",
        )
    return CallFilter(field, tuple(tests))


def _tests_of(field: Field) -> tuple[str, ...]:
    match field.kind:
        case FieldKind.NUMBER:
            return (*SETS, *RANGES)
        case FieldKind.TRUTH:
            return tuple(SETS)
        case _:
            return (*SETS, *TEXTS)


def _read_test(field: Field, name: str, value: Any) -> Test:
    place = f"filters.{field.name}"
    if name not in _tests_of(field):
        raise Unanswerable(
            f"{field.name} is a {field.kind.value}, which {name} cannot test",
            f"use {', '.join(_tests_of(field))}",
            field=place,
        )
    if name in SETS:
        values = value if isinstance(value, list) else [value]
        if not 0 < len(values) <= _MOST_VALUES:
            raise Unanswerable(
                f"{name} of {field.name} has {len(values)} values", f"give 1 to {_MOST_VALUES}", field=place
            )
        return Test(name, tuple(None if one is None else _value(field, one) for one in values))
    if name in RANGES:
        return Test(name, _number(field, value))
    most = _MOST_PATTERN if "matches" in name else _MOST_TEXT
    if not isinstance(value, str) or not 0 < len(value) <= most:
        raise Unanswerable(
            f"{name} of {field.name} is not a text of 1 to {most} characters", "shorten it", field=place
        )
    return Test(name, value)


def _value(field: Field, value: Any) -> Any:
    match field.kind:
        case FieldKind.NUMBER:
            return _number(field, value)
        case FieldKind.TRUTH:
            truth = {"true": True, "false": False}.get(str(value).lower())
            if truth is None:
                raise Unanswerable(
                    f"{field.name} is true or false",
                    "give true, false or null",
                    field=f"filters.{field.name}",
                )
            return truth
        case _ if not isinstance(value, str):
            raise Unanswerable(
                f"a value of {field.name} is not a text", "put it in quotes", field=f"filters.{field.name}"
            )
        case _:
            if field.codes is not None:
                one_of(value, field.codes, "value", f"filters.{field.name}")
            return value


def _number(field: Field, value: Any) -> float:
    try:
        number = None if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = None
    if number is None or not abs(number) < 2**62:
        raise Unanswerable(f"{field.name} is a number", "give a number", field=f"filters.{field.name}")
    return int(number) if number.is_integer() else number


def condition(
    one: CallFilter, field_sql: Callable[[Field], str], ids: PassingIds, within: tuple[int, int] | None
) -> Condition:
    """Return a filter as SQL; `within`: the period, for what stands beside the facts; None: it is joined as `x`."""
    made = [_condition(one.field, test, field_sql(one.field), ids, within) for test in one.tests]
    return Condition(
        " AND ".join(f"({part.sql})" for part in made), tuple(value for part in made for value in part.values)
    )


def _condition(
    field: Field, test: Test, sql: str, ids: PassingIds, within: tuple[int, int] | None
) -> Condition:
    if test.name in RANGES:
        return Condition(f"{sql} {RANGES[test.name]} ?", (test.value,))
    none = f"{sql} IS NULL"
    if test.name in SETS:
        denies, holds_none = SETS[test.name], None in test.value
        values = [value for value in test.value if value is not None]
    else:
        denies, holds_none, values = TEXTS[test.name][1], False, [test.value]
    held: Condition | None = None
    if field.name == "correlation_id" and within is not None:
        beside = (
            "f.id IN (SELECT id FROM details "
            "WHERE time >= make_timestamp({}) AND time < make_timestamp({}) AND {})"
        )
        none = f"NOT {beside.format(*within, 'correlation_id IS NOT NULL')}"
        if values:
            inner = _of_texts(test, "correlation_id", values)
            held = Condition(beside.format(*within, inner.sql), inner.values)
    elif values and (field.name, test) in ids:
        held = _of_ids(sql, ids[field.name, test])
    elif values and field.kind is FieldKind.NAME:
        inner = _of_texts(test, "value", values)
        held = Condition(
            f"{sql} IN (SELECT id FROM names WHERE field = ? AND {inner.sql})", (field.name, *inner.values)
        )
    elif values and field.codes is not None and test.name in SETS:
        held = _of_texts(test, sql, [field.codes[value] for value in values])
    elif values:
        held = _of_texts(test, field.shown.format(sql), values)
    return _set(held, none, denies=denies, holds_none=holds_none)


def passing_texts(test: Test, column: str) -> Condition | None:
    """Return what a column of texts passes that a test names, or denies; None if it names none but null."""
    values = [value for value in test.value if value is not None] if test.name in SETS else [test.value]
    return _of_texts(test, column, values) if values else None


def _of_ids(sql: str, ids: Sequence[int]) -> Condition:
    if len(ids) > _FEW_IDS:
        return Condition(f"{sql} IN (SELECT unnest(?::INTEGER[]))", ([*ids],))
    # Constants tell DuckDB which parts of the file to leave out.
    return Condition(f"{sql} IN ({', '.join('?' * len(ids))})" if ids else "false", (*ids,))


def _of_texts(test: Test, sql: str, values: list[Any]) -> Condition:
    if test.name in SETS:
        return Condition(f"{sql} IN ({', '.join('?' * len(values))})", tuple(values))
    return Condition(TEXT_SQL[TEXTS[test.name][0]].format(f"({sql})"), tuple(values))


def _set(held: Condition | None, none: str, *, denies: bool, holds_none: bool) -> Condition:
    """Return whether a value is one of those held, or is none of them; without any unknown."""
    if held is None:
        return Condition(f"NOT ({none})" if denies else none)
    if denies:
        # What is NULL is in nothing, so it is only kept out by name.
        joined = f"NOT ({none}) AND NOT ({held.sql})" if holds_none else f"({none}) OR NOT ({held.sql})"
    else:
        joined = f"({none}) OR ({held.sql})" if holds_none else held.sql
    return Condition(joined, held.values)
