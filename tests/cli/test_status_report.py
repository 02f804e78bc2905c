"""`apim-bridge status` as someone reads it who was just woken: trouble first, then the numbers."""

from typing import Any

import pytest

from bridge.cli.status_report import report, span, troubles

Facts = dict[str, Any]

LOG: Facts = {
    "files": [{}],
    "lag_bytes": 0,
    "followed": 1,
    "waiting": 0,
    "held_files": 0,
    "held_bytes": 0,
    "max_held_bytes": 2**30,
    "troubles": [],
    "more_troubles": 0,
}


def facts(**changes: Any) -> Facts:
    """The facts of a bridge that is well, with these changes to its sink."""
    sink = {
        "state": "idle",
        "pause_reason": "",
        "trouble": "",
        "retry_in_seconds": 0.0,
        "destination": "https://api.moesif.net",
        "pending": 0,
        "oldest_pending_seconds": 0.0,
        "delivered": 1_234_567,
        "sampled_out": 0,
        "filtered": 0,
        "rewound": 0,
        "skipped": 0,
        "corrupt": 0,
        "dead_letters": 0,
        "parked": [],
    }
    return {
        "version": "1.0.0",
        "instance": "gateway-1",
        "uptime_seconds": 90_061.0,
        "obstacle": None,
        "configuration": {
            "file": "bridge.toml",
            "fingerprint": "c0ffee",
            "loaded": "2026-11-20T10:00:00.000Z",
            "reload_fault": "",
            "reload_refused": None,
            "warnings": [],
        },
        "sources": {"log": LOG, "http": {"url": "http://127.0.0.1:9880"}},
        "journal": {
            "trouble": "",
            "path": "/var/lib/apim-bridge",
            "used_bytes": 2**20,
            "max_bytes": 2**30,
            "disk_free_bytes": 2**33,
            "removed_sinks": [],
        },
        "sinks": {"moesif": sink | changes},
        "books": {
            "received": 5,
            "journalled": 4,
            "rejected": 1,
            "duplicate": 0,
            "balanced": True,
            "lost_bytes": 0,
        },
    }


def told(now: Facts, *, running: bool = True) -> str:
    return "\n".join(report(now, running=running))


def test_a_bridge_that_is_well_says_so() -> None:
    """Without trouble one line says so; rare counts are left out while they are zero."""
    text = told(facts())
    assert "all is well" in text
    assert "running for 1 d 1 h" in text
    assert "1,234,567 delivered" in text
    assert "sampled out" not in text
    assert not list(troubles(facts()))


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        (
            {"state": "paused", "pause_reason": "credentials", "trouble": "401", "retry_in_seconds": 240.0},
            "moesif is paused (credentials); next try in 4 min, nothing is lost: 401",
        ),
        (
            {"state": "retrying", "trouble": "no connection", "retry_in_seconds": 2.5},
            "moesif is retrying; next try in 2 s, nothing is lost: no connection",
        ),
        (
            {"parked": [{"tenant": "acme", "events": 3, "oldest": "then", "why": "set its key"}]},
            "3 events of acme are parked, the oldest from then: set its key",
        ),
    ],
)
def test_a_sinks_trouble_comes_before_the_numbers(changes: Facts, line: str) -> None:
    """Paused, retrying and parked stand under TROUBLE, with reason and next try, and make the exit code 1."""
    text = told(facts(**changes))
    assert text.index("TROUBLE") < text.index(line) < text.index("taken")
    assert "all is well" not in text
    assert list(troubles(facts(**changes)))


def test_a_full_journal_and_a_refused_reload_are_trouble() -> None:
    """Each says what holds meanwhile: the log waits; the old configuration stays in force."""
    now = facts()
    now["obstacle"] = "only 5 bytes are free"
    now["configuration"] |= {"reload_fault": "bridge.toml: bridge.drian", "reload_refused": "then"}
    full, refused, fault = troubles(now)
    assert "the log waits" in full
    assert "only 5 bytes are free" in full
    assert "RELOAD REFUSED at then" in refused
    assert fault == "bridge.toml: bridge.drian"


def test_what_is_no_trouble_but_deserves_a_look() -> None:
    """Dead letters name their command, a missing log what to ask; a stopped bridge is not called healthy."""
    now = facts(dead_letters=12, corrupt=3)
    now["sources"]["log"] = {"files": [], "lag_bytes": 0}
    text = told(now)
    assert "12 dead letters: `apim-bridge dead-letters list --sink moesif`" in text
    assert "3 IN BLOCKS THAT CANNOT BE READ" in text
    assert "none is there yet" in text
    stopped = told(facts(), running=False)
    assert "NOT RUNNING" in stopped
    assert "all is well" not in stopped


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (59.4, "59 s"),
        (60, "1 min"),
        (3_599, "59 min 59 s"),
        (7_260, "2 h 1 min"),
        (86_400, "1 d"),
    ],
)
def test_spans_in_their_two_largest_units(seconds: float, text: str) -> None:
    """A duration is written as people say it."""
    assert span(seconds) == text


def test_a_log_that_cannot_be_read_is_trouble() -> None:
    """It says which path, what is wrong and what to do, and how many more there are."""
    now = facts()
    trouble = {"path": "/logs/apim_metrics.log", "what": "it is a folder, not a file", "cure": "remove it"}
    now["sources"] = {"log": LOG | {"troubles": [trouble], "more_troubles": 3}}
    assert list(troubles(now)) == [
        "- log cannot read /logs/apim_metrics.log: it is a folder, not a file; remove it",
        "- log cannot read 3 further paths",
    ]
    assert "all is well" not in told(now)


def test_deleted_logs_that_fill_the_gateways_disk() -> None:
    """What is held is shown, from half of what may be held on it is trouble, and what was lost is in the books."""
    now = facts()
    now["sources"] = {"log": LOG | {"held_files": 36, "held_bytes": 2**28, "waiting": 9744}}
    assert "1 file followed, 9,744 wait to be opened, 36 deleted ones held until they are read" in told(now)
    assert not list(troubles(now))
    now["sources"]["log"]["held_bytes"] = 2**29 + 1
    assert "max_held_bytes" in "".join(troubles(now))
    now["books"]["lost_bytes"] = 41_000_000
    assert "41,000,000 BYTES OF LOGS" in told(now)
