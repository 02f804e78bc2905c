"""A command that runs to its end."""

import asyncio
import subprocess
from collections.abc import Mapping, Sequence

from places import ROOT


async def outcome(command: Sequence[str], environ: Mapping[str, str] | None = None) -> tuple[int, str]:
    """Run a command in the repository's folder; returns its exit code and all that it said.

    `environ`: all its variables, in place of those of the tests.
    """
    process = await asyncio.create_subprocess_exec(
        *command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=ROOT, env=environ
    )
    output, _ = await process.communicate()
    return process.returncode or 0, output.decode()
