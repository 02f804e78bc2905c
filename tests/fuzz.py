"""A fuzz target that can run for as long as one likes: `python tests/fuzz.py SECONDS [SEED]`, `make fuzz SECONDS=600`.

Lines that WSO2's publisher wrote are harmed in every way, then framed, journalled and mapped as the bridge does it.
Whatever they have become: nothing fails, the books balance, what is journalled is one line of JSON with a lasting
id, and its mapping is JSON.
"""

import asyncio
import json
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
from places import RECORDED
from rigs.rig import journalling

from bridge.contracts import Arrival, Gateway
from bridge.demo.gateway import make_lines
from bridge.events.decoding import decoded
from bridge.formats.moesif.mapping import moesif_form
from bridge.journal import Journal
from bridge.sources.log.framing import frame

GATEWAY = Gateway("gateway-1", "https://gw.example.com:8243")
LINES_A_ROUND = 40
MAX_LINE_BYTES = 2**20

ODD: Sequence[bytes] = (
    b"\0", b"\r", b"\n", b"\xff\xfe", b"\xc3", b"\xe2\x80\xa8", b"\\ud800", b"\\", b'"', b"{", b"}", b"[", b"]", b",",
    b":", b"null", b"1e999", b"-0", b"9" * 400, b"0.1e-400", b"NaN", b'{"a":' * 100, b"[" * 5000, b"\xf0\x9f\x8d\x95",
    b'"apiName":"twice",', b'"properties":{"a":{"b":[1]}},', b"apimMetrics: apim:faulty, properties :",
    b"{a=b, c={d=e}}",
)  # fmt: skip


def corpus() -> list[bytes]:
    """Return real lines: the publisher's own where they are at hand, and the stand-in gateway's."""
    lines = list(make_lines(200, seed=1))
    for path in sorted(path for folder in RECORDED for path in folder.glob("wso2-log*/*.log")):
        lines += path.read_bytes().splitlines()[:200]
    return lines


def carried(line: bytes, chance: random.Random) -> bytes:
    """Return a line as another program may hand it on."""
    text = line.decode("utf-8", "replace")
    match chance.randrange(6):
        case 0:
            return json.dumps({chance.choice(("MESSAGE", "message", "short_message", "x")): text}).encode()
        case 1:
            record = {"log": text + chance.choice(("", "\n")), "stream": "stdout", "time": "t"}
            return json.dumps(record, separators=(",", ":")).encode()
        case 2:
            return b"2026-11-21T00:16:33.3Z stdout " + chance.choice((b"F ", b"P ")) + line
        case _:
            return line


def harmed(line: bytes, chance: random.Random) -> bytes:
    """Return a line that a few things were done to."""
    text = bytearray(line)
    for _ in range(chance.choice((0, 1, 1, 2, 5))):
        at = chance.randrange(len(text) + 1)
        to = min(len(text), at + chance.choice((0, 1, 8, 200)))
        match chance.randrange(7):
            case 0:
                text[at:at] = chance.choice(ODD)
            case 1:
                text[at:to] = chance.choice(ODD)
            case 2:
                del text[at:to]
            case 3:
                text[at:at] = text[at:to] * 3
            case 4:
                del text[at:]
            case 5 if at < len(text):
                text[at] ^= 1 << chance.randrange(8)
            case _:
                # A text that is far longer than anybody expects.
                text[at:at] = b"x" * chance.choice((10, 70_000))
    return bytes(text)


async def rounds(folder: Path, seed: int, seconds: float, least: int) -> int:
    """Go on until the time is over, but for `least` rounds; returns how many events were journalled."""
    chance = random.Random(seed)
    lines = corpus()
    until = time.monotonic() + seconds
    number = 0
    async with journalling(folder) as behind:
        while number < least or time.monotonic() < until:
            number += 1
            data = b"".join(
                harmed(carried(chance.choice(lines), chance), chance) + b"\n" for _ in range(LINES_A_ROUND)
            )
            frames = frame(data, 0, MAX_LINE_BYTES, last=True)
            assert frames.consumed == len(data)
            arrival = Arrival(
                "log", frames.bodies, frames.kinds, frames.places, number.to_bytes(8, "big"),
                rejected={"too_long": frames.too_long}, ignored=frames.ignored, tolerant=True,
            )  # fmt: skip
            before = behind.journal.last_seq
            receipt = await behind.gate(arrival)
            again = await behind.gate(arrival)
            # The same bytes from the same place have the same ids (P5).
            assert again.accepted == 0, (seed, number)
            assert again.duplicates == receipt.accepted + receipt.duplicates, (seed, number)
            if receipt.accepted:
                await look(behind.journal, before + 1, receipt.accepted)
            assert behind.journal.totals.intake_difference() == 0, (seed, number)
        return behind.journal.totals.sum("events_journalled")


async def look(journal: Journal, seq: int, accepted: int) -> None:
    """See that a block's events are what they must be."""
    block = await journal.next_block(seq)
    assert len(block.ids) == len(set(block.ids)) == accepted
    for name, body, event in zip(block.ids, block.bodies, decoded(block.bodies), strict=True):
        assert b"\n" not in body
        json.loads(body.decode("utf-8"))
        mapped = msgspec.json.encode(moesif_form(event, name, block.received_ms, GATEWAY))
        assert json.loads(mapped)


def main() -> None:
    """Run for the seconds of the first argument; the second is the seed."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 60
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.SystemRandom().randrange(2**32)
    print(f"seed {seed}", flush=True)  # noqa: T201 - a command line
    with tempfile.TemporaryDirectory() as folder:
        events = asyncio.run(rounds(Path(folder), seed, seconds, least=1))
    print(f"{events} events journalled, nothing failed")  # noqa: T201 - as above


if __name__ == "__main__":
    main()
