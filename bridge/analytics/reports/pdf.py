"""A file of HTML as PDF, printed by Chromium where it is installed.

The file is ours: its policy allows no script and nothing from elsewhere, and Chromium has no network. (To switch
scripts off would stop the page with which it prints, too.) It runs as long as it may, and then it and all that it
started are ended.
"""

import asyncio
import contextlib
import os
import shutil
import signal
import tempfile
from pathlib import Path
from typing import Final

SECONDS: Final = 60.0
_PROGRAMS: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_MOST_SAID: Final = 300


class NotPrinted(Exception):  # noqa: N818 - says what happened
    """A PDF could not be made: what is wrong, and its cure."""

    def __init__(self, said: str, cure: str) -> None:
        super().__init__(said)
        self.cure = cure


def chromium_of(setting: Path | None) -> str:
    """Return the program that prints; raises NotPrinted where there is none."""
    for name in [str(setting)] if setting is not None else _PROGRAMS:
        if (found := shutil.which(name)) is not None:
            return found
    raise NotPrinted(
        "there is no Chromium here to make a PDF with",
        "install it (apt-get install chromium), or set chromium in [bridge.analytics]; the same stands in "
        "format=html, which any browser prints",
    )


async def printed(document: str, setting: Path | None) -> bytes:
    """Return a file of HTML as PDF; raises NotPrinted."""
    program = chromium_of(setting)
    with tempfile.TemporaryDirectory(prefix="apim-bridge-report-") as name:
        folder = Path(name)
        await asyncio.to_thread((folder / "report.html").write_text, document, encoding="utf-8")
        said = await _run(program, folder)
        try:
            return await asyncio.to_thread((folder / "report.pdf").read_bytes)
        except OSError:
            raise NotPrinted(f"Chromium made no PDF: {said}", "see whether it runs for this user") from None


async def _run(program: str, folder: Path) -> str:
    """Let Chromium print; returns what it said at the end. Raises NotPrinted when it takes too long."""
    options = [
        *("--headless", "--disable-gpu", "--no-first-run", "--disable-extensions", "--disable-sync"),
        *("--disable-background-networking", "--disable-component-update", "--no-pdf-header-footer"),
        "--disable-dev-shm-usage",
        # Whatever it wants from a network, nobody is there.
        *("--proxy-server=http://127.0.0.1:9", f"--user-data-dir={folder / 'profile'}"),
        f"--print-to-pdf={folder / 'report.pdf'}",
    ]
    if os.geteuid() == 0:
        # Root cannot have its sandbox; what is printed is our own and runs nothing.
        options.append("--no-sandbox")
    # Its own session: what it starts is ended with it. It gets nothing of our environment but what it needs.
    process = await asyncio.create_subprocess_exec(
        *(program, *options, (folder / "report.html").as_uri()),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
        env={"HOME": str(folder), "PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8"},
    )
    try:
        async with asyncio.timeout(SECONDS):
            _, errors = await process.communicate()
    except TimeoutError:
        raise NotPrinted(
            f"Chromium made no PDF in {SECONDS:g} seconds", "try again when this machine has less to do"
        ) from None
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
    lines = errors.decode("utf-8", "replace").strip().splitlines()
    return lines[-1][:_MOST_SAID] if lines else "it said nothing"
