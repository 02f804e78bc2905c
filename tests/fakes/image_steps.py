"""The Dockerfile as data: its stages, their steps and what a container of each starts with.

It knows the instructions that the Dockerfile uses, and refuses others: what is not understood is not tried.
"""

import json
import re
import shlex
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Copy:
    """`COPY`: from the sources, or from another stage, to a file or (with a slash at its end) into a folder."""

    stage: str | None
    sources: tuple[str, ...]
    target: str


@dataclass(frozen=True, slots=True)
class Run:
    """`RUN` in its shell form, with the environment and the folder at that point."""

    command: str
    environment: dict[str, str]
    folder: str


@dataclass(slots=True)
class Stage:
    """One `FROM` and what follows; a container of it starts with its user, environment and entry point."""

    base: str
    name: str
    parent: "Stage | None" = None
    steps: list[Copy | Run] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    volumes: list[str] = field(default_factory=list)
    ports: list[int] = field(default_factory=list)
    folder: str = "/"
    user: str = "0:0"
    entry_point: list[str] = field(default_factory=list)
    arguments: list[str] = field(default_factory=list)
    health_check: list[str] = field(default_factory=list)


def read(dockerfile: Path) -> list[Stage]:
    """Return the stages in their order; raises ValueError for what is not understood."""
    stages: list[Stage] = []
    text = re.sub(r"^#.*\n", "", dockerfile.read_text(), flags=re.MULTILINE)
    for line in text.replace("\\\n", " ").splitlines():
        word, _, rest = line.strip().partition(" ")
        rest = rest.strip()
        match word:
            case "":
                continue
            case "FROM":
                stages.append(_begun(rest, stages))
            case _:
                _follow(stages[-1], word, rest)
    return stages


def _begun(rest: str, stages: list[Stage]) -> Stage:
    """Return the stage of a FROM: from an image, or going on where an earlier stage ends."""
    base, _, name = re.sub(r"^--platform=\S+ ", "", rest).partition(" AS ")
    parent = next((stage for stage in stages if stage.name == base), None)
    if parent is None:
        return Stage(base, name)
    begun = deepcopy(parent)
    begun.name, begun.parent, begun.steps = name, parent, []
    return begun


def _follow(stage: Stage, word: str, rest: str) -> None:
    match word:
        case "ENV" | "ARG":
            stage.environment |= _pairs(rest)
        case "LABEL":
            stage.labels |= _pairs(rest)
        case "WORKDIR":
            stage.folder = rest
        case "USER":
            stage.user = rest
        case "VOLUME":
            stage.volumes.append(rest)
        case "EXPOSE":
            stage.ports += map(int, rest.split())
        case "RUN":
            stage.steps.append(Run(rest, dict(stage.environment), stage.folder))
        case "COPY":
            *sources, target = rest.split()
            origin = sources.pop(0).removeprefix("--from=") if rest.startswith("--") else None
            into = f"{Path(stage.folder, target)}{'/' if target.endswith('/') else ''}"
            stage.steps.append(Copy(origin, tuple(sources), into))
        case "ENTRYPOINT":
            stage.entry_point = json.loads(rest)
        case "CMD":
            stage.arguments = json.loads(rest)
        case "HEALTHCHECK":
            stage.health_check = json.loads(rest.partition(" CMD ")[2])
        case _:
            raise ValueError(f"the Dockerfile has {word}, which is not followed here")


def _pairs(text: str) -> dict[str, str]:
    return dict(word.split("=", 1) for word in shlex.split(text))
