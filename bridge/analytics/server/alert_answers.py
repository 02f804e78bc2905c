"""How rules of alerts are answered: how they stand, what has happened, and what would have on the past."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from zoneinfo import ZoneInfo

from bridge.analytics.admin.alerts import HistoryLine, KeptRule
from bridge.analytics.alerts.past import PastTrial
from bridge.analytics.alerts.rules import AlertRule
from bridge.analytics.alerts.states import AlertState, Cause, GroupKey
from bridge.analytics.alerts.words import condition_words, finding_words, group_words
from bridge.analytics.questions.periods import shown
from bridge.errors import Unanswerable

_MOST_ALERTS: Final = 500


class AlertAnswers:
    """Makes these answers, with times in the server's zone."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone

    def rule(self, one: KeptRule, states: Mapping[GroupKey, AlertState]) -> dict[str, Any]:
        """Return a rule with how it stands."""
        rule = rule_of(one)
        firing = [self._group(rule, key, state) for key, state in states.items() if state.firing]
        pending = [
            self._group(rule, key, state)
            for key, state in states.items()
            if state.since_ms and not state.firing
        ]
        return {
            "id": one.id,
            "version": one.version,
            **one.body,
            "condition": condition_words(rule) if rule else "",
            "state": _state(one, rule, firing, pending),
            "firing": firing,
            "pending": pending,
            "looked": self.time(one.looked_ms),
            "failing_since": self.time(one.failing_ms),
            "failure": one.failure,
        }

    def _group(self, rule: AlertRule | None, key: GroupKey, state: AlertState) -> dict[str, Any]:
        group = _named(rule, key)
        return {
            "group": group,
            "words": group_words(group) if group else "",
            "since": self.time(state.since_ms),
            "value": state.value,
            "cause": state.cause,
            "said": finding_words(rule, state.value, state.cause) if rule else "",
        }

    def happened(self, line: HistoryLine, one: KeptRule | None) -> dict[str, Any]:
        """Return a line of the history; `one` is its rule, if it is still there."""
        group = {} if line.of is None else _named(rule_of(one) if one else None, line.of)
        return {
            "rule": line.rule,
            "name": one.body["name"] if one else line.rule,
            "happened": line.happened,
            "at": self.time(line.at_ms),
            "group": group,
            "words": group_words(group) if group else "",
            "value": line.value,
            "cause": line.cause,
            "said": line.detail,
        }

    def tried(self, rule: AlertRule, trial: PastTrial) -> dict[str, Any]:
        """Return when a rule would have fired."""
        alerts = []
        for one in trial.alerts[:_MOST_ALERTS]:
            group = _named(rule, one.group)
            alerts.append(
                {
                    "group": group,
                    "words": group_words(group) if group else "",
                    "from": self.time(one.start // 1000),
                    "to": None if one.end is None else self.time(one.end // 1000),
                    "value": one.worst,
                    "said": finding_words(
                        rule, one.worst, Cause.NO_TRAFFIC if rule.silence else Cause.FIGURE
                    ),
                }
            )
        return {
            "condition": condition_words(rule),
            "fired": len(trial.alerts),
            "messages": trial.said,
            "alerts": alerts,
            "series": {"times": [self.time(at // 1000) for at in trial.ends], "values": [*trial.values]},
            "unit": rule.measure.unit,
            "groups": trial.groups,
            "tried": trial.tried,
            "looks": trial.looks,
            "exact": not trial.approximate,
        }

    def time(self, at_ms: int | None) -> str | None:
        """Return a time as it is answered: ISO 8601, in the server's time zone."""
        return None if at_ms is None else shown(at_ms * 1000, self._zone)


def rule_of(one: KeptRule) -> AlertRule | None:
    """Return the rule; None for one that this version does not understand, which is shown as failing."""
    try:
        return one.rule
    except Unanswerable:
        return None


def _named(rule: AlertRule | None, key: GroupKey) -> dict[str, Any]:
    """Return a group's values by field; a rule that was changed since has other fields."""
    names = [field.name for field in rule.by] if rule else []
    if len(names) != len(key):
        names = [f"value_{place + 1}" for place in range(len(key))]
    return dict(zip(names, key, strict=True))


def _state(one: KeptRule, rule: AlertRule | None, firing: Sequence[Any], pending: Sequence[Any]) -> str:
    if rule is None or one.failing_ms is not None:
        return "failing"
    if not rule.on:
        return "off"
    if firing:
        return "firing"
    if pending:
        return "pending"
    return "waiting" if one.looked_ms is None else "ok"
