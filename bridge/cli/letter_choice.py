"""Which dead letters a command means: the options of `dead-letters` and `replay`."""

import re
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

import click

from bridge.cli.guard import say
from bridge.document.faults import nearest
from bridge.errors import DEAD_REASONS

sink_option = click.option("--sink", metavar="NAME", help="Only letters of this sink.")
reason_option = click.option(
    "--reason", metavar="REASON", help=f"Only with this reason: {', '.join(DEAD_REASONS)}."
)
since_option = click.option(
    "--since",
    metavar="WHEN",
    help="Only those refused since this time (2026-11-20T10:00Z) or within this age (2h).",
)
numbers_argument = click.argument(
    "numbers", metavar="[NUMBER]...", type=int, nargs=-1, help="Numbers of dead letters."
)
all_option = click.option("--all", "everything", is_flag=True, help="All of them.")

_AGE: Final = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
_SECONDS: Final = (86_400, 3_600, 60, 1)


def choose(
    sink: str | None = None,
    reason: str | None = None,
    since: str | None = None,
    numbers: Sequence[int] = (),
) -> dict[str, Any]:
    """Return the choice of letters in the daemon's form; exits with 2 if it makes no sense."""
    if reason is not None and reason not in DEAD_REASONS:
        say(f"--reason {reason}: no dead letter has that reason; {nearest(reason, DEAD_REASONS)}")
        sys.exit(2)
    choice: dict[str, Any] = {"sink": sink, "reason": reason, "numbers": list(numbers)}
    if since is not None:
        choice["since_ms"] = moment_ms(since)
    return {key: value for key, value in choice.items() if value}


def deliberate(choice: dict[str, Any], *, everything: bool) -> dict[str, Any]:
    """Return the choice; exits with 2 if there is none, because only --all means all letters."""
    if not everything and not choice.keys() & {"numbers", "reason", "since_ms"}:
        say("say which: numbers, --reason, --since, or --all")
        sys.exit(2)
    return choice


def moment_ms(text: str) -> int:
    """Return a time, or an age before now, in milliseconds since the epoch."""
    age = _AGE.fullmatch(text.strip())
    try:
        if text.strip() and age is not None:
            seconds = sum(int(count or 0) * unit for count, unit in zip(age.groups(), _SECONDS, strict=True))
            return max(int((time.time() - seconds) * 1000), 0)
        moment = datetime.fromisoformat(text)
        return max(int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000), 0)
    except (ValueError, OverflowError):
        say(f"{text!r} is not a time; write 2026-11-20T10:00Z, or an age such as 90m, 2h or 1d")
        sys.exit(2)
