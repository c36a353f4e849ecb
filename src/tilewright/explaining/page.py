"""An explanation as HTML that stands alone: no script, no font, no picture from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import TYPE_CHECKING

from .table import cells, how, summary

if TYPE_CHECKING:
    from .report import Explanation, KernelReport

_HEAD = ("kernel", "launches", "time", "of the call", "threads", "speed", "of the roofline",
         "bound")  # fmt: skip
_STYLE = """
.tw-explain { font: 14px/1.45 system-ui, sans-serif; color: #1b1f24; background: #fff;
  max-width: 76rem; margin: 1rem auto; padding: 0 1rem }
.tw-explain h1 { font-size: 1.25rem } .tw-explain p { margin: .3rem 0 }
.tw-explain table { border-collapse: collapse; width: 100%; margin: 1rem 0 }
.tw-explain th, .tw-explain td { padding: .3rem .6rem; border-bottom: 1px solid #d7dde3;
  text-align: right; white-space: nowrap; vertical-align: top }
.tw-explain th:first-child, .tw-explain td:first-child, .tw-explain td.more {
  text-align: left; white-space: normal; overflow-wrap: anywhere }
.tw-explain .bar { display: inline-block; height: .7em; margin-right: .4em; background: #2f6fb0 }
.tw-explain .latency { background: #a1a8b0 } .tw-explain .memory { background: #2a8a57 }
.tw-explain summary { cursor: pointer } .tw-explain ul { margin: .3rem 0; padding-left: 1.4rem }
.tw-explain pre { overflow-x: auto; background: #f4f6f8; padding: .6rem }
"""


def page(told: Explanation) -> str:
    """The whole page."""
    rows = "\n".join(_row(k, told.seconds) for k in told.kernels)
    head = "".join(f"<th>{name}</th>" for name in _HEAD)
    lines = "\n".join(f"<p>{escape(line)}</p>" for line in summary(told) if line)
    title = f"explain {escape(told.name)}"
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>\n'
        f"<style>{_STYLE}</style></head><body>\n"
        f'<div class="tw-explain"><h1>{title}</h1>\n{lines}\n'
        f"<table><thead><tr>{head}</tr></thead><tbody>\n{rows}\n</tbody></table>\n"
        f"<details><summary>memory plan</summary><pre>{escape(str(told.memory))}</pre></details>\n"
        "</div></body></html>\n"
    )


def _row(kernel: KernelReport, whole: float) -> str:
    name, launches, time, share, threads, speed, roofline, bound = map(escape, cells(kernel, whole))
    kind = kernel.bound.kind if kernel.bound else ""
    plain = "".join(f"<td>{cell}</td>" for cell in (launches, time))
    of_call = _bar(kernel.total / whole if whole else 0.0, "") + share
    of_roof = _bar(kernel.bound.share, kind) + roofline if kernel.bound else ""
    more = "\n".join(_more(kernel))
    return (
        f"<tr><td><details><summary>{name}</summary>{more}</details></td>{plain}<td>{of_call}</td>"
        f"<td>{threads}</td><td>{speed}</td><td>{of_roof}</td><td>{bound}</td></tr>"
    )


def _bar(share: float, kind: str) -> str:
    width = max(0.0, min(share, 1.0)) * 5
    return f'<span class="bar {kind}" style="width:{width:.2f}em"></span>'


def _more(kernel: KernelReport) -> Iterator[str]:
    yield f"<p>{escape(how(kernel))}</p>"
    fused = [f"{place}: {', '.join(names)}" for place, names in kernel.lines]
    for title, items in (
        ("fused", fused),
        ("not fused with", kernel.refused),
        ("what to try next", kernel.advice),
    ):
        if items:
            listed = "".join(f"<li>{escape(item)}</li>" for item in items)
            yield f"<p>{title}</p><ul>{listed}</ul>"
