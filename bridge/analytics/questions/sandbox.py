"""A sandbox: which calls a caller may see, and what of them. It holds below every question, list and suggestion.

What holds in a sandbox:

- Its filters and the caller's have to pass, both. A caller's filter is tried on calls of the sandbox alone, and values
  are looked up among those that its calls have. So neither an answer, nor how long it takes, tells whether other calls
  have a value: that depends on the store's size.
- A field that it does not show is not read for its caller. What comes out is built of the fields that it shows.
- Calls before `earliest` and from `latest` on are not there, in the period that an answer is compared with neither.
- An event outside is one that does not exist.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from bridge.analytics.questions.fields import FIELDS, Measure
from bridge.analytics.questions.filters import SETS, CallFilter
from bridge.analytics.questions.periods import Period
from bridge.analytics.questions.words import nearest
from bridge.errors import Unanswerable

_UNFIT: Final = frozenset({"correlation_id", "hour", "weekday"})
"""The first is kept beside the facts, and the others depend on a time zone, which the caller chooses."""
_QUANTITIES: Final = tuple(name for name, field in FIELDS.items() if not field.groups)

CALLERS: Final = frozenset({"user", "application", "company", "key"})
"""Fields that say who called: where they are settled, what the caller sent is their own."""
_THEIR_OWN: Final = frozenset({"application", "path", "correlation_id"})
_OF_OTHERS: Final = frozenset(
    {
        *("user", "ip", "user_agent", "application", "application_owner", "company", "key", "api_creator"),
        # A path may name anybody, and with an id of a call one may ask another system for it.
        *("path", "correlation_id"),
        # How the owner's own machines are called and divided.
        *("tenant", "instance", "backend"),
    }
)
NOT_PERSONAL: Final = frozenset(FIELDS) - _OF_OTHERS
"""What can be shown to anybody: about the API, the answer, and the kind of the caller's device."""


@dataclass(frozen=True, slots=True)
class Sandbox:
    """What one caller may see. Raises Unanswerable where a filter is on a field that cannot hold a sandbox."""

    filters: tuple[CallFilter, ...] = ()
    """What all calls pass that are seen."""
    fields: frozenset[str] | None = None
    """Names of `FIELDS` that are shown, and may be asked for and filtered by; None: all, and the event as it came."""
    earliest: int | None = None
    """In microseconds since the epoch; None: no bound."""
    latest: int | None = None
    """The calls that are seen are from before this."""

    def __post_init__(self) -> None:
        for one in self.filters:
            if one.field.name in _UNFIT:
                raise Unanswerable(
                    f"a sandbox cannot be held by {one.field.name}",
                    "use fields such as user, company, application, api, tenant or key",
                    field=f"filters.{one.field.name}",
                )

    def shows(self, field: str) -> bool:
        """Return whether a field is shown."""
        return self.fields is None or field in self.fields

    def shows_measure(self, measure: Measure) -> bool:
        """Return whether a measure is shown: how many there are of something does not tell which."""
        if measure.name == "cache_hit_rate":
            return self.shows("cache_hit")
        return all(
            self.shows(name)
            for name in _QUANTITIES
            if any(use.startswith(f"{name}_") for use in measure.uses)
        )

    def require(self, names: Iterable[str], place: str) -> None:
        """Return if all these fields are shown; raises Unanswerable."""
        for name in names:
            if not self.shows(name):
                shown = sorted(self.fields or ())
                close = nearest(name, shown)
                cure = f'did you mean "{close}"?' if close else f"shown are: {', '.join(shown)}"
                raise Unanswerable(f"{place}: {name} is not shown here", cure, field=place, nearest=close)

    def require_measures(self, measures: Iterable[Measure]) -> None:
        """Return if the quantities that these are figures of are shown; raises Unanswerable."""
        for measure in measures:
            if not self.shows_measure(measure):
                raise Unanswerable(
                    f"measures: {measure.name} is not shown here", "take another", field="measures"
                )

    def seen(self, period: Period) -> Period:
        """Return what of a period can be seen; it may be empty."""
        start = period.start if self.earliest is None else max(period.start, self.earliest)
        end = period.end if self.latest is None else min(period.end, self.latest)
        return replace(period, start=min(start, period.end), end=max(end, min(start, period.end)))


def default_fields(filters: Iterable[CallFilter]) -> frozenset[str]:
    """Return what a customer is shown of the calls that pass these filters.

    Fields that name nobody; those that the filters hold to values; and where it is settled who called, what that
    caller sent.
    """
    held = {one.field.name for one in filters if any(_holds(test.name, test.value) for test in one.tests)}
    own = _THEIR_OWN if held & CALLERS else frozenset()
    return NOT_PERSONAL | held | own


def _holds(test: str, value: object) -> bool:
    return SETS.get(test) is False and isinstance(value, tuple) and None not in value


def seen(period: Period, sandbox: Sandbox | None) -> Period:
    """Return what of a period can be seen, in a sandbox or without one."""
    return period if sandbox is None else sandbox.seen(period)
