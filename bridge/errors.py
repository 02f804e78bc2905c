"""Every error that the bridge raises on purpose.

    BridgeError
    ├── SettingsError           the configuration: names file, key and cure; exit code 2
    ├── Unacceptable            one input that cannot be an event; carries a reason of REJECT_REASONS
    ├── JournalError
    │   ├── JournalWaits        a bad disk, a foreign lock: the log source waits, HTTP answers 503 with Retry-After
    │   │   └── JournalFull     no room
    │   ├── JournalLocked       another daemon holds the state folder
    │   └── JournalUnusable     the file system or the file cannot hold a journal
    ├── StoreError
    │   ├── StoreWaits          a full or bad disk: nothing was stored, senders hear 503 with Retry-After
    │   ├── StoreUnusable       the analytics store's folder or files cannot be used: damaged, newer
    │   │   └── StoreInUse      another process has it
    │   └── QuestionTooLong     a question took longer than it may
    ├── SinkError               raised by `Sink.send`; the lane decides what becomes of the events
    │   ├── RetryLater          connect, time-out, 408, 429, 5xx: keep and try again
    │   ├── Refused             400, 422: something in this payload is not wanted
    │   ├── TooLarge            413: the payload is too large
    │   ├── NeedsOperator       401, 403, 404, …: the configuration is wrong, not the event
    │   ├── TenantRefused       401, 402, 403 to one of several keys: park that tenant's events
    │   └── SomeFailed          the destination took the rest: one of the above for each event that failed
    ├── ContractBroken          a sink breaks its contract: a fault of the bridge; its lane restarts
    ├── ControlError            a command that cannot be carried out, with the reason
    ├── MoesifRefused           Moesif's Management API did not do what a command asked; with status and cure
    └── Unanswerable            a question to the analytics that cannot be answered: names the field and the cure

What an operator sees carries the cure.
"""

from collections.abc import Mapping
from typing import Final

REJECT_REASONS: Final = (
    "not_json",  # not JSON, and cannot be repaired into JSON
    "not_an_object",  # JSON, but not an object
    "unrecognised",  # an object without a single field of a WSO2 event
    "too_deep",  # nested deeper than any event
    "too_long",  # a log line of more than max_line_bytes, an event of more than 4 MiB
    "too_many_values",  # an event of more than 65,536 values
    "ambiguous",  # a Java map as text (`Metric Value: {…}`) that can be read in more than one way
    "torn",  # the unfinished last line of a file that nobody writes any more
)

LOSS_REASONS: Final = (
    "vanished",  # a log was deleted before it was read
    "truncated",  # a log was truncated or rewritten before it was read
    "let_go",  # a deleted log that waited to be read took more of its disk than max_held_bytes
)

DEAD_REASONS: Final = (
    "refused",  # the destination refused this one event (400, 422)
    "too_large",  # this one event is too large for the destination (413)
    "server_error",  # this one event makes the destination fail (5xx) while others pass
    "unmappable",  # the event could not be put into the destination's form
    "parked",  # its tenant's key is refused: it is sent by itself when the key works
)

JOURNAL_REASONS: Final = {
    "full": "the journal is full",  # undelivered events and dead letters reach max_bytes
    "disk_nearly_full": "the journal's disk is nearly full",  # less than min_free_bytes
    "open_reader": "another program keeps the journal's WAL from being emptied",  # and it grew up to max_bytes
    "replaced": "the journal's file was replaced",  # deleted, moved or restored while the bridge runs
    "locked": "another program holds the journal's write lock",  # an sqlite3 shell within a transaction
    "disk_error": "the journal's disk cannot be written",  # ENOSPC, EDQUOT, EIO, read-only
    "damaged": "the journal is damaged",  # repaired by the next start
}
"""Why the journal takes no events for now, in the words that senders get."""

NO_ROOM: Final = ("full", "disk_nearly_full", "open_reader")

PAUSE_REASONS: Final = (
    "credentials",  # 401, 402, 403, 407
    "gone",  # 410: the destination wants no more of it
    "configuration",  # 404, 405, 415, 3xx and any other 4xx
    "refuses_everything",  # every event of a batch was refused
)

RETRY_REASONS: Final = ("connection", "timeout", "throttled", "server_error", "bad_answer")


class BridgeError(Exception):
    """The root of all errors that the bridge raises on purpose."""


class SettingsError(BridgeError):
    """The configuration cannot be used; each line of the message names a place and a cure."""


class Unacceptable(BridgeError):  # noqa: N818 - it is the input's state, not a failure of the bridge
    """One input cannot be an event.

    `reason` is one of REJECT_REASONS; `detail` says more, without the input's own text.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail


class JournalError(BridgeError):
    """The journal could not do what was asked."""


class JournalWaits(JournalError):  # noqa: N818 - a state that passes, not a failure
    """Nothing can be committed for now, and nothing was; the same may be tried again later.

    `reason` is one of JOURNAL_REASONS; the message ends with the cure.
    """

    def __init__(self, message: str, retry_after_seconds: int = 5, *, reason: str = "disk_error") -> None:
        super().__init__(message)
        self.reason = reason
        self.retry_after_seconds = retry_after_seconds

    @property
    def in_short(self) -> str:
        """The reason for senders, without paths and processes."""
        return JOURNAL_REASONS[self.reason]


class JournalFull(JournalWaits):
    """There is no room: `full`, `disk_nearly_full` or `open_reader`."""

    def __init__(self, message: str, retry_after_seconds: int = 5, *, reason: str = "full") -> None:
        super().__init__(message, retry_after_seconds, reason=reason)


class JournalLocked(JournalError):  # noqa: N818 - the message says who holds it
    """Another process holds the state folder."""


class JournalUnusable(JournalError):  # noqa: N818 - the message says why
    """The state folder cannot hold a journal: a network file system, no rights, a newer schema."""


class StoreError(BridgeError):
    """The analytics store could not do what was asked."""


class StoreWaits(StoreError):  # noqa: N818 - a state that passes, not a failure
    """Nothing was stored for now; the same may be sent again later. The message ends with the cure."""


class StoreUnusable(StoreError):  # noqa: N818 - the message says why
    """The store's folder or its files cannot be used; the message ends with the cure."""


class StoreInUse(StoreUnusable):
    """Another process has the store."""


class QuestionTooLong(StoreError):  # noqa: N818 - says what it is
    """A question took longer than it may, and was stopped."""


class SinkError(BridgeError):
    """A payload was not delivered, or not all of it.

    `status` is the destination's own code (None when there was no answer) and `answer` the first
    part of its body; both are kept with dead letters and shown to operators, never interpreted
    outside the sink.
    """

    def __init__(self, message: str, *, status: int | None = None, answer: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.answer = answer


class RetryLater(SinkError):  # noqa: N818 - says what to do
    """The destination may take the same events later; `reason` is one of RETRY_REASONS."""

    def __init__(
        self,
        message: str,
        *,
        reason: str,
        retry_after_seconds: float | None = None,
        status: int | None = None,
        answer: str = "",
    ) -> None:
        super().__init__(message, status=status, answer=answer)
        self.reason = reason
        self.retry_after_seconds = retry_after_seconds


class Refused(SinkError):  # noqa: N818 - the destination's word
    """Something in this payload is not wanted and never will be."""


class TooLarge(SinkError):  # noqa: N818 - the destination's word
    """The payload is larger than the destination takes."""


class NeedsOperator(SinkError):  # noqa: N818 - says what to do
    """Nothing will be delivered until someone changes the configuration.

    `reason` is one of PAUSE_REASONS; the message ends with the cure.
    """

    def __init__(self, message: str, *, reason: str, status: int | None = None, answer: str = "") -> None:
        super().__init__(message, status=status, answer=answer)
        self.reason = reason


class TenantRefused(SinkError):  # noqa: N818 - the destination's word
    """One tenant's key is refused: its events are parked, and sent again by themselves.

    The message ends with the cure.
    """

    def __init__(self, message: str, *, tenant: str, status: int | None = None, answer: str = "") -> None:
        super().__init__(message, status=status, answer=answer)
        self.tenant = tenant


class SomeFailed(SinkError):  # noqa: N818 - says how it went
    """The destination answered for each event by itself: those named here failed, it has the rest for good.

    `failures` says of each failed event, by its index in the part that `encode` was given, what its error is:
    RetryLater (sent again, without its neighbours), Refused or TooLarge (a dead letter, with this status and
    answer), NeedsOperator (kept, and the lane pauses) or TenantRefused (parked). The indices are those from before
    sampling and reordering. A sink that names no event, or one that was not in the part, has a fault: its lane crashes.
    """

    def __init__(self, failures: Mapping[int, SinkError]) -> None:
        first = next(iter(failures.values()), None)
        super().__init__(
            f"{len(failures)} events failed, the first because: {first}",
            status=None if first is None else first.status,
            answer="" if first is None else first.answer,
        )
        self.failures = failures


class ContractBroken(BridgeError):  # noqa: N818 - says what happened
    """A sink answered the lane with what `bridge.contracts` does not allow."""


class ControlError(BridgeError):
    """A command of the control socket cannot be carried out."""


class MoesifRefused(BridgeError):  # noqa: N818 - says who did what
    """Moesif's Management API did not do what a command asked; the message has the status, and ends with the cure."""


class Unanswerable(BridgeError):  # noqa: N818 - the question's state, not a failure of the bridge
    """A question to the analytics that cannot be answered as it is asked.

    `field` is the part of the question that is wrong, `nearest` the known name most like the one that stands there.
    """

    def __init__(self, message: str, cure: str, *, field: str = "", nearest: str = "") -> None:
        super().__init__(message)
        self.cure = cure
        self.field = field
        self.nearest = nearest
