"""The connections of a listener: how many there may be, how long each may take, and which are closed for new ones.

When all places are taken, a silent connection is closed to make room for a new one: first those that never sent a
complete request, then those that have been idle for longest. So neither silent senders nor senders that trickle
their heads keep anybody out, least of all a probe. A new connection is turned away only when every other one has a
request that is being answered.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

from aiohttp import StreamReader, web

Answering = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

# How long a sender may take for the head of a request, from its first byte on.
_HEAD_SECONDS: Final = 10.0
# How many bytes of pipelined bodies may wait for their turn before a connection is not read any further.
_MOST_WAITING_BYTES: Final = 256 * 2**10
_LOOK_SECONDS: Final = 0.05


class Connections(web.Server):
    """Hands requests to `answering`, over at most `most` connections at a time.

    A subclass says in `__call__` what a connection is, and in `busy` and `late` what it is told.
    """

    def __init__(self, answering: Answering, *, most: int, idle_seconds: float) -> None:
        super().__init__(answering)
        self.most = most
        self.idle_seconds = idle_seconds
        self.head_seconds = _HEAD_SECONDS
        # In the order in which they came.
        self._held: dict[Connection, None] = {}

    def renew(self, *, most: int, idle_seconds: float) -> None:
        """Use these limits; connections that are open keep their own idle time."""
        self.most = most
        self.idle_seconds = idle_seconds

    def busy(self) -> bytes:
        """Return the answer to a connection that is turned away."""
        raise NotImplementedError

    def late(self) -> bytes:
        """Return the answer to a head that does not become complete in time."""
        raise NotImplementedError

    def has_place(self, connection: "Connection") -> bool:
        """Give a new connection a place; returns False if nobody can give way."""
        if len(self._held) >= self.most:
            silent = self._longest_silent()
            if silent is None:
                return False
            # Its own end comes a little later.
            del self._held[silent]
            silent.force_close()
        self._held[connection] = None
        return True

    def leave(self, connection: "Connection") -> None:
        """Say that a connection has ended."""
        self._held.pop(connection, None)

    def _longest_silent(self) -> "Connection | None":
        waiting = [held for held in self._held if held.is_silent]
        newcomers = (held for held in waiting if not held.is_known)
        return next(newcomers, None) or min(waiting, key=lambda held: held.idle_until, default=None)


class Connection(web.RequestHandler):
    """One connection."""

    def __init__(
        self, connections: Connections, mend: Callable[[bytes], bytes] = bytes, **options: Any
    ) -> None:
        """`mend` returns what to give the parser for bytes of a head."""
        super().__init__(
            connections,
            loop=asyncio.get_running_loop(),
            keepalive_timeout=connections.idle_seconds,
            auto_decompress=False,
            **options,
        )
        self._connections = connections
        self._mend = mend
        self._body: StreamReader | None = None
        self._head_deadline: asyncio.TimerHandle | None = None

    @property
    def is_silent(self) -> bool:
        """Whether it waits for the rest of a head, or for a request."""
        return self._waiter is not None and not self._waiter.done()

    @property
    def is_known(self) -> bool:
        """Whether it has ever sent a whole head."""
        return self._request_count > 0

    @property
    def idle_until(self) -> float:
        """When it is closed if nothing comes; the earliest has been idle for longest."""
        return self._next_keepalive_close_time

    def connection_made(self, transport: Any) -> None:
        """Begin, or turn it away at once: idle senders must not take the files that the journal needs."""
        if self._connections.has_place(self):
            super().connection_made(transport)
            return
        # Do not read it, and do not tell aiohttp, which would begin to serve a connection that has gone.
        self._force_close = True
        transport.write(self._connections.busy())
        transport.close()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Leave the place."""
        self._connections.leave(self)
        self._forget_head()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what has come; a head that has begun must be complete in time."""
        is_head = bool(data) and (self._body is None or self._body.is_eof())
        if is_head:
            data = self._mend(data)
        super().data_received(data)
        if self._messages:
            # The request that was parsed last: while its body is incomplete, what comes is not a head.
            self._body = self._messages[-1][1]
            if self._head_deadline is not None:
                self._forget_head()
            if len(self._messages) > 1:
                self._wait_for_turn()
        elif is_head and self._head_deadline is None and data.strip() and not self._force_close:
            self._await_head()

    def eof_received(self) -> bool:  # type: ignore[override] # aiohttp never wants to keep it open
        """Keep the way back open for a sender that has closed its side and waits for its answers.

        Over TLS that cannot be: there the end of one direction is the end of both.
        """
        is_whole = self._body is not None and self._body.is_eof()
        if not is_whole or self.is_silent or self.ssl_context is not None:
            return False
        self._end_when_answered()
        return True

    def _end_when_answered(self) -> None:
        if self.transport is None:
            return
        if self.is_silent:
            self.force_close()
        else:
            self._loop.call_later(_LOOK_SECONDS, self._end_when_answered)

    def _wait_for_turn(self) -> None:
        """Read no more while large bodies wait behind the one that is being answered (P8)."""
        if not self._buffer_paused and self._too_much_waits():
            self._pause_reading_for_buffer()

    def _resume_reading_if_drained(self) -> None:
        if not self._too_much_waits():
            super()._resume_reading_if_drained()

    def _too_much_waits(self) -> bool:
        return sum(body.total_bytes for _, body in self._messages) > _MOST_WAITING_BYTES

    def _await_head(self) -> None:
        seconds = self._connections.head_seconds
        self._head_deadline = self._loop.call_later(seconds, self._end_late_head)

    def _forget_head(self) -> None:
        if self._head_deadline is not None:
            self._head_deadline.cancel()
            self._head_deadline = None

    def _end_late_head(self) -> None:
        self._head_deadline = None
        if self.transport is None:
            return
        if not self.is_silent:
            # It began after a request that is not answered yet, so its time begins with the answer.
            self._await_head()
            return
        self.transport.write(self._connections.late())
        self.force_close()
