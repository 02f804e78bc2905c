"""States: what follows for one group of a rule from what its windows say, one after the other.

    (none) ──holds──▶ pending ──still holds after `for`──▶ firing ──does not hold──▶ (none)
       ▲                 │
       └──does not hold──┘

What nobody can know changes nothing. The same function runs once a minute, and over weeks that are gone.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from bridge.analytics.alerts.rules import AlertRule

GroupKey = tuple[Any, ...]
"""The values of a rule's fields, one group of its calls; empty where it has none."""


class Happened(StrEnum):
    """What happens to a group of a rule, or to the rule itself."""

    FIRED = "fired"
    STILL = "still"
    """It fires, was said, and `quiet` is over."""
    RESOLVED = "resolved"
    FAILING = "failing"
    """The rule's question cannot be answered."""
    ANSWERED = "answered"
    """It can again."""


class Cause(StrEnum):
    """Why a group fires."""

    FIGURE = "figure"
    NO_TRAFFIC = "no_traffic"
    NO_DATA = "no_data"
    """A bridge that is not heard, or that is behind, may have what is missing."""


@dataclass(frozen=True, slots=True)
class AlertState:
    """How it stands with one group of a rule; times are ends of windows, in ms since the epoch."""

    firing: bool
    """False: it holds, but not for long enough yet."""
    since_ms: int
    """Since when it holds."""
    value: float | None
    cause: Cause
    said_ms: int | None = None
    """When it was said last, also of an alert before this one."""


RESTED = AlertState(firing=False, since_ms=0, value=None, cause=Cause.FIGURE)


@dataclass(frozen=True, slots=True)
class Observed:
    """What one window says of a group."""

    holds: bool | None
    """None: nobody can know."""
    value: float | None
    cause: Cause = Cause.FIGURE


@dataclass(frozen=True, slots=True)
class StateStep:
    """What becomes of a group's state."""

    state: AlertState | None
    """None: it is as if it had never held, and was never said."""
    happened: Happened | None = None
    says: bool = False
    """Whether it is said in the rule's channels."""


def after(rule: AlertRule, state: AlertState | None, observed: Observed, at_ms: int) -> StateStep:
    """Return what follows from a window that ended then."""
    if state is not None:
        state = _not_ahead(state, at_ms)
    resting = state is None or not state.since_ms
    if observed.holds is None:
        return StateStep(state)
    if not observed.holds:
        return _not_held(rule, state, at_ms)
    if state is None or resting:
        state = AlertState(False, at_ms, observed.value, observed.cause, state.said_ms if state else None)
    state = replace(state, value=observed.value, cause=observed.cause)
    if not state.firing:
        if at_ms - state.since_ms < rule.wait_seconds * 1000:
            return StateStep(state)
        says = _may_say(rule, state, at_ms)
        said_ms = at_ms if says else state.said_ms
        return StateStep(replace(state, firing=True, said_ms=said_ms), Happened.FIRED, says)
    if _may_say(rule, state, at_ms):
        return StateStep(replace(state, said_ms=at_ms), Happened.STILL, says=True)
    return StateStep(state)


def _not_ahead(state: AlertState, at_ms: int) -> AlertState:
    """Return a state whose times have come: a clock that is set back must not keep anything waiting for them."""
    said_ms = None if state.said_ms is None else min(state.said_ms, at_ms)
    return replace(state, since_ms=min(state.since_ms, at_ms), said_ms=said_ms)


def _not_held(rule: AlertRule, state: AlertState | None, at_ms: int) -> StateStep:
    """Return what follows when it does not hold: when it was said last is remembered as long as that matters."""
    if state is None:
        return StateStep(None)
    quiet = state.said_ms is not None and not _may_say(rule, state, at_ms)
    rested = replace(RESTED, said_ms=state.said_ms) if quiet else None
    if not state.firing:
        return StateStep(rested)
    # What was not said to begin has no end to be said either.
    begun = state.said_ms is not None and state.said_ms >= state.since_ms
    return StateStep(rested, Happened.RESOLVED, begun and rule.says_resolved)


def _may_say(rule: AlertRule, state: AlertState, at_ms: int) -> bool:
    return state.said_ms is None or at_ms - state.said_ms >= rule.quiet_seconds * 1000
