"""Which company a user belongs to, as a sender has said of the user: later calls that name none are that company's.

Moesif does the same with an update of a user that has a `company_id` (Moesif/apidocs, _users-api.md); one without it
changes nothing.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from bridge.analytics.store.apart import Apart
from bridge.analytics.store.columns import MARK
from bridge.analytics.store.people import transaction

_AT_A_TIME: Final = 500


class CompanyLink(NamedTuple):
    """What a record has said."""

    place: int
    """How many events of its batch came before it."""
    record: str
    """Its id."""
    user: str
    company: str


class Companies:
    """The table `companies`; every call on the writer's thread."""

    def __init__(self, texts: sqlite3.Connection) -> None:
        self._texts = texts

    def fill(self, apart: Apart, links: Sequence[CompanyLink]) -> None:
        """Give their company to calls of linked users that name none; `links` are those of the same batch."""
        users = apart.columns.get("user")
        if users is None or not (links or self._any()):
            return
        companies = apart.columns.setdefault("company", [None] * len(apart))
        nameless = {user for user, company in zip(users, companies, strict=True) if company is None} - {None}
        known = dict(self._of(nameless))
        waiting = [*reversed(links)]
        for place, (user, company) in enumerate(zip(users, companies, strict=True)):
            while waiting and waiting[-1].place <= place:
                link = waiting.pop()
                known[link.user] = link.company
            if company is None and user in known:
                companies[place] = known[user]
                apart.shapes[place] |= MARK["no bridge.company"]

    def keep(self, links: Iterable[CompanyLink]) -> None:
        """Keep what was said; it is on disk when this returns."""
        with transaction(self._texts):
            self._texts.executemany(
                "INSERT INTO companies VALUES (?, ?) ON CONFLICT (user) DO UPDATE SET company = excluded.company",
                [(link.user, link.company) for link in links],
            )

    def erase(self, field: str, spellings: Sequence[str]) -> None:
        """Forget a user, or all users of a company."""
        if field in {"user", "company"}:
            self._texts.executemany(
                f"DELETE FROM companies WHERE {field} = ?",  # noqa: S608 - our own names
                [(one,) for one in spellings],
            )

    def _any(self) -> bool:
        return bool(self._texts.execute("SELECT EXISTS (SELECT 1 FROM companies)").fetchone()[0])

    def _of(self, users: Iterable[str]) -> Iterator[tuple[str, str]]:
        every = [*users]
        for start in range(0, len(every), _AT_A_TIME):
            some = every[start : start + _AT_A_TIME]
            marks = ", ".join("?" * len(some))
            yield from self._texts.execute(
                f"SELECT user, company FROM companies WHERE user IN ({marks})",  # noqa: S608 - question marks alone
                some,
            ).fetchall()
