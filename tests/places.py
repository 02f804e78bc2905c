"""Where things are: the checkout, and the recorded output of WSO2's publisher beside it."""

from pathlib import Path
from typing import Final

TESTS: Final = Path(__file__).parent
ROOT: Final = TESTS.parent
FIXTURES: Final = ROOT.parent / "shared" / "fixtures"
