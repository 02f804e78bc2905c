"""Compares answers to questions with what an independent count gives."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import pytest

Expected = Mapping[tuple[Any, ...], dict[str, Any]]


def compare(asked: dict[str, Any], answer: dict[str, Any], expected: Expected) -> None:
    """Assert that each row has the figures that were counted, and that no row is missing.

    What the answer says is approximate has to be within the error that it states.
    """
    said = answer.get("approximate", {"measures": [], "error": 0})
    by = asked.get("by") or []
    keys = [*by, *(["time"] if asked.get("interval") else [])]
    found = {tuple(row[key] for key in keys): row for row in answer["rows"]}
    assert len(found) == len(answer["rows"]), ("a group has two rows", asked)
    if by and "limit" in asked:
        # Only the first groups are shown; of these all buckets are.
        shown = {key[: len(by)] for key in found}
        groups = {key[: len(by)] for key in expected}
        assert len(shown) == min(asked["limit"], len(groups)), asked
        expected = {key: row for key, row in expected.items() if key[: len(by)] in shown}
    assert found.keys() == expected.keys(), (asked, found.keys() ^ expected.keys())
    for key, row in found.items():
        for name in asked["measures"]:
            error = said["error"] if name in said["measures"] else 0
            assert _equal(row[name], expected[key][name], error), (
                asked,
                key,
                name,
                row[name],
                expected[key][name],
            )
            if asked.get("compare"):
                before, counted_before = row["previous"][name], expected[key]["previous"][name]
                assert _equal(before, counted_before, error), (asked, key, name, before, counted_before)


def compare_order(asked: dict[str, Any], answer: dict[str, Any], expected: Expected) -> None:
    """Assert that the rows that are left out come after those that are shown."""
    by, order = asked.get("by") or [], asked.get("order") or ""
    name = order.removeprefix("-")
    if name not in asked["measures"] or asked.get("interval"):
        return
    shown = {tuple(row[key] for key in by) for row in answer["rows"]}
    kept, left = (
        [row[name] for key, row in expected.items() if (key in shown) is wanted and row[name] is not None]
        for wanted in (True, False)
    )
    if kept and left:
        assert min(kept) >= max(left) if order.startswith("-") else max(kept) <= min(left), asked


def _equal(found: Any, expected: Any, error: float) -> bool:
    if error and found is not None and expected is not None:
        return bool(abs(found - expected) <= error * expected)
    if isinstance(found, dict) and expected is not None:
        borders = (*found["borders"], float("inf"))
        expected = [
            sum(times for value, times in expected.items() if low <= value < high)
            for low, high in pairwise(borders)
        ]
        return bool(found["counts"] == expected)
    if isinstance(found, float) and expected is not None:
        return bool(found == pytest.approx(expected, rel=1e-12))
    return type(found) is type(expected) and bool(found == expected)
