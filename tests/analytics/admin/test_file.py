"""admin.db: opened by the server and by commands at the same time, and never overwritten."""

import sqlite3
from pathlib import Path

import pytest

from bridge.analytics.admin import AdminFile, for_command
from bridge.analytics.admin.file import FILE_NAME
from bridge.analytics.admin.tokens import every, make
from bridge.analytics.store.people import transaction
from bridge.errors import StoreUnusable


async def test_what_a_command_makes_is_there_for_the_server(tmp_path: Path) -> None:
    """Both have the file open; the server sees what a command has committed, and the other way round."""
    async with AdminFile.opened(tmp_path) as admin:
        with for_command(tmp_path) as connection:
            with transaction(connection):
                make(connection, "by-command", ["admin"], now_ms=1)
            assert [one.name for one in every(admin.looking)] == ["by-command"]
            await admin.write(lambda connection: make(connection, "by-server", ["admin"], now_ms=2))
            assert [one.name for one in every(connection)] == ["by-command", "by-server"]


async def test_what_fails_leaves_nothing(tmp_path: Path) -> None:
    """A change that fails in its middle is undone, and the next one goes through."""

    def fail(connection: sqlite3.Connection) -> None:
        make(connection, "half", ["admin"], now_ms=1)
        raise RuntimeError

    async with AdminFile.opened(tmp_path) as admin:
        with pytest.raises(RuntimeError):
            await admin.write(fail)
        assert await admin.read(every) == []
        assert await admin.write(lambda connection: make(connection, "whole", ["admin"], now_ms=1))


async def test_the_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    """It is made with mode 0600."""
    async with AdminFile.opened(tmp_path / "new") as admin:
        assert (admin.folder / FILE_NAME).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"not a database at all, but long enough to be taken for one" * 100, "damaged"),
        (None, "newer apim-bridge"),
    ],
    ids=["damaged", "newer"],
)
async def test_a_file_that_cannot_be_read_is_left_as_it_is(
    tmp_path: Path, content: bytes | None, said: str
) -> None:
    """It is refused with the cure, and not a byte of it changes."""
    path = tmp_path / FILE_NAME
    if content is None:
        with sqlite3.connect(path) as connection:
            connection.execute("PRAGMA user_version = 99")
        connection.close()
    else:
        path.write_bytes(content)
    before = path.read_bytes()
    with pytest.raises(StoreUnusable, match=said):
        async with AdminFile.opened(tmp_path):
            pass
    assert path.read_bytes() == before
