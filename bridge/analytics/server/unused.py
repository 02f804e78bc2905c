"""Ends what nobody uses any more, where the settings say so: keys of API Analytics, with their data, and tokens.

A key is used by its calls, and by whoever looks at them with it.
"""

from functools import partial
from typing import Final

from bridge.analytics.admin.client_keys import looks
from bridge.analytics.admin.erasures import ask
from bridge.analytics.admin.tokens import revoke_unused
from bridge.analytics.server.served import Served
from bridge.analytics.store.times import moment

_BY: Final = "no use"
_SECONDS: Final = 60.0


async def end_unused(served: Served) -> None:
    """Ask to erase keys without a call for so long, and revoke tokens without a use. Raises StoreWaits."""
    keys, tokens, now_ms = (
        served.settings.keys_unused_for,
        served.settings.tokens_unused_for,
        int(served.clock.time() * 1000),
    )
    if keys is not None:
        before_ms = now_ms - int(keys * 1000)
        looked = await served.admin.read(looks)
        for (key,) in await served.store.ask(
            "SELECT n.value FROM facts f JOIN names n ON n.id = f.key GROUP BY n.value HAVING max(f.received) < ?",
            (moment(before_ms * 1000),),
            _SECONDS,
        ):
            if looked.get(key, 0) >= before_ms:
                continue
            asking = partial(ask, field="key", value=key, keeps_counts=False, now_ms=now_ms, by=_BY)
            await served.admin.write(asking)
            served.logger.warning(
                "a key of API Analytics is erased, with its data: it is not used", key=key[:8]
            )
            served.erasure_asked.set()
    if tokens is not None:
        before_ms = now_ms - int(tokens * 1000)
        for name in await served.admin.write(lambda connection: revoke_unused(connection, before_ms)):
            served.logger.warning("a token is revoked: nobody has used it", name=name)
