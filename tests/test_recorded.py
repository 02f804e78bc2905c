"""The recorded output that the tests stand on, counted by a reader of its own."""

import json
import re
from collections import Counter
from pathlib import Path

from places import DATA, RECORDED

LINE = re.compile(r"apimMetrics: (apim:\w+), properties :(\{.*\})$")


def test_the_manifest_is_true(recorded: Path) -> None:
    """What stands in the manifest is what stands in the files: events, their order and kinds, other lines."""
    folder = recorded / "wso2-log"
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    ids: list[str] = []
    kinds: Counter[str] = Counter()
    others = 0
    for file in manifest["files"]:
        data = (folder / file["name"]).read_bytes()
        lines = data.decode().split("\n")[:-1]
        events = [match for line in lines if (match := LINE.search(line))]
        assert (file["bytes"], file["events"]) == (len(data), len(events))
        ids += [json.loads(match[2])["correlationId"] for match in events]
        kinds.update(match[1] for match in events)
        others += len(lines) - len(events)
    assert ids == manifest["correlationIds"]
    assert len(ids) == manifest["events_in_files"]
    assert dict(kinds) == manifest["by_metric"]
    assert others == len(manifest["non_event_lines"])


def kinds_in(folder: Path) -> set[tuple[object, ...]]:
    """Return what kinds of events there are: metric, type of API, fault, keys of the properties, form of the time."""
    kinds: set[tuple[object, ...]] = set()
    for file in folder.glob("*.log"):
        for match in filter(None, map(LINE.search, file.read_text(encoding="utf-8").split("\n"))):
            event = json.loads(match[2])
            kinds |= {
                ("api", match[1], event.get("apiType")),
                ("fault", event.get("errorType"), event.get("errorMessage")),
                ("time", len(event["requestTimestamp"])),
                ("properties", *sorted(event["properties"])),
            }
    return kinds


def test_the_part_has_every_kind() -> None:
    """Every kind of event that was recorded is in the part that is kept here."""
    for name in ("wso2-log", "wso2-log-odd"):
        assert kinds_in(RECORDED[-1] / name) <= kinds_in(DATA / name)
