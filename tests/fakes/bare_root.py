"""The image without a Docker engine: the Dockerfile's own steps in a bare Debian root, and containers of it.

The base is Debian bookworm with its python3.11, from debootstrap; each stage is an overlay on it. What stands
in the target's overlay is what the image adds to its base.
"""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fakes.image_steps import Copy, Run, Stage, read
from places import ROOT

_ENTER: Final = Path(__file__).with_name("enter_root.py")
_TOOLS: Final = ("debootstrap", "unshare", "mount")
_UNSHARE: Final = ("unshare", "--mount", "--propagation", "private")
_PACKAGES: Final = "python3,python3-pip,ca-certificates"
# What a machine may need to reach its package indexes: pip's and npm's own settings, proxies, certificates.
_REACH: Final = re.compile(r"PIP_.*|npm_config_.*|.*CERT.*|.*CA_BUNDLE|.*_proxy|.*_PROXY", re.IGNORECASE)


def obstacle() -> str | None:
    """Return why no root can be built here, or None."""
    if os.geteuid() != 0:
        return "only root may mount and change root"
    if missing := [tool for tool in _TOOLS if shutil.which(tool) is None]:
        return f"{' and '.join(missing)} not installed (apt-get install debootstrap util-linux)"
    if "overlay" not in Path("/proc/filesystems").read_text():
        return "this kernel has no overlay file system"
    return None


@dataclass(frozen=True, slots=True)
class Bind:
    """A folder or file from outside, seen inside."""

    outside: Path
    inside: str
    read_only: bool = True

    def make_mount_point(self, layer: Path) -> None:
        """Make where it is seen, in a layer that is no part of the image."""
        place = layer / self.inside.lstrip("/")
        if self.outside.is_dir():
            place.mkdir(parents=True, exist_ok=True)
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.touch()


_DEVICES: Final = [Bind(Path("/dev", name), f"/dev/{name}", read_only=False) for name in ("null", "urandom")]


class BareRoot:
    """The image in a folder of its own: `build` it, then start processes in it."""

    def __init__(self, folder: Path, target: str) -> None:
        """`target`: the name of the stage that is the image."""
        self.folder = folder
        self._stages = {stage.name: stage for stage in read(ROOT / "Dockerfile")}
        self.image = self._stages[target]
        self._processes = 0

    @property
    def added(self) -> Path:
        """What the image adds to its base."""
        return self._upper(self.image.name)

    async def build(self) -> None:
        """Follow the Dockerfile, as far as the target needs it, in its order."""
        base = ["debootstrap", "--variant=minbase", f"--include={_PACKAGES}", "bookworm"]
        # It mounts, too: what it leaves when it is interrupted goes with its mount namespace.
        await _finished([*_UNSHARE, "--fork", "--kill-child", *base, str(self.folder / "base")])
        needed = self._needed(self.image)
        for stage in (stage for name, stage in self._stages.items() if name in needed):
            upper = self._upper(stage.name)
            if stage.parent is None:
                upper.mkdir()
            else:
                # Whole, with what an overlay notes beside its files.
                await _finished(["cp", "-a", str(self._upper(stage.parent.name)), str(upper)])
            for step in stage.steps:
                match step:
                    case Copy():
                        self._copy(step, upper)
                    case Run():
                        await self._run(step, upper)

    def _upper(self, stage: str) -> Path:
        return self.folder / f"stage-{stage}"

    def _needed(self, stage: Stage) -> set[str]:
        """Return the names of a stage and of those that it stands on or copies from."""
        from_others = {
            step.stage for step in stage.steps if isinstance(step, Copy) and step.stage is not None
        }
        others = [self._stages[name] for name in from_others]
        others += [stage.parent] if stage.parent is not None else []
        return {stage.name}.union(*(self._needed(other) for other in others))

    def arguments(self, command: list[str], binds: list[Bind]) -> list[str]:
        """Return what starts a process as `docker run --read-only` would; signals reach the command itself."""
        return self._enter(
            layers=[self.added, self.folder / "base"],
            changes=None,
            binds=binds,
            user=self.image.user,
            folder=self.image.folder,
            command=command,
            environment=self.image.environment,
        )

    def _copy(self, step: Copy, upper: Path) -> None:
        origin = ROOT if step.stage is None else self._upper(step.stage)
        target = upper / step.target.lstrip("/")
        for source in step.sources:
            outside = origin / source.lstrip("/")
            if outside.is_dir():
                ignored = _ignored if step.stage is None else None
                shutil.copytree(outside, target, symlinks=True, dirs_exist_ok=True, ignore=ignored)
            else:
                into = target / outside.name if step.target.endswith("/") or target.is_dir() else target
                into.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(outside, into)

    async def _run(self, step: Run, upper: Path) -> None:
        environment, binds = _reach()
        (upper / step.folder.lstrip("/")).mkdir(parents=True, exist_ok=True)
        await _finished(
            self._enter(
                layers=[self.folder / "base"],
                changes=upper,
                binds=binds,
                user="0:0",
                folder=step.folder,
                command=["/bin/sh", "-ec", step.command],
                environment={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **step.environment, **environment},
            )
        )

    def _enter(
        self,
        *,
        layers: list[Path],
        changes: Path | None,
        binds: list[Bind],
        user: str,
        folder: str,
        command: list[str],
        environment: dict[str, str],
    ) -> list[str]:
        self._processes += 1
        process = self.folder / f"process-{self._processes}"
        root, work, mount_points = process / "root", process / "work", process / "mount-points"
        for made in (root, work, mount_points):
            made.mkdir(parents=True)
        binds = [*_DEVICES, *binds]
        for bind in binds:
            bind.make_mount_point(mount_points)
        specification = process / "specification.json"
        specification.write_text(
            json.dumps(
                {
                    "root": str(root),
                    "layers": [str(layer) for layer in (mount_points, *layers)],
                    "changes": str(changes) if changes else None,
                    "work": str(work),
                    "binds": [(str(bind.outside), bind.inside, bind.read_only) for bind in binds],
                    "user": user,
                    "folder": folder,
                    "command": command,
                    "environment": environment,
                }
            )
        )
        return [*_UNSHARE, sys.executable, str(_ENTER), str(specification)]


def _ignored(folder: str, names: list[str]) -> set[str]:
    """Return which files of a folder of this repository .dockerignore keeps out of what is let in."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    kept_out = [line for line in lines if "/" in line and not line.startswith(("#", "!"))]
    inside = Path(folder).relative_to(ROOT)
    return {
        name
        for name in names
        if any((inside / name).match(pattern.removeprefix("**/")) for pattern in kept_out)
    }


def _reach() -> tuple[dict[str, str], list[Bind]]:
    """Return what a build needs to reach this machine's package index: environment, files and folders."""
    environment = {name: value for name, value in os.environ.items() if _REACH.fullmatch(name)}
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True
    )
    for name, value in re.findall(r"^global\.([\w-]+)='(.*)'$", listed.stdout, re.MULTILINE):
        environment[f"PIP_{name.replace('-', '_').upper()}"] = value
    paths = {Path("/etc/resolv.conf")}
    for word in " ".join(environment.values()).split():
        # An index in a folder has its packages beside its pages.
        path = Path(word.removeprefix("file://")).parent if word.startswith("file:///") else Path(word)
        if path.is_absolute() and path.exists() and len(path.parts) > 2:
            paths.add(path)
    return environment, [Bind(path, str(path)) for path in sorted(paths)]


async def _finished(command: list[str]) -> None:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)}: {output.decode()[-2000:]}")
