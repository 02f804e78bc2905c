"""`python tests/bench`: what the bridge costs, beside a loop that promises nothing; `--help` says more."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
# The tests' own parts and the package of this checkout, here and in every process that is started.
PARTS = [str(ROOT / "tests"), str(ROOT)]
sys.path[1:1] = PARTS
os.environ["PYTHONPATH"] = os.pathsep.join(PARTS)

from bench.proof import main  # noqa: E402 - found by the lines above

if __name__ == "__main__":
    raise SystemExit(main(ROOT))
