"""Rules of alerts: kept under ids that whoever makes one chooses, shown with how it stands, and tried on the past."""

import re
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any, Final

from aiohttp import web

from bridge.analytics.admin import alerts as kept
from bridge.analytics.admin import channels as outbox
from bridge.analytics.admin.alerts import MOST_RULES, KeptRule
from bridge.analytics.alerts.figures import RuleFigures
from bridge.analytics.alerts.past import try_past
from bridge.analytics.alerts.rules import KEYS, RULE_ID, read_rule
from bridge.analytics.alerts.states import AlertState, GroupKey
from bridge.analytics.questions.answers import Answerer
from bridge.analytics.questions.intervals import microseconds
from bridge.analytics.questions.words import one_of
from bridge.analytics.server.alert_answers import AlertAnswers
from bridge.analytics.server.alert_schemas import RULES, rule_schema
from bridge.analytics.server.asked import parameters, period_of, read_body, whole_number
from bridge.analytics.server.describing import LIMIT, body, gives, in_path, listed, parameter, takes, text
from bridge.analytics.server.endpoint import ApiEndpoint
from bridge.analytics.server.refusals import RequestRefused
from bridge.analytics.server.served import Served
from bridge.errors import Unanswerable
from bridge.web.answers import json_response

_ID: Final = re.compile(RULE_ID, re.ASCII)
_WORDS: Final = frozenset({"test", "history"})
_SINCE: Final = "-30d"
_MOST_HISTORY: Final = 1000
# What a rule is where it says nothing.
_DEFAULTS: Final[Mapping[str, Any]] = {
    "on": True,
    "by": [],
    "filters": [],
    "window": "10m",
    "for": 0,
    "quiet": "4h",
    "resolved": True,
    "channels": [],
}


def endpoints(served: Served) -> Sequence[ApiEndpoint]:
    """Return the endpoints of rules."""
    alerts = _Alerts(served)
    rule: dict[str, Any] = {"type": "object"}
    tried = {
        "type": "object",
        "properties": {"rule": rule_schema(), "from": text("A month ago, unless said."), "to": text()},
        "required": ["rule"],
    }
    in_id = in_path("id", pattern=f"^{RULE_ID}$")
    return [
        ApiEndpoint(
            "GET",
            "/api/alerts",
            alerts.all,
            "admin",
            "List the rules of alerts, with how it stands",
            gives(listed("rules", rule)),
        ),
        ApiEndpoint(
            "GET",
            "/api/alerts/history",
            alerts.history,
            "admin",
            "List what has happened, the newest first",
            takes(parameter("rule", text()), parameter("before", text("`next` of the page before.")), LIMIT)
            | gives(listed("history", {"type": "object"})),
        ),
        ApiEndpoint(
            "POST",
            "/api/alerts/test",
            alerts.test,
            "admin",
            "Tell when a rule would have fired",
            body(tried, examples={name: {"rule": one} for name, one in RULES.items()}) | gives(rule),
        ),
        ApiEndpoint(
            "GET", "/api/alerts/{id}", alerts.one, "admin", "Show a rule", takes(in_id) | gives(rule)
        ),
        ApiEndpoint(
            "PUT",
            "/api/alerts/{id}",
            alerts.keep,
            "admin",
            "Keep a rule under an id of your choice; with `version` only if that is the one that is kept, 0 for none",
            takes(in_id) | body(rule_schema(), examples=RULES) | gives(rule),
        ),
        ApiEndpoint(
            "DELETE",
            "/api/alerts/{id}",
            alerts.remove,
            "admin",
            "Remove a rule with its history",
            takes(in_id) | gives({"type": "object"}),
        ),
    ]


class _Alerts:
    def __init__(self, served: Served) -> None:
        self._served = served
        self._admin = served.admin
        self._answers = AlertAnswers(served.zone)
        self._figures = RuleFigures(Answerer(served.store), served.zone, served.seconds)

    async def all(self, _request: web.Request) -> web.Response:
        def read(
            connection: sqlite3.Connection,
        ) -> tuple[list[KeptRule], dict[str, dict[GroupKey, AlertState]]]:
            return kept.rules(connection), kept.all_states(connection)

        rules, states = await self._admin.read(read)
        shown_ = [self._answers.rule(one, states.get(one.id, {})) for one in rules]
        return json_response({"rules": sorted(shown_, key=lambda one: one["name"].casefold())})

    async def one(self, request: web.Request) -> web.Response:
        return json_response(await self._found(request.match_info["id"]))

    async def keep(self, request: web.Request) -> web.Response:
        number = request.match_info["id"]
        if not _ID.fullmatch(number) or number in _WORDS:
            raise Unanswerable(
                "the id is not of 1 to 64 small letters, digits and hyphens, or means something else here",
                "choose another",
                field="id",
            )
        given = await read_body(request)
        version = given.pop("version", None) if isinstance(given, dict) else None
        if version is not None and type(version) is not int:
            raise Unanswerable("version is not a number", "send the one that the rule had", field="version")
        rule = read_rule(given)
        written = {**_DEFAULTS, **given, "name": rule.name}
        now_ms = int(self._served.clock.time() * 1000)

        def keep(connection: sqlite3.Connection) -> None:
            missing = [one for one in rule.channels if outbox.channel_of(connection, one) is None]
            if missing:
                raise Unanswerable(
                    f'channels: there is no channel "{missing[0]}"', "make it first", field="channels"
                )
            if kept.rule_of(connection, number) is None and len(kept.rules(connection)) >= MOST_RULES:
                raise RequestRefused(409, f"there are {MOST_RULES} rules already", "delete some")
            if kept.keep_rule(connection, number, written, version, now_ms) is None:
                raise RequestRefused(
                    409,
                    "the rule is not as it was: somebody else has made, changed or removed it since",
                    "read it again, and change that",
                    field="version",
                )

        await self._admin.write(keep)
        return json_response(await self._found(number))

    async def remove(self, request: web.Request) -> web.Response:
        number = request.match_info["id"]
        if not await self._admin.write(lambda connection: kept.remove_rule(connection, number)):
            raise _unknown()
        return json_response({})

    async def history(self, request: web.Request) -> web.Response:
        given = parameters(request, "rule", "before", "limit")
        limit = whole_number(given, "limit", 100, _MOST_HISTORY)
        before = whole_number(given, "before", 0, 999_999_999) or None
        found, rules = await self._admin.read(
            lambda connection: (
                kept.history(connection, given.get("rule"), before, limit),
                {one.id: one for one in kept.rules(connection)},
            )
        )
        lines = [self._answers.happened(line, rules.get(line.rule)) for _, line in found]
        return json_response({"history": lines, "next": str(found[-1][0]) if len(found) == limit else None})

    async def test(self, request: web.Request) -> web.Response:
        given = await read_body(request)
        if not isinstance(given, dict) or "rule" not in given:
            raise Unanswerable(
                "the body is not an object with a rule", "see the examples in /api/openapi.json", field="rule"
            )
        for key in given:
            one_of(key, ("rule", "from", "to", "time_zone"), "key", str(key)[:60])
        asked = given["rule"]
        rule = read_rule(
            {key: value for key, value in asked.items() if key in KEYS} if isinstance(asked, dict) else asked
        )
        period = period_of(given, self._served, since=_SINCE)
        end = min(period.end, microseconds(self._served.now()))
        async with self._served.turn():
            trial = await try_past(rule, self._figures, period.start, end, self._served.zone)
        return json_response(self._answers.tried(rule, trial) | {"period": period.shown()})

    async def _found(self, number: str) -> dict[str, Any]:
        found, states = await self._admin.read(
            lambda connection: (kept.rule_of(connection, number), kept.states_of(connection, number))
        )
        if found is None:
            raise _unknown()
        return self._answers.rule(found, states)


def _unknown() -> RequestRefused:
    return RequestRefused(404, "no rule has this id", "take one from /api/alerts")
