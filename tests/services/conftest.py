"""What needs a browser, minutes or an environment of its own: `make test-services` runs it, not `make test`."""

from pathlib import Path

import pytest

HERE = Path(__file__).parent


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave these tests out unless they are asked for."""
    asked = any(HERE.name in Path(one).parts for one in config.args)
    return None if asked or collection_path == HERE else True
