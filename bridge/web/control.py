"""The control socket: the command line asks, the daemon does the work.

HTTP over a socket file in the state folder (`socket_file`), 0600: whoever may open it may do what the daemon may do.
Long answers are newline-delimited JSON, one line for each step.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from aiohttp import web

from bridge.errors import BridgeError, ControlError
from bridge.web.answers import json_response

ControlCommand = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]
Stream = Callable[[dict[str, Any]], AsyncIterator[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class ControlSocket:
    """Serves commands by name: `POST /NAME` with a JSON object; a fault is answered as `{"error": …}`."""

    commands: dict[str, ControlCommand]
    streams: dict[str, Stream]

    def routes(self) -> Sequence[web.RouteDef]:
        """Return the commands as routes."""
        return [web.post("/{name}", self._serve)]

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        try:
            arguments = msgspec.json.decode(await request.read() or b"{}", type=dict[str, Any])
            if (command := self.commands.get(name)) is not None:
                return json_response(await command(arguments))
            if (stream := self.streams.get(name)) is not None:
                return await self._stream(request, stream(arguments))
            raise ControlError(f"this daemon knows no command {name}; do both sides have the same version?")
        except (BridgeError, msgspec.MsgspecError) as error:
            return json_response({"error": str(error)}, 400)

    async def _stream(self, request: web.Request, steps: AsyncIterator[dict[str, Any]]) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        await response.prepare(request)
        try:
            async for step in steps:
                await response.write(msgspec.json.encode(step) + b"\n")
        except BridgeError as error:
            await response.write(msgspec.json.encode({"error": str(error)}) + b"\n")
        await response.write_eof()
        return response
