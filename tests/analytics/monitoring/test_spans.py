"""How long an endpoint was up and down, and in which times nobody knows."""

import random

from hypothesis import given
from hypothesis import strategies as st

from bridge.analytics.monitoring.sketch import packed, quantiles, sketch_of, unpacked
from bridge.analytics.monitoring.spans import ProbeRow, up_down
from bridge.analytics.monitoring.standing import ProbeState

MINUTE = 60_000
ALWAYS = [(0, 1 << 50)]
DOWN, UP, FAILING, STOPPED = ProbeState.DOWN, ProbeState.UP, ProbeState.FAILING, ProbeState.STOPPED


def rows(*states: tuple[int, ProbeState]) -> list[ProbeRow]:
    """Return probes, each at a minute and speaking for a minute and a half."""
    return [ProbeRow(at * MINUTE, 10, state, MINUTE * 3 // 2, None, None) for at, state in states]


def minutes(
    states: list[ProbeRow], start: int, end: int, watches: list[tuple[int, int]] = ALWAYS
) -> list[float]:
    return [part / MINUTE for part in up_down(states, watches, start * MINUTE, end * MINUTE)]


def test_a_probe_speaks_until_the_next_one() -> None:
    """Up until the first failure that counts, down until the first answer after it."""
    assert minutes(rows((0, UP), (1, DOWN), (2, DOWN), (3, UP), (4, UP)), 0, 5) == [3, 2]


def test_a_probe_does_not_speak_for_long() -> None:
    """Where the next one is missing, nothing is known soon after."""
    assert minutes(rows((0, UP), (10, DOWN)), 0, 20) == [1.5, 1.5]


def test_nothing_is_known_while_nobody_watches() -> None:
    """The time in which the process was not there counts neither as up nor as down."""
    watched = [(0, MINUTE // 2), (3 * MINUTE, 4 * MINUTE)]
    assert minutes(rows((0, UP), (1, UP), (3, DOWN), (4, DOWN)), 0, 10, watched) == [0.5, 1]


def test_a_failure_that_a_try_finds_gone_was_none() -> None:
    """It is up where the tries end so, and unknown where they end in nothing."""
    assert minutes(rows((0, UP), (1, FAILING), (2, FAILING), (3, UP)), 0, 3) == [3, 0]
    assert minutes(rows((0, UP), (1, FAILING), (2, STOPPED)), 0, 3) == [1, 0]
    assert minutes(rows((0, UP), (1, FAILING), (9, UP)), 0, 9) == [1, 0]


def test_only_the_time_that_is_asked_for_counts() -> None:
    """What lies before and behind is cut off."""
    assert minutes(rows((0, UP), (1, UP), (2, DOWN), (3, UP)), 1, 3) == [1, 1]


@given(
    st.lists(st.tuples(st.integers(1, 40), st.sampled_from(list(ProbeState))), max_size=30),
    st.lists(st.integers(0, 60), max_size=8, unique=True),
    st.integers(0, 59),
)
def test_parts_add_up_to_the_whole(steps: list[tuple[int, ProbeState]], bounds: list[int], cut: int) -> None:
    """A time that is cut in two is as long up and down as its parts, and never longer than it is."""
    at, states = 0, []
    for step, state in steps:
        at += step
        states.append((at, state))
    probes = rows(*states)
    edges = sorted(bounds)
    watched = [(begin * MINUTE, end * MINUTE) for begin, end in zip(edges[::2], edges[1::2], strict=False)]
    whole = minutes(probes, 0, 60, watched)
    parts = zip(minutes(probes, 0, cut, watched), minutes(probes, cut, 60, watched), strict=True)
    assert whole == [first + second for first, second in parts]
    assert sum(whole) <= sum((end - begin) / MINUTE for begin, end in watched)


def test_quantiles_of_a_sketch_are_near() -> None:
    """Whatever the times, a quantile is at most two percent and half a millisecond off; so are those of sums."""
    chance = random.Random(7)
    times = [round(chance.lognormvariate(5, 1.3)) for _ in range(4_000)]
    sketch = sketch_of(times[:1000])
    sketch.update(unpacked(packed(sketch_of(times[1000:]))))
    ordered = sorted(times)
    for share, found in zip((0.5, 0.95, 0.99), quantiles(sketch, (0.5, 0.95, 0.99)), strict=True):
        exact = ordered[int(share * len(ordered)) - 1]
        assert found is not None
        assert abs(found - exact) <= 0.02 * exact + 0.5
    assert quantiles(sketch_of([]), (0.5,)) == [None]
    assert quantiles(sketch_of([0, 1]), (0.5, 0.99)) == [1, 1]
