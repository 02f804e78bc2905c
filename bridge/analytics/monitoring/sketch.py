"""A sketch of times: what is left of many, small enough to keep, from which quantiles are told to within two percent.

Each time is counted in a bucket whose greatest is 4 % above that of the bucket before, so that its middle is at most
2 % from it. Sketches of several periods are added up, which averages of quantiles cannot be.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

_GROWTH: Final = 1.04
_LOG: Final = math.log(_GROWTH)
_MIDDLE: Final = 2 / (1 + _GROWTH)

TimesSketch = Counter[int]
"""Bucket to how many times are in it; bucket 0 has everything up to a millisecond."""


def sketch_of(times_ms: Iterable[int]) -> TimesSketch:
    """Return the sketch of some times, in milliseconds."""
    return Counter(0 if time <= 1 else math.ceil(math.log(time) / _LOG) for time in times_ms)


def packed(sketch: TimesSketch) -> bytes:
    """Return a sketch as it is kept."""
    return msgspec.msgpack.encode(dict(sorted(sketch.items())))


def unpacked(kept: bytes) -> TimesSketch:
    """Return a sketch that was kept."""
    return Counter(msgspec.msgpack.decode(kept, type=dict[int, int]))


def quantiles(sketch: TimesSketch, which: Sequence[float]) -> list[int | None]:
    """Return quantiles in milliseconds, each None where there are no times."""
    count = sketch.total()
    if not count:
        return [None] * len(which)
    ordered, found = sorted(sketch.items()), []
    for share in which:
        rank, seen, bucket = max(1, math.ceil(share * count)), 0, 0
        for bucket, times in ordered:  # noqa: B007 - the bucket is what is looked for
            seen += times
            if seen >= rank:
                break
        found.append(round(_GROWTH**bucket * (_MIDDLE if bucket else 1)))
    return [*found]
