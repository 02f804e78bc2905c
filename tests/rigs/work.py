"""Counts what the bridge does, whatever time it takes: calls, tasks, thread hops, log lines."""

import asyncio
import gc
import sys
import threading
from collections.abc import Coroutine, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from types import CodeType, CoroutineType, FrameType
from typing import Any, Final, Self

import structlog

import bridge

_PACKAGE: Final = str(Path(bridge.__file__).parent)
_OTHERS: Final = str(Path(_PACKAGE, "demo"))
_HOP: Final = asyncio.BaseEventLoop.call_soon_threadsafe.__code__
# So many more made than freed, and the garbage collector looks: often enough to count by.
_OBJECTS: Final = 500


@dataclass
class Work:
    """What was counted so far, or in a while."""

    calls: float = 0
    """Functions of the bridge, and functions in Python that they called; each resumption of a coroutine."""
    c_calls: float = 0
    """Functions in C that the bridge called."""
    tasks: float = 0
    hops: float = 0
    """From a thread back to the event loop."""
    lines: float = 0
    """Logged."""
    kept: float = 0
    """Objects that the garbage collector knows, more made than freed: by the whole process, in steps."""

    def since(self, before: Self) -> "Work":
        """Return what came after `before`."""
        return Work(*(getattr(self, field.name) - getattr(before, field.name) for field in fields(Work)))

    def beyond(self, most: "Work") -> dict[str, float]:
        """Return what is more than `most`."""
        return {
            field.name: value
            for field in fields(Work)
            if (value := getattr(self, field.name)) > getattr(most, field.name)
        }

    def __truediv__(self, number: float) -> "Work":
        return Work(*(getattr(self, field.name) / number for field in fields(Work)))


class Counting:
    """Counts while `counted` is open; the demonstration's parts stand for other programs and do not count."""

    def __init__(self) -> None:
        self._work = Work()
        self._known: dict[CodeType, bool] = {}
        self._lines: list[Any] = []

    def now(self) -> Work:
        """Return what was counted so far."""
        work = self._work
        return Work(work.calls, work.c_calls, work.tasks, work.hops, len(self._lines), work.kept)

    @contextmanager
    def counted(self) -> Iterator[Self]:
        """Count what this thread and those that it starts from now on do; called inside an event loop."""
        loop = asyncio.get_running_loop()
        before, thresholds = sys.getprofile(), gc.get_threshold()
        with structlog.testing.capture_logs() as self._lines:
            loop.set_task_factory(self._task)
            threading.setprofile(self._note)
            gc.callbacks.append(self._collection)
            gc.set_threshold(_OBJECTS, *thresholds[1:])
            sys.setprofile(self._note)
            try:
                yield self
            finally:
                sys.setprofile(before)
                gc.callbacks.remove(self._collection)
                gc.set_threshold(*thresholds)
                threading.setprofile(None)
                loop.set_task_factory(None)

    def _note(self, frame: FrameType, what: str, _argument: Any) -> None:
        code = frame.f_code
        if what == "call":
            if code is _HOP:
                self._work.hops += 1
            if self._is_ours(code) or (frame.f_back is not None and self._is_ours(frame.f_back.f_code)):
                self._work.calls += 1
        elif what == "c_call" and self._is_ours(code):
            self._work.c_calls += 1

    def _is_ours(self, code: CodeType) -> bool:
        ours = self._known.get(code)
        if ours is None:
            path = code.co_filename
            ours = self._known[code] = path.startswith(_PACKAGE) and not path.startswith(_OTHERS)
        return ours

    def _collection(self, phase: str, _info: dict[str, int]) -> None:
        if phase == "start":
            self._work.kept += _OBJECTS

    def _task(
        self,
        loop: asyncio.AbstractEventLoop,
        work: Coroutine[Any, Any, Any] | Generator[Any, None, Any],
        **more: Any,
    ) -> "asyncio.Task[Any]":
        if isinstance(work, CoroutineType) and self._is_ours(work.cr_code):
            self._work.tasks += 1
        return asyncio.Task(work, loop=loop, **more)
