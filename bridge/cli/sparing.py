"""Imports libraries without what we do not need of them: faster to start, less memory in the daemon."""

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

# These name the files where OpenSSL looks for the system's authorities, in place of its own.
_AUTHORITIES: Final = ("SSL_CERT_FILE", "SSL_CERT_DIR")


@contextmanager
def sparing() -> Iterator[None]:
    """Import in here what has many modules.

    aiohttp reads all the authorities of the system when it is imported, twice: 40 ms and 2 MB for what sinks
    bring themselves when they need it (`bridge.transports.tls`); so aiohttp's own contexts trust nobody, and
    every connection out has to bring its own. And the collector would look at all that was imported again and
    again, for another 40 ms: imports leave hardly any garbage.
    """
    before = {name: os.environ.get(name) for name in _AUTHORITIES}
    os.environ.update(dict.fromkeys(_AUTHORITIES, os.devnull))
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
