"""The made-up destination that answers for each event by itself."""

from typing import Final

from fakes.one_by_one import one_by_one

KNOBS: Final = ("one_by_one",)

destination = one_by_one
