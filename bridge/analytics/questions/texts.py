"""Tests of texts, made by the store's engine: so a pattern means the same in SQL, for people and in the live stream."""

from collections.abc import Collection, Iterable

import duckdb

from bridge.analytics.questions.filters import TEXT_SQL, TEXTS, CallFilter
from bridge.analytics.store import Store
from bridge.errors import Unanswerable


async def check_patterns(filters: Iterable[CallFilter], store: Store, seconds: float) -> None:
    """Return if every pattern is a regular expression; raises Unanswerable."""
    for one in filters:
        for test in one.tests:
            if test.name in TEXTS and TEXTS[test.name][0] == "matches":
                await check_pattern(test.value, f"filters.{one.field.name}", store, seconds)


async def check_pattern(pattern: str, field: str, store: Store, seconds: float) -> None:
    """Return if a pattern is a regular expression as RE2 knows them; raises Unanswerable."""
    try:
        await store.ask(f"SELECT {TEXT_SQL['matches'].format('?')}", ["", pattern], seconds)
    except duckdb.Error as error:
        said = str(error).partition(": ")[2].partition("\n")[0][:200]
        raise Unanswerable(
            f"{field}: the pattern is none that RE2 knows: {said}",
            "see https://github.com/google/re2/wiki/Syntax; there is no looking ahead or behind, and no \\1",
            field=field,
        ) from None


async def passing(test: str, value: str, texts: Collection[str], store: Store, seconds: float) -> set[str]:
    """Return those of some texts that contain a text, or match a pattern."""
    condition = TEXT_SQL[test].format("text")
    rows = await store.ask(
        f"SELECT text FROM (SELECT unnest(?::VARCHAR[]) AS text) WHERE {condition}",
        [[*texts], value],
        seconds,
    )
    return {text for (text,) in rows}
