"""The dashboard: the files that `make page` builds from `bridge/analytics/ui`, kept in memory.

They are for everybody: what they show, they ask the data API for. No script and no style is taken from elsewhere, or
from inside the page.

A workspace has a page of its own, at `/public/TOKEN`, or at `/public/em/ws/ID#TOKEN` where it is embedded: what is
behind # is not sent. This server does not look at either; the page sends its token to `/api/workspace`.
"""

import gzip
import mimetypes
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aiohttp import web

from bridge.analytics.server.endpoint import ApiAnswering, ApiEndpoint
from bridge.analytics.server.served import Served
from bridge.web.answers import response

STATIC: Final = Path(__file__).parent.parent / "static"
PUBLIC: Final = {"/public/{token}": "../", "/public/em/ws/{id}": "../../../"}
"""Where a workspace is shown, and how the files are reached from there, below whatever path a proxy gives them."""
_WORKSPACE: Final = "public.html"
STATUS: Final = {"/status": "./", "/status/{page}": "../"}
"""Where the status page is shown, in the same way."""
_STATUS: Final = "status.html"
_ANCESTORS: Final = b'name="frame-ancestors" content=""'
"""Where that page is told whose messages it may take: those of the pages that may show it in a frame."""
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors "
)
_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Vary": "Accept-Encoding",
}
_UNBUILT: Final = (
    b"The dashboard has not been built here: run `make page`.\nThe data API is at /api/openapi.json.\n"
)


@dataclass(frozen=True, slots=True)
class _File:
    body: bytes
    packed: bytes
    content_type: str
    caching: str


def endpoints(served: Served, static: Path = STATIC) -> Sequence[ApiEndpoint]:
    """Return the endpoint of the dashboard's files; the last one, because it takes every path that is left."""
    files = {
        str(path.relative_to(static)): _read(path, static) for path in static.rglob("*") if path.is_file()
    }
    if "index.html" in files:
        files[""] = files["index.html"]

    headers = _HEADERS | _framing(served.settings.frame_ancestors)
    # The address of a workspace opens it: nobody in between keeps what is there, and no search engine lists it.
    outside = headers | {"X-Robots-Tag": "noindex"}

    async def page(request: web.Request) -> web.Response:
        name = request.match_info["path"]
        if (file := files.get(name)) is not None:
            return _sent(file, headers, packed="gzip" in request.headers.get("Accept-Encoding", ""))
        if name:
            raise web.HTTPNotFound
        return response(_UNBUILT, 404, Content_Type="text/plain")

    def below(name: str, root: str, caching: str, headers: Mapping[str, str]) -> ApiAnswering:
        ancestors = served.settings.frame_ancestors
        file = _below(files[name], root, ancestors, caching) if name in files else None

        async def answer(request: web.Request) -> web.Response:
            if file is None:
                unbuilt = response(_UNBUILT, 404, Content_Type="text/plain")
                unbuilt.headers.update({**headers, "Cache-Control": "no-store"})
                return unbuilt
            return _sent(file, headers, packed="gzip" in request.headers.get("Accept-Encoding", ""))

        return answer

    shown = {path: below(_WORKSPACE, root, "no-store", outside) for path, root in PUBLIC.items()}
    shown |= {path: below(_STATUS, root, "no-cache", headers) for path, root in STATUS.items()}
    return [
        *(ApiEndpoint("GET", path, answer, None, sandboxed=True) for path, answer in shown.items()),
        ApiEndpoint("GET", "/{path:.*}", page, None, sandboxed=True),
    ]


def _below(file: _File, root: str, ancestors: Sequence[str], caching: str) -> _File:
    """Return a page that takes its files from `root`, and knows its ancestors."""
    known = _ANCESTORS.replace(b'""', f'"{" ".join(ancestors)}"'.encode())
    body = file.body.replace(b'"./', f'"{root}'.encode()).replace(_ANCESTORS, known)
    return _File(body, gzip.compress(body, mtime=0), file.content_type, caching)


def _read(path: Path, static: Path) -> _File:
    body = path.read_bytes()
    # Vite names what it builds by its content: such a file never changes.
    built = path.parent.name == "assets" and path.parent.parent == static
    return _File(
        body,
        gzip.compress(body, mtime=0),
        mimetypes.guess_type(path.name)[0] or "application/octet-stream",
        "public, max-age=31536000, immutable" if built else "no-cache",
    )


def _framing(ancestors: Sequence[str]) -> dict[str, str]:
    """Return the headers that say whose pages may show this one in a frame.

    Browsers that know `frame-ancestors` do not look at X-Frame-Options, which has no word for other origins.
    """
    written = " ".join("'self'" if one == "self" else one for one in ancestors)
    policy = {"Content-Security-Policy": _POLICY + (written or "'none'")}
    old = {"": "DENY", "'self'": "SAMEORIGIN"}.get(written)
    return policy if old is None else policy | {"X-Frame-Options": old}


def _sent(file: _File, headers: Mapping[str, str], *, packed: bool) -> web.Response:
    answer = response(file.packed if packed else file.body, Content_Type=file.content_type)
    answer.headers.update(headers)
    answer.headers["Cache-Control"] = file.caching
    if packed:
        answer.headers["Content-Encoding"] = "gzip"
    return answer
