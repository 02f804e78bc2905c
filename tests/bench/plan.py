"""How much a benchmark measures, and where: the same scenes in a quick and in a full form."""

import shutil
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from bench import gateway_log
from bench.report import Report


@dataclass
class Plan:
    """One run of the benchmark; scenes read their sizes here and put into `report` what they found."""

    folder: Path
    full: bool
    rounds: int
    report: Report = field(default_factory=Report)
    _runs: int = 0

    @property
    def events(self) -> int:
        """Events of a run from a log."""
        return 1_000_000 if self.full else 120_000

    @cached_property
    def log(self) -> Path:
        """A log with so many events; written when it is first asked for."""
        path = self.folder / "logs" / "apim_metrics.log"
        gateway_log.write(path, self.events, seed=1)
        return path

    @cached_property
    def ids(self) -> set[str]:
        """What is known of the events of the log."""
        return set(gateway_log.ids(self.log))

    def fresh(self) -> Path:
        """Return a folder for one run."""
        self._runs += 1
        path = self.folder / f"run-{self._runs}"
        path.mkdir()
        return path

    def done(self, folder: Path) -> None:
        """Remove what a run has left: the next one must not pay for its pages."""
        shutil.rmtree(folder)
