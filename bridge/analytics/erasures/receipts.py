"""What a receipt says of what still holds an erased subject's data, and until when: as far as the bridges have said."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from bridge.events.times import format_ms

_ANALYTICS: Final = "analytics"
_ARCHIVE: Final = "file"
_REWORD: Final = "[erased] stands in its place there: look whether it still says what you want"
SenderAccount = tuple[str, str, int, dict[str, Any]]
"""Name, instance, when it was heard (ms), what it said."""


def still_in(
    accounts: Sequence[SenderAccount], reworded: Sequence[str], *, now_ms: int
) -> list[dict[str, Any]]:
    """Return where the data may still be: `where`, `until` (None: until somebody removes it), and `about`."""
    found = [one for account in accounts for one in _of_sender(account, now_ms)]
    if not accounts:
        found.append(
            _held(
                "the bridges and archives that have sent to this store",
                None,
                "none has said anything of itself: look into their journals and archives",
            )
        )
    found += (_held(where, None, _REWORD) for where in reworded)
    found.append(
        _held(
            "backups of this store's folder",
            None,
            "one that is put back has to be told of what was erased: `apim-bridge analytics rebuild --erasures-of`",
        )
    )
    return found


def _of_sender(account: SenderAccount, now_ms: int) -> Iterator[dict[str, Any]]:
    name, instance, _, said = account
    bridge = f"the bridge {name}" + (f" on {instance}" if instance and instance != name else "")
    journal, sinks = said.get("journal"), said.get("sinks")
    retain = journal.get("retain_seconds") if isinstance(journal, dict) else None
    sinks = (
        {key: one for key, one in sinks.items() if isinstance(one, dict)} if isinstance(sinks, dict) else {}
    )
    waiting = sum(_count(one.get("pending")) for one in sinks.values())
    keeps = "delivered events are kept for `retain` in [bridge.journal]"
    yield _held(
        f"the journal of {bridge}",
        format_ms(now_ms + int(retain * 1000)) if isinstance(retain, int | float) and not waiting else None,
        f"{keeps}, and {waiting} wait for a sink" if waiting else keeps,
    )
    if dead := sum(_count(one.get("dead")) for one in sinks.values()):
        yield _held(
            f"the dead letters of {bridge}",
            None,
            f"{dead} are there; `apim-bridge dead-letters purge` deletes them",
        )
    for sink, one in sorted(sinks.items()):
        kind = one.get("type") or sink
        if kind == _ARCHIVE:
            yield _held(
                f"the archive {one.get('destination') or sink} of {bridge}",
                None,
                "its files are not changed; `keep_files` lets the oldest go, and nothing erased is rebuilt from it",
            )
        elif kind != _ANALYTICS and _count(one.get("delivered")):
            yield _held(
                f"{kind}, where {bridge} has sent it ({sink})",
                None,
                "out of this server's reach: erase it there",
            )


def _held(where: str, until: str | None, about: str) -> dict[str, Any]:
    return {"where": where, "until": until, "about": about}


def _count(value: Any) -> int:
    return value if type(value) is int and value > 0 else 0
