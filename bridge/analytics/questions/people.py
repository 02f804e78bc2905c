"""People in filters: which ids pass a test. Their texts are in another database, so that they can be erased."""

from collections.abc import Iterable, Sequence
from typing import Final

from bridge.analytics.questions.fields import FieldKind
from bridge.analytics.questions.filters import SETS, TEXTS, CallFilter, PassingIds, Test
from bridge.analytics.questions.texts import passing
from bridge.analytics.store import Store

_PAGE: Final = 10_000


async def ids_of(filters: Iterable[CallFilter], store: Store, seconds: float) -> PassingIds:
    """Return who passes each test of a field that holds people."""
    return {
        (one.field.name, test): await _ids(one.field.name, test, store, seconds)
        for one in filters
        if one.field.kind is FieldKind.PERSON
        for test in one.tests
    }


async def _ids(field: str, test: Test, store: Store, seconds: float) -> list[int]:
    if test.name in SETS:
        values = [value for value in test.value if value is not None]
        return await store.people.find(field, values)
    ids: list[int] = []
    after = 0
    # A page at a time: nobody knows how many people there are (P8).
    while page := await store.people.page(field, after, _PAGE):
        passed = await passing(TEXTS[test.name][0], test.value, {text for _, text in page}, store, seconds)
        ids += [number for number, text in page if text in passed]
        after = page[-1][0]
    return ids


async def texts_of(ids: Sequence[int], store: Store) -> dict[int, str]:
    """Return the texts of people; one that was erased has none."""
    return await store.people.values(ids) if ids else {}
