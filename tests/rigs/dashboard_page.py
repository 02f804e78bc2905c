"""The dashboard, opened as a browser opens it."""

import re

import aiohttp


async def open_page(client: aiohttp.ClientSession) -> set[str]:
    """Get the page and every script and style that it names; returns the types of what came."""
    async with client.get("/") as answer:
        assert (answer.status, answer.content_type) == (200, "text/html"), await answer.text()
        text = await answer.text()
    named = re.findall(r'(?:src|href)="(?:\./)?([^"#:]+)"', text)
    types = set()
    for name in named:
        async with client.get(f"/{name}") as answer:
            assert answer.status == 200, name
            assert await answer.read(), name
            types.add(answer.content_type)
    return types
