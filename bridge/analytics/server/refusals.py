"""How a request is refused: with what is wrong, and its cure."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any


class RequestRefused(Exception):  # noqa: N818 - an answer, not a failure
    """A request is answered with an error: what is wrong, and its cure."""

    def __init__(
        self, status: int, error: str, cure: str, *, headers: Mapping[str, str] | None = None, **more: Any
    ) -> None:
        super().__init__(error)
        self.status = status
        self.headers = headers or {}
        self.content = {"error": error, "cure": cure, **more}


class Line:
    """Those who wait for an answer, so many at most."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._waiting = 0

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Have a place while the block runs; raises RequestRefused when there is none."""
        if self._waiting >= self._most:
            raise RequestRefused(
                503, "too many questions are waiting", "ask again in a second", headers={"Retry-After": "1"}
            )
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1
