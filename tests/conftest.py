"""What all tests share: the switch for long forms, and where the recorded output of WSO2's publisher is."""

import os
import resource
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import HealthCheck, settings
from places import RECORDED, ROOT, TESTS

# How long an example takes says nothing of the code on a machine that is busy.
settings.register_profile("bridge", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("bridge")

# The programs that tests start run this copy of the package, wherever another one is installed, with the tests' parts.
os.environ["PYTHONPATH"] = os.pathsep.join((str(ROOT), str(TESTS)))
# They are many: where bytecode is not kept, each of them would compile the whole package.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="the long forms of the tests")


def pytest_xdist_auto_num_workers() -> int:
    """Run more tests at a time than there are processors: many of them wait for a daemon that waits."""
    return 2 * (os.cpu_count() or 1)


@pytest.fixture
def full(request: pytest.FixtureRequest) -> bool:
    """Whether the long form is asked for."""
    return bool(request.config.getoption("--full"))


@pytest.fixture(params=RECORDED, ids=["part", "all"][: len(RECORDED)])
def recorded(request: pytest.FixtureRequest) -> Path:
    """The folder with what WSO2's own publisher wrote and sent: a part, and all if it is at hand."""
    folder: Path = request.param
    return folder


@pytest.fixture(autouse=True)
def _quiet_logs() -> None:
    """Log lines of parts under test go nowhere unless a test looks at them."""
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())


@pytest.fixture
def many_files() -> Iterator[None]:
    """Both ends of a thousand connections are files of this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = 2500
    if hard != resource.RLIM_INFINITY and hard < needed:
        pytest.skip(f"only {hard} open files are allowed here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, needed), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
