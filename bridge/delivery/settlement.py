"""What a lane has delivered but not committed yet: one advance of the cursor for any number of batches."""

import asyncio
from dataclasses import replace
from typing import Final

from bridge.contracts import Clock
from bridge.delivery.feed import Step
from bridge.delivery.in_flight import Outcome
from bridge.delivery.parking import Parking
from bridge.delivery.replays import Replay, Replayed
from bridge.errors import JournalWaits
from bridge.journal import Advance, Journal

# What is not committed is delivered again after a crash: a slow disk must not let that grow.
_MOST_UNCOMMITTED: Final = 64
# Of letters in memory (P8): parking needs no request that would slow it down.
_MOST_LETTER_BYTES: Final = 4 * 2**20
_DISK_PAUSE_SECONDS: Final = 1.0


class Settlement:
    """Gathers outcomes, the journal's in its order and replays as they end; commits them with the cursor (P3)."""

    def __init__(
        self, journal: Journal, sink: str, seq: int, at: int, parking: Parking, clock: Clock
    ) -> None:
        self.something = asyncio.Event()
        """Set while there is something to commit."""
        self._journal = journal
        self._advance = Advance(sink, seq, at)
        self._parking = parking
        self._clock = clock
        self._uncommitted = 0
        self._letter_bytes = 0
        self._replays: list[tuple[Replay, Replayed]] = []
        self._committing: list[tuple[Replay, Replayed]] = []
        self._tenants: set[str] = set()
        """The tenants whose events the current commit parks."""
        self._commit: asyncio.Task[None] | None = None
        self._ending = asyncio.Event()
        self.waits_for = ""
        """Why commits cannot be written now; empty if they can."""

    def add(self, step: Step, outcome: Outcome) -> None:
        """Take a step whose events are all dealt with."""
        so_far = self._advance
        letters = [letter for _, letter in outcome.letters]
        self._letter_bytes += sum(len(letter.event) for letter in letters)
        self._note(
            replace(
                so_far,
                seq=step.seq,
                at=step.at,
                state=outcome.state or so_far.state,
                delivered=so_far.delivered + step.events - len(letters) - outcome.sampled_out,
                sampled_out=so_far.sampled_out + outcome.sampled_out,
                filtered=so_far.filtered + step.filtered,
                corrupt=so_far.corrupt + step.corrupt,
                letters=[*so_far.letters, *letters],
                corrupt_blocks=[*so_far.corrupt_blocks, *step.corrupt_blocks],
            )
        )

    def add_replay(self, replay: Replay, outcome: Outcome) -> None:
        """Take the outcome of letters that were sent again."""
        so_far = self._advance
        again = dict(outcome.letters)
        numbers = [letter.number for letter in replay.letters]
        delivered = [number for index, number in enumerate(numbers) if index not in again]
        parked = sum(letter.tenant is not None for letter in again.values())
        self._replays.append((replay, Replayed(len(delivered), len(again), parked, outcome.sampled_out)))
        refused = ((numbers[index], letter) for index, letter in again.items())
        self._note(
            replace(
                so_far,
                state=outcome.state or so_far.state,
                replayed=[*so_far.replayed, *delivered],
                refused_again=[*so_far.refused_again, *refused],
            )
        )

    async def commit(self) -> None:
        """Return once everything gathered so far is on disk, and waiting replays know it."""
        self.something.clear()
        if not self._uncommitted:
            return
        advance = self._advance
        self._advance = Advance(advance.sink, advance.seq, advance.at)
        self._committing, self._replays = self._replays, []
        self._tenants = {
            letter.tenant
            for letter in (*advance.letters, *(letter for _, letter in advance.refused_again))
            if letter.tenant is not None
        }
        self._uncommitted = self._letter_bytes = 0
        self._commit = asyncio.create_task(self._write(advance))
        await asyncio.shield(self._commit)
        self._tell()

    async def keep_up(self) -> None:
        """Wait for the commit under way if much was gathered meanwhile."""
        much = self._uncommitted >= _MOST_UNCOMMITTED or self._letter_bytes >= _MOST_LETTER_BYTES
        if much and self._commit is not None:
            await asyncio.wait((self._commit,))

    async def end(self) -> None:
        """Commit the rest, whatever ended the lane: what is delivered must not be sent twice without need.

        Nothing is committed behind a commit that failed, because that one held the fate of earlier events.
        """
        self._ending.set()
        if self._commit is not None:
            await asyncio.shield(self._commit)
            self._tell()
        await self.commit()

    async def _write(self, advance: Advance) -> None:
        """Return when it is on disk; wait for a disk that is full or fails for a while, but not at the end."""
        while True:
            try:
                await self._journal.advance(advance)
            except JournalWaits as waits:
                if self._ending.is_set():
                    raise
                self.waits_for = str(waits)
                pause = asyncio.ensure_future(self._clock.sleep(_DISK_PAUSE_SECONDS))
                ending = asyncio.ensure_future(self._ending.wait())
                await asyncio.wait((pause, ending), return_when=asyncio.FIRST_COMPLETED)
                pause.cancel()
                ending.cancel()
            else:
                self.waits_for = ""
                return

    def _note(self, advance: Advance) -> None:
        self._advance = advance
        self._uncommitted += 1
        self.something.set()

    def _tell(self) -> None:
        self._parking.parked(self._tenants)
        self._tenants = set()
        for replay, result in self._committing:
            if not replay.done.done():
                replay.done.set_result(result)
        self._committing = []
