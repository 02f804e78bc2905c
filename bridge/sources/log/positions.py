"""How far each log was read, and how it is recognised: what the journal keeps for the log source.

Rows, all JSON, committed with the events they belong to (P2):

    log:7          `Position` of the seventh log that was ever followed. The number is the file's name here;
                   its path is only where it was last seen.
    log:launch:0   `Launch` of the last arrival with an even number, and
    log:launch:1   of the last with an odd one. Two arrivals may be on their way at a time. If the journal fails to
                   commit one and then commits the next, these two rows show the gap after a crash.

A log is known by a hash of its head (up to 1 KiB, as far as it was read) and of the 256 bytes before the
position. Device and inode only break ties: ext4 was seen to give the new log the inode of the one that
log4j2 had just deleted.
"""

import os
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from typing import Final

import msgspec

HEAD_BYTES: Final = 1024
TAIL_BYTES: Final = 256
PREFIX: Final = "log:"
_LAUNCHES: Final = ("log:launch:0", "log:launch:1")


class Mark(msgspec.Struct, frozen=True, omit_defaults=True):
    """How far a log was read; a line starts at `offset`, unless the rest of an overlong one follows."""

    offset: int = 0
    head: str = ""
    tail: str = ""
    skipping: bool = False


START: Final = Mark()


class Position(msgspec.Struct, frozen=True, omit_defaults=True):
    """A log as it was when its mark was set."""

    path: str
    device: int
    inode: int
    size: int
    mark: Mark
    retired: bool = False
    """It was renamed or deleted: nobody writes it any more."""


class Launch(msgspec.Struct, frozen=True, omit_defaults=True):
    """An arrival on its way to the journal."""

    number: int
    behind_key: str = ""
    """The log of the arrival that was still on its way when this one was launched; empty: none was."""
    behind: Mark = START
    """Where that arrival started."""


class Kept(msgspec.Struct):
    """What the journal kept, decoded."""

    positions: dict[str, Position]
    next_number: int
    next_launch: int
    unreadable: list[str]


def fingerprint(data: bytes | memoryview) -> str:
    """Return the hash by which bytes of a log are recognised."""
    return blake2b(data, digest_size=16).hexdigest()


def mark_at(descriptor: int, offset: int, before: Mark = START, *, skipping: bool = False) -> Mark:
    """Return the mark of a file that was read up to `offset`, where `before` is an earlier mark of it."""
    grown = before.offset < HEAD_BYTES
    head = fingerprint(os.pread(descriptor, min(HEAD_BYTES, offset), 0)) if grown else before.head
    return Mark(offset, head, fingerprint(_tail(descriptor, offset)), skipping)


def tail_holds(descriptor: int, mark: Mark) -> bool:
    """Tell whether the bytes before the mark are still those that were read."""
    return mark.offset == 0 or fingerprint(_tail(descriptor, mark.offset)) == mark.tail


def holds(descriptor: int, mark: Mark) -> bool:
    """Tell whether this file is the one that the mark was set in, or its copy; an empty file is nobody's."""
    head = os.pread(descriptor, min(HEAD_BYTES, mark.offset), 0)
    return fingerprint(head) == mark.head and tail_holds(descriptor, mark)


def same_start(one: int, other: int, length: int) -> bool:
    """Tell whether two open files begin with the same `length` bytes, judged by head and tail."""
    head = min(HEAD_BYTES, length)
    return os.pread(one, head, 0) == os.pread(other, head, 0) and _tail(one, length) == _tail(other, length)


def first_line(descriptor: int) -> bytes | None:
    """Return the hash of a file's first line (of its first KiB if that is longer), None before it is whole.

    It goes into the ids of events that have none of their own (P5), so it must be the same however much
    of the file is there.
    """
    head = os.pread(descriptor, HEAD_BYTES, 0)
    line, newline, _ = head.partition(b"\n")
    if not newline and len(head) < HEAD_BYTES:
        return None
    return blake2b(line, digest_size=16).digest()


def encode(value: Position | Launch) -> bytes:
    """Return the row of a position or a launch."""
    return msgspec.json.encode(value)


def launch_row(launch: Launch) -> tuple[str, bytes]:
    """Return key and row of a launch."""
    return _LAUNCHES[launch.number % 2], encode(launch)


def decode(rows: Mapping[str, bytes]) -> Kept:
    """Return what the rows say; a log of which an arrival was never committed is put back to before it."""
    kept = Kept({}, 1, 1, [])
    launches: list[Launch] = []
    for key, row in rows.items():
        try:
            if key in _LAUNCHES:
                launches.append(msgspec.json.decode(row, type=Launch))
            else:
                kept.positions[key] = msgspec.json.decode(row, type=Position)
                kept.next_number = max(kept.next_number, int(key.removeprefix(PREFIX)) + 1)
        except ValueError:  # msgspec's errors are ValueErrors too
            kept.unreadable.append(key)
    if launches:
        last = max(launches, key=lambda launch: launch.number)
        kept.next_launch = last.number + 1
        lost = kept.positions.get(last.behind_key)
        if lost is not None and all(launch.number != last.number - 1 for launch in launches):
            kept.positions[last.behind_key] = msgspec.structs.replace(lost, mark=last.behind)
    return kept


def unreadable(rows: Mapping[str, bytes]) -> Iterator[tuple[str, str]]:
    """Yield the key of each row of a log that says nothing, and what to do."""
    for key in decode({key: row for key, row in rows.items() if key.startswith(PREFIX)}).unreadable:
        yield key, "restart the bridge: it reads that log from its start, same ids"


def _tail(descriptor: int, offset: int) -> bytes:
    start = max(0, offset - TAIL_BYTES)
    return os.pread(descriptor, offset - start, start)
