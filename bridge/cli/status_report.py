"""What `apim-bridge status` says, most urgent first: plain lines that fit the terminal of a container."""

from collections.abc import Iterator

from bridge.cli.showing import Facts

_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60))


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
    yield from _kept(facts)
    for name, sink in facts["sinks"].items():
        yield from _out(name, sink, label_width(facts), running=running)
    for warning in configuration["warnings"]:
        yield f"note: {warning}"


def troubles(facts: Facts) -> Iterator[str]:
    """Yield what someone should look at now; each line says what is kept, lost or to be done."""
    if facts["obstacle"]:
        yield f"- taking no events (the log waits, HTTP is answered 503): {facts['obstacle']}"
    if facts["journal"]["trouble"] and facts["journal"]["trouble"] != facts["obstacle"]:
        yield f"- the journal's disk fills: {facts['journal']['trouble']}"
    for name, source in facts["sources"].items():
        yield from _log_troubles(name, source)
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
    if facts.get("analytics", {"running": True})["running"] is False:
        yield "- the analytics process does not run; it is started again, its events wait, and its log says why"
    if facts["configuration"]["reload_fault"]:
        yield f"- RELOAD REFUSED at {facts['configuration']['reload_refused']}, the previous one stays in force:"
        yield from facts["configuration"]["reload_fault"].split("\n")


def _log_troubles(name: str, source: Facts) -> Iterator[str]:
    for trouble in source.get("troubles", ()):
        yield f"- {name} cannot read {trouble['path']}: {trouble['what']}; {trouble['cure']}"
    if more := source.get("more_troubles"):
        yield f"- {name} cannot read {more:,} further paths"
    held, most = source.get("held_bytes", 0), source.get("max_held_bytes", 0)
    if held > most / 2:
        yield (
            f"- {name} holds {source['held_files']} deleted logs ({held / 2**20:,.0f} MiB) on the gateway's disk until "
            f"they are read; at {most / 2**20:,.0f} MiB (max_held_bytes) it lets go of the oldest, which are lost"
        )


def span(seconds: float) -> str:
    """Return a time in its two largest units."""
    for index, (unit, size) in enumerate(_UNITS):
        if seconds >= size:
            rest_unit, rest_size = _UNITS[index + 1] if index + 1 < len(_UNITS) else ("s", 1)
            rest = int(seconds % size // rest_size)
            return f"{int(seconds // size)} {unit}" + (f" {rest} {rest_unit}" if rest else "")
    return f"{seconds:.0f} s"


def label_width(facts: Facts) -> int:
    """Return the column in which the lines go on behind their first word."""
    return max(len(label) for label in ("journal", *facts["sinks"])) + 2


def _in(facts: Facts, *, running: bool) -> Iterator[str]:
    books, width = facts["books"], label_width(facts)
    yield (
        f"{'taken':{width}}{books['received']:,} events: {books['journalled']:,} journalled, {books['rejected']:,} "
        f"rejected, {books['duplicate']:,} duplicates; the books {'balance' if books['balanced'] else 'DO NOT BALANCE'}"
    )
    if lost := books["lost_bytes"]:
        yield f"{'':{width}}{lost:,} BYTES OF LOGS WERE GONE BEFORE THEY WERE READ: see `log_bytes_lost` in the log"
    if not running:
        return
    for source in facts["sources"].values():
        if "url" in source:
            yield f"{'':{width}}over HTTP at {source['url']}"
        elif source.get("files"):
            yield f"{'':{width}}from the log ({_files(source)}), {source['lag_bytes']:,} bytes behind"
        else:
            yield f"{'':{width}}from no log file: none is there yet, see `apim-bridge check`"


def _files(source: Facts) -> str:
    parts = [f"{_count(source['followed'], 'file')} followed"]
    if source["waiting"]:
        parts.append(f"{source['waiting']:,} wait to be opened")
    if source["held_files"]:
        parts.append(f"{source['held_files']:,} deleted ones held until they are read")
    return ", ".join(parts)


def _kept(facts: Facts) -> Iterator[str]:
    journal, width = facts["journal"], label_width(facts)
    used, most = journal["used_bytes"], journal["max_bytes"]
    yield (
        f"{'journal':{width}}{used / 2**20:,.1f} of {most / 2**20:,.0f} MiB wait ({used / most:.0%}), "
        f"{journal['disk_free_bytes'] / 2**30:,.1f} GiB free on the disk of {journal['path']}"
    )
    if journal["removed_sinks"]:
        yield (
            f"{'':{width}}cursors kept of sinks that left the configuration: {', '.join(journal['removed_sinks'])}"
        )


def _out(name: str, sink: Facts, width: int, *, running: bool) -> Iterator[str]:
    waiting = f"{sink['pending']:,} pending"
    if sink["pending"]:
        waiting += f", the oldest for {span(sink['oldest_pending_seconds'])}"
    where = f" \u2192 {sink['destination']}" if sink.get("destination") else ""
    yield f"{name:{width}}{_state(sink) + ', ' if running else ''}{waiting}{where}"
    parts = [f"{sink['delivered']:,} delivered"]
    rarer = {
        "sampled_out": "sampled out",
        "filtered": "filtered",
        "rewound": "rewound",
        "skipped": "skipped",
        "corrupt": "IN BLOCKS THAT CANNOT BE READ",
    }
    parts += [f"{sink[what]:,} {words}" for what, words in rarer.items() if sink[what]]
    yield f"{'':{width}}{', '.join(parts)}"
    if sink["dead_letters"]:
        yield (
            f"{'':{width}}{_count(sink['dead_letters'], 'dead letter')}: `apim-bridge dead-letters list --sink {name}` "
            "says why"
        )


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def _state(sink: Facts) -> str:
    return f"{sink['state']} ({sink['pause_reason']})" if sink["pause_reason"] else str(sink["state"])
