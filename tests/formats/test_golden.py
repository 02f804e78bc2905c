"""Every form in which an event is known to come in, each with what Moesif must get for it.

A case is two files side by side in tests/golden: `NAME.log` (lines of a log) or `NAME.json` (the body of a
`POST /events`), and `NAME.moesif.json`. Its README says of each what it is and where it is from.
"""

import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest
from fakes.destinations import fittings
from rigs.clock import FakeClock
from rigs.rig import Rig, opened

from bridge.batches import Batch
from bridge.contracts import Arrival, Gateway
from bridge.delivery.ahead import MappedAhead, forms_of
from bridge.demo.moesif_schema import check_events
from bridge.intake import Intake
from bridge.sinks.moesif.sink import MoesifSettings, MoesifSink
from bridge.sources.http.body import split
from bridge.sources.http.portions import portions
from bridge.sources.log.framing import frame

GOLDEN = Path(__file__).parent / "golden"
GATEWAY = Gateway("gateway-1", "https://gw.example.com:8243")
CASES = sorted(
    path
    for path in GOLDEN.iterdir()
    if path.suffix in {".log", ".json"} and not path.name.endswith(".moesif.json")
)
# What wso2's threads and documents show, in the order of the project's list of them.
REAL_LINES = 12


def expected_of(path: Path) -> Path:
    return path.with_suffix(".moesif.json")


def arrivals(path: Path) -> list[Arrival]:
    """Return what the source would hand to intake: the log source, or the HTTP source."""
    data = path.read_bytes()
    if path.suffix == ".log":
        frames = frame(data, 0, 1 << 20)
        assert frames.consumed == len(data)
        return [
            Arrival(
                "log",
                frames.bodies,
                frames.kinds,
                frames.places,
                b"golden",
                ignored=frames.ignored,
                tolerant=True,
            )
        ]
    return [portion.arrival("http") for portion in portions(split(data))]


class KeepsUp:
    """A sink that intake maps for while it has the events decoded."""

    def __init__(self, sink: MoesifSink) -> None:
        self._sink = sink

    def ahead(self, _arrival: Arrival, received_ms: int) -> MappedAhead:
        assert self._sink.traits.mapper is not None
        return MappedAhead([self._sink.traits.mapper], received_ms)

    async def in_step(self) -> None:
        """Nobody is waited for."""


async def delivered(rig: Rig, sink: MoesifSink) -> list[dict[str, Any]]:
    """Return what Moesif would get of all that is journalled, checked against its schema.

    That is the same whether an event was mapped as it came in or is mapped from its bytes.
    """
    events: list[dict[str, Any]] = []
    for seq in range(1, rig.journal.last_seq + 1):
        block = await rig.journal.next_block(seq)
        times = [block.received_ms] * len(block.ids)
        body = gzip.decompress((await sink.encode(Batch(block.ids, block.bodies, times))).body)
        assert sink.traits.mapper is not None
        forms = forms_of(block.ahead, sink.traits.mapper)
        assert sum(events for events, _ in forms) == len(block.ids)
        ahead = await sink.encode(Batch(block.ids, block.bodies, times, mapped=[form for _, form in forms]))
        assert json.loads(gzip.decompress(ahead.body)) == json.loads(body)
        check_events(body, batch=True, full_uris=False)
        events += json.loads(body)
    return events


async def outcome(path: Path, folder: Path) -> dict[str, Any]:
    """Return what becomes of a case, by way of the real intake and journal; what is empty is left out."""
    async with opened(folder, "moesif", clock=FakeClock(hasty=True)) as rig:
        sink = MoesifSink("moesif", MoesifSettings(type="moesif", key="k" * 60), fittings())
        intake = Intake(rig.journal, None)
        intake.followers = KeepsUp(sink)
        rejected = [reason for one in arrivals(path) for _, reason, _ in (await intake(one)).rejected]
        ignored = sum(
            value for name, _, _, value in rig.rows("SELECT * FROM totals") if name == "lines_ignored"
        )
        parts = {"moesif": await delivered(rig, sink), "rejected": rejected, "ignored": ignored}
        await sink.close()
    return {name: part for name, part in parts.items() if part}


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.name)
async def test_each_form_becomes_the_event_beside_it(path: Path, tmp_path: Path) -> None:
    """What came in leaves as the Moesif event that was checked by hand, or is refused with that reason."""
    assert await outcome(path, tmp_path) == json.loads(expected_of(path).read_bytes())


def test_each_case_is_explained() -> None:
    """The README names every case, and no other; no file lies there for nothing."""
    named = re.findall(r"^\| `([^`]+)` \|", (GOLDEN / "README.md").read_text(), re.MULTILINE)
    assert sorted(named) == [path.name for path in CASES]
    files = {path.name for path in GOLDEN.iterdir()} - {"README.md"}
    assert files == {name.name for path in CASES for name in (path, expected_of(path))}


def test_all_real_lines_are_there() -> None:
    """Each of the real lines that were found in public has its case."""
    numbers = {match[1] for path in CASES if (match := re.match(r"real-(\d\d)-", path.name))}
    assert numbers == {f"{number:02d}" for number in range(1, REAL_LINES + 1)}
