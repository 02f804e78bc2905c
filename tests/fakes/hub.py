"""A hub of one topic in files, and a forwarder whose source commits to it only what every sink has dealt with."""

import asyncio
import functools
import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path

from fakes.destinations import fittings
from pydantic import SecretStr
from rigs.delivery import key_of
from rigs.rig import delivering

from bridge.contracts import Arrival, Ingest, SettledPositions
from bridge.demo.moesif_lookalike import KEY
from bridge.sinks.moesif.sink import MoesifSettings, MoesifSink

PARTITIONS = 2
AT_ONCE = 3


class Hub:
    """Records of each partition, one a line, and the committed offsets, in files: they outlive who reads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def produce(self, partition: int, records: Sequence[bytes]) -> None:
        """Append records."""
        with self._log(partition).open("ab") as log:
            log.write(b"".join(record + b"\n" for record in records))

    def records(self, partition: int, offset: int) -> list[bytes]:
        """Return the next few records."""
        if not self._log(partition).exists():
            return []
        with self._log(partition).open("rb") as log:
            return [line.rstrip(b"\n") for line in itertools.islice(log, offset, offset + AT_ONCE)]

    def commit(self, partition: int, offset: int) -> None:
        """Keep an offset for the group."""
        new = self._folder / f"committed-{partition}.new"
        new.write_text(str(offset))
        new.rename(self._folder / f"committed-{partition}")

    def committed(self, partition: int) -> int:
        """Return what was committed last."""
        path = self._folder / f"committed-{partition}"
        return int(path.read_text()) if path.exists() else 0

    def _log(self, partition: int) -> Path:
        return self._folder / f"partition-{partition}"


class HubSource:
    """Reads the partitions side by side. It goes on where its journal is or, without one, where the hub says."""

    name = "hub"

    def __init__(
        self, hub: Hub, ingest: Ingest, positions: Mapping[str, bytes], settled: SettledPositions
    ) -> None:
        self._hub = hub
        self._ingest = ingest
        self._settled = settled
        self._underway: asyncio.Task[None] | None = None
        self.offsets = {
            number: max(int(positions.get(str(number), b"0")), hub.committed(number))
            for number in range(PARTITIONS)
        }

    async def run(self) -> None:
        """Take records and commit what is settled, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._commit())
            while True:
                await self._take_all()
                await asyncio.sleep(0.005)

    async def finish(self) -> None:
        """Take what is there now."""
        await self._take_all()

    async def _take_all(self) -> None:
        for number in range(PARTITIONS):
            while self._underway or self._hub.records(number, self.offsets[number]):
                await self._take(number)

    async def _take(self, number: int) -> None:
        if self._underway is None:
            # A task of its own: cancelling `run` must not leave open whether it was committed.
            self._underway = asyncio.create_task(self._ingest_next(number))
        underway = self._underway
        try:
            await asyncio.shield(underway)
        finally:
            if underway.done():
                self._underway = None

    async def _ingest_next(self, number: int) -> None:
        first = self.offsets[number]
        records = self._hub.records(number, first)
        end = first + len(records)
        position = {str(number): str(end).encode()}
        partition = f"topic/{number}".encode()
        await self._ingest(
            Arrival(self.name, records, [None] * len(records), range(first, end), partition, position)
        )
        self.offsets[number] = end

    async def _commit(self) -> None:
        async for positions in self._settled():
            for key, value in positions.items():
                self._hub.commit(int(key), int(value))


async def _forward(folder: Path, url: str) -> None:
    settings = MoesifSettings(
        type="moesif",
        key=SecretStr(KEY),
        keys={"acme.com": SecretStr(key_of("acme.com"))},
        base_url=url,
        linger=0,
        request_timeout=10,
    )
    (folder / "state").mkdir(exist_ok=True)
    async with delivering(folder / "state") as made:
        made.start(MoesifSink("moesif", settings, fittings()), settings)
        positions = await made.journal.positions("hub")
        settled = functools.partial(made.journal.settled, "hub")
        await HubSource(Hub(folder), made.gate, positions, settled).run()


def forward(folder: Path, url: str) -> None:
    """Be a forwarder: journal in `folder`/state, deliver to Moesif, until killed."""
    asyncio.run(_forward(folder, url))
