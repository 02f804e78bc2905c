"""What one read of a log brought, as intake takes it."""

from collections.abc import Mapping
from dataclasses import dataclass

from bridge.contracts import Arrival
from bridge.sources.log.files import LogFile
from bridge.sources.log.lines import Lines
from bridge.sources.log.positions import Launch, Mark, launch_row


@dataclass(frozen=True, slots=True)
class Chunk:
    """Lines, and the log they came from; `log` None: only rows of other logs change."""

    log: LogFile | None
    before: Mark
    lines: Lines
    changes: Mapping[str, bytes | None]
    lost: Mapping[str, int]
    """Bytes that were gone before they were read, by reason, since the chunk before."""

    def arrival(self, source: str, launch: Launch) -> Arrival:
        """Return it as intake takes it; `source` is the source's name."""
        key, row = launch_row(launch)
        positions = {**self.changes, key: row}
        if self.log is not None:
            positions[self.log.key] = self.log.row(self.lines.mark)
        frames = self.lines.frames
        rejected = {"too_long": frames.too_long, "torn": self.lines.torn}
        return Arrival(
            source=source,
            bodies=frames.bodies,
            kinds=frames.kinds,
            places=frames.places,
            fingerprint=(self.log and self.log.fingerprint) or b"",
            positions=positions,
            rejected={reason: count for reason, count in rejected.items() if count},
            ignored=frames.ignored,
            lost_bytes=self.lost,
            tolerant=True,
        )
