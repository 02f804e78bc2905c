"""Who may hold how many descriptors: one budget, made from the process's limit of open files (P8).

At the limit nothing can be opened any more: no log, no journal, no connection to a destination. So whoever opens
as many as others bring along (logs, senders, callers of the admin listener) gets a part of what the rest leaves.
"""

import resource
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from bridge.settings import Settings
from bridge.web.listener import MOST_CONNECTIONS

# The journal, the event loop, what listens, and what is open for a moment: folders, certificates, a dump. An idle
# daemon with every listener was seen with 24.
_OWN: Final = 48
# Beside its connections: looking up names, a folder, a file.
_FOR_EACH_SINK: Final = 4
# With less than this nobody can work at all.
_LEAST: Final = 8
# More would make tables in the kernel larger, and nobody needs them.
_MOST: Final = 65_536

CURE: Final = (
    "raise the limit of open files: `ulimit -n`, LimitNOFILE= in the systemd unit, `ulimits` of the container"
)


@dataclass(frozen=True, slots=True)
class Descriptors:
    """The parts of the budget."""

    limit: int
    """Descriptors that the process may have open."""
    admin: int
    sources: Mapping[str, int]
    """The part of each source whose descriptors depend on others: files there, connections made."""


def reachable_limit() -> int:
    """Return how many descriptors this process may have once it has raised its limit."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MOST if hard == resource.RLIM_INFINITY else min(hard, _MOST)


def raise_limit() -> None:
    """Raise the limit of open files as far as the system lets us: 1,000 senders need more than the usual 1,024."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (reachable_limit(), hard))


def shares(settings: Settings, limit: int) -> Descriptors:
    """Share out the limit: each gets what it wants, or an equal share of what is left."""
    sinks = sum(sink.concurrency + _FOR_EACH_SINK for sink in settings.sinks.values())
    left = limit - _OWN - sinks
    wanted = {name: source.descriptors for name, source in settings.sources.items()}
    # The admin listener stands under a name that no source can have.
    everybody = sorted((wanted | {"": MOST_CONNECTIONS}).items(), key=lambda item: item[1])
    parts: dict[str, int] = {}
    for at, (name, want) in enumerate(everybody):
        parts[name] = max(_LEAST, min(want, left // (len(everybody) - at)))
        left -= parts[name]
    return Descriptors(limit, parts.pop(""), parts)


def advice(settings: Settings, limit: int) -> Iterator[str]:
    """Yield a line for each source that gets fewer than it wants."""
    parts = shares(settings, limit).sources
    for name, source in settings.sources.items():
        if parts[name] < source.descriptors:
            yield (
                f"[bridge.sources.{name}] may have {parts[name]} files and connections open, not "
                f"{source.descriptors}: the process has {limit} in all; {CURE}"
            )
