"""Pieces of a JSON array on their way into one gzipped body."""

import asyncio
import gzip
import json
import sys
from collections.abc import Iterator

import pytest

from bridge.transports.gzipped_array import GzippedArray


@pytest.mark.parametrize("lengths", [[], [1], [3, 1, 2], [50] * 7])
async def test_pieces_become_one_array(lengths: list[int]) -> None:
    """The array has the elements of all pieces, in their order; no piece makes an empty one."""
    elements = [[f"{piece} {at}" for at in range(length)] for piece, length in enumerate(lengths)]
    pieces = [json.dumps(part)[1:-1].encode() for part in elements]
    body = await GzippedArray().gzipped(pieces)
    assert json.loads(gzip.decompress(body)) == [element for part in elements for element in part]


async def test_a_shorter_array_after_a_longer_one_and_many_at_once() -> None:
    """What stays in the buffer shows in no other array, large or small, one by one or at the same time."""
    array = GzippedArray()
    sizes = [10, 900_000, 3_000_000, 200_000, 1, 1_500_000, 0]
    pieces = [[json.dumps(chr(97 + at) * size).encode()] * 2 for at, size in enumerate(sizes)]
    expected = [[chr(97 + at) * size] * 2 for at, size in enumerate(sizes)]
    one_by_one = [await array.gzipped(part) for part in pieces]
    assert [json.loads(gzip.decompress(body)) for body in one_by_one] == expected
    # The bytes themselves have the second in their head.
    at_once = await asyncio.gather(*map(array.gzipped, pieces))
    assert [json.loads(gzip.decompress(body)) for body in at_once] == expected


@pytest.fixture
def busy_threads() -> Iterator[None]:
    """Have threads take turns all the time."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("busy_threads")
async def test_what_a_cancelled_one_leaves_behind_is_nobody_elses() -> None:
    """A lane that ends while a batch is compressed leaves nothing in what the next one sends."""
    array = GzippedArray()
    others = [b'"%04d"' % number * 10 for number in range(5_000)]
    mine = [json.dumps(str(number) * 100).encode() for number in range(3_000)]
    for _ in range(30):
        other = asyncio.create_task(array.gzipped(others))
        await asyncio.sleep(0)
        other.cancel()
        assert gzip.decompress(await array.gzipped(mine)) == b"[" + b",".join(mine) + b"]"
