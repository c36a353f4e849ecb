"""An explanation as text: a table of kernels, then what there is to say about the slowest."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from ..profiling.summary import duration, size

if TYPE_CHECKING:
    from .report import Explanation, KernelReport

_ROWS = 30  # of the table; the rest is summed up
_TOLD = 8  # kernels with details
_REASONS = 6  # of one kernel; the page has all
_WIDTH = 110
_COLUMNS = ("kernel", "launches", "time", "of all", "threads", "speed", "roofline", "bound")


def text(told: Explanation) -> str:
    """The whole of it."""
    console = Console(file=io.StringIO(), width=_WIDTH)
    console.print(_table(told))
    for line in (*summary(told), *_details(told)):
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    file = console.file
    assert isinstance(file, io.StringIO)
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines())


def _table(told: Explanation) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for name in _COLUMNS:
        is_text = name in ("kernel", "bound")
        table.add_column(
            name, justify="left" if is_text else "right", no_wrap=True, overflow="ellipsis"
        )
    for kernel in told.kernels[:_ROWS]:
        table.add_row(*cells(kernel, told.seconds))
    rest = told.kernels[_ROWS:]
    if rest:
        seconds = sum(k.total for k in rest)
        row = f"{len(rest)} others", str(sum(k.launches for k in rest)), duration(seconds * 1e9)
        table.add_row(*row, _share(seconds, told.seconds), "", "", "", "")
    return table


def cells(kernel: KernelReport, whole: float) -> tuple[str, ...]:
    """A kernel's row, in the order of the columns."""
    bound = kernel.bound
    return (
        kernel.name,
        str(kernel.launches),
        duration(kernel.seconds * 1e9),
        _share(kernel.total, whole),
        str(kernel.threads) if kernel.launches else "",
        speed(kernel),
        f"{bound.share:.0%}" if bound else "",
        f"{bound.kind} ({bound.level})" if bound else "not launched" if not kernel.launches else "",
    )


def speed(kernel: KernelReport) -> str:
    """GFLOP/s of what is bound by arithmetic, else GB/s."""
    if not kernel.launches or not kernel.work.bytes:
        return ""
    if kernel.work.products or (kernel.bound and kernel.bound.kind == "compute"):
        return f"{kernel.gflops:.3g} GFLOP/s"
    return f"{kernel.gbytes:.3g} GB/s"


def _share(part: float, whole: float) -> str:
    return f"{part / whole:.1%}" if whole else ""


def summary(told: Explanation) -> Iterator[str]:
    """Lines about the program as a whole."""
    inside = sum(k.total for k in told.kernels)
    launches = sum(k.launches for k in told.kernels)
    yield ""
    yield (
        f"{told.name} on {told.device}: {duration(told.seconds * 1e9)} a call (median of "
        f"{told.runs}, {told.threads} threads), {duration(inside * 1e9)} of it in {launches} "
        f"launches of {len(told.kernels)} kernels"
    )
    if told.once:
        yield (
            f"{told.once} kernels more run again only when state changes that is only read (they "
            "pack weights, and derive other forms of them)"
        )
    plan = told.memory
    yield (
        f"memory: peak {size(plan.peak)} beside the inputs; temporaries {size(plan.arena)}, at "
        f"least {size(plan.lower_bound)} are alive at once"
    )
    if told.peaks is None:
        yield f"the peaks of {told.device} are not measured: there is no roofline"
    elif (told.peaks.others or 0) > 0.05:
        yield (
            f"the peaks were measured while other programs used {told.peaks.others:.0%} of the "
            "processor: tilewright info --peak measures again"
        )


def _details(told: Explanation) -> Iterator[str]:
    for kernel in told.kernels[:_TOLD]:
        yield ""
        yield f"{kernel.name}: {how(kernel)}"
        for place, names in kernel.lines:
            yield f"  fused      {place}: {', '.join(names)}"
        for reason in kernel.refused[:_REASONS]:
            yield f"  not with   {reason}"
        if len(kernel.refused) > _REASONS:
            yield f"  not with   {len(kernel.refused) - _REASONS} others"
        for said in kernel.advice:
            yield f"  try        {said}"


def how(kernel: KernelReport) -> str:
    """The schedule and the work of a kernel in a line."""
    work = kernel.work
    form = f" ({kernel.form})" if kernel.form else ""
    return (
        f"{kernel.schedule}{form}; {work.operations:.3g} operations in {work.dtype}, reads "
        f"{size(work.reads)}, writes {size(work.writes)}"
    )
