"""A report as one file of HTML: no script, nothing from elsewhere, and every name escaped. Chromium prints it."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Final

from bridge.analytics.reports.words import NAMES, changed, said

_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"
_STYLE: Final = """
@page { size: A4; margin: 16mm 14mm 18mm; }
* { box-sizing: border-box; margin: 0; }
body { font: 9.5pt/1.45 system-ui, "DejaVu Sans", "Liberation Sans", sans-serif; color: #1b1f27; max-width: 190mm;
  margin: 0 auto; font-variant-numeric: tabular-nums; }
header { border-bottom: 1.5pt solid #3553d1; padding: 0 0 8pt; margin: 0 0 12pt; }
h1 { font-size: 18pt; line-height: 1.2; letter-spacing: -.01em; }
h2 { font-size: 11pt; margin: 16pt 0 4pt; break-after: avoid; }
p, .faint { color: #5b6472; } small { color: #5b6472; }
.totals { display: grid; grid-template-columns: repeat(4, 1fr); gap: 8pt 14pt; margin: 0 0 6pt; }
.totals b { display: block; font-size: 14pt; line-height: 1.25; color: #1b1f27; }
table { width: 100%; border-collapse: collapse; table-layout: fixed; break-inside: auto; }
tr { break-inside: avoid; } thead { display: table-header-group; }
th { text-align: left; font-weight: 400; color: #5b6472; border-bottom: .75pt solid #c5cbd6; padding: 2pt 6pt 2pt 0; }
td { border-bottom: .5pt solid #e3e7ee; padding: 2.5pt 6pt 2.5pt 0; overflow-wrap: anywhere; vertical-align: top; }
.n { text-align: right; white-space: nowrap; width: 21mm; }
svg { display: block; width: 100%; height: 34mm; } svg text { font-size: 7pt; fill: #5b6472; }
.c { fill: #b8c4f2; } .e { fill: #c93a3a; } .axis { stroke: #c5cbd6; stroke-width: .5; }
footer { margin-top: 14pt; color: #5b6472; font-size: 8pt; }
"""
_WIDTH: Final = 560.0
_HEIGHT: Final = 90.0


def document_of(report: Mapping[str, Any], *, filters: Sequence[str], made: str, product: str) -> str:
    """Return the file; `filters` and `made` are what it says of itself, in words."""
    period = report["period"]
    among = f"<p>Only calls where {escape(', and '.join(filters))}.</p>" if filters else ""
    head = (
        f"<header><h1>{escape(report['title'])}</h1><p>API traffic, {escape(period['from'][:10])} to before "
        f"{escape(period['to'][:10])}, {escape(period['time_zone'])}; changes against the {report['kind']} before</p>"
        f"{among}</header>"
    )
    parts = [
        head,
        _totals(report["totals"]),
        "<h2>By day</h2>",
        _days(report["days"]),
        *(_list(one) for one in report["lists"] if one["rows"]),
        _monitors(report["monitors"]) if report["monitors"] else "",
        f"<footer>{escape(product)}, {escape(made)}</footer>",
    ]
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" '
        f'content="{_POLICY}"><title>{escape(report["title"])}</title><style>{_STYLE}</style></head><body>'
        + "\n".join(parts)
        + "</body></html>"
    )


def _totals(totals: Sequence[Mapping[str, Any]]) -> str:
    cells = [
        f"<div><small>{NAMES[one['measure']]}</small><b>{said(one['value'], one['unit'])}</b>"
        f"<small>{changed(one['value'], one['previous'], one['unit'])}, from {said(one['previous'], one['unit'])}"
        "</small></div>"
        for one in totals
        if one["value"] or one["previous"]
    ]
    return f'<div class="totals">{"".join(cells)}</div>' if cells else "<p>There was no call.</p>"


def _days(days: Sequence[Mapping[str, Any]]) -> str:
    """Return the calls of each day as bars, with their errors at the bottom."""
    most = max((day["calls"] for day in days), default=0) or 1
    step = _WIDTH / max(1, len(days))
    bars = []
    for place, day in enumerate(days):
        left, width = place * step + step * 0.12, step * 0.76
        for kind, count in (("c", day["calls"]), ("e", day["errors"])):
            height = count / most * _HEIGHT
            bars.append(
                f'<rect class="{kind}" x="{left:.1f}" y="{10 + _HEIGHT - height:.1f}" width="{width:.1f}" '
                f'height="{height:.1f}"/>'
            )
        if len(days) <= 7 or place % 5 == 0:
            bars.append(
                f'<text x="{left + width / 2:.1f}" y="{_HEIGHT + 20:.0f}" text-anchor="middle">{day["date"][5:]}</text>'
            )
    return (
        f'<svg viewBox="0 0 {_WIDTH:.0f} {_HEIGHT + 24:.0f}" preserveAspectRatio="xMinYMid" role="img">'
        f'<text x="0" y="7">{most:,} calls</text>'
        f'<line class="axis" x1="0" x2="{_WIDTH:.0f}" y1="{_HEIGHT + 10:.0f}" y2="{_HEIGHT + 10:.0f}"/>{"".join(bars)}'
        "</svg><small>Calls of each day; errors in red.</small>"
    )


def _list(one: Mapping[str, Any]) -> str:
    head = "".join(f"<th>{NAMES[name]}</th>" for name in one["by"])
    first = one["measures"][0]
    head += f'<th class="n">{NAMES[first["name"]]}</th><th class="n">change</th>'
    head += "".join(f'<th class="n">{NAMES[measure["name"]]}</th>' for measure in one["measures"][1:])
    rows = []
    for row in one["rows"]:
        cells = [f"<td>{_value(row[name])}</td>" for name in one["by"]]
        cells.append(f'<td class="n">{said(row[first["name"]], first["unit"])}</td>')
        cells.append(f'<td class="n">{changed(row[first["name"]], row["previous"], first["unit"])}</td>')
        cells += [
            f'<td class="n">{said(row[measure["name"]], measure["unit"])}</td>'
            for measure in one["measures"][1:]
        ]
        rows.append(f"<tr>{''.join(cells)}</tr>")
    more = one["groups"] - len(one["rows"])
    rest = f"<small>and {more:,} more</small>" if more > 0 and one["id"] != "slowest" else ""
    return (
        f"<h2>{escape(one['title'])}</h2><table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
        + rest
    )


def _monitors(monitors: Sequence[Mapping[str, Any]]) -> str:
    rows = "".join(
        f'<tr><td>{escape(one["name"])}</td><td class="n">{said(one["uptime"], "fraction")}</td>'
        f'<td class="n">{one["down_seconds"] / 60:,.0f} min</td><td class="n">{said(one["p95_ms"], "ms")}</td></tr>'
        for one in monitors
    )
    return (
        '<h2>Availability</h2><table><thead><tr><th>Monitor</th><th class="n">Uptime</th><th class="n">Down</th>'
        f'<th class="n">p95</th></tr></thead><tbody>{rows}</tbody></table>'
    )


def _value(value: Any) -> str:
    return '<span class="faint">none</span>' if value is None else escape(str(value))
