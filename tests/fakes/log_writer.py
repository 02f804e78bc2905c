"""A stand-in for log4j2's RollingFile as WSO2 configures it: appends lines and rolls by rename.

`filePattern` is `<name>-MM-dd-yyyy-%i.log` with DefaultRolloverStrategy, `fileIndex=max`: -1 is the oldest of a
day; with `keep` rolled files of the day there, -1 is deleted and the others are renamed down by one.
"""

import json
from io import FileIO
from pathlib import Path


class RollingLog:
    """The log of one gateway; writes reach the file at once and are never synced, as with the real one."""

    def __init__(
        self, folder: Path, *, name: str = "apim_metrics", day: str = "11-21-2026", keep: int = 10
    ) -> None:
        self.folder = folder
        self.name = name
        self.day = day
        self.keep = keep
        self.path = folder / f"{name}.log"
        self._file = FileIO(self.path, "a")

    @property
    def pattern(self) -> str:
        """What `paths` is set to."""
        return str(self.folder / f"{self.name}*.log")

    def write(self, data: bytes) -> None:
        """Append bytes as they are: whole lines or part of one."""
        self._file.write(data)

    def event(self, number: int, **fields: object) -> bytes:
        """Append the line of an event and return its JSON."""
        body = event_body(number, **fields)
        self.write(event_line(body))
        return body

    def rolled(self, index: int) -> Path:
        """Return the path of the day's rolled file with that index."""
        return self.folder / f"{self.name}-{self.day}-{index}.log"

    def roll(self) -> None:
        """Close the log, rename it to the day's next free index, and begin a new one."""
        self._file.close()
        index = 1
        while self.rolled(index).exists():
            index += 1
        if index > self.keep:
            self.rolled(1).unlink()
            for kept in range(2, self.keep + 1):
                self.rolled(kept).rename(self.rolled(kept - 1))
            index = self.keep
        self.path.rename(self.rolled(index))
        self._file = FileIO(self.path, "a")

    def reopen(self) -> None:
        """Begin again at the path, as a gateway that was started again does."""
        self._file.close()
        self._file = FileIO(self.path, "a")

    def close(self) -> None:
        """Stop writing."""
        self._file.close()


def event_body(number: int, **fields: object) -> bytes:
    """Return the JSON of an event that is known by its number."""
    event = {
        "apiName": "PizzaShackAPI",
        "proxyResponseCode": 200,
        "correlationId": f"00000000-0000-4000-8000-{number:012d}",
        "requestTimestamp": "2026-11-21T00:16:33.310Z",
        **fields,
    }
    return json.dumps(event, separators=(",", ":")).encode()


def event_line(body: bytes, name: str = "apim:response") -> bytes:
    """Return the line that WSO2's ELK reporter writes for an event."""
    prefix = f"00:16:33,352 [-] [PassThroughMessageProcessor-171]  INFO ELKCounterMetric apimMetrics: {name}"
    return prefix.encode() + b", properties :" + body + b"\n"
