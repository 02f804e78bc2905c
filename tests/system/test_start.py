"""What a start costs: the daemon imports what its configuration needs, and nothing else."""

import os
import subprocess
import sys
from pathlib import Path

from aiohttp import web
from fakes.certificates import Authority
from places import ROOT
from rigs.daemon import Daemon, free_port
from rigs.scenes import KEY, config, done, write_log

from bridge.cli import COMMANDS
from bridge.demo.gateway import make_lines
from bridge.demo.moesif_lookalike import MoesifLookalike

# Other commands and what they need, MaxMind's reader (privacy level 1), and what libraries could bring along.
NEEDLESS = {
    *(f"bridge.cli.{command.module}" for name, command in COMMANDS.items() if name != "run"),
    "bridge.cli.daemon",
    "bridge.demo",
    "bridge.journal.tools.inspection",
    "bridge.journal.tools.recovery",
    "bridge.journal.tools.verification",
    "bridge.settings.fields",
    "bridge.settings.sample",
    "bridge.privacy.countries",
    "maxminddb",
    "multiprocessing",
    "pygments",
    "rich.console",
    "tracemalloc",
    "unittest",
    "xml",
}

_NO_AUTHORITIES = """
import gc, os, ssl
before = dict(os.environ)
import click
from bridge.cli import command_line
root = command_line()
root.get_command(click.Context(root), "run")
assert os.environ == before
assert gc.isenabled()
contexts = [one for one in gc.get_objects() if isinstance(one, ssl.SSLContext)]
assert contexts
print(sum(len(one.get_ca_certs()) for one in contexts))
"""


async def test_the_daemon_imports_nothing_that_others_need(tmp_path: Path) -> None:
    """Both sources, Moesif and a file, from the start to the last commit: no module of another command or setting."""
    write_log(tmp_path, make_lines(200, seed=4))
    more = f'[bridge.sources.http]\nlisten = "127.0.0.1:{free_port()}"\n'
    sinks = f'[bridge.sinks.archive]\ntype = "file"\npath = "{tmp_path}/archive"\n'
    async with MoesifLookalike(key=KEY) as moesif:
        text = config(tmp_path, moesif.url, type="moesif, archive", more=more, sinks=sinks)
        daemon = Daemon(tmp_path, text, fresh=True, environ={"PYTHONPROFILEIMPORTTIME": "1"})
        async with daemon:
            await daemon.until(lambda now: done(now, 200))
            assert await daemon.stop() == 0
    told = [str(line["text"]) for line in daemon.events("text")]
    imported = {line.rpartition("|")[2].strip() for line in told if line.startswith("import time:")}
    assert {"bridge.app.bridge", "bridge.sinks.moesif.sink", "aiohttp"} <= imported
    assert imported & NEEDLESS == set()


async def test_a_start_loads_the_configured_kinds_alone(tmp_path: Path) -> None:
    """With a log and a folder neither a listener nor anything of Moesif's comes into memory."""
    write_log(tmp_path, make_lines(10, seed=4))
    sinks = f'[bridge.sinks.archive]\ntype = "file"\npath = "{tmp_path}/archive"\n'
    text = config(tmp_path, "", type="archive", sinks=sinks)
    daemon = Daemon(tmp_path, text, fresh=True, environ={"PYTHONPROFILEIMPORTTIME": "1"})
    async with daemon:
        await daemon.until(lambda now: done(now, 10))
    told = [str(line["text"]) for line in daemon.events("text")]
    imported = {line.rpartition("|")[2].strip() for line in told if line.startswith("import time:")}
    assert "bridge.sources.log.source" in imported
    others = (
        "bridge.sources.http.",
        "bridge.sinks.moesif.",
        "bridge.formats.moesif.",
        "bridge.transports.http.post",
    )
    assert [module for module in imported if module.startswith(others)] == []


def test_imports_read_no_authorities() -> None:
    """All that the system has would be read twice by aiohttp; where OpenSSL looks for them is then as it was."""
    done = subprocess.run(
        [sys.executable, "-c", _NO_AUTHORITIES], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout == "0\n"


async def test_the_systems_authorities_are_trusted_all_the_same(tmp_path: Path) -> None:
    """A destination over TLS is known by the authorities that the system has, read when it is first reached."""
    authority = Authority(tmp_path)
    arrived: list[bytes] = []

    async def take(request: web.BaseRequest) -> web.Response:
        arrived.append(await request.read())
        return web.Response()

    runner = web.ServerRunner(web.Server(take), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=authority.server()).start()
    try:
        write_log(tmp_path, make_lines(20, seed=5))
        hook = f'[bridge.sinks.hook]\ntype = "http"\nurl = "https://127.0.0.1:{runner.addresses[0][1]}/in"\n'
        environ = {"SSL_CERT_FILE": str(authority.cert), "SSL_CERT_DIR": os.devnull}
        daemon = Daemon(tmp_path, config(tmp_path, "", type="hook", sinks=hook), fresh=True, environ=environ)
        async with daemon:
            await daemon.until(lambda now: done(now, 20))
            assert arrived
            assert await daemon.stop() == 0
    finally:
        await runner.cleanup()
