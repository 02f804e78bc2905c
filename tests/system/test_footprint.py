"""What the daemon leaves on the machine: files in its state folder, for its own user alone, and nothing else."""

import os
import stat
from pathlib import Path

from rigs.daemon import Daemon
from rigs.scenes import KEY, config, done, write_log

from bridge.demo.gateway import make_lines
from bridge.demo.moesif_lookalike import MoesifLookalike


def opened_for_writing(pid: int) -> set[Path]:
    """Return the files that a process may write to now."""
    found = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = descriptor.readlink()
            info = Path(f"/proc/{pid}/fdinfo/{descriptor.name}").read_text()
        except FileNotFoundError:
            continue  # closed meanwhile
        flags = int(info.split("flags:")[1].split()[0], 8)
        # The first three are its starter's.
        if int(descriptor.name) > 2 and target.is_absolute() and flags & os.O_ACCMODE != os.O_RDONLY:
            found.add(target)
    return {path for path in found if not str(path).startswith("/dev/")}


async def test_nothing_is_written_outside_the_state_folder(tmp_path: Path) -> None:
    """Folders 0700 and files 0600 whatever the umask; home, temporary folder and log folder stay as they were."""
    log = write_log(tmp_path, make_lines(200, seed=4))
    (home := tmp_path / "home").mkdir()
    (temporary := tmp_path / "temporary").mkdir()
    environ = {"HOME": str(home), "TMPDIR": str(temporary), "SQLITE_TMPDIR": str(temporary)}
    before = (log.stat().st_mtime_ns, log.parent.stat().st_mtime_ns)
    mask = os.umask(0)
    try:
        async with MoesifLookalike(key=KEY) as moesif:
            daemon = Daemon(tmp_path, config(tmp_path, moesif.url), fresh=True, environ=environ)
            async with daemon:
                await daemon.until(lambda now: done(now, 200))
                written = opened_for_writing(daemon.process.pid)
                assert written
                assert all(path.is_relative_to(daemon.state_dir) for path in written), written
                modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in daemon.state_dir.rglob("*")}
                await daemon.kill()
                # A start that has something to recover.
                await daemon.start()
                await daemon.until(lambda now: done(now, 200))
                assert await daemon.stop() == 0
    finally:
        os.umask(mask)
    assert {"journal.db", "journal.db-wal", "control.sock"} <= modes.keys()
    assert set(modes.values()) == {0o600}, modes
    assert stat.S_IMODE(daemon.state_dir.stat().st_mode) == 0o700
    assert not list(home.iterdir())
    assert not list(temporary.iterdir())
    assert before == (log.stat().st_mtime_ns, log.parent.stat().st_mtime_ns)
