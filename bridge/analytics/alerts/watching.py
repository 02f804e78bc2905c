"""Watching: once a minute each rule is asked, and what follows is kept with the notices that it makes."""

import asyncio
import sqlite3
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final
from uuid import uuid4

from bridge.analytics.admin import alerts as kept
from bridge.analytics.admin import channels as outbox
from bridge.analytics.admin.alerts import HistoryLine, KeptRule
from bridge.analytics.alerts.bridges import HEARD_MS, not_heard
from bridge.analytics.alerts.figures import WEEK, RuleFigures, last_window_end
from bridge.analytics.alerts.notices import MOST_LINES, Notice, NoticeLine, page_of
from bridge.analytics.alerts.observing import WindowLook, groups_of, missing_of, observed
from bridge.analytics.alerts.rules import AlertRule
from bridge.analytics.alerts.states import AlertState, GroupKey, Happened, after
from bridge.analytics.alerts.words import condition_words, finding_words
from bridge.analytics.questions.answers import Answerer
from bridge.analytics.questions.periods import shown
from bridge.analytics.server.served import Served
from bridge.errors import QuestionTooLong, StoreWaits, Unanswerable

LAG_SECONDS: Final = 15
"""A window is looked at when it has been over for so long: its last events need a moment to come."""
PASS_SECONDS: Final = 45.0
"""One look at all rules; those that are left are the first of the next."""
RULE_SECONDS: Final = 10.0
AHEAD_MS: Final = 300_000
"""A window that ends so much later than now was looked at by a clock that has been set back since."""
FAILING_SAID_MS: Final = 600_000
"""A rule that cannot be answered is said after so long."""


@dataclass(frozen=True, slots=True)
class _Change:
    """What becomes of one group."""

    key: GroupKey
    state: AlertState | None
    before: AlertState | None
    happened: Happened | None
    says: bool
    said: str


class AlertWatch:
    """Looks at the rules."""

    def __init__(self, served: Served) -> None:
        self._served = served
        self._started = served.clock.monotonic()
        seconds = min(RULE_SECONDS, served.seconds)
        self._figures = RuleFigures(Answerer(served.store), served.zone, seconds)

    async def look(self) -> None:
        """Look at each rule whose next window is over, those first that have waited longest."""
        served = self._served
        now = served.clock.time()
        rules = await served.admin.read(kept.rules)
        due = [(one, end) for one in rules if (end := self._due(one, now)) is not None]
        due.sort(key=lambda pair: pair[0].looked_ms or 0)
        accounts = await served.store.accounts() if due else []
        until = served.clock.monotonic() + PASS_SECONDS
        for place, (one, end) in enumerate(due):
            if served.clock.monotonic() > until:
                served.metrics.count("analytics_alert_looks", len(due) - place, "late")
                served.logger.warning(
                    "not all rules of alerts could be looked at in time", late=len(due) - place
                )
                return
            await self._look_at(one, end, accounts)

    def _due(self, one: KeptRule, now: float) -> int | None:
        """Return the end of the window (µs) that is to be looked at; None: it was already, or the rule is off."""
        try:
            rule = one.rule
        except Unanswerable:
            return int(now * 1_000_000)
        end = last_window_end(rule, int((now - LAG_SECONDS) * 1_000_000), self._served.zone)
        last = int(now * 1000) + AHEAD_MS
        looked = one.looked_ms is not None and end // 1000 <= one.looked_ms <= last
        return None if looked or not rule.on else end

    async def _look_at(
        self, one: KeptRule, end: int, accounts: Sequence[tuple[str, str, int, dict[str, Any]]]
    ) -> None:
        try:
            rule = one.rule
            async with asyncio.timeout(2 * RULE_SECONDS):
                look = await self._ask(rule, end, accounts)
        except (Unanswerable, QuestionTooLong, StoreWaits) as error:
            await self._failed(one, str(error))
        except TimeoutError:
            await self._failed(one, f"no answer in {2 * RULE_SECONDS:g} seconds")
        except Exception as error:
            self._served.logger.exception(
                "a rule of alerts could not be looked at", rule=one.id, exc_info=error
            )
            await self._failed(one, "this server has failed; look at its log")
        else:
            await self._keep(one, rule, end, look)

    async def _ask(
        self, rule: AlertRule, end: int, accounts: Sequence[tuple[str, str, int, dict[str, Any]]]
    ) -> WindowLook:
        now_ms = int(self._served.clock.time() * 1000)
        return WindowLook(
            now=await self._figures.window(rule, end),
            week_before=await self._figures.window(rule, end - WEEK) if rule.against_week else {},
            known=await self._figures.known(rule, end) if rule.holds_by_lack else {},
            not_heard=not_heard(accounts, end // 1000, now_ms),
            just_started=self._served.clock.monotonic() - self._started < HEARD_MS / 1000,
        )

    async def _keep(self, one: KeptRule, rule: AlertRule, end: int, look: WindowLook) -> None:
        at_ms, at = end // 1000, shown(end, self._served.zone)
        self._served.metrics.count("analytics_alert_looks", 1, "answered")

        def keep(connection: sqlite3.Connection) -> int:
            states = kept.states_of(connection, one.id)
            changes = [
                change
                for key in sorted(groups_of(rule, look, states.keys()), key=str)
                if (change := _change(rule, key, look, states.get(key), at_ms)) is not None
            ]
            history = [
                HistoryLine(one.id, change.key, at_ms, change.happened, *_found(change))
                for change in changes
                if change.happened not in {None, Happened.STILL}
            ]
            if one.failing_ms is not None:
                history.append(HistoryLine(one.id, None, at_ms, Happened.ANSWERED))
            changed = {change.key: change.state for change in changes}
            if not kept.keep_look(connection, one, at_ms, changed, history):
                return 0
            notices = self._notices(one, rule, at, changes)
            if one.failure_said:
                notices.append(
                    self._notice(Happened.ANSWERED, one.id, rule.name, condition_words(rule), at, [])
                )
            return self._send(connection, rule.channels, notices)

        self._count_failed(await self._served.admin.write(keep))

    def _notices(self, one: KeptRule, rule: AlertRule, at: str, changes: Sequence[_Change]) -> list[Notice]:
        notices = []
        for happened in (Happened.FIRED, Happened.STILL, Happened.RESOLVED):
            lines = [
                self._line(rule, change) for change in changes if change.says and change.happened is happened
            ]
            if lines:
                notices.append(self._notice(happened, one.id, rule.name, condition_words(rule), at, lines))
        return notices

    def _line(self, rule: AlertRule, change: _Change) -> NoticeLine:
        state = change.state if change.state is not None and change.state.since_ms else change.before
        group = {field.name: value for field, value in zip(rule.by, change.key, strict=True)}
        since = shown(state.since_ms * 1000, self._served.zone) if state else ""
        return NoticeLine(
            group,
            change.state.value if change.state else None,
            change.said,
            since,
            state.cause if state else "",
        )

    def _notice(
        self, happened: Happened, number: str, name: str, condition: str, at: str, lines: Sequence[NoticeLine]
    ) -> Notice:
        url = page_of(number, self._served.settings.public_url)
        more = max(0, len(lines) - MOST_LINES)
        return Notice(happened.value, number, name, condition, at, tuple(lines[:MOST_LINES]), more, url)

    def _send(
        self, connection: sqlite3.Connection, channels: Sequence[str], notices: Sequence[Notice]
    ) -> int:
        """Let notices wait in these channels; returns how many others were given up for them."""
        now_ms = int(self._served.clock.time() * 1000)
        there = outbox.channels(connection).keys()
        return sum(
            outbox.add_message(
                connection, f"msg_{uuid4().hex}", channel, notice.title, {"notice": asdict(notice)}, now_ms
            )
            for notice in notices
            for channel in channels
            if channel in there
        )

    async def _failed(self, one: KeptRule, failure: str) -> None:
        now_ms = int(self._served.clock.time() * 1000)
        since_ms = min(one.failing_ms or now_ms, now_ms)
        says = not one.failure_said and now_ms - since_ms >= FAILING_SAID_MS
        began = [HistoryLine(one.id, None, now_ms, Happened.FAILING, detail=failure)]
        self._served.metrics.count("analytics_alert_looks", 1, "failed")
        if one.failing_ms is None:
            self._served.logger.warning("a rule of alerts cannot be answered", rule=one.id, problem=failure)

        def keep(connection: sqlite3.Connection) -> int:
            history = began if one.failing_ms is None else []
            said = says or one.failure_said
            if not kept.keep_failure(connection, one, since_ms, failure, history, said=said) or not says:
                return 0
            line = NoticeLine({}, None, failure, shown(since_ms * 1000, self._served.zone), "")
            at = shown(now_ms * 1000, self._served.zone)
            # The rule itself may be what cannot be read, after an update.
            name, channels = one.body["name"], one.body.get("channels", ())
            notice = self._notice(Happened.FAILING, one.id, name, "the question fails", at, [line])
            return self._send(connection, channels, [notice])

        self._count_failed(await self._served.admin.write(keep))

    def _count_failed(self, given_up: int) -> None:
        if given_up:
            self._served.logger.warning("too many messages were waiting", given_up=given_up)


def _change(
    rule: AlertRule, key: GroupKey, look: WindowLook, state: AlertState | None, at_ms: int
) -> _Change | None:
    """Return what becomes of a group; None: all stays as it is."""
    seen = observed(rule, key, look, state)
    step = after(rule, state, seen, at_ms)
    if step.state == state and step.happened is None:
        return None
    said = finding_words(rule, seen.value, seen.cause, ", ".join(missing_of(key, look)))
    return _Change(key, step.state, state, step.happened, step.says, said)


def _found(change: _Change) -> tuple[float | None, str | None, str]:
    state = change.state if change.happened is Happened.FIRED else change.before
    return (state.value if state else None, state.cause if state else None, change.said)
