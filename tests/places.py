"""Where things are: the checkout, the recorded output of WSO2's publisher, and all of it beside the checkout."""

from pathlib import Path
from typing import Final

TESTS: Final = Path(__file__).parent
ROOT: Final = TESTS.parent
DATA: Final = TESTS / "data"
ALL_RECORDED: Final = ROOT.parent / "shared" / "fixtures"
"""The whole of what `DATA` is a part of; not there in a fresh clone."""
RECORDED: Final = [DATA, ALL_RECORDED] if ALL_RECORDED.is_dir() else [DATA]
