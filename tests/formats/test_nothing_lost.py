"""Whatever carries an event and whatever happens to it, the books count it once: journalled, or rejected."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fakes.log_writer import event_body, event_line
from rigs.rig import Rig, journalling

from bridge.contracts import Arrival
from bridge.formats.marks import looks_like_event
from bridge.sources.http.body import split
from bridge.sources.http.portions import portions
from bridge.sources.log.framing import frame

Wrap = Callable[[str], str]
ROUNDS = 12
LINES = 40


def named(name: str, **others: Any) -> Wrap:
    return lambda text: json.dumps({**others, name: text})


# Each makes one line of a line.
WRAPS: dict[str, Wrap] = {
    "journald": named("MESSAGE", _PID="1", PRIORITY="6"),
    "gelf": named("short_message", version="1.1", host="gw", timestamp=1.5),
    "ecs": lambda text: json.dumps({"@timestamp": "x", "message": text, "event": {"original": text}}),
    "docker": lambda text: json.dumps(
        {"log": text + "\n", "stream": "stdout", "time": "2026-11-21T00:16:33Z"}
    ),
    "cri": lambda text: "2026-11-21T00:16:33.3Z stdout F " + text,
    "fluent bit": named("log", date=1.0, kubernetes={"pod_name": "gw", "labels": {"app": "gw"}}),
    "otel": lambda text: json.dumps({"resourceLogs": [{"logRecords": [{"body": {"stringValue": text}}]}]}),
    "any": named("whatever_it_is", a=[1, {"b": None}]),
    "syslog": lambda text: "Nov 21 00:16:33 gw wso2[1]: " + text,
}


class Case:
    """A line with a damage, and what must become of it."""

    def __init__(self, chance: random.Random, number: int) -> None:
        whole, other = self._line(chance, number), self._line(chance, number + 1)
        half = whole[: chance.randrange(len(whole))]
        wraps = [chance.choice(sorted(WRAPS)) for _ in range(chance.choice((0, 0, 1, 1, 2, 3)))]
        damage = chance.choice(("none", "joined", "cut", "half before", "half behind", "cut outside"))
        text = {
            "none": whole, "joined": whole + other, "cut": half, "half before": half + other,
            "half behind": other + half, "cut outside": whole,
        }[damage]  # fmt: skip
        # A record that has the line twice may have it twice when it was cut.
        while damage == "cut outside" and "ecs" in wraps:
            wraps.remove("ecs")
        for name in wraps:
            text = WRAPS[name](text)
        if damage == "cut outside":
            text = text[: chance.randrange(len(text))]
        # Of a record that was cut the event may be whole.
        self.may_be_whole = damage == "cut outside"
        self.journalled = {"none": 1, "joined": 2, "half before": 1, "half behind": 1}.get(damage, 0)
        lost = text if damage == "cut outside" else half if damage.startswith(("cut", "half")) else ""
        self.counted = self.journalled + looks_like_event(lost.encode())
        self.text = text.encode()
        self.what = f"{damage} {wraps} {text!r}"

    @staticmethod
    def _line(chance: random.Random, number: int) -> str:
        kind = chance.choice(("apim:response", "apim:faulty"))
        body = event_body(
            number, apiId="a1", properties={"x": 'q"\\{}'}, userName=chance.choice(("jo", "ü日"))
        )
        return event_line(body, kind).decode().rstrip("\n")


def of_log(data: bytes, number: int) -> list[Arrival]:
    """Return what the log source makes of these lines."""
    frames = frame(data, 0, 1 << 20, last=True)
    assert frames.consumed == len(data)
    return [
        Arrival(
            "log", frames.bodies, frames.kinds, frames.places, number.to_bytes(8, "big"),
            rejected={"too_long": frames.too_long}, ignored=frames.ignored, tolerant=True,
        )
    ]  # fmt: skip


async def counted(behind: Rig, arrivals: list[Arrival]) -> tuple[int, int]:
    """Return how many events are journalled, and how many are counted at all."""
    totals = behind.journal.totals
    before = totals.sum("events_rejected")
    receipts = [await behind.gate(arrival) for arrival in arrivals]
    journalled = sum(receipt.accepted + receipt.duplicates for receipt in receipts)
    assert totals.intake_difference() == 0
    return journalled, journalled + totals.sum("events_rejected") - before


async def test_every_event_is_counted_once(tmp_path: Path) -> None:
    """P7: over all carriers and damages, from a log and over HTTP: no event is lost, none is counted twice."""
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    async with journalling(tmp_path) as behind:
        for number in range(ROUNDS):
            cases = [Case(chance, number * 1000 + 2 * index) for index in range(LINES)]
            data = b"".join(case.text + b"\n" for case in cases)
            _, found = await counted(behind, of_log(data, number))
            if found != sum(case.counted for case in cases) or number == 0:
                await name_it(behind, seed, cases)


async def name_it(behind: Rig, seed: int, cases: list[Case]) -> None:
    """See each line by itself."""
    for case in cases:
        journalled, found = await counted(behind, of_log(case.text + b"\n", 10**9))
        assert found == case.counted, (seed, case.what)
        assert journalled == case.journalled or case.may_be_whole, (seed, case.what)


async def test_a_request_with_any_carrier(tmp_path: Path) -> None:
    """The same over `POST /events`, where each request is answered for each of its events."""
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    async with journalling(tmp_path) as behind:
        for index in range(60):
            case = Case(chance, 2 * index)
            arrivals = [portion.arrival("http") for portion in portions(split(case.text))]
            journalled, all_counted = await counted(behind, arrivals)
            assert journalled == case.journalled or case.may_be_whole, (seed, case.what)
            assert all_counted >= case.counted, (seed, case.what)
