"""Filters at random, over the values of made-up calls."""

import random
from typing import Any, Final

from rigs.analytics_calls import AGENTS, IPS, NAMES, USERS

VALUES: Final[dict[str, list[Any]]] = {
    **NAMES,
    "user": USERS,
    "ip": IPS,
    "user_agent": AGENTS,
    "error_type": ["AUTH", "THROTTLED", None],
    "status": [200, 404, 500, None],
    "status_class": ["2xx", "4xx", "5xx", None],
    "target_status": [200, 404, None],
    "kind": ["fault", "response"],
    "error_code": [900901, 900803, None],
    "bot": [True, False, None],
    "cache_hit": [True, None],
    "hour": [0, 1, 2, 3, 23],
    "weekday": [1, 6, 7],
    "correlation_id": ["c-5", "c-7", None],
}
_PATTERNS: Final = ("^O", "(?i)orders|büro", "[0-9]+$", r"\.", "a", "^(GET|POST)$", "x.*x")
_PARTS: Final = ("o", "ORD", "é", "Ä", "user1", "/", "0.0.1", "%", "_")
_TEXTS: Final = [*NAMES, "user", "ip", "user_agent", "correlation_id", "status_class", "kind"]
_NUMBERS: Final = {"status": 450, "latency": 1500, "response_bytes": 99_000, "hour": 3, "error_code": 900_000}


# What the rollup knows together.
_TOGETHER: Final = (
    ("instance", "kind", "status", "status_class", "error_type", "error_code", "hour", "weekday"),
    ("api", "version", "application", "application_owner", "hour", "weekday"),
    ("api", "version", "method", "resource", "weekday"),
    ("user", "weekday"),
    (),
)


def random_rolled_question(chance: random.Random) -> tuple[list[str], list[dict[str, Any]]]:
    """Return dimensions and filters that the rollup can answer."""
    together = chance.choice(_TOGETHER)
    by = chance.sample(together, min(len(together), chance.choice([0, 1, 1, 2])))
    filters = []
    for name in chance.sample(together, min(len(together), chance.choice([0, 0, 1, 2]))):
        values = chance.sample(VALUES[name], min(len(VALUES[name]), chance.randint(1, 2)))
        filters.append({"field": name, chance.choice(["is", "is_not"]): values})
    return by, filters


def random_filter(chance: random.Random) -> dict[str, Any]:
    test = chance.choice(["is", "is_not", "contains", "contains_not", "matches", "matches_not", "range"])
    if test in {"is", "is_not"}:
        name = chance.choice([*VALUES])
        return {"field": name, test: chance.sample(VALUES[name], chance.randint(1, 2))}
    if test == "range":
        name = chance.choice([*_NUMBERS])
        return {"field": name, chance.choice(["at_least", "above", "at_most", "below"]): _NUMBERS[name]}
    text = chance.choice(_PATTERNS if "matches" in test else _PARTS)
    return {"field": chance.choice(_TEXTS), test: text}
