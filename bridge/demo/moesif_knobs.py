"""The knobs of the Moesif look-alike: what it does differently, and what it notes of each request."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, get_type_hints

import msgspec

Failure = Literal["reset", "reset_after", "hang", "hang_body", "drop"]


@dataclass
class Knobs:
    """What the look-alike does differently; any of it may be changed while it runs."""

    status: int | None = None
    """Answer this status to everything; one outside of 2xx takes nothing. None: the right one."""
    answer: str = ""
    """The body of answers made by `status`, `fail_next` and `status_for`."""
    retry_after: str | None = None
    """Send this Retry-After header with every answer outside of 2xx."""
    status_for: Callable[[dict[str, Any]], int | None] | None = None
    """Asked for each event: a status makes the whole batch get it, and nothing of it is taken (poison)."""
    fail_next: list[int | Failure] = field(default_factory=list)
    """What happens to the next posts, one entry each: a status (2xx takes the batch), or
    `reset`: reset the connection before the body is read;
    `drop`: read the body, then close the connection without an answer;
    `reset_after`: take the batch, then reset the connection without an answer (the lost answer);
    `hang`: go on only when released, then as if nothing had happened;
    `hang_body`: take the batch, send the headers of the answer, and its body only when released."""
    delay_seconds: float = 0.0
    """How long to wait before a post is taken and answered."""
    max_body_bytes: int = 50_000_000
    """Answer 413 to larger bodies, measured without compression, as Moesif does."""
    max_event_bytes: int | None = None
    """Answer 413 when one event is larger; None: Moesif takes it and cuts its body off."""
    full_uris: bool = True
    """Refuse a `request.uri` without scheme and host; off for what WSO2's own publisher sends."""
    refused_keys: dict[str, int] = field(default_factory=dict)
    """Application ids that are known and get this status all the same: 402, its subscription has ended; 403."""
    config: dict[str, Any] = field(default_factory=lambda: {"sample_rate": 100})
    """The answer to `GET /v1/config`; its ETag goes with the answers to events, too."""
    config_of: dict[str, dict[str, Any]] = field(default_factory=dict)
    """That answer for some application ids."""
    config_status: int | None = None
    """Answer this status to `GET /v1/config`, and go on with the rest."""
    rules: list[dict[str, Any]] = field(default_factory=list)
    """The answer to `GET /v1/rules`."""

    def turn(self, name: str, value: object) -> None:
        """Set one knob from a JSON value; raises ValueError for an unknown name or value."""
        kinds = get_type_hints(Knobs)
        del kinds["status_for"]
        if name not in kinds:
            raise ValueError(f"no knob named {name}, only {', '.join(kinds)}")
        setattr(self, name, msgspec.convert(value, kinds[name]))


@dataclass(frozen=True, slots=True)
class Received:
    """One request as it was answered; `status` is a word of Failure where there was no whole answer."""

    method: str
    path: str
    key: str
    """The application id that it came with."""
    status: int | Failure
    count: int = 0
    """Events in it, taken or not; 0 if they could not be read."""
    body_bytes: int = 0
    """Size as sent, so compressed if it was."""
    events: tuple[dict[str, Any], ...] = ()
    """Those that were taken; empty when only ids are kept."""
    objects: tuple[dict[str, Any], ...] = ()
    """Users, companies, subscriptions or actions that were taken."""
