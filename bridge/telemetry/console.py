"""Log lines for people at a terminal: the time, a sentence, and further facts below it."""

import os
import re
from collections.abc import MutableMapping
from typing import Any, Final

_RED, _YELLOW, _FAINT, _PLAIN = "\x1b[31m", "\x1b[33m", "\x1b[2m", "\x1b[0m"
_COLOURS: Final = {"warning": _YELLOW, "error": _RED, "critical": _RED, "debug": _FAINT}

# The most frequent lines, as whole sentences; others show their name and facts.
_SENTENCES: Final = {
    "journal_opened": "Journal {path} is open; {events_journalled} events were taken so far.",
    "taken_before": "{events} events came in earlier runs. What was read of a log is not read again: new lines are.",
    "following_log": "Following {path}, from byte {offset} of {size}.",
    "http_listening": "Taking events at {url}.",
    "lane_started": "{sink}: delivering to {destination}, {pending} events wait.",
    "started": "apim-bridge {version} runs; its own page is {admin}/",
    "first_events": "The first events have come from {source}: {events}, on disk.",
    "first_delivered": "The first events are delivered to {sink}: {events}.",
    "delivery_resumed": "{sink}: delivery goes on.",
    "reloaded": "Configuration {configuration} is in force.",
    "configuration": "Note: {warning}",
    "stopping": "Stopping ({why}); what waits is delivered for at most {drain_seconds} s.",
    "stopped": "Stopped; everything is committed.",
}
# These are sentences themselves: a line each, below.
_LONG: Final = ("fault", "why", "error", "answer", "cure", "changes")


def render(_logger: Any, _method: str, line: MutableMapping[str, Any]) -> str:
    """Return a line's text, in colour unless NO_COLOR is set (no-color.org)."""
    facts = dict(line)
    name, level = str(facts.pop("event")), str(facts.pop("level", "info"))
    time, exception = str(facts.pop("timestamp", ""))[11:19], facts.pop("exception", None)
    sentence, told = _sentence(name, facts)
    rest = {key: value for key, value in facts.items() if key not in told and value not in ("", None, [], {})}
    long = {key: rest.pop(key) for key in _LONG if key in rest}
    short = ", ".join(f"{key.replace('_', ' ')} {_value(value)}" for key, value in rest.items())
    colour = "" if os.environ.get("NO_COLOR") else _COLOURS.get(level, "")
    faint, plain = ("", "") if os.environ.get("NO_COLOR") else (_FAINT, _PLAIN)
    lines = [f"{faint}{time}{plain}  {colour}{sentence}{plain if colour else ''}"]
    if short and name not in _SENTENCES:
        lines[0] += f"  {faint}{short}{plain}"
    indentation = " " * 10
    lines += [
        f"{indentation}{part}" for value in long.values() for part in _value(value).split("\\n") if part
    ]
    if exception:
        lines += [f"{indentation}{part}" for part in str(exception).splitlines()]
    return "\n".join(lines)


def _sentence(name: str, facts: MutableMapping[str, Any]) -> tuple[str, set[str]]:
    if (form := _SENTENCES.get(name)) is not None:
        told = set(re.findall(r"\{(\w+)\}", form))
        if told <= facts.keys():
            return form.format(**{key: _value(facts[key]) for key in told}), told
    return name.replace("_", " ").capitalize(), set()


def _value(value: object) -> str:
    """Return a value whose characters a terminal shows and does not obey."""
    match value:
        case bool():
            text = "yes" if value else "no"
        case int():
            text = f"{value:,}"
        case list() | tuple():
            text = ", ".join(map(str, value))
        case _:
            text = str(value)
    return "".join(one if one.isprintable() else _escaped(one) for one in text)


def _escaped(character: str) -> str:
    code = ord(character)
    return r"\n" if character == "\n" else f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
