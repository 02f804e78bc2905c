"""A folder for the `file` sink."""

import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any


class Folder:
    def __init__(self, path: Path) -> None:
        self._path = path / "archive"

    @property
    def settings(self) -> dict[str, Any]:
        return {"path": self._path}

    def ids(self) -> Counter[str]:
        return Counter(
            json.loads(line)["bridge"]["id"]
            for file in sorted(self._path.glob("*.ndjson"))
            for line in file.read_bytes().splitlines()
        )

    async def vanish(self) -> None:
        if self._path.exists():
            self._path.rename(self._path.with_name("elsewhere"))
        self._path.write_text("a file where the folder should be")

    async def return_(self) -> None:
        self._path.unlink()
        if (elsewhere := self._path.with_name("elsewhere")).exists():
            elsewhere.rename(self._path)


@asynccontextmanager
async def destination(path: Path) -> AsyncIterator[Folder]:
    """Have a folder."""
    yield Folder(path)
