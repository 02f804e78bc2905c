"""A gate in front of intake, with knobs for tests of sources."""

import asyncio

from bridge.contracts import Arrival, Receipt
from bridge.errors import JournalFull
from bridge.intake import Intake


class Gate:
    """An ingest before the real one: it can hold calls, say that the journal is full, or fail."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self.open = asyncio.Event()
        self.open.set()
        self.entered = asyncio.Event()
        """Set when a call has come in."""
        self.calls = 0
        self.waiting = 0
        self.full_calls = 0
        """So many calls from now on raise JournalFull."""
        self.fail_call: int | None = None
        """The call with this number (from 1) raises `failure`."""
        self.failure: Exception = ValueError("secret of the house")
        self.retry_after_seconds = 7

    async def __call__(self, arrival: Arrival) -> Receipt:
        self.calls += 1
        call = self.calls
        self.waiting += 1
        self.entered.set()
        await self.open.wait()
        self.waiting -= 1
        if self.full_calls:
            self.full_calls -= 1
            raise JournalFull("no room", retry_after_seconds=self.retry_after_seconds)
        if call == self.fail_call:
            raise self.failure
        return await self._intake(arrival)
