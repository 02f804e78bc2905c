"""The whole daemon under chaos for as long as one likes: `python tests/soak.py MINUTES [SEED]`, `make soak MINUTES=20`.

A gateway writes and rolls its log, senders post; three destinations fail in every way; the daemon is killed, stopped,
frozen, reloaded, rewound, replayed. The seed, which is printed, decides what is done, to whom and when. At the end
all that waits has to arrive, the books have to balance to the event (P7), and every event that was written or
acknowledged has to be at every destination under its one id (P1, P2, P5). Exit code 1 on any difference.

The first minute and the last third go without the end of a process, so that memory is compared like with like: the
first process's after a minute, and the last one's when it is at least that old.
"""

import asyncio
import json
import random
import sqlite3
import sys
import tempfile
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from rigs.daemon import Daemon, balanced, free_port
from rigs.scenes import HEAD, KEY
from soak.chaos import SINKS, TENANT, TENANT_KEY, Chaos, Hook, plan
from soak.load import LogWriter, Sender
from soak.watch import Watch

from bridge.demo.moesif_lookalike import MoesifLookalike
from bridge.journal.blocks import unpack_ids
from bridge.journal.totals import SETTLED

SENDERS = 3
WARM_SECONDS = 60
MOST_GROWTH = 0.2
DRAIN_SECONDS = 120

CONFIG = (
    HEAD
    + """\
drain = "2s"
[bridge.sources.log]
paths = ["{folder}/logs/apim_metrics*.log"]
poll_interval = "50ms"
[bridge.sources.http]
listen = "127.0.0.1:{port}"
[bridge.admin]
listen = "127.0.0.1:0"
[bridge.delivery]
linger = "{linger}ms"
retry_max = "500ms"
request_timeout = "2s"
batch_max_events = {batch}
[bridge.sinks.moesif]
concurrency = {concurrency}
[bridge.sinks.moesif.keys]
"{tenant}" = "{tenant_key}"
[bridge.sinks.archive]
type = "file"
path = "{folder}/archive"
[bridge.sinks.hook]
type = "http"
url = "{hook}"
"""
)


@dataclass(frozen=True)
class Outcome:
    """What a soak has shown."""

    table: str
    differences: list[str]
    """What is not as it must be; empty: all is well."""


async def soak(folder: Path, seconds: float, seed: int, rate: float = 200) -> Outcome:
    """Run for so long, with `rate` lines a second; drain, and compare."""
    (folder / "logs").mkdir()
    port = free_port()
    writer = LogWriter(folder / "logs", seed, rate)
    senders = [Sender(f"http://127.0.0.1:{port}/events", seed + 1 + at, rate / 10) for at in range(SENDERS)]
    over = asyncio.Event()
    async with MoesifLookalike(key=KEY, keep="ids") as moesif, Hook() as hook:
        moesif.keys.add(TENANT_KEY)

        def configuration(number: int) -> str:
            return CONFIG.format(
                folder=folder, port=port, key=KEY, url=moesif.url, type="moesif, archive, hook", hook=hook.url,
                tenant=TENANT, tenant_key=TENANT_KEY,
                linger=(50, 200, 500)[number % 3], batch=(50, 200, 500)[number // 3 % 3],
                concurrency=(1, 2, 4)[number // 9 % 3],
            )  # fmt: skip

        async with Daemon(folder, configuration(8), fresh=True) as daemon:
            watch = Watch(daemon, min(WARM_SECONDS, seconds / 4))
            chaos = Chaos(daemon, moesif, hook, folder / "archive", configuration)
            load = [
                asyncio.create_task(one) for one in (writer.run(over), *(one.run(over) for one in senders))
            ]
            watching = asyncio.create_task(watch.run())
            await chaos.run(plan(seed, seconds, watch.warm_seconds, seconds * 2 / 3))
            watch.end()
            over.set()
            await asyncio.gather(*load)
            posted = set[str]().union(*(sender.ids for sender in senders))
            differences = await _drain(daemon, chaos, len(writer.ids) + len(posted))
            watching.cancel()
            if (code := await daemon.stop()) != 0:
                differences.append(f"it ended with {code}")
        arrived = {"moesif": moesif.copies, "archive": _archived(folder / "archive"), "hook": hook.copies}
    totals, journalled = _books(folder)
    differences += chaos.faults + [fault for sender in senders for fault in sender.faults]
    differences += _compare(writer, posted, arrived, totals, journalled)
    if watch.warm_seconds >= WARM_SECONDS and watch.growth > MOST_GROWTH:
        differences.append(f"memory grew by {watch.growth:.0%}")
    table = _table(
        {
            "written to the log": f"{len(writer.ids):,} events, {writer.damaged} damaged lines, {writer.rolls} rolls",
            "acknowledged over HTTP": f"{len(posted):,} events, {sum(one.repeats for one in senders)} requests"
            f" repeated, {sum(one.asked_again for one in senders)} asked again",
            **{
                f"journalled from {way}": f"{totals['events_journalled', way]:,} of {totals['events_received', way]:,}"
                f" received, {totals['events_duplicate', way]} duplicates, {totals['events_rejected', way]} rejected"
                for way in ("log", "http")
            },
            **{
                f"sink {sink}": f"{len(arrived[sink]):,} events, {arrived[sink].total() - len(arrived[sink]):,} copies;"
                f" {totals['events_dead', sink]:,} dead or parked, {totals['dead_letters_replayed', sink]:,} replayed,"
                f" {totals['events_rewound', sink]:,} rewound"
                for sink in SINKS
            },
            "done to it": ", ".join(f"{count} {act}" for act, count in sorted(chaos.done.items())),
            **watch.rows(),
            "differences": str(len(differences)),
        }
    )
    return Outcome(table, differences)


async def _drain(daemon: Daemon, chaos: Chaos, came: int) -> list[str]:
    """Let everything in and out that waits, dead letters included; returns what is left or does not balance."""
    loop = asyncio.get_running_loop()
    until = loop.time() + DRAIN_SECONDS
    while True:
        status = await daemon.ask("status")
        sinks, journalled = status["sinks"], status["books"]["journalled"]
        kept = {
            name: sink["dead_letters"] + sum(parked["events"] for parked in sink["parked"])
            for name, sink in sinks.items()
        }
        waiting = {name: sink["pending"] for name, sink in sinks.items()}
        if journalled >= came and not any((*waiting.values(), *kept.values())):
            return [] if balanced(status) else [f"the books differ: {status['books']['differences']}"]
        if loop.time() > until:
            troubles = {name: sink["trouble"] for name, sink in sinks.items() if sink["trouble"]}
            return [f"{came - journalled} never came in, {waiting} wait, {kept} dead or parked, {troubles}"]
        # Which also wakes a sink that is paused.
        await asyncio.gather(*(chaos.replay(name) for name in sinks))
        await asyncio.sleep(0.1)


def _compare(
    writer: LogWriter,
    posted: set[str],
    arrived: dict[str, Counter[str]],
    totals: Counter[tuple[str, str]],
    journalled: dict[str, Counter[str]],
) -> list[str]:
    """Return every difference between what came in, what the journal had and what came out."""
    found = {
        "lines journalled and not written": len(journalled["log"].keys() - writer.ids),
        "lines written and not journalled": len(writer.ids - journalled["log"].keys()),
        "lines journalled twice (P2)": journalled["log"].total() - len(journalled["log"]),
        "lines taken for duplicates": totals["events_duplicate", "log"],
        "lines booked wrongly": totals["events_journalled", "log"] - len(writer.ids),
        "damaged lines booked wrongly": totals["events_rejected", "log"] - writer.damaged,
        "events acknowledged and not journalled (P1)": len(posted - journalled["http"].keys()),
        "events journalled and not posted": len(journalled["http"].keys() - posted),
        "events journalled twice over HTTP": journalled["http"].total() - len(journalled["http"]),
    }
    for way in ("log", "http"):
        found[f"received over {way}, less journalled, rejected and duplicates (P7)"] = totals[
            "events_received", way
        ] - sum(totals[name, way] for name in ("events_journalled", "events_rejected", "events_duplicate"))
    came = writer.ids | posted
    total = sum(totals["events_journalled", way] for way in ("log", "http"))
    for sink, ids in arrived.items():
        settled = sum(totals[name, sink] for name in SETTLED)
        gone = totals["dead_letters_replayed", sink] + totals["dead_letters_purged", sink]
        # What was delivered for good: each event once, however many copies the destination has.
        went = totals["events_delivered", sink] + totals["dead_letters_replayed", sink]
        found |= {
            f"{sink} does not have": len(came - ids.keys()),
            f"{sink} has and nobody sent": len(ids.keys() - came),
            f"{sink}: journalled and rewound, less settled (P7)": total
            + totals["events_rewound", sink]
            - settled,
            f"{sink}: dead, less replayed and purged (P7)": totals["events_dead", sink] - gone,
            f"{sink}: delivered by the books, and not there": max(0, went - ids.total()),
        }
    return [f"{what}: {number}" for what, number in found.items() if number]


def _books(folder: Path) -> tuple[Counter[tuple[str, str]], dict[str, Counter[str]]]:
    """Return the totals by name and owner, and how often each id was journalled, by source, as they are on disk."""
    totals: Counter[tuple[str, str]] = Counter()
    journalled: dict[str, Counter[str]] = {"log": Counter(), "http": Counter()}
    with closing(sqlite3.connect(folder / "state" / "journal.db")) as journal:
        for name, owner, value in journal.execute("SELECT name, owner, value FROM totals"):
            totals[name, owner] += value
        for source, packed in journal.execute("SELECT source, ids FROM blocks"):
            journalled[source].update(unpack_ids(packed))
    return totals, journalled


def _archived(folder: Path) -> Counter[str]:
    ids: Counter[str] = Counter()
    for file in sorted(folder.glob("*.ndjson")):
        with file.open("rb") as lines:
            ids.update(json.loads(line)["bridge"]["id"] for line in lines)
    return ids


def _table(rows: dict[str, str]) -> str:
    width = max(map(len, rows))
    return "\n".join(f"{name:<{width}}  {value}" for name, value in rows.items())


def main() -> int:
    """Run for the minutes of the first argument; the second is the seed."""
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else 20
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.SystemRandom().randrange(2**32)
    print(f"seed {seed}", flush=True)  # noqa: T201 - a command line
    with tempfile.TemporaryDirectory() as folder:
        outcome = asyncio.run(soak(Path(folder), minutes * 60, seed))
    print(outcome.table)  # noqa: T201 - as above
    print("\n".join(outcome.differences) or "everything arrived, and the books balance to the event")  # noqa: T201 - as above
    return 1 if outcome.differences else 0


if __name__ == "__main__":
    sys.exit(main())
