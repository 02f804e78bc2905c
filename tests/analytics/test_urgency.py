"""Events go first where the processor is short."""

import os
import threading
from pathlib import Path

from bridge.analytics.store import Store


def _own(_: object = None) -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


def _all() -> dict[str, int]:
    tasks = (Path(task) for task in Path("/proc/self/task").iterdir())
    return {task.name: os.getpriority(os.PRIO_PROCESS, int(task.name)) for task in tasks}


async def test_threads_of_questions_give_way_to_the_writer(tmp_path: Path) -> None:
    """Readers and DuckDB's own threads are less urgent to the system than the thread that writes."""
    usual, before = _own(), _all().keys()
    async with Store.opened(tmp_path, threads=2, readers=2) as store:
        reader = await store._readers.use(_own, 5)
        writer = await store._write(_own)
        made = {task: priority for task, priority in _all().items() if task not in before}
    assert (writer, reader) == (usual, min(usual + 10, 19))
    # One reader, and the one thread that DuckDB has beside those that ask.
    assert [*made.values()].count(reader) >= 2, made
