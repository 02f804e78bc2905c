"""Erases a subject from the store while events come in."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Final, Protocol, TypeVar

from bridge.analytics.store.erased import Erased
from bridge.analytics.store.erasing import ErasedCounts, Erasing
from bridge.analytics.store.names import NameNumbers
from bridge.analytics.store.removal import Removal
from bridge.analytics.store.subjects import ERASABLE, Erasure
from bridge.errors import StoreWaits

_T = TypeVar("_T")
# A question that stands in people.db's write-ahead log has read its few rows by then.
_TRIES: Final = 20
_PAUSE_SECONDS: Final = 0.25


class _Writes(Protocol):
    async def __call__(self, work: Callable[[], _T], /) -> _T: ...


class Eraser:
    """Takes out what is to be erased, a piece at a time on the writer's thread."""

    def __init__(
        self,
        erased: Erased,
        erasing: Erasing,
        removal: Removal,
        names: NameNumbers,
        write: _Writes,
    ) -> None:
        """`write` runs work on the writer's thread."""
        self._erased = erased
        self._erasing = erasing
        self._removal = removal
        self._names = names
        self._write = write

    async def digest(self, field: str, value: str) -> str:
        """Return the keyed hash that stands for a subject, as hexadecimal digits."""
        return await self._write(lambda: self._erased.digest(field, value).hex())

    async def remember(self, erasure: Erasure) -> None:
        """Let nothing come in any more of what is to be erased."""
        await self._write(lambda: self._erased.remember(erasure))

    async def take_out(self, erasure: Erasure, counts: ErasedCounts) -> AsyncIterator[None]:
        """Take a subject out of both databases; from the first moment on nothing of it comes back (S8).

        Yields after each piece, and what was done by then is in `counts`, which may begin with what was done before a
        restart. People.db is without a trace when this ends; of what only DuckDB had (texts of dimensions, ids of
        calls, figures), a trace is in free blocks of its file until `Store.exchange` has put a copy in its place. To
        repeat it does no harm, and ends what was begun.
        Raises StoreWaits when the disk does not take it.
        """
        await self.remember(erasure)
        tally = await self.digest(erasure.field, erasure.value)
        steps: Iterator[object] = chain(
            self._erasing.steps(erasure, counts, tally),
            self._removal.collect(),
            self._removal.collect_names(),
        )
        while await self._write(lambda: self._step(steps)):
            yield
        await self._write(self._removal.forget_gone)
        await self._settle()

    async def take_over(self, people_file: Path) -> int:
        """Let nothing come back that another store has erased, and take out what is here of it.

        Returns how many erasures these are. Raises StoreUnusable for a file that cannot be read.
        """
        count = await self._write(partial(self._erased.take_over, people_file))
        for erasure in await self._write(lambda: [*self._there()]):
            async for _ in self.take_out(erasure, ErasedCounts()):
                pass
        await self._write(self._erased.end_all)
        return count

    def _there(self) -> Iterator[Erasure]:
        for field, columns in ERASABLE.items():
            for column in columns:
                for value in self._erasing.texts(column):
                    yield from self._erased.erasures_of(field, value)

    async def end(self, erasure: Erasure) -> None:
        """Say that nothing of it is left."""
        await self._write(lambda: self._erased.end(erasure))

    def _step(self, steps: Iterator[object]) -> bool:
        gone = next(steps, self)
        if gone:
            # Texts that the writer remembers, perhaps.
            self._names.read()
        return gone is not self

    async def _settle(self) -> None:
        for left in reversed(range(_TRIES)):
            try:
                return await self._write(self._removal.empty_log)
            except StoreWaits:
                if not left:
                    raise
            await asyncio.sleep(_PAUSE_SECONDS)
        return None
