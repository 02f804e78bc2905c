"""Changed settings for sources that run, in the test's own process."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from rigs.daemon import free_port

from bridge.app.bridge import Bridge
from bridge.app.descriptors import reachable_limit, shares
from bridge.cli.settings import read
from bridge.errors import SettingsError
from bridge.settings import Settings

CONFIG = """
[apim.analytics]
enable = true
type = "file"
[bridge]
state_dir = "{folder}/state"
[bridge.sinks.file]
path = "{folder}/out"
"""
LISTENER = '[bridge.sources.{name}]\ntype = "http"\nlisten = "{address}"\n'


def settings(folder: Path, sources: str) -> Settings:
    """Return the settings of a bridge with these sources and a file."""
    path = folder / "bridge.toml"
    path.write_text(CONFIG.format(folder=folder) + sources)
    return read(path)


def listeners(**addresses: str) -> str:
    """Return the tables of HTTP sources."""
    return "".join(LISTENER.format(name=name, address=address) for name, address in addresses.items())


@asynccontextmanager
async def running(folder: Path, sources: str) -> AsyncIterator[Bridge]:
    """Run a bridge with these sources."""
    async with Bridge.opened(settings(folder, sources)) as bridge:
        await bridge.start()
        try:
            yield bridge
        finally:
            await bridge.stop("the test is over")


async def test_sources_that_stay_get_their_new_share_of_descriptors(tmp_path: Path) -> None:
    """A listener that is added takes from the others, and leaves them its share when it is removed (P8)."""
    greedy = "max_connections = 1000000\n"
    alone = listeners(a="127.0.0.1:0") + greedy
    both = alone + listeners(b="127.0.0.1:0") + greedy
    async with running(tmp_path, alone) as bridge:
        source = bridge.sources["a"]
        for sources in (both, alone):
            wanted = settings(tmp_path, sources)
            await bridge.apply(wanted)
            assert bridge.sources["a"] is source
            assert source._listener.most == shares(wanted, reachable_limit()).sources["a"]  # type: ignore[attr-defined] # no source's contract


@pytest.mark.parametrize("move", ["renamed", "swapped", "handed on", "widened"])
async def test_an_address_that_moves_to_another_source_takes_a_restart(tmp_path: Path, move: str) -> None:
    """The sentence says who listens there and what to do; nothing changes, and each source serves as before."""
    one, other = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
    after = {
        "renamed": listeners(c=one, b=other),
        "swapped": listeners(a=other, b=one),
        "handed on": listeners(a="127.0.0.1:0", b=other, c=one),
        "widened": listeners(b=other, a=one.replace("127.0.0.1", "0.0.0.0")) + 'tokens = ["t"]\n',
    }[move]
    async with running(tmp_path, listeners(a=one, b=other)) as bridge:
        before = bridge.sources
        with pytest.raises(SettingsError, match="until a reload is over") as caught:
            await bridge.apply(settings(tmp_path, after))
        assert "restart the bridge" in str(caught.value)
        assert "[bridge.sources.a] listens there" in str(caught.value) or move == "swapped"
        assert bridge.sources is before
        async with aiohttp.ClientSession() as session:
            for address in (one, other):
                async with session.post(f"http://{address}/events", data=b"{}") as answer:
                    assert answer.status == 400
