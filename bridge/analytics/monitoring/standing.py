"""How a monitor stands, and what an outcome makes of it.

Down is said after `retries` more failures, and then from the first one on: the time of the tries was no time up. A
failure that a try finds gone is none.
"""

from enum import IntEnum
from typing import Literal

import msgspec

from bridge.analytics.monitoring.monitor import Monitor
from bridge.analytics.monitoring.probe import ProbeOutcome


class ProbeState(IntEnum):
    """What is known from a probe on, until the next one is due."""

    DOWN = 0
    UP = 1
    FAILING = 2
    """It failed, and is tried again. With the next one it is known what this was."""
    STOPPED = 3
    """Nothing, because nobody asks any more: the monitor is paused."""


class Standing(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a monitor stands."""

    state: Literal["new", "up", "failing", "down"] = "new"
    since_ms: int = 0
    """Since when it is up, or down."""
    failures: int = 0
    """How many there were, one behind the other."""
    failing_ms: int = 0
    """When the first of them began."""
    last_ms: int = 0
    """When the last probe began."""
    outcome: ProbeOutcome | None = None
    """What came of that."""
    expires_ms: int | None = None
    """When the first of its certificates ends, as it was seen last."""

    def after(self, outcome: ProbeOutcome, at_ms: int, monitor: Monitor) -> "Standing":
        """Return how it stands after a probe that began at `at_ms`."""
        expires = outcome.expires_ms if outcome.expires_ms is not None else self.expires_ms
        state: Literal["up", "failing", "down"]
        if outcome.reason is None:
            was_up = self.state in {"up", "failing"} and self.since_ms
            state, since, failures, failing = "up", self.since_ms if was_up else at_ms, 0, 0
        else:
            failures, failing = self.failures + 1, self.failing_ms if self.failures else at_ms
            if self.state == "down":
                state, since = "down", self.since_ms
            elif failures > monitor.retries:
                state, since = "down", failing
            else:
                state, since = "failing", self.since_ms
        return Standing(
            state=state,
            since_ms=since,
            failures=failures,
            failing_ms=failing,
            last_ms=at_ms,
            outcome=outcome,
            expires_ms=expires,
        )
