"""Results as one HTML page that is complete in itself: facts, a roofline, bars, every figure."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from . import machine, plots

_STYLE = """
:root { color-scheme: light dark; --ink: #1f2937; --paper: #ffffff; --faint: #d1d5db; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e5e7eb; --paper: #111827; --faint: #374151; }
}
body { font: 15px/1.45 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; font-size: 13px; display: block; overflow-x: auto; }
th, td { padding: 0.2rem 0.6rem; text-align: right; border-bottom: 1px solid var(--faint); }
th:first-child, td:first-child { text-align: left; }
svg { width: 100%; height: auto; } svg text { font: 11px system-ui, sans-serif; fill: var(--ink); }
svg .told { font-size: 10px; } svg .grid { stroke: var(--faint); }
svg .roof { stroke: var(--ink); stroke-width: 1.4; } .behind { color: #dc2626; }
.ahead { color: #15803d; } .key { display: inline-block; width: 0.8em; height: 0.8em; }
"""


def page(plain: Mapping[str, Any]) -> str:
    """The page of what `report.plain` gives."""
    facts, rows = plain["machine"], plain["results"]
    scripts = dict.fromkeys(row["script"] for row in rows)
    parts = [_head(facts), _facts(facts), _summary(rows, list(scripts))]
    for script in scripts:
        of_script = [row for row in rows if row["script"] == script]
        parts.append(f'<h2 id="{escape(script)}">{escape(script)}</h2>')
        parts.append(_table(of_script))
        if drawn := plots.roofline(of_script, facts["peaks"], facts["threads"]):
            parts.append(f"<h3>Roofline</h3><p>Full: tilewright. Hollow: the best peer.</p>{drawn}")
        if drawn := plots.bars(of_script):
            parts.append(f"<h3>Times over the best peer's</h3>{_key(of_script)}{drawn}")
        parts.append(_left_out(of_script))
    return "\n".join(parts) + "\n</body></html>\n"


def _head(facts: Mapping[str, Any]) -> str:
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>tilewright beside its peers</title><style>{_STYLE}</style></head><body>"
        f"<h1>tilewright beside its peers</h1><p>{escape(str(facts['processor']))}, "
        f"{facts['threads']} threads, medians of {facts['rounds']} rounds.</p>"
    )


def _facts(facts: Mapping[str, Any]) -> str:
    rows = [(k, v) for k, v in facts.items() if not isinstance(v, Mapping)]
    rows += list(facts["kernels"].items())
    cells = "".join(f"<tr><th>{escape(k)}</th><td>{escape(str(v))}</td></tr>" for k, v in rows)
    return (
        f"<details><summary>Machine, libraries, kernels</summary><table>{cells}</table></details>"
    )


def _summary(rows: Sequence[Mapping[str, Any]], scripts: Sequence[str]) -> str:
    lines = []
    for script in scripts:
        ratios = [r["ratio_to_best"] for r in rows if r["script"] == script and r["ratio_to_best"]]
        if not ratios:
            continue
        mean, least = statistics.geometric_mean(ratios), min(ratios)
        lines.append(
            f'<tr><td><a href="#{escape(script)}">{escape(script)}</a></td><td>{len(ratios)}</td>'
            f"<td>{_ratio(mean)}</td><td>{_ratio(least)}</td></tr>"
        )
    if not lines:
        return ""
    head = "<tr><th>script</th><th>cases</th><th>geometric mean</th><th>worst</th></tr>"
    return (
        f"<p>Ratios above 1 are faster than the best peer.</p><table>{head}{''.join(lines)}</table>"
    )


def _ratio(value: float | None) -> str:
    if value is None:
        return ""
    return f'<span class="{"ahead" if value >= 1 else "behind"}">{value:.2f}x</span>'


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    peers = list(dict.fromkeys(name for row in rows for name in row["seconds"]))
    peers = ["tilewright", *(p for p in peers if p != "tilewright")]
    head = "".join(f"<th>{escape(p)}, us (spread)</th>" for p in peers)
    body = "".join(_row(row, peers) for row in rows)
    return (
        "<table><tr><th>case</th><th>to the best peer</th><th>of the roof</th>"
        f"<th>our first call, s</th>{head}<th>goal</th></tr>{body}</table>"
    )


def _row(row: Mapping[str, Any], peers: Sequence[str]) -> str:
    times = [row["seconds"].get(p) for p in peers]
    cells = "".join(
        f"<td>{t['median'] * 1e6:.4g} ({t['spread']:.0%})</td>" if t else "<td></td>" for t in times
    )
    share = row["share_of_roof"]
    first = row["seconds"].get("tilewright", {}).get("first")
    busy = " (busy)" if (row["other_load"] or 0) > machine.QUIET else ""
    told = f"wrong: {row['error']}" if row["error"] else _met(row) + busy
    return (
        f"<tr><td>{escape(row['case'])}</td><td>{_ratio(row['ratio_to_best'])}</td>"
        f"<td>{f'{share:.0%}' if share else ''}</td>"
        f"<td>{f'{first:.2f}' if first else ''}</td>{cells}<td>{escape(told)}</td></tr>"
    )


def _met(row: Mapping[str, Any]) -> str:
    return {True: "met", False: "missed", None: "no peer"}[row["met"]]


def _key(rows: Sequence[Mapping[str, Any]]) -> str:
    names = dict.fromkeys(name for row in rows for name in row["seconds"])
    return "<p>" + " ".join(
        f'<span class="key" style="background:{plots.colour_of(name)}"></span> {escape(name)}'
        for name in names
    ) + "</p>"  # fmt: skip


def _left_out(rows: Sequence[Mapping[str, Any]]) -> str:
    found = [(r["case"], peer, why) for r in rows for peer, why in r["left_out"].items()]
    lines = "".join(
        f"<li>{escape(peer)} in {escape(case)}: {escape(why)}</li>" for case, peer, why in found
    )
    return f"<details><summary>Left out</summary><ul>{lines}</ul></details>" if lines else ""
