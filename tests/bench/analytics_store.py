"""What an event costs the analytics store: CPU time and bytes, by itself; `python tests/bench/analytics_store.py`.

Events are WSO2's as the demo's gateway writes them, spread over days, with all that the way in does: decoding, the
look-up of ids, the user agent, the commit.
"""

import argparse
import asyncio
import random
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import msgspec

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[1])]

from fakes.tagged_events import recorded_events  # noqa: E402 - see above

from bridge.analytics.server.ingest import received  # noqa: E402
from bridge.analytics.store import Store  # noqa: E402
from bridge.analytics.store.opening import files_bytes  # noqa: E402
from bridge.events.times import format_ms  # noqa: E402

_FIRST_MS = 1_793_491_200_000
_PEOPLE, _APPLICATIONS, _ADDRESSES = 5_000, 50, 3_000


def bodies(count: int, batch: int, days: int) -> Iterator[bytes]:
    """Yield bodies of the `http` sink: recorded events with other times, ids, callers."""
    chance = random.Random(1)
    shapes = recorded_events()
    step_ms = days * 86_400_000 / count
    encode = msgspec.json.Encoder().encode
    for start in range(0, count, batch):
        lines = []
        for number in range(start, min(start + batch, count)):
            event = shapes[chance.randrange(len(shapes))].copy()
            at = format_ms(_FIRST_MS + int(number * step_ms))
            event["bridge"] = {
                "id": str(UUID(int=chance.getrandbits(128))),
                "received": at,
                "instance": "gateway-1",
            }
            event["requestTimestamp"] = at
            event["correlationId"] = str(UUID(int=chance.getrandbits(128)))
            if "userIp" in event and event["userIp"] != "UNKNOWN":
                event["userIp"] = f"198.51.{chance.randrange(256)}.{chance.randrange(_ADDRESSES // 256)}"
                event["userName"] = f"user{chance.randrange(_PEOPLE)}@carbon.super"
                event["properties"] = {**event.get("properties", {}), "userName": event["userName"]}
            if "responseLatency" in event:
                event["responseLatency"] = int(chance.lognormvariate(4, 1))
            lines.append(encode(event))
        yield b"\n".join(lines)


async def _measure(count: int, batch: int, days: int, folder: Path) -> None:
    spent = repeated = bare = 0.0
    decode = msgspec.json.Decoder().decode_lines
    async with Store.opened(folder) as store:
        last = b""
        for body in bodies(count, batch, days):
            began = time.process_time()
            decode(body)
            bare += time.process_time() - began
            began = time.process_time()
            await store.append(received(body, 0))
            spent += time.process_time() - began
            last = body
        for _ in range(5):
            began = time.process_time()
            await store.append(received(last, 0))
            repeated += (time.process_time() - began) / 5
        ((tables,),) = await store.ask("SELECT count(*) FROM facts", (), 60)
    size = files_bytes(folder)
    print(
        f"{tables} events in batches of {batch}: {spent / count * 1e6:.1f} µs CPU an event, "
        f"{repeated / batch * 1e6:.1f} µs when it comes again, {size / count:.0f} B on disk; "
        f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB at most; "
        f"to decode it to a dict, in the same minutes: {bare / count * 1e6:.1f} µs"
    )


def main() -> None:
    """Measure with what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--batch", type=int, default=1_000)
    parser.add_argument("--days", type=int, default=1)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_measure(chosen.events, chosen.batch, chosen.days, Path(folder)))


if __name__ == "__main__":
    main()
