"""A clause about one field: `term`, `terms`, `match_phrase`, `range`, `exists`, `prefix`, `wildcard`, as a filter."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from bridge.errors import Unanswerable
from bridge.formats.moesif.names import FIELD_OF, NUMBERS, TRUTHS, plain
from bridge.formats.moesif.refusals import no_name, unknown_option

_PLACEHOLDER: Final = re.compile(r"\{\{\s*([^{}\s]+)\s*\}\}")
_MOST_PATTERN: Final = 200
_RANGE: Final = {"gte": "at_least", "gt": "above", "lte": "at_most", "lt": "below"}

JsonFilter = dict[str, Any]
"""A filter as a question has it: `{"field": "user", "is": ["alice"]}`."""


@dataclass(frozen=True, slots=True)
class Placeholder:
    """A clause that says `{{name}}`: its value comes with each token."""

    name: str
    """Moesif's name of the field."""
    field: str


def filter_of(clause: str, body: Any, at: str) -> JsonFilter | Placeholder:
    """Return the filter that a clause is; raises Unanswerable. `at`: its place, as refusals say it."""
    if clause == "exists":
        check_options(body, ("field", "boost"), at)
        return {"field": _field(body.get("field"), f"{at}.field")[1], "is_not": [None]}
    key, value, inside = only(body, at, ("boost",))
    name, known = _field(key, inside)
    match clause:
        case "term":
            values = [said(value, "value", inside)]
        case "terms":
            values = value
            if not isinstance(value, list) or not value:
                wrong = "is empty" if value == [] else "is no list of values"
                raise Unanswerable(f"{inside} {wrong}", "list the values that may be seen", field=inside)
        case "match_phrase":
            values = [said(value, "query", inside)]
        case "range":
            return {"field": known} | _numbers(known, value, inside)
        case _:
            return {"field": known, "matches": _pattern(clause, known, value, inside)}
    values = [_value(one, known, inside) for one in values]
    if placeholders := [found[1] for one in values if (found := _placeholder(one))]:
        if len(values) > 1 or plain(placeholders[0]) != name:
            raise Unanswerable(
                f"{inside}: {values[0]} stands for nothing here",
                f"a clause of a dynamic field is its placeholder alone: {{{{{name}}}}}",
                field=inside,
            )
        return Placeholder(name, known)
    return {"field": known, "is": values}


def _field(key: Any, at: str) -> tuple[str, str]:
    """Return Moesif's plain name of a field, and the analytics' field."""
    name = plain(key) if isinstance(key, str) else ""
    if name not in FIELD_OF:
        raise no_name(str(key), at)
    return name, FIELD_OF[name]


def _placeholder(value: Any) -> re.Match[str] | None:
    return _PLACEHOLDER.search(value) if isinstance(value, str) else None


def check_options(body: Any, known: Sequence[str], at: str) -> None:
    """Return if an object has members that are known alone; raises Unanswerable."""
    if not isinstance(body, dict):
        raise Unanswerable(f"{at} is not an object", "write it as Elasticsearch has it", field=at)
    for name in body:
        if name not in known:
            raise unknown_option(name, at, known)


def only(body: Any, at: str, options: Sequence[str]) -> tuple[str, Any, str]:
    """Return the one field of a clause, what is asked of it, and its place."""
    names = [name for name in body if name not in options] if isinstance(body, dict) else []
    if len(names) != 1:
        raise Unanswerable(
            f"{at} does not name one field",
            'write it like {"user_id.raw": …}; a clause for each field',
            field=at,
        )
    return names[0], body[names[0]], f"{at}.{names[0]}"


def said(value: Any, member: str, at: str) -> Any:
    """Return the value of a clause's short form, or of its object's member."""
    if not isinstance(value, dict):
        return value
    check_options(value, (member, "boost"), at)
    return value.get(member)


def _value(value: Any, known: str, at: str) -> Any:
    """Return a value as filters have it; raises Unanswerable."""
    if isinstance(value, str) and value:
        return value
    if isinstance(value, bool):
        return value if known in TRUTHS else str(value).lower()
    if isinstance(value, int | float):
        return value if known in NUMBERS else str(value)
    raise Unanswerable(f"{at} has a value that is none", "give a text or a number", field=at)


def _numbers(known: str, body: Any, at: str) -> dict[str, Any]:
    """Return the tests of a range of numbers."""
    if known not in NUMBERS:
        raise Unanswerable(f"{at} is no number, which range could test", "use terms", field=at)
    check_options(body, (*_RANGE, "boost"), at)
    tests = {_RANGE[name]: value for name, value in body.items() if name in _RANGE}
    if not tests:
        raise Unanswerable(f"{at} has no bound", f"add one of {', '.join(_RANGE)}", field=at)
    return tests


def _pattern(clause: str, known: str, body: Any, at: str) -> str:
    """Return prefix and wildcard as a regular expression of the whole text; `*` and `?` as Elasticsearch has them."""
    if known in NUMBERS | TRUTHS:
        raise Unanswerable(f"{at} is no text, which {clause} could test", "use term or range", field=at)
    text = body
    if isinstance(body, dict):
        member = "wildcard" if clause == "wildcard" and "wildcard" in body else "value"
        text = said(body, member, at)
    if not isinstance(text, str) or not text:
        raise Unanswerable(f"{at} is not a text", "put it in quotes", field=at)
    if clause == "prefix":
        pattern = f"^{re.escape(text)}"
    else:
        parts = re.findall(r"\\.|\*|\?|[^\\*?]+|\\", text, re.DOTALL)
        pattern = f"(?s)^{''.join({'*': '.*', '?': '.'}.get(part) or _literal(part) for part in parts)}$"
    if len(pattern) > _MOST_PATTERN:
        raise Unanswerable(f"{at} is longer than can be looked for", "shorten it", field=at)
    return pattern


def _literal(part: str) -> str:
    return re.escape(part[1:] if len(part) == 2 and part.startswith("\\") else part)
