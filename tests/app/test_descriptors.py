"""The budget of descriptors: what the process may have open is shared out, and nobody gets all of it."""

from pathlib import Path

from bridge.app.descriptors import advice, shares
from bridge.cli.settings import read
from bridge.settings import Settings

CONFIG = """
[apim.analytics]
enable = true
type = "file"
[bridge]
state_dir = "{folder}/state"
[bridge.sources.log]
paths = ["{folder}/logs/*.log"]
[bridge.sources.http]
listen = "127.0.0.1:0"
[bridge.sinks.file]
type = "file"
path = "{folder}/out"
"""


def settings(folder: Path) -> Settings:
    """Return the settings of a bridge with a log, a listener and a file."""
    path = folder / "bridge.toml"
    path.write_text(CONFIG.format(folder=folder))
    return read(path)


def test_with_enough_descriptors_everybody_gets_what_it_wants(tmp_path: Path) -> None:
    """With a usual hard limit nothing is cut, and nothing is said."""
    parts = shares(settings(tmp_path), 4096)
    assert parts.sources == {"log": 256, "http": 1000}
    assert parts.admin == 100
    assert not list(advice(settings(tmp_path), 4096))


def test_who_wants_little_gets_it(tmp_path: Path) -> None:
    """With 1,024 the listener alone is cut: the logs and the admin listener want less than their part."""
    parts = shares(settings(tmp_path), 1024)
    assert parts.sources["log"] == 256
    assert parts.admin == 100
    assert 500 < parts.sources["http"] < 1000
    (line,) = advice(settings(tmp_path), 1024)
    assert line.startswith("[bridge.sources.http] may have")
    assert "ulimit -n" in line


def test_a_small_limit_is_never_spent_whole(tmp_path: Path) -> None:
    """With 100 descriptors the journal, the sinks and short looks keep theirs, and both sources are told."""
    parts = shares(settings(tmp_path), 100)
    assert sum(parts.sources.values()) + parts.admin <= 100 - 48
    assert min(parts.sources.values()) >= 8
    assert len(list(advice(settings(tmp_path), 100))) == 2
