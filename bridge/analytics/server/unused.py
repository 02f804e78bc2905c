"""Ends what nobody uses any more, where the settings say so: keys of API Analytics, with their data, and tokens.

A key is used by its calls, and by whoever looks at them with it.
"""

from functools import partial
from typing import Final

from bridge.analytics.admin.erasures import ask
from bridge.analytics.admin.tokens import revoke_unused
from bridge.analytics.server.client_keys import last_uses
from bridge.analytics.server.served import Served

_BY: Final = "no use"


async def end_unused(served: Served) -> None:
    """Ask to erase keys that were not used for so long, and revoke such tokens. Raises StoreWaits."""
    settings, now_ms = served.settings, int(served.clock.time() * 1000)
    if settings.keys_unused_for is not None:
        before_ms = now_ms - int(settings.keys_unused_for * 1000)
        for key, used_ms in (await last_uses(served.store, served.admin)).items():
            if used_ms < before_ms:
                asking = partial(ask, field="key", value=key, keeps_counts=False, now_ms=now_ms, by=_BY)
                await served.admin.write(asking)
                served.logger.warning("a key of API Analytics is not used, and is erased", key=key[:8])
                served.erasure_asked.set()
    if settings.tokens_unused_for is not None:
        before_ms = now_ms - int(settings.tokens_unused_for * 1000)
        for name in await served.admin.write(partial(revoke_unused, before_ms=before_ms)):
            served.logger.warning("a token is not used, and is revoked", name=name)
