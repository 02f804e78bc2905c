"""The short form of `make soak`: the whole daemon under chaos, and nothing is lost, doubled or booked wrongly."""

import random
from pathlib import Path

from soak.chaos import plan
from soak.soak import soak


async def test_a_short_soak(tmp_path: Path, full: bool) -> None:
    """P1 to P7: kills, rotations, failing destinations, commands at random; every event arrives, the books balance."""
    seed = random.randrange(2**32)
    outcome = await soak(tmp_path, 60 if full else 8, seed, rate=100)
    assert not outcome.differences, (seed, outcome.differences)


def test_the_seed_decides() -> None:
    """The same seed makes the same plan, another seed another one."""
    assert plan(1, 600, 60, 400) == plan(1, 600, 60, 400) != plan(2, 600, 60, 400)
