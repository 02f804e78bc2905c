"""What `apim-bridge status` says, most urgent first: plain lines that fit the terminal of a container."""

from collections.abc import Iterator
from typing import Any

_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60))

Facts = dict[str, Any]


def report(facts: Facts, *, running: bool) -> Iterator[str]:
    """Yield the lines for these facts of a bridge, as `status --json` shows them."""
    configuration = facts["configuration"]
    state = (
        f"running for {span(facts['uptime_seconds'])}" if running else "NOT RUNNING (from the state folder)"
    )
    loaded = f", loaded {configuration['loaded']}" if running else ""
    yield f"apim-bridge {facts['version']} on {facts['instance']}, {state}"
    yield f"configuration {configuration['fingerprint']} ({configuration['file']}){loaded}"
    yield ""
    if found := list(troubles(facts)):
        yield "TROUBLE"
        yield from found
        yield ""
    elif running:
        yield "all is well"
        yield ""
    yield from _in(facts, running=running)
    yield from _kept(facts["journal"])
    for name, sink in facts["sinks"].items():
        yield from _out(name, sink, running=running)
    for warning in configuration["warnings"]:
        yield f"note: {warning}"


def troubles(facts: Facts) -> Iterator[str]:
    """Yield what someone should look at now; each line says what is kept, lost or to be done."""
    if facts["obstacle"]:
        yield f"- taking no events (the log waits, HTTP is answered 503): {facts['obstacle']}"
    if facts["journal"]["trouble"] and facts["journal"]["trouble"] != facts["obstacle"]:
        yield f"- the journal's disk fills: {facts['journal']['trouble']}"
    for name, sink in facts["sinks"].items():
        if sink["trouble"]:
            yield (
                f"- {name} is {_state(sink)}; next try in {span(sink['retry_in_seconds'])}, nothing is lost: "
                f"{sink['trouble']}"
            )
        for parked in sink["parked"]:
            yield (
                f"- {name}: {parked['events']:,} events of {parked['tenant']} are parked, the oldest from "
                f"{parked['oldest']}: {parked['why']}"
            )
    if facts["configuration"]["reload_fault"]:
        yield f"- RELOAD REFUSED at {facts['configuration']['reload_refused']}, the configuration before it goes on:"
        yield facts["configuration"]["reload_fault"]


def span(seconds: float) -> str:
    """Return a time in its two largest units."""
    for index, (unit, size) in enumerate(_UNITS):
        if seconds >= size:
            rest_unit, rest_size = _UNITS[index + 1] if index + 1 < len(_UNITS) else ("s", 1)
            rest = int(seconds % size // rest_size)
            return f"{int(seconds // size)} {unit}" + (f" {rest} {rest_unit}" if rest else "")
    return f"{seconds:.0f} s"


def _in(facts: Facts, *, running: bool) -> Iterator[str]:
    books = facts["books"]
    yield (
        f"taken    {books['received']:,} events: {books['journalled']:,} journalled, {books['rejected']:,} rejected, "
        f"{books['duplicate']:,} duplicates; the books {'balance' if books['balanced'] else 'DO NOT BALANCE'}"
    )
    if not running:
        return
    for source in facts["sources"].values():
        if "url" in source:
            yield f"         over HTTP at {source['url']}"
        elif source.get("files"):
            yield f"         from the log ({len(source['files'])} files followed), {source['lag_bytes']:,} bytes behind"
        else:
            yield "         from no log file: none is there yet, see `apim-bridge check`"


def _kept(journal: Facts) -> Iterator[str]:
    used, most = journal["used_bytes"], journal["max_bytes"]
    yield (
        f"journal  {used / 2**20:,.1f} of {most / 2**20:,.0f} MiB wait ({used / most:.0%}), "
        f"{journal['disk_free_bytes'] / 2**30:,.1f} GiB free on the disk of {journal['path']}"
    )
    if journal["removed_sinks"]:
        yield f"         cursors kept of sinks that left the configuration: {', '.join(journal['removed_sinks'])}"


def _out(name: str, sink: Facts, *, running: bool) -> Iterator[str]:
    waiting = f"{sink['pending']:,} pending"
    if sink["pending"]:
        waiting += f", the oldest for {span(sink['oldest_pending_seconds'])}"
    yield f"{name:7}  {_state(sink) + ', ' if running else ''}{waiting} \u2192 {sink['destination']}"
    parts = [f"{sink['delivered']:,} delivered"]
    rarer = {
        "sampled_out": "sampled out",
        "filtered": "filtered",
        "rewound": "rewound",
        "skipped": "skipped",
        "corrupt": "IN BLOCKS THAT CANNOT BE READ",
    }
    parts += [f"{sink[what]:,} {words}" for what, words in rarer.items() if sink[what]]
    yield f"         {', '.join(parts)}"
    if sink["dead_letters"]:
        yield (
            f"         {sink['dead_letters']:,} dead letters: `apim-bridge dead-letters list --sink {name}` "
            "says why"
        )


def _state(sink: Facts) -> str:
    return f"{sink['state']} ({sink['pause_reason']})" if sink["pause_reason"] else str(sink["state"])
