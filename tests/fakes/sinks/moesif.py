"""Moesif's collector for the `moesif` sink."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from fakes.destinations import SECRET

from bridge.demo.moesif_lookalike import MoesifLookalike

KNOBS: Final = ("tenants",)


class Moesif:
    def __init__(self, lookalike: MoesifLookalike) -> None:
        self._lookalike = lookalike

    @property
    def settings(self) -> dict[str, Any]:
        return {"base_url": self._lookalike.url, "key": SECRET}

    @property
    def tenants(self) -> dict[str, Any]:
        return {"keys": {tenant: _key_of(tenant) for tenant in ("acme", "umbrella")}}

    def refuse(self, *tenants: str) -> None:
        self._lookalike.keys = {_key_of(tenant) for tenant in ("acme", "umbrella") if tenant not in tenants}

    def ids(self) -> Counter[str]:
        return self._lookalike.copies

    async def vanish(self) -> None:
        await self._lookalike.refuse_connections()

    async def return_(self) -> None:
        await self._lookalike.accept_connections()


def _key_of(tenant: str) -> str:
    return f"{tenant}-{SECRET}"


@asynccontextmanager
async def destination(_path: Path) -> AsyncIterator[Moesif]:
    """Run the look-alike."""
    async with MoesifLookalike(key=SECRET) as lookalike:
        yield Moesif(lookalike)
