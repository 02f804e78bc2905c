"""What `apim-bridge journal inspect` shows: facts as plain data, and the same as tables."""

import time
from pathlib import Path
from typing import Any, Final

from bridge.cli.showing import Facts, columns, printable, show
from bridge.events.times import format_ms
from bridge.journal.tools.inspection import Inspection

_POSITION_CHARACTERS: Final = 100
_TITLES: Final = {
    "blocks": ("block", "source", "received", "age", "events", "bytes", "on_disk", "needed_by"),
    "cursors": ("sink", "next_block", "event", "pending", "state_bytes", "left_the_configuration"),
    "positions": ("source", "key", "value"),
    "dead_letters": ("sink", "reason", "letters", "bytes"),
    "totals": ("total", "of", "reason", "events"),
}


def facts_of(path: Path, inside: Inspection, newest: int) -> Facts:
    """Return what is in a journal's file, the last blocks one by one."""
    count, events, stored = inside.block_sums()
    sides = (path.with_name(path.name + suffix) for suffix in ("", "-wal"))
    return {
        "path": str(path),
        "file_bytes": sum(side.stat().st_size for side in sides if side.exists()),
        "all_blocks": count,
        "all_events": events,
        "all_bytes": stored,
        "blocks": [
            {
                "block": block.seq,
                "source": block.source,
                "received": format_ms(block.received_ms),
                "age": round(time.time() - block.received_ms / 1000),
                "events": block.events,
                "bytes": block.raw_bytes,
                "on_disk": block.stored_bytes,
                "needed_by": ["corrupt"] if block.corrupt else list(block.needed_by),
            }
            for block in inside.blocks(newest)
        ],
        "cursors": [
            {
                "sink": cursor.sink,
                "next_block": cursor.seq,
                "event": cursor.at,
                "pending": cursor.pending,
                "state_bytes": cursor.state_bytes,
                "left_the_configuration": None if cursor.removed_ms is None else format_ms(cursor.removed_ms),
            }
            for cursor in inside.cursors()
        ],
        "positions": [
            {"source": source, "key": key, "value": value.decode("utf-8", "replace")}
            for source, key, value in inside.positions()
        ],
        "dead_letters": [
            {"sink": one.sink, "reason": one.reason, "letters": one.letters, "bytes": one.bytes}
            for one in inside.letters()
        ],
        "totals": [
            {"total": name, "of": owner, "reason": reason, "events": value}
            for name, owner, reason, value in inside.totals()
            if value
        ],
    }


def show_inside(facts: Facts) -> None:
    """Print these facts as tables."""
    show(
        f"{facts['path']}: {facts['file_bytes']:,} bytes; {facts['all_blocks']:,} blocks with "
        f"{facts['all_events']:,} events take {facts['all_bytes']:,} bytes"
    )
    for name, keys in _TITLES.items():
        shown = f" (the last {len(facts[name])} of {facts['all_blocks']:,})" if name == "blocks" else ""
        show("", f"{name.replace('_', ' ')}{shown}")
        table(
            tuple(key.replace("_", " ") for key in keys),
            [tuple(_cell(key, row[key]) for key in keys) for row in facts[name]],
        )


def _cell(key: str, value: Any) -> str:
    match value:
        case None:
            return ""
        case list():
            return ", ".join(value) or "nobody"
        case int() if key == "age":
            return f"{value:,} s"
        case int() if key not in {"block", "next_block", "event"}:
            return f"{value:,}"
        case _:
            return str(value)[:_POSITION_CHARACTERS]


def table(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    """Print rows below their heads."""
    if not rows:
        print("none")
        return
    # Rich costs a tenth of a second and some memory: only those who look pay for it.
    from rich.console import Console  # noqa: PLC0415 - see above
    from rich.table import Table  # noqa: PLC0415 - see above
    from rich.text import Text  # noqa: PLC0415 - see above

    grid = Table(*heads)
    for row in rows:
        # As text: what stands in a file is never markup.
        grid.add_row(*(Text(printable(cell)) for cell in row))
    Console(highlight=False, width=columns()).print(grid)
