"""Looks up the texts of filters, before the calls are asked for: which ids of texts pass a test.

In a sandbox they are looked up among the texts that its own calls have, so that nothing tells of others.
"""

from collections.abc import Sequence
from typing import Final

from bridge.analytics.questions.fields import Field, FieldKind
from bridge.analytics.questions.filters import (
    SETS,
    TEXTS,
    CallFilter,
    FoundIds,
    PassingIds,
    Test,
    passing_texts,
)
from bridge.analytics.questions.found import calls_of
from bridge.analytics.questions.people import ids_of, texts_of
from bridge.analytics.questions.periods import Period
from bridge.analytics.questions.sandbox import Sandbox
from bridge.analytics.questions.texts import passing
from bridge.analytics.store import Store

_PAGE: Final = 10_000
_TEXTS: Final = frozenset({FieldKind.NAME, FieldKind.PERSON})


async def found_ids(
    period: Period, filters: Sequence[CallFilter], sandbox: Sandbox | None, store: Store, seconds: float
) -> FoundIds:
    """Return the ids for the filters of a question about a period, and for those of its sandbox."""
    if sandbox is None:
        return FoundIds(await ids_of(filters, store, seconds), {})
    held = FoundIds({}, await _ids_of_sandbox(sandbox, store, seconds))
    tests: dict[str, list[Test]] = {}
    fields: dict[str, Field] = {}
    for one in filters:
        if one.field.kind in _TEXTS:
            fields[one.field.name] = one.field
            tests.setdefault(one.field.name, []).extend(one.tests)
    asked: dict[tuple[str, Test], Sequence[int]] = {}
    for name, field in fields.items():
        where = calls_of(period, (), held, sandbox).where
        rows = await store.ask(
            f"SELECT DISTINCT {field.sql} AS id FROM facts f WHERE {where.sql} ORDER BY id",
            where.values,
            seconds,
        )
        ids = [number for (number,) in rows if number is not None]
        asked |= await _passing(field, tests[name], ids, store, seconds)
    return FoundIds(asked, held.held)


async def _ids_of_sandbox(sandbox: Sandbox, store: Store, seconds: float) -> PassingIds:
    """Return the ids for a sandbox's own filters, as numbers: then each of them is a comparison of one column."""
    ids = dict(await ids_of(sandbox.filters, store, seconds))
    for one in sandbox.filters:
        if one.field.kind is FieldKind.NAME:
            for test in one.tests:
                ids[one.field.name, test] = await _names(one.field.name, test, store, seconds)
    return ids


async def _names(field: str, test: Test, store: Store, seconds: float) -> list[int]:
    passed = passing_texts(test, "value")
    if passed is None:
        return []
    rows = await store.ask(
        f"SELECT id FROM names WHERE field = ? AND {passed.sql}", (field, *passed.values), seconds
    )
    return [number for (number,) in rows]


async def _passing(
    field: Field, tests: Sequence[Test], ids: Sequence[int], store: Store, seconds: float
) -> PassingIds:
    """Return which of these ids of a field's texts pass each test."""
    passed: dict[tuple[str, Test], list[int]] = {(field.name, test): [] for test in tests}
    # A page at a time: nobody knows how many there are (P8).
    for start in range(0, len(ids), _PAGE):
        page = ids[start : start + _PAGE]
        texts = await _texts(field, page, store, seconds)
        for test in tests:
            if test.name in SETS:
                good = {value for value in test.value if value is not None}
            else:
                good = await passing(TEXTS[test.name][0], test.value, {*texts.values()}, store, seconds)
            passed[field.name, test] += [number for number, text in texts.items() if text in good]
    return passed


async def _texts(field: Field, ids: Sequence[int], store: Store, seconds: float) -> dict[int, str]:
    if field.kind is FieldKind.PERSON:
        return await texts_of(ids, store)
    return dict(
        await store.ask(
            "SELECT id, value FROM names WHERE id IN (SELECT unnest(?::INTEGER[]))", ([*ids],), seconds
        )
    )
