"""The journal: the durable, ordered log of accepted events, with one cursor for each sink.

It is one SQLite file, `journal.db` in the state folder, in WAL mode with synchronous=FULL. One thread writes
it, another reads it.

Tables
    blocks      events that came in together. `seq` counts up and no number is used twice (AUTOINCREMENT: an
                emptied table would otherwise start at 1 again, below the cursors). `ids` has 16 bytes for
                each event, then their CRC-32; `events` is gzipped newline-delimited JSON, covered by
                gzip's own CRC. A block is written once and never changed.
    positions   how far each source has been read: opaque bytes under the source's own keys.
    cursors     for each sink the next event it has not dealt with (`seq`, `at` within the block), and
                what the sink itself wants to remember (`state`: file and length for the file sink).
    dead        the dead letters: events that a sink refused for good, with the destination's answer.
                One for each event and sink: an event that is refused again after a rewind changes its letter.
                A letter that is replayed or purged is deleted, and stays in the totals. A letter with a
                `tenant` is parked: its reason is `parked`, and its lane sends it when the tenant's key works.
    totals      every count of events that the metrics show and the books are made of.
    reached     for sources that ask (`settled`): which position each block brought, until every sink is past it.
    settled     for each key of such a source, the newest position that every sink has dealt with.
    corrupt     the numbers of blocks that could not be read: the lanes pass over them, nobody deletes them.

Invariants
    J1  Events, positions and totals of an arrival are one transaction (P1, P2).
    J2  A cursor, the dead letters it leaves behind, the sink's state and its totals are one transaction (P3).
    J3  A block is deleted only when every configured sink's cursor is past it (P4).
    J4  Everything that waits is committed together; what comes during a commit goes into the next. Only two things
        wait for company: a cursor alone, for at most 100 ms (if it is lost, a delivery is repeated under the same
        id, P5), and appends after a commit of several, for at most 3 ms, until as many are there again.
    J5  No read transaction outlasts one block, or the WAL could not be reused.
    J6  The totals in memory change after the commit that changed the rows, never before (P7).

Sizes: a block is what one read of a log or one round of HTTP requests brought (appends share a block of up to
384 KiB); `stored_bytes` counts against `max_bytes`.
"""

from bridge.journal.assembly import Accepted
from bridge.journal.blocks import BlockCorrupt, unpack_events
from bridge.journal.cursors import Advance
from bridge.journal.dead_letters import PARKED, DeadLetter, Letter, Parked, Selection
from bridge.journal.lock import StateLock
from bridge.journal.registration import Cursor, SinkStart
from bridge.journal.store import Journal
from bridge.journal.totals import TotalKey, Totals

__all__ = [
    "PARKED",
    "Accepted",
    "Advance",
    "BlockCorrupt",
    "Cursor",
    "DeadLetter",
    "Journal",
    "Letter",
    "Parked",
    "Selection",
    "SinkStart",
    "StateLock",
    "TotalKey",
    "Totals",
    "unpack_events",
]
