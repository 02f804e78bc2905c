"""How long an endpoint was up and down, of the time in which that is known."""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from bridge.analytics.monitoring.standing import ProbeState

_NEVER: Final = 1 << 62


class ProbeRow(NamedTuple):
    """A probe as it is kept."""

    time_ms: int
    """When it began."""
    took_ms: int
    state: int
    covers_ms: int
    """For how long it speaks: until the next one is due, with some room."""
    status: int | None
    reason: str | None


class UpDown(NamedTuple):
    """Times in milliseconds; what is missing to the whole was not measured."""

    up_ms: int
    down_ms: int


def spans(rows: Sequence[ProbeRow]) -> Iterator[tuple[int, int, ProbeState]]:
    """Yield from when to when each of these probes, by time, says how the endpoint was."""
    for place, row in enumerate(rows):
        following = rows[place + 1].time_ms if place + 1 < len(rows) else _NEVER
        state = ProbeState(row.state)
        if state is ProbeState.FAILING and _found_up(rows, place):
            state = ProbeState.UP
        yield row.time_ms, min(following, row.time_ms + row.covers_ms), state


def up_down(
    rows: Sequence[ProbeRow], watches: Sequence[tuple[int, int]], start_ms: int, end_ms: int
) -> UpDown:
    """Return how long it was up and down between two times, while somebody watched.

    `rows` begin with the last probe before `start_ms`, and `watches` are apart from each other; both by time.
    """
    up = down = first = 0
    for begin, end, state in spans(rows):
        if state not in {ProbeState.UP, ProbeState.DOWN}:
            continue
        begin, end = max(begin, start_ms), min(end, end_ms)  # noqa: PLW2901 - what is between
        while first < len(watches) and watches[first][1] <= begin:
            first += 1
        place = first
        while place < len(watches) and watches[place][0] < end:
            known = min(end, watches[place][1]) - max(begin, watches[place][0])
            if known > 0:
                up, down = (up + known, down) if state is ProbeState.UP else (up, down + known)
            place += 1
    return UpDown(up, down)


def _found_up(rows: Sequence[ProbeRow], place: int) -> bool:
    """Return whether the tries after this failure, each of them in its time, found the endpoint up."""
    while place + 1 < len(rows) and rows[place + 1].time_ms <= rows[place].time_ms + rows[place].covers_ms:
        place += 1
        if rows[place].state != ProbeState.FAILING:
            return rows[place].state == ProbeState.UP
    return False
