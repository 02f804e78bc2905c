"""What is said of a part of a Moesif query that is not read here: its place, its name, and the nearest known one."""

import difflib
from collections.abc import Iterable, Sequence

from bridge.errors import Unanswerable
from bridge.formats.moesif.names import FIELD_OF, TIME, plain

_MOST_SHOWN = 60


def no_clause(name: object, place: str, known: Sequence[str]) -> Unanswerable:
    """Return the refusal of a clause that is not read; it is never left out, because that would show more."""
    text = str(name)[:_MOST_SHOWN]
    return Unanswerable(
        f'{place}: the clause "{text}" is not understood, and leaving it out would show more',
        f"say it with {', '.join(known)}",
        field=f"{place}.{text}",
        nearest=_nearest(text, known),
    )


def no_name(name: str, place: str) -> Unanswerable:
    """Return the refusal of a field that the analytics has not."""
    text = name[:_MOST_SHOWN]
    close = _nearest(plain(text), [TIME, *FIELD_OF])
    return Unanswerable(
        f'{place}: there is no field "{text}" here',
        f'did you mean "{close}"?' if close else "docs/moesif-workspaces.md lists those that there are",
        field=place,
        nearest=close,
    )


def unknown_option(name: object, place: str, known: Sequence[str]) -> Unanswerable:
    """Return the refusal of a member that is not known where it stands."""
    text = str(name)[:_MOST_SHOWN]
    close = _nearest(text, known)
    return Unanswerable(
        f'{place}: "{text}" is not understood here',
        f'did you mean "{close}"?' if close else f"known are {', '.join(known)}",
        field=f"{place}.{text}",
        nearest=close,
    )


def _nearest(text: str, among: Iterable[str]) -> str:
    close = difflib.get_close_matches(text.lower(), [*among], n=1)
    return close[0] if close else ""
