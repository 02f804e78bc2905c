"""The last committed blocks, in memory for the lanes that keep up."""

from collections import deque
from typing import Final

from bridge.batches import Block

# Two large blocks, with what delivery has made of their events for one sink (P8).
_MOST_BYTES: Final = 2 * 2**20
# What a block's objects take, however little is in it.
_BLOCK_BYTES: Final = 2**10


class RecentBlocks:
    """At least the last block, and as many before it as there is room for."""

    def __init__(self) -> None:
        self.blocks: deque[tuple[Block, int]] = deque()
        """Oldest first, each with the bytes that it holds."""
        self._bytes = 0

    def add(self, block: Block, raw_bytes: int) -> None:
        """Keep a block whose bodies take `raw_bytes`; drop the oldest to make room for it."""
        held_bytes = _BLOCK_BYTES + raw_bytes + len(block.packed)
        held_bytes += sum(ahead.size_bytes() for ahead in block.ahead if ahead is not None)
        self.blocks.append((block, held_bytes))
        self._bytes += held_bytes
        while self._bytes > _MOST_BYTES and len(self.blocks) > 1:
            self._bytes -= self.blocks.popleft()[1]

    def find(self, seq: int) -> Block | None:
        """Return the block with this number, None if it is not kept here."""
        return next((block for block, _ in reversed(self.blocks) if block.seq == seq), None)

    def reach_back_to(self, seq: int) -> bool:
        """Tell whether this block and all later ones are kept here."""
        return bool(self.blocks) and self.blocks[0][0].seq <= seq
