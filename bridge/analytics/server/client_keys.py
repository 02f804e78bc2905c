"""API Analytics' keys as tokens: a key opens the calls that were sent with it, and nothing else.

One key is for everything there: its clients send it, and whoever has it may look, and delete. Here it is known by its
hash alone. Any UUID is admitted, as there: one that no call was sent with sees nothing, and finding that out costs
nothing. Whoever makes keys up has as many as they like, so all of those without calls count as one caller.
"""

import re
from typing import Final

from bridge.analytics.admin import AdminFile
from bridge.analytics.admin.client_keys import looks, note_looks
from bridge.analytics.questions.filters import read_filters
from bridge.analytics.questions.sandbox import Sandbox
from bridge.analytics.server.rights import Rights
from bridge.analytics.store import Store
from bridge.contracts import Clock
from bridge.formats.api_analytics import hashed_key
from bridge.settings.analytics import Scope

SCOPES: Final = frozenset[Scope]({"read:data", "read:events", "delete:users"})
"""What a key may do, with its own calls."""

AT_ONCE: Final = 6
"""How many of a key's questions are answered at once: a browser has so many connections to one server."""

_WITHOUT_CALLS: Final = "keys without calls"
_KEY: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_SECONDS: Final = 60.0
# Of keys that were used in the last minute.
_MOST_NOTED: Final = 10_000


class KeyReader:
    """Says what a key allows; `access.TokenReader`."""

    def __init__(self, store: Store, admin: AdminFile, clock: Clock) -> None:
        self._store = store
        self._admin = admin
        self._clock = clock
        self._used: dict[str, int] = {}

    def __call__(self, token: str) -> Rights | None:
        """Return what a token allows that is a UUID, None for any other."""
        if not _KEY.fullmatch(token):
            return None
        hashed = hashed_key(token)
        known = self._store.may_have("key", hashed)
        if known and len(self._used) < _MOST_NOTED:
            self._used[hashed] = int(self._clock.time() * 1000)
        return Rights(
            f"key {hashed[:8]}" if known else _WITHOUT_CALLS,
            SCOPES,
            sandbox_of(hashed, known=known),
            at_once=AT_ONCE,
            key=hashed if known else None,
        )

    async def note_looks(self) -> None:
        """Keep when keys were used last."""
        used, self._used = self._used, {}
        if used:
            await self._admin.write(lambda connection: note_looks(connection, used))


def sandbox_of(hashed: str, *, known: bool = True) -> Sandbox:
    """Return the sandbox of the calls of a key; without any if the key is not `known`."""
    return Sandbox(read_filters([{"field": "key", "is": [hashed]}]), latest=None if known else 0)


async def last_uses(store: Store, admin: AdminFile) -> dict[str, int]:
    """Return when each key that has calls was used last, to send or to look: hash to milliseconds."""
    sent = await store.ask(
        "SELECT n.value, epoch_ms(max(f.received)) FROM facts f JOIN names n ON n.id = f.key"
        " WHERE f.key IS NOT NULL GROUP BY n.value",
        (),
        _SECONDS,
    )
    looked = await admin.read(looks)
    return {hashed: max(at, looked.get(hashed, 0)) for hashed, at in sent}
