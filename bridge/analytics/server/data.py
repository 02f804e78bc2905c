"""The data API: questions, values for suggestions, and the fixed lists."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from aiohttp import web

from bridge.analytics.questions.answers import Answerer
from bridge.analytics.questions.fields import DIMENSIONS, FIELDS, MEASURES, Field, FieldKind
from bridge.analytics.questions.filters import TEXTS, read_filters
from bridge.analytics.questions.intervals import INTERVALS
from bridge.analytics.questions.question import read_question
from bridge.analytics.questions.sandbox import Sandbox
from bridge.analytics.questions.words import known
from bridge.analytics.server.access import rights_of
from bridge.analytics.server.asked import decode, parameters, read_body, whole_number
from bridge.analytics.server.describing import (
    FILTERS,
    LIMIT,
    PERIOD,
    body,
    gives,
    listed,
    parameter,
    ref,
    takes,
    text,
)
from bridge.analytics.server.endpoint import ApiEndpoint
from bridge.analytics.server.examples import EXAMPLES
from bridge.analytics.server.served import Served
from bridge.errors import Unanswerable
from bridge.web.answers import json_response

_MOST_VALUES: Final = 1000
_DEFAULT_VALUES: Final = 20


def endpoints(served: Served) -> Sequence[ApiEndpoint]:
    """Return the endpoints of questions."""
    data = _Data(served)
    wanted = parameter("field", ref("Dimension"), required=True)
    return [
        ApiEndpoint(
            "POST",
            "/api/query",
            data.query,
            "read:data",
            "Answer a question",
            body(ref("Question"), examples=EXAMPLES) | gives(ref("Answer")),
            sandboxed=True,
        ),
        ApiEndpoint(
            "GET",
            "/api/values",
            data.values,
            "read:data",
            "Suggest values of a field, those of most calls first",
            takes(wanted, parameter("contains", text()), FILTERS, *PERIOD, LIMIT)
            | gives(listed("values", {"type": "object"})),
            sandboxed=True,
        ),
        ApiEndpoint(
            "GET",
            "/api/fields",
            data.fields,
            "read:data",
            "Tell what questions may be made of",
            gives({"type": "object"}),
            sandboxed=True,
        ),
    ]


class _Data:
    def __init__(self, served: Served) -> None:
        self._served = served
        self._answerer = Answerer(served.store)

    async def query(self, request: web.Request) -> web.Response:
        served = self._served
        rights = rights_of(request)
        asked, most = await read_body(request), rights.most_rows
        question = read_question(asked, now=served.now(), zone=served.zone, most_rows=most)
        question = question.within(rights.sandbox)
        async with served.turn(rights):
            return json_response(await self._answerer.answer(question, served.seconds))

    async def values(self, request: web.Request) -> web.Response:
        """Answer with the values of a field that most calls have."""
        given = parameters(request, "field", "contains", "filters", "from", "to", "time_zone", "limit")
        if "field" not in given:
            raise Unanswerable(
                "field is missing", 'add field=api, or another of "dimensions" in /api/fields', field="field"
            )
        field = known(given["field"], DIMENSIONS, "field", "field")
        limit = whole_number(given, "limit", _DEFAULT_VALUES, _MOST_VALUES)
        contains, in_sql = given.get("contains", ""), field.kind not in {FieldKind.NUMBER, FieldKind.TRUTH}
        asked = {
            "measures": ["calls"],
            "by": [field.name],
            "limit": limit if in_sql or not contains else _MOST_VALUES,
            "filters": decode(given["filters"], "filters") if given.get("filters") else [],
        } | {key: given[key] for key in ("from", "to", "time_zone") if key in given}
        question = read_question(asked, now=self._served.now(), zone=self._served.zone)
        if contains and in_sql:
            searched = read_filters([{"field": field.name, "contains": contains}])
            question = replace(question, filters=(*question.filters, *searched))
        rights = rights_of(request)
        question = question.within(rights.sandbox)
        async with self._served.turn(rights):
            rows, _, _ = await self._answerer.rows(question, self._served.seconds)
        values = [{"value": row[field.name], "calls": row["calls"]} for row in rows]
        if contains and not in_sql:
            values = [one for one in values if contains.lower() in str(one["value"]).lower()][:limit]
        return json_response({"values": values})

    async def fields(self, request: web.Request) -> web.Response:
        return json_response(fixed_lists(rights_of(request).sandbox))


def fixed_lists(sandbox: Sandbox | None = None) -> dict[str, Any]:
    """Return what questions may be made of, in a sandbox or without one."""
    fields = [field for field in FIELDS.values() if sandbox is None or sandbox.shows(field.name)]
    measures = [one for one in MEASURES.values() if sandbox is None or sandbox.shows_measure(one)]
    return {
        "measures": [
            {"name": measure.name, "unit": measure.unit, "about": measure.about} for measure in measures
        ],
        "dimensions": [_shown(field) for field in fields if field.groups],
        "quantities": [_shown(field) | {"unit": field.unit} for field in fields if not field.groups],
        "tests": [*TESTS],
        "intervals": [*INTERVALS],
    }


TESTS: Final = ("is", "is_not", *TEXTS, "at_least", "above", "at_most", "below")
_KINDS: Final = {FieldKind.NUMBER: "number", FieldKind.TRUTH: "truth"}


def _shown(field: Field) -> dict[str, Any]:
    shown: dict[str, Any] = {"name": field.name, "kind": _KINDS.get(field.kind, "text"), "about": field.about}
    return shown | ({"values": [*field.codes]} if field.codes else {})
