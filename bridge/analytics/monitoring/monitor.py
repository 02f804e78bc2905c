"""A monitor: what is asked, how often, and what is expected."""

from typing import Final, Literal

import msgspec

MOST_RETRIES: Final = 10
LEAST_INTERVAL_SECONDS: Final = 30
MOST_INTERVAL_SECONDS: Final = 86_400
MOST_LIMIT_SECONDS: Final = 60
METHODS: Final = ("HEAD", "GET", "POST")
# A failure is looked at again soon, however long the interval is.
_RETRY_SECONDS: Final = 30


class Monitor(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One endpoint, as an operator wants it watched."""

    name: str
    url: str
    method: Literal["HEAD", "GET", "POST"] = "GET"
    headers: dict[str, str] = {}
    """Sent with each probe; their values are secrets."""
    body: str = ""
    """Sent with POST; a secret, too."""
    status: tuple[str, ...] = ("2xx",)
    """What the answer may be: "204", "2xx" or "200-299"."""
    contains: str = ""
    """What has to stand in the answer's body."""
    lacks: str = ""
    """What must not stand there."""
    interval_seconds: int = 60
    limit_seconds: int = 10
    """How long all of a probe may take: name, connection, TLS, redirects and body."""
    retries: int = 2
    """How often a failure is tried again before it counts."""
    follow: bool = True
    """Whether a redirect is followed that is not itself expected."""
    verify: bool = True
    """Whether the certificate is checked."""
    public: bool = False
    """Whether the status page shows it."""
    page: str = ""
    """On which status page: /status, or /status/PAGE."""
    paused: bool = False

    def expects(self, status: int) -> bool:
        """Return whether that is how the endpoint may answer."""
        return any(least <= status <= most for least, most in map(status_range, self.status))

    @property
    def retry_seconds(self) -> int:
        """After what time a failure is tried again."""
        return min(self.interval_seconds, _RETRY_SECONDS)


def status_range(text: str) -> tuple[int, int]:
    """Return the least and the greatest status that a text like "204", "2xx" or "200-299" stands for.

    Raises ValueError.
    """
    if len(text) == 3 and text[1:] == "xx":
        least, most = int(text[0]) * 100, int(text[0]) * 100 + 99
    else:
        first, _, last = text.partition("-")
        least, most = int(first), int(last or first)
    if not 100 <= least <= most <= 599:
        raise ValueError(text)
    return least, most
