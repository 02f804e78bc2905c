"""Badges: a word and a value in a small picture, for a page of one's own, and in the form that shields.io takes."""

from dataclasses import dataclass
from html import escape
from typing import Any, Final

BADGES: Final = ("state", "uptime", "response")
_COLOURS: Final = {"good": "#2e7d32", "poor": "#b26a00", "bad": "#b3261e", "none": "#6b6f76"}
_LABEL: Final = "#3a3d42"
# Of Verdana at 11 pixels, in which badges are drawn everywhere; too wide rather than too narrow.
_CHAR_PIXELS: Final = 6.8
_PADDING: Final = 10
_MOST_LABEL: Final = 60


@dataclass(frozen=True, slots=True)
class SvgBadge:
    """What a badge says."""

    label: str
    message: str
    how: str
    """One of _COLOURS."""

    def shields(self) -> dict[str, Any]:
        """Return it in the form of shields.io's endpoint badge."""
        return {
            "schemaVersion": 1,
            "label": self.label,
            "message": self.message,
            "color": _COLOURS[self.how].removeprefix("#"),
        }

    def drawn(self) -> bytes:
        """Return it as SVG."""
        left, right = (round(len(text) * _CHAR_PIXELS) + _PADDING for text in (self.label, self.message))
        label, message = escape(self.label), escape(self.message)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="20" role="img"'
            f' aria-label="{label}: {message}"><title>{label}: {message}</title>'
            f'<rect width="{left}" height="20" fill="{_LABEL}"/>'
            f'<rect x="{left}" width="{right}" height="20" fill="{_COLOURS[self.how]}"/>'
            '<g fill="#fff" text-anchor="middle" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">'
            f'<text x="{left / 2:g}" y="14">{label}</text><text x="{left + right / 2:g}" y="14">{message}</text>'
            "</g></svg>"
        ).encode()


def badge_of(monitor: dict[str, Any], of: str, window: str) -> SvgBadge:
    """Return a badge of a monitor, as the status page tells it; response times are those of the last day."""
    name, figures = monitor["name"][:_MOST_LABEL], monitor["windows"][window]
    if of == "uptime":
        return SvgBadge(f"{name} uptime {window}", percent(figures["uptime"]), _rated(figures["uptime"]))
    if of == "response":
        median = monitor["windows"]["24h"]["p50_ms"]
        return SvgBadge(
            f"{name} response 24h",
            "unknown" if median is None else f"{median} ms",
            "none" if median is None else "good",
        )
    words = {
        "up": ("up", "good"),
        "down": ("down", "bad"),
        "paused": ("paused", "none"),
        "new": ("unknown", "none"),
    }
    return SvgBadge(name, *words[monitor["state"]])


def percent(share: float | None) -> str:
    """Return a share in percent, never 100 % where something is missing to it."""
    if share is None:
        return "unknown"
    return "100%" if share == 1 else f"{min(share * 100, 99.99):.2f}%"


def _rated(share: float | None) -> str:
    if share is None:
        return "none"
    return "good" if share >= 0.999 else "poor" if share >= 0.99 else "bad"
