"""Applies a changed configuration while the bridge runs: on SIGHUP, and for `apim-bridge reload`."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final

from bridge.app.bridge import Bridge
from bridge.errors import BridgeError, ControlError, SettingsError
from bridge.settings import BridgeSettings, Settings

# The state folder holds the lock and the socket; Prometheus and the probes know the admin address.
_AT_START: Final = {"state_dir": "[bridge] state_dir", "admin": "[bridge.admin]"}


class Reload:
    """Reads the configuration again and lets the bridge apply it, all or nothing; remembers how that went."""

    def __init__(self, bridge: Bridge, read: Callable[[], Settings]) -> None:
        """`read` returns the settings as the file has them now, and raises SettingsError."""
        self._bridge = bridge
        self._read = read
        self._turn = asyncio.Lock()
        self._asked: set[asyncio.Task[dict[str, Any]]] = set()
        self.loaded_at = bridge.clock.time()
        """When the configuration in force was loaded, in seconds since the epoch."""
        self.fault = ""
        """Why the last reload was refused; empty: it was not, or there was none."""
        self.refused_at = 0.0

    async def __call__(self) -> dict[str, Any]:
        """Return what changed, once it is in force; raises ControlError with the fault, and nothing changed."""
        return await asyncio.shield(self.soon())

    def soon(self) -> asyncio.Task[dict[str, Any]]:
        """Begin to reload, for a signal: the outcome is in the log, the metrics and the status."""
        # A task of its own: the caller may go away, and a change must not be left half done.
        task = asyncio.create_task(self._reload())
        self._asked.add(task)
        task.add_done_callback(self._asked.discard)
        # Its fault was reported already, whether or not anybody waits for it.
        task.add_done_callback(lambda task: task.cancelled() or task.exception())
        return task

    async def _reload(self) -> dict[str, Any]:
        bridge = self._bridge
        async with self._turn:
            try:
                before, after = bridge.settings, await asyncio.to_thread(self._read)
                _refuse_fixed(before, after)
                await bridge.apply(after)
            except Exception as error:
                expected = isinstance(error, BridgeError)
                self.fault, self.refused_at = str(error) if expected else repr(error), bridge.clock.time()
                bridge.happenings.reload_refused(self.fault, None if expected else error)
                raise ControlError(self.fault) from error
            self.fault, self.loaded_at = "", bridge.clock.time()
            changes = _changes(before, after)
            bridge.happenings.reloaded(after.fingerprint, changes)
            return {"fingerprint": after.fingerprint, "before": before.fingerprint, "changes": changes}


def _refuse_fixed(before: Settings, after: Settings) -> None:
    faults = [
        f"{after.file}: {name} changed, and takes effect only at a start; restart the bridge, or put it back"
        for key, name in _AT_START.items()
        if getattr(before, key) != getattr(after, key)
    ]
    if faults:
        raise SettingsError("\n".join(faults))


def _changes(before: Settings, after: Settings) -> list[str]:
    """Return what is different, a few words each."""
    keys = [key for key in BridgeSettings.model_fields if getattr(before, key) != getattr(after, key)]
    masks = ["masks changed"] if before.wso2.mask != after.wso2.mask else []
    captures = ["captures changed"] if before.captures != after.captures else []
    return [
        *_differences("sink", before.sinks, after.sinks),
        *_differences("source", before.sources, after.sources),
        *masks,
        *captures,
        *(f"[bridge] {key} changed" for key in keys),
    ]


def _differences(kind: str, before: Mapping[str, object], after: Mapping[str, object]) -> list[str]:
    return [
        *(f"{kind} {name} added" for name in after if name not in before),
        *(f"{kind} {name} changed" for name in after if name in before and before[name] != after[name]),
        *(f"{kind} {name} removed" for name in before if name not in after),
    ]
