"""The page at `/` of the admin listener: state, books, the last events. HTML from the server, without a script."""

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any, Final

_REFRESH_SECONDS: Final = 10
_STYLE: Final = """
:root{color-scheme:light dark;--ink:#1c2430;--faint:#5d6878;--line:#dde2ea;--ground:#f6f7f9;--card:#fff;
--good:#0b7a4b;--bad:#b3261e;--goodground:#e4f4ec;--badground:#fbe9e7}
@media(prefers-color-scheme:dark){:root{--ink:#e4e8ee;--faint:#98a3b3;--line:#2c3542;--ground:#12161c;--card:#1a2029;
--good:#5fd19b;--bad:#ff8a80;--goodground:#16322a;--badground:#3a1f1f}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
main{max-width:68rem;margin:0 auto;padding:1.5rem 1rem 3rem}
header{display:flex;flex-wrap:wrap;gap:.25rem 1rem;align-items:baseline;justify-content:space-between}
h1{font-size:1.35rem;margin:0}h2{font-size:1rem;margin:0 0 .75rem}
p{margin:.25rem 0}.faint{color:var(--faint)}
.state{margin:1rem 0;padding:.75rem 1rem;border-radius:.5rem;background:var(--goodground);color:var(--good);
font-weight:600}
.state.bad{background:var(--badground);color:var(--bad)}
.state ul{margin:.25rem 0 0;padding-left:1.2rem;font-weight:400;color:var(--ink);overflow-wrap:anywhere}
section{background:var(--card);border:1px solid var(--line);border-radius:.5rem;padding:1rem;margin:1rem 0}
dl{display:grid;grid-template-columns:repeat(auto-fit,minmax(8rem,1fr));gap:1rem;margin:0}
dt{color:var(--faint);font-size:.85rem}dd{margin:0;font-size:1.35rem;font-variant-numeric:tabular-nums}
.wide{overflow-x:auto}table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:.4rem .75rem .4rem 0;border-bottom:1px solid var(--line);white-space:nowrap}
th{color:var(--faint);font-weight:500;font-size:.85rem}tr:last-child td{border-bottom:0}
.number{text-align:right;font-variant-numeric:tabular-nums}.bad{color:var(--bad)}
.path{max-width:22rem;overflow:hidden;text-overflow:ellipsis}
a{color:inherit}
@media(max-width:36rem){.less{display:none}main{padding:1rem .75rem}section{padding:.75rem}th,td{padding-right:.5rem}}
"""
POLICY: Final = (
    "default-src 'none'; style-src 'sha256-"
    + base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    + "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""What a browser may do with the page: show it, in this style, and nothing else."""


def page(status: Mapping[str, Any], troubles: Sequence[str], events: Sequence[Mapping[str, Any]]) -> str:
    """Return the page for a bridge's status, what is wrong with it, and its last events, the newest first."""
    return "".join(
        (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width,initial-scale=1">',
            f'<meta http-equiv="refresh" content="{_REFRESH_SECONDS}">',
            f"<title>apim-bridge on {_text(status['instance'])}</title><style>{_STYLE}</style></head><body><main>",
            *_head(status),
            *_state(troubles),
            *_books(status),
            *_sinks(status["sinks"]),
            *_events(events),
            *_foot(),
        )
    )


def _foot() -> Iterator[str]:
    yield '<p class="faint"><a href="/status">status</a> and <a href="/metrics">metrics</a> for machines; '
    yield f"this page looks again every {_REFRESH_SECONDS} seconds.</p></main></body></html>"


def _head(status: Mapping[str, Any]) -> Iterator[str]:
    configuration = status["configuration"]
    yield f"<header><h1>apim-bridge on {_text(status['instance'])}</h1>"
    yield f'<p class="faint">version {_text(status["version"])}, configuration {_text(configuration["fingerprint"])}, '
    yield f"loaded {_text(configuration['loaded'])}</p></header>"


def _state(troubles: Sequence[str]) -> Iterator[str]:
    if not troubles:
        yield '<p class="state">All is well.</p>'
        return
    yield '<div class="state bad">Something needs a look<ul>'
    yield from (f"<li>{_text(trouble.removeprefix('- '))}</li>" for trouble in troubles)
    yield "</ul></div>"


def _books(status: Mapping[str, Any]) -> Iterator[str]:
    books = status["books"]
    word = "balance" if books["balanced"] else '<span class="bad">DO NOT BALANCE</span>'
    yield f"<section><h2>Taken: the books {word}</h2><dl>"
    for name, label in (
        ("received", "received"),
        ("journalled", "journalled"),
        ("rejected", "rejected"),
        ("duplicate", "duplicates"),
    ):
        yield f"<div><dt>{label}</dt><dd>{books[name]:,}</dd></div>"
    used = status["journal"]["used_bytes"] / status["journal"]["max_bytes"]
    yield f"<div><dt>of the journal in use</dt><dd>{used:.0%}</dd></div></dl></section>"


def _sinks(sinks: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    yield '<section><h2>Delivered</h2><div class="wide"><table><tr><th>sink<th>state<th class="number">delivered'
    yield '<th class="number">pending<th class="number">dead letters<th class="less">destination</tr>'
    for name, sink in sinks.items():
        bad = ' class="bad"' if sink["trouble"] else ""
        yield f"<tr><td>{_text(name)}<td{bad}>{_text(sink['state'])}"
        for value in (sink["delivered"], sink["pending"], sink["dead_letters"]):
            yield f'<td class="number">{value:,}'
        yield f'<td class="less path">{_text(sink["destination"])}</tr>'
    yield "</table></div></section>"


def _events(events: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield "<section><h2>Last events</h2>"
    if not events:
        yield '<p class="faint">None yet. The first event shows here as soon as it is taken.</p></section>'
        return
    yield '<div class="wide"><table><tr><th>time<th>API<th class="less">method<th class="less">resource'
    yield '<th class="number">status<th class="number">ms</tr>'
    for event in events:
        code = event["status"]
        bad = " bad" if isinstance(code, int) and code >= 500 else ""
        yield f"<tr><td>{_time(event['time'])}<td>{_text(event['api'])}"
        yield f'<td class="less">{_text(event["method"])}<td class="less path">{_text(event["resource"])}'
        yield f'<td class="number{bad}">{_text(code)}<td class="number">{_text(event["milliseconds"])}</tr>'
    yield "</table></div></section>"


def _time(value: object) -> str:
    """Return a time, without its date where there is little room."""
    date, letter, time = str(value).partition("T")
    if not letter:
        return _text(value)
    return f'<span class="less">{_text(date)} </span>{_text(time.removesuffix("Z").partition(".")[0])}'


def _text(value: object) -> str:
    """Return a value as text that a browser cannot take for markup; unprintable characters are shown as such."""
    text = "\u2013" if value is None or value == "" else str(value)
    return escape("".join(one if one.isprintable() else f"\\u{ord(one):04x}" for one in text))
