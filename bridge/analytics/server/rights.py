"""What one who calls may do."""

from dataclasses import dataclass
from typing import Final, get_args

from bridge.analytics.admin.links import OpenedToken
from bridge.analytics.questions.question import MOST_ROWS
from bridge.analytics.questions.sandbox import Sandbox
from bridge.analytics.server.refusals import RequestRefused
from bridge.settings.analytics import Scope

_MOST_ROWS_IN_PART: Final = 20_000
"""Who sees a part of the events may be anybody: rows are put together while nobody else is served (P8)."""


@dataclass(frozen=True, slots=True)
class Rights:
    """What a token allows, or this machine."""

    name: str
    """The token's; what is counted against its limits."""
    scopes: frozenset[Scope]
    sandbox: Sandbox | None = None
    """What it sees; None: everything."""
    per_minute: int | None = None
    """How many requests it may make in a minute; None: any number."""
    at_once: int | None = None
    """How many of its questions are answered at once; None: any number."""
    workspace: OpenedToken | None = None
    """What it opens, where it is a workspace's token."""
    key: str | None = None
    """The hash of the API Analytics key that it is, if calls were sent with that."""

    @property
    def most_rows(self) -> int:
        """How many rows an answer may have."""
        return MOST_ROWS if self.sandbox is None else _MOST_ROWS_IN_PART

    def require(self, scope: Scope) -> None:
        """Return if these allow what a scope stands for; raises RequestRefused."""
        if scope not in self.scopes and "admin" not in self.scopes:
            raise RequestRefused(
                403,
                f"this token may not do that: it lacks the scope {scope}",
                f"add {scope} to its scopes, or use another",
            )


EVERYTHING: Final = Rights("this machine", frozenset(get_args(Scope)))
