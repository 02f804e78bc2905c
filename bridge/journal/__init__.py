"""The journal: the durable, ordered log of accepted events, with one cursor for each sink.

It is one SQLite file, `journal.db` in the state folder, in WAL mode with synchronous=FULL, written by one
thread and read by another.

Tables
    blocks      events that came in together. `seq` counts up and is never used again (AUTOINCREMENT: an
                emptied table would otherwise start at 1 again, under the cursors). `ids` is 16 bytes for
                each event and the CRC-32 of those; `events` is newline-delimited JSON under gzip, whose own
                CRC covers it. A block is written once and never changed.
    positions   how far each source has been read: opaque bytes under the source's own keys.
    cursors     for each sink the next event it has not dealt with (`seq`, `at` within the block), and
                what the sink itself wants to remember (`state`: file and length for the file sink).
    dead        the dead letters: events that a sink refused for good, with the destination's answer.
                There is one for an event and sink: refused again, after a rewind, it changes its own letter.
                A letter that was replayed or purged is deleted and lives on in the totals. A letter with a
                `tenant` is parked: its reason is `parked`, and its lane sends it when the tenant's key works.
    totals      every count of events that the metrics show and the books balance on.
    reached     for sources that ask (`settled`): which position each block brought, until every sink has dealt with it.
    settled     the newest position of each source's keys that every sink has dealt with.
    corrupt     the numbers of blocks that could not be read: passed over by the lanes, never deleted.

Invariants
    J1  Events, positions and totals of an arrival are one transaction (P1, P2).
    J2  A cursor, the dead letters it leaves behind, the sink's state and its totals are one transaction (P3).
    J3  A block is deleted only when every configured sink's cursor is past it (P4).
    J4  Everything that waits is committed together; what comes during a commit is in the next. Only two wait for
        others: a cursor that is alone, at most 100 ms (losing it repeats a delivery, and repeats carry the same
        id, P5), and appends after a commit of several, at most 3 ms, until as many are there again.
    J5  No read transaction outlasts one block, or the WAL could not be reused.
    J6  The totals in memory change after the commit that changed the rows, never before (P7).

Sizes: a block is what one read of a log or one round of HTTP requests brought (appends share one up to 384 KiB);
`stored_bytes` is what counts against `max_bytes`.
"""

from bridge.journal.assembly import Accepted
from bridge.journal.blocks import BlockCorrupt, unpack_events
from bridge.journal.cursors import Advance
from bridge.journal.dead_letters import PARKED, DeadLetter, Letter, Parked, Selection
from bridge.journal.lock import StateLock
from bridge.journal.registration import Cursor, SinkStart
from bridge.journal.store import Journal
from bridge.journal.totals import Key, Totals

__all__ = [
    "PARKED",
    "Accepted",
    "Advance",
    "BlockCorrupt",
    "Cursor",
    "DeadLetter",
    "Journal",
    "Key",
    "Letter",
    "Parked",
    "Selection",
    "SinkStart",
    "StateLock",
    "Totals",
    "unpack_events",
]
