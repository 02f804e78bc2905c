"""Does the daemon's work on a state folder while no daemon runs."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from bridge.app.at_rest import AtRest, Resting
from bridge.cli.configuration import path_of, state_dir_of
from bridge.document.faults import Faults
from bridge.document.limits import DEFAULT_LIMITS, JournalLimits, limits_of
from bridge.document.placeholders import Placeholders
from bridge.document.reading import fingerprint, parse
from bridge.errors import ControlError
from bridge.journal.schema import FILE_NAME

_T = TypeVar("_T")
_Command = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]
_Stream = Callable[[dict[str, Any]], AsyncIterator[dict[str, Any]]]
_NONE: Final[Mapping[str, _Stream]] = {}


class Alone:
    """A state folder that this command holds, with the same questions as a daemon."""

    running = False

    def __init__(
        self, runner: asyncio.Runner, commands: Mapping[str, _Command], streams: Mapping[str, _Stream] = _NONE
    ) -> None:
        self._runner = runner
        self._commands = commands
        self._streams = streams

    def command(self, name: str, **arguments: object) -> dict[str, Any]:
        """Return the answer to a command; raises ControlError."""

        async def work() -> dict[str, Any]:
            return await self._commands[name](dict(arguments))

        return _plain(self._runner.run(work()))

    def stream(self, name: str, **arguments: object) -> Iterator[dict[str, Any]]:
        """Yield the steps of a command; raises ControlError."""
        steps = self._streams[name](dict(arguments))

        async def step() -> dict[str, Any] | None:
            return await anext(steps, None)

        while (answer := self._runner.run(step())) is not None:
            yield _plain(answer)


@contextmanager
def without_sinks(config: Path | None) -> Iterator[Alone]:
    """Hold the state folder for commands that need only the journal; no secret is looked up."""
    settings = _resting(config)
    _refuse_none(settings.state_dir)
    with asyncio.Runner() as runner, _entered(runner, AtRest.opened(settings)) as at_rest:
        yield Alone(runner, at_rest.commands)


@contextmanager
def with_sinks(config: Path | None) -> Iterator[Alone]:
    """Hold the state folder with lanes that send; they need the whole configuration with its secrets."""
    from bridge.app.bridge import Bridge  # noqa: PLC0415 - what sends takes long to import
    from bridge.app.operations import Operations  # noqa: PLC0415 - as above
    from bridge.cli.settings import read  # noqa: PLC0415 - as above
    from bridge.telemetry import logs  # noqa: PLC0415 - as above

    _refuse_none(state_dir_of(config))
    settings = read(path_of(config))
    logs.configure("ERROR")
    with asyncio.Runner() as runner, _entered(runner, Bridge.opened(settings)) as bridge:
        serving = Operations(bridge).control_socket()

        async def replay(arguments: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
            sink = arguments.get("sink")
            if isinstance(sink, str) and sink in bridge.lanes:
                bridge.start_lane(sink, follow=False)
            async for step in serving.streams["replay"](arguments):
                yield step

        yield Alone(runner, serving.commands, {"replay": replay})


@contextmanager
def _entered(runner: asyncio.Runner, manager: AbstractAsyncContextManager[_T]) -> Iterator[_T]:
    value = runner.run(manager.__aenter__())
    try:
        yield value
    finally:
        runner.run(manager.__aexit__(None, None, None))


def _resting(config: Path | None) -> Resting:
    """Return what is needed of the configuration; faults elsewhere in it do not matter."""
    path = path_of(config)
    document = parse(path)
    faults = Faults(path)
    written = faults.table(document, "bridge", "bridge").get("journal", {})
    table = Placeholders(document, os.environ, faults).resolve(written, "bridge.journal")
    faults.check()
    limits = _limits(path, table) if isinstance(table, dict) else DEFAULT_LIMITS
    return Resting(path, state_dir_of(path), limits, fingerprint(document))


def _limits(path: Path, table: dict[str, Any]) -> JournalLimits:
    """Return the limits in [bridge.journal]; raises SettingsError."""
    if (limits := limits_of(table)) is not None:
        return limits
    from bridge.settings import JournalSettings  # noqa: PLC0415 - takes long to import, and knows what is wrong
    from bridge.settings.faults import TableFaults  # noqa: PLC0415 - as above

    faults = TableFaults(path)
    journal = faults.read(JournalSettings, table, "bridge.journal")
    faults.check()
    return journal or DEFAULT_LIMITS


def _refuse_none(state_dir: Path) -> None:
    try:
        (state_dir / FILE_NAME).stat()
    except (FileNotFoundError, NotADirectoryError):
        raise ControlError(
            f"there is no journal in {state_dir}; has the bridge run with this configuration?"
        ) from None


def _plain(answer: dict[str, Any]) -> dict[str, Any]:
    """Return an answer as it would come over the socket."""
    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(answer))
    return plain
