"""Erasures: asked for, followed, and their receipts."""

import re
from collections.abc import Sequence
from typing import Any, Final

from aiohttp import web

from bridge.analytics.admin.erasures import MOST_OPEN, ErasureJob, ask, every, find
from bridge.analytics.server.access import rights_of
from bridge.analytics.server.asked import parameters
from bridge.analytics.server.describing import gives, in_path, listed, parameter, takes, text
from bridge.analytics.server.endpoint import ApiEndpoint
from bridge.analytics.server.refusals import RequestRefused
from bridge.analytics.server.rights import Rights
from bridge.analytics.server.served import Served
from bridge.analytics.store.subjects import Erasure, canonical
from bridge.errors import Unanswerable
from bridge.events.times import format_ms
from bridge.formats.api_analytics import hashed_key
from bridge.web.answers import json_response

PATHS: Final = {
    "users": "user",
    "applications": "application",
    "companies": "company",
    "addresses": "ip",
    "keys": "key",
}
"""What is erased, as paths call it, and as fields."""
_TIME: Final = {"type": ["string", "null"], "format": "date-time"}
_NUMBER: Final = {"type": ["integer", "null"]}
_ERASURE: Final = {
    "type": "object",
    "properties": {
        "id": text(format="uuid"),
        "field": {"enum": [*PATHS.values()]},
        "value": {"type": ["string", "null"], "description": "Whose data; null once it is done."},
        "digest": {"type": ["string", "null"], "description": "The keyed hash of it that the store keeps."},
        "keep": {"enum": ["nothing", "counts"]},
        "state": {"enum": ["waiting", "running", "done"]},
        "step": text("waiting, events, copy or done."),
        "asked": text("What was asked or received before is erased.", format="date-time"),
        "by": text("The token that it was asked with."),
        "begun": _TIME,
        "done": _TIME,
        "total": _NUMBER,
        "events": {
            "type": "integer",
            "description": "So many are deleted, or do not say any more whose they were.",
        },
        "deleted": {"type": "integer"},
        "kept": {"type": "integer"},
        "blotted": {"type": "integer", "description": "Places of other events that spoke of it."},
        "error": {"type": ["string", "null"], "description": "What stands in the way; it is tried again."},
        "still_in": {
            "type": "array",
            "items": {"type": "object", "properties": {"where": text(), "until": _TIME, "about": text()}},
            "description": "Where the data may still be, once it is done.",
        },
    },
    "required": ["id", "field", "keep", "state", "asked", "events", "still_in"],
}
_LONGEST: Final = 2_000
_HASH: Final = re.compile("[0-9a-f]{32}")


def endpoints(served: Served) -> Sequence[ApiEndpoint]:
    """Return the endpoints of erasures."""
    erasures = _Erasures(served)
    keep = parameter("keep", {"enum": ["nothing", "counts"], "default": "nothing"})
    return [
        *(
            ApiEndpoint(
                "DELETE",
                f"/api/{path}/{{id}}",
                erasures.asker(field),
                "delete:users",
                f"Erase all data of this {_words(field)}; with keep=counts, only whose calls these were",
                takes(in_path("id"), keep) | gives(_ERASURE, status="202"),
                sandboxed=field == "key",
            )
            for path, field in PATHS.items()
        ),
        ApiEndpoint(
            "GET",
            "/api/erasures",
            erasures.all,
            "delete:users",
            "List erasures, the last one that was asked for first",
            gives(listed("erasures", _ERASURE)),
            sandboxed=True,
        ),
        ApiEndpoint(
            "GET",
            "/api/erasures/{id}",
            erasures.one,
            "delete:users",
            "Follow an erasure, and see its receipt",
            takes(in_path("id")) | gives(_ERASURE),
            sandboxed=True,
        ),
    ]


class _Erasures:
    def __init__(self, served: Served) -> None:
        self._served = served

    def asker(self, field: str) -> Any:
        """Return what answers to a request to erase one of a field."""

        async def answer(request: web.Request) -> web.Response:
            given = parameters(request, "keep")
            keep = given.get("keep", "nothing")
            if keep not in {"nothing", "counts"}:
                raise Unanswerable("keep is neither nothing nor counts", "leave it out", field="keep")
            value = subject_of(field, request.match_info["id"])
            rights = rights_of(request)
            if rights.sandbox is not None and value != _own_key(rights):
                raise RequestRefused(403, "this token may erase the data of its own key alone", "use another")
            if rights.sandbox is not None and not self._served.store.may_have("key", value):
                # Any UUID is a key: whoever makes some up leaves nothing behind.
                raise RequestRefused(404, "no call is here that was sent with this key", "look at the key")
            return await self._ask(field, value, keeps_counts=keep == "counts", by=rights.name)

        return answer

    async def _ask(self, field: str, value: str, *, keeps_counts: bool, by: str) -> web.Response:
        served = self._served
        now_ms = int(served.clock.time() * 1000)
        number = await served.admin.write(
            lambda connection: ask(connection, field, value, keeps_counts=keeps_counts, now_ms=now_ms, by=by)
        )
        if number is None:
            raise RequestRefused(409, f"{MOST_OPEN} erasures wait already", "ask again when some are done")
        # From the answer on nothing of it comes in.
        await served.store.eraser.remember(Erasure(field, value, now_ms, keeps_counts))
        served.erasure_asked.set()
        job = await served.admin.read(lambda connection: find(connection, number))
        assert job is not None  # noqa: S101 - it was kept
        return json_response(shown(job), 202, Location=f"/api/erasures/{number}")

    async def all(self, request: web.Request) -> web.Response:
        parameters(request)
        jobs = await self._served.admin.read(every)
        return json_response({"erasures": [shown(job) for job in await self._seen(request, jobs)]})

    async def one(self, request: web.Request) -> web.Response:
        job = await self._served.admin.read(lambda connection: find(connection, request.match_info["id"]))
        if job is None or not await self._seen(request, [job]):
            raise RequestRefused(404, "no erasure has this id", "take one from /api/erasures")
        return json_response(shown(job))

    async def _seen(self, request: web.Request, jobs: Sequence[ErasureJob]) -> list[ErasureJob]:
        """Return those that a caller may follow: whoever comes with a key sees what was asked for it."""
        rights = rights_of(request)
        if rights.sandbox is None:
            return [*jobs]
        key = _own_key(rights)
        if key is None:
            return []
        digest = await self._served.store.eraser.digest("key", key)
        return [job for job in jobs if job.field == "key" and (job.value == key or job.digest == digest)]


def subject_of(field: str, text: str) -> str:
    """Return whose data is meant, in the spelling of the store. Raises Unanswerable."""
    value = text.strip() if field in {"ip", "key"} else text
    if not value or len(value) > _LONGEST:
        raise Unanswerable(f"this is no {_words(field)}", "name one", field="id")
    if field != "key":
        return canonical(field, value)
    # Without hyphens it is what the store has of a key.
    if _HASH.fullmatch(value):
        return value
    try:
        return hashed_key(value)
    except ValueError:
        raise Unanswerable("this is no key of API Analytics", "send the UUID", field="id") from None


def _own_key(rights: Rights) -> str | None:
    """Return the hash of the key that a caller has come with; None: it came with a token."""
    filters = () if rights.sandbox is None else rights.sandbox.filters
    if len(filters) != 1 or filters[0].field.name != "key":
        return None
    tests = filters[0].tests
    values = tests[0].value if len(tests) == 1 and tests[0].name == "is" else []
    return values[0] if len(values) == 1 and isinstance(values[0], str) else None


def shown(job: ErasureJob) -> dict[str, Any]:
    """Return a job as the API shows it."""
    state = {"done": "done", "waiting": "waiting"}.get(job.step, "running")
    return {
        "id": job.id,
        "field": job.field,
        "value": job.value,
        "digest": job.digest,
        "keep": "counts" if job.keeps_counts else "nothing",
        "state": state,
        "step": job.step,
        "asked": format_ms(job.asked_ms),
        "by": job.asked_by,
        "begun": None if job.begun_ms is None else format_ms(job.begun_ms),
        "done": None if job.done_ms is None else format_ms(job.done_ms),
        "total": job.total,
        "events": job.deleted + job.kept,
        "deleted": job.deleted,
        "kept": job.kept,
        "blotted": job.blotted,
        "error": job.problem,
        "still_in": (job.receipt or {}).get("still_in", []),
    }


def _words(field: str) -> str:
    return {"ip": "address", "key": "key of API Analytics"}.get(field, field)
