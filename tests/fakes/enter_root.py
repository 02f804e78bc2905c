"""Becomes a process in a root of its own, as a container's process does: mounts, root, user, then the command.

    unshare --mount --propagation private python enter_root.py SPECIFICATION.json

All mounts are in the mount namespace that `unshare` made: they go with the process, whatever ends it.
"""

import ctypes
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

# As in linux/prctl.h.
_PR_SET_PDEATHSIG: Final = 1


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)


def _bind(outside: str, inside: Path, *, read_only: bool) -> None:
    _mount("--bind", outside, str(inside))
    if read_only:
        _mount("-o", "remount,bind,ro", str(inside))


def enter(specification: dict[str, Any]) -> None:
    """Mount the layers and what belongs on them, change root and user, and become the command.

    Without a folder for changes the root is read-only.
    """
    root = Path(specification["root"])
    options = f"lowerdir={':'.join(specification['layers'])}"
    if specification["changes"]:
        options += f",upperdir={specification['changes']},workdir={specification['work']}"
    else:
        options += ",ro"
    _mount("-t", "overlay", "overlay", "-o", options, str(root))
    _mount("-t", "proc", "proc", str(root / "proc"))
    for outside, inside, read_only in specification["binds"]:
        _bind(outside, root / inside.lstrip("/"), read_only=read_only)
    user, group = (int(part) for part in specification["user"].split(":"))
    os.chroot(root)
    os.chdir(specification["folder"])
    os.setgroups([])
    os.setgid(group)
    os.setuid(user)
    os.umask(0o022)
    # Whoever started it may be killed: nothing is left running then. (A change of the user would undo this.)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    command = specification["command"]
    os.execve(command[0], command, specification["environment"])


if __name__ == "__main__":
    enter(json.loads(Path(sys.argv[1]).read_text()))
