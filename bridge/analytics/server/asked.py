"""Reads what a request asks: parameters of its address, or its body."""

from typing import Any, Final

import msgspec
from aiohttp import web

from bridge.analytics.questions.filters import CallFilter, read_filters
from bridge.analytics.questions.periods import Period, read_period
from bridge.analytics.questions.question import DEFAULT_FROM, DEFAULT_TO, read_zone
from bridge.analytics.questions.words import one_of
from bridge.analytics.server.refusals import RequestRefused
from bridge.analytics.server.served import Served
from bridge.errors import Unanswerable

MOST_BODY: Final = 256 * 2**10


async def read_body(request: web.Request) -> Any:
    """Return the JSON that a request brings.

    Other types of content are refused, because a foreign page can make a browser send them. Raises RequestRefused.
    """
    if request.content_type != "application/json":
        raise RequestRefused(415, f"Content-Type is {request.content_type}", "send application/json")
    body = await request.content.read(MOST_BODY + 1)
    while len(body) <= MOST_BODY and (more := await request.content.read(MOST_BODY + 1)):
        body += more
    if len(body) > MOST_BODY:
        raise RequestRefused(413, f"more than {MOST_BODY} bytes", "ask for less at a time")
    return decode(body, "the body")


def decode(text: str | bytes, what: str) -> Any:
    """Return the value of a JSON text; raises RequestRefused."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise RequestRefused(400, f"{what} is not JSON", "see the examples in /api/openapi.json") from None


def parameters(request: web.Request, *known: str) -> dict[str, str]:
    """Return the parameters of a request's address, each of them known and there once; raises Unanswerable."""
    given: dict[str, str] = {}
    for name, value in request.query.items():
        one_of(name, known, "parameter", str(name)[:60])
        if name in given:
            raise Unanswerable(f"{name} is there twice", "send it once", field=name)
        given[name] = value
    return given


def filters_of(given: dict[str, str]) -> tuple[CallFilter, ...]:
    """Return the filters of the parameter `filters`; raises Unanswerable or RequestRefused."""
    return read_filters(decode(given["filters"], "filters")) if given.get("filters") else ()


def period_of(
    given: dict[str, Any], served: Served, *, since: str = DEFAULT_FROM, until: str = DEFAULT_TO
) -> Period:
    """Return the period of `from`, `to` and `time_zone`; raises Unanswerable."""
    zone = read_zone(given.get("time_zone"), served.zone)
    return read_period(given.get("from") or since, given.get("to") or until, zone, served.now())


def whole_number(given: dict[str, str], name: str, default: int, most: int) -> int:
    """Return a parameter that is a number from 1 to `most`; raises Unanswerable."""
    text = given.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and 1 <= int(text) <= most):
        raise Unanswerable(f"{name} is not a whole number from 1 to {most}", "correct it", field=name)
    return int(text)
