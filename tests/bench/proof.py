"""The benchmark's command line: which scenes, in which form; exit code 1 when an event is missing."""

import argparse
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from bench import flame
from bench.analytics_costs import analytics_ingest, analytics_questions
from bench.from_log import api_metrics, far, log
from bench.growth import linear
from bench.over_http import arrays, posts
from bench.over_time import idle, latency, outage
from bench.plan import Plan

SCENES: Final[Mapping[str, Callable[[Plan], None]]] = {
    "log": log,
    "api-metrics": api_metrics,
    "far": far,
    "arrays": arrays,
    "posts": posts,
    "outage": outage,
    "latency": latency,
    "idle": idle,
    "analytics-ingest": analytics_ingest,
    "analytics-questions": analytics_questions,
    "linear": linear,
}
# Ten million events are not quick.
_FULL_ONLY: Final = frozenset({"linear"})


def main(root: Path) -> int:
    """Measure, print, and return the exit code; works in a folder of its own under `root`/run."""
    parser = argparse.ArgumentParser(prog="python tests/bench", description=__doc__)
    parser.add_argument(
        "--full", action="store_true", help="a million events, more rounds, growth to ten million"
    )
    parser.add_argument("--rounds", type=int, help="how often the floor and the bridge run in turn")
    parser.add_argument("--only", choices=SCENES, help="one scene")
    parser.add_argument("--profile", action="store_true", help="where the time goes, by py-spy, instead")
    chosen = parser.parse_args()
    # Beside the code, not in /tmp: that may be memory, and an fsync of memory costs nothing.
    (root / "run").mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=root / "run"))
    plan = Plan(folder, chosen.full, chosen.rounds or (5 if chosen.full else 3))
    try:
        if chosen.profile:
            flame.main(plan, root / "run" / "profile")
            return 0
        _measure(
            plan, [chosen.only] if chosen.only else [n for n in SCENES if chosen.full or n not in _FULL_ONLY]
        )
    finally:
        shutil.rmtree(folder)
    plan.report.show()
    return 0 if plan.report.is_good else 1


def _measure(plan: Plan, names: Sequence[str]) -> None:
    for name in names:
        print(f"{name}: {(SCENES[name].__doc__ or '').splitlines()[0]}", flush=True)
        try:
            SCENES[name](plan)
        except Exception as error:  # noqa: BLE001 - the other scenes still have their figures
            plan.report.failures[name] = f"{type(error).__name__}: {error}"
