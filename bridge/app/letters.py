"""Commands on dead letters and salvaged events that need only the journal, with a daemon or without."""

from typing import Any, Final

import msgspec

from bridge.app.happenings import BridgeHappenings
from bridge.errors import ControlError
from bridge.events.event import decode
from bridge.events.times import format_ms
from bridge.journal import Accepted, DeadLetter, Journal, Selection

PAGE: Final = 100
"""Letters that are read at a time."""


class _Choice(msgspec.Struct, forbid_unknown_fields=True):
    """The arguments that select dead letters."""

    sink: str | None = None
    reason: str | None = None
    since_ms: int | None = None
    numbers: list[int] = []

    def selection(self) -> Selection:
        """Return it in the journal's terms."""
        return Selection(self.sink, self.reason, self.since_ms, tuple(self.numbers))


def choice_of(arguments: dict[str, Any]) -> Selection:
    """Return which dead letters these arguments mean; raises msgspec.ValidationError."""
    return msgspec.convert(arguments, _Choice).selection()


class Letters:
    """Carries out commands on one journal."""

    def __init__(self, journal: Journal, happenings: BridgeHappenings) -> None:
        self._journal = journal
        self._happenings = happenings

    async def list(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Return a page of dead letters after number `after`; raises ControlError for a sink without a cursor."""
        after = take_int(arguments, "after")
        selection = choice_of(arguments)
        if selection.sink is not None:
            self._refuse_unknown(selection.sink)
        letters = await self._journal.dead.select(selection, after=after, limit=PAGE)
        return {"letters": [_letter(letter) for letter in letters]}

    async def purge(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Delete dead letters for good."""
        selection = choice_of(arguments)
        if selection.sink is not None:
            self._refuse_unknown(selection.sink)
        purged = await self._journal.dead.purge(selection)
        self._happenings.purged(purged)
        return {"purged": purged}

    async def restore(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Journal events that were salvaged, under the ids that they had (P5); raises JournalWaits."""
        events = msgspec.convert(arguments.get("events"), list[tuple[str, str]])
        accepted = Accepted("salvage")
        for name, text in events:
            body = text.encode()
            accepted.ids.append(name)
            accepted.bodies.append(body)
            decode(body)
        accepted.raw_bytes = sum(map(len, accepted.bodies)) + len(events)
        for total in ("events_received", "events_journalled"):
            accepted.totals[total, accepted.source, ""] = len(events)
        await self._journal.append(accepted)
        return {"restored": len(events)}

    def _refuse_unknown(self, sink: str) -> None:
        known = [*self._journal.pending, *self._journal.removed]
        if sink not in known:
            raise ControlError(f"no sink is called {sink!r}; there is {', '.join(known)}")


def take_int(arguments: dict[str, Any], name: str) -> int:
    """Return a whole number from the arguments, 0 if it is missing; raises ControlError."""
    value = arguments.pop(name, 0)
    if not isinstance(value, int):
        raise ControlError(f"{name} must be a whole number")
    return value


def _letter(letter: DeadLetter) -> dict[str, Any]:
    return {
        "number": letter.number,
        "sink": letter.sink,
        "id": letter.event_id,
        "received": format_ms(letter.received_ms),
        "failed": format_ms(letter.failed_ms),
        "reason": letter.reason,
        "status": letter.status,
        "answer": letter.answer,
        "tenant": letter.tenant,
        "attempts": letter.attempts,
        "event": msgspec.Raw(letter.event),
    }
