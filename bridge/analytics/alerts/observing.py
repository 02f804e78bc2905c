"""What one window says of each group of a rule: the same now, and over weeks that are gone."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from bridge.analytics.alerts.figures import NO_CALLS, WindowFigures, found
from bridge.analytics.alerts.rules import AlertRule
from bridge.analytics.alerts.states import AlertState, Cause, GroupKey, Observed


@dataclass(frozen=True, slots=True)
class WindowLook:
    """All that is known about one window of a rule."""

    now: Mapping[GroupKey, WindowFigures]
    week_before: Mapping[GroupKey, WindowFigures]
    known: Mapping[GroupKey, Collection[str]]
    """Groups that may be missed, with their gateways; empty where a rule misses none."""
    not_heard: Collection[str]
    """Bridges whose events may be missing."""
    just_started: bool = False
    """Whether bridges have not had the time to be heard."""


def groups_of(rule: AlertRule, look: WindowLook, states: Collection[GroupKey]) -> set[GroupKey]:
    """Return the groups that are looked at."""
    if not rule.by:
        return {()}
    return {*look.now, *look.week_before, *look.known, *states}


def observed(rule: AlertRule, key: GroupKey, look: WindowLook, state: AlertState | None) -> Observed:
    """Return what the window says of a group."""
    finding = found(rule, look.now.get(key, NO_CALLS), look.week_before.get(key, NO_CALLS))
    if not rule.holds_by_lack:
        # What would end an alert may not have come.
        unsure = not finding.holds and look.not_heard and state is not None and state.firing
        return Observed(None if unsure else finding.holds, finding.value)
    if rule.by and key not in look.known:
        # It had no call for so long that nobody expects one.
        return Observed(holds=False, value=finding.value)
    if not finding.holds:
        return Observed(holds=False, value=finding.value)
    if missing_of(key, look):
        unknown = look.just_started or not rule.fires_unknown
        return Observed(None if unknown else True, finding.value, Cause.NO_DATA)
    return Observed(True, finding.value, Cause.NO_TRAFFIC if rule.silence else Cause.FIGURE)


def missing_of(key: GroupKey, look: WindowLook) -> list[str]:
    """Return the bridges that are not heard of those that have sent calls of this group; of all, if none has."""
    gateways = look.known.get(key) or look.not_heard
    return sorted(name for name in gateways if name in look.not_heard)
