"""A rolling log, and the source that follows it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.log_writer import RollingLog
from rigs.tailing import Tailing


@pytest.fixture
def log(tmp_path: Path) -> Iterator[RollingLog]:
    log = RollingLog(tmp_path)
    yield log
    log.close()


@pytest.fixture
def tailing(log: RollingLog) -> Iterator[Tailing]:
    tailing = Tailing(log.pattern)
    yield tailing
    tailing.close()
