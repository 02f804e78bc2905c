"""What the soak sees of the daemon's processes: memory and CPU, from /proc."""

import asyncio
import os
import statistics
from pathlib import Path

from rigs.daemon import Daemon

LOOK_SECONDS = 0.5
# Memory is the median of this many looks: a batch under way is not growth.
LOOKS = 20


class Watch:
    """Looks at whichever process is there, until `run` is cancelled."""

    def __init__(self, daemon: Daemon, warm_seconds: float) -> None:
        self.warm_seconds = warm_seconds
        """After so long the first process's memory is what the last one's is compared with."""
        self.processes = 0
        self.peak_bytes = 0
        self._daemon = daemon
        self._recent: list[int] = []
        self._warm_bytes = 0.0
        self._end_bytes = 0.0
        self._cpu_seconds: dict[int, float] = {}

    @property
    def growth(self) -> float:
        """By what part memory at the end is more than that after the first minute."""
        return self._end_bytes / self._warm_bytes - 1 if self._warm_bytes else 0.0

    async def run(self) -> None:
        """Look now and then."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        while True:
            self._look()
            if not self._warm_bytes and loop.time() - began >= self.warm_seconds:
                self._warm_bytes = self._memory()
            await asyncio.sleep(LOOK_SECONDS)

    def end(self) -> None:
        """Take the memory of now as that at the end."""
        self._end_bytes = self._memory()

    def rows(self) -> dict[str, str]:
        """Return what was seen, for the table."""
        return {
            "processes": str(len(self._cpu_seconds)),
            "memory": f"{_mib(self._warm_bytes)} after {self.warm_seconds:.0f} s, {_mib(self._end_bytes)} at the end"
            f" ({self.growth:+.0%}), {_mib(self.peak_bytes)} at most",
            "CPU": f"{sum(self._cpu_seconds.values()):.0f} s",
        }

    def _memory(self) -> float:
        return statistics.median(self._recent) if self._recent else 0.0

    def _look(self) -> None:
        try:
            pid = self._daemon.process.pid
            memory = self._daemon.resident_bytes()
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except (AssertionError, OSError, IndexError):
            return  # just between two processes
        if pid not in self._cpu_seconds:
            self._recent.clear()
        self._cpu_seconds[pid] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        self.peak_bytes = max(self.peak_bytes, memory)
        self._recent = [*self._recent[-LOOKS + 1 :], memory]


def _mib(size: float) -> str:
    return f"{size / 2**20:.0f} MiB"
