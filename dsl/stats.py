"""What `f.stats()` tells of a staged function: its calls, its programs, and why each was made."""

from __future__ import annotations

from dataclasses import dataclass, field

_WIDTH = 100  # of the table


@dataclass
class ProgramRecord:
    """One program of a staged function: `takes` says for which arguments, `reason` why it was made.

    `trace_seconds` is the time of tracing; `compile_seconds` that of compiling or loading, and
    `origin` which of the two it was ("compiled" or "disk cache"): empty before the first run.
    """

    takes: str
    reason: str
    trace_seconds: float = 0.0
    compile_seconds: float = 0.0
    origin: str = ""


@dataclass(frozen=True)
class Stats:
    """The calls and programs of one staged function, up to now; printed as a table.

    `notes` say of which axes the programs have fixed sizes though they vary, and why.
    """

    name: str
    calls: int
    programs: tuple[ProgramRecord, ...]
    notes: tuple[str, ...] = field(default=())

    @property
    def recompiles(self) -> int:
        """How many programs were made after the first."""
        return max(0, len(self.programs) - 1)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why each program after the first was made."""
        return tuple(p.reason for p in self.programs[1:])

    @property
    def compile_seconds(self) -> float:
        """Seconds of tracing, compiling and loading, of all programs."""
        return sum(p.trace_seconds + p.compile_seconds for p in self.programs)

    def __repr__(self) -> str:
        seconds = f"{self.compile_seconds:.3f} s of tracing and compiling"
        counts = f"{_count(self.calls, 'call')}, {_count(len(self.programs), 'program')}"
        lines = [f"{self.name}: {counts}, {_count(self.recompiles, 'recompile')}, {seconds}"]
        rows: list[tuple[str, ...]] = [("takes", "trace", "compile", "origin", "why")]
        rows += [_row(p) for p in self.programs]
        widths = [min(max(map(len, column)), _WIDTH // 3) for column in zip(*rows, strict=True)]
        for row in rows if self.programs else []:
            cells = [text.ljust(width) for text, width in zip(row, widths, strict=True)]
            lines.append(f"  {'  '.join(cells).rstrip()}")
        return "\n".join([*lines, *(f"  note: {note}" for note in self.notes)])


def _row(program: ProgramRecord) -> tuple[str, ...]:
    seconds = (f"{s * 1e3:.1f} ms" for s in (program.trace_seconds, program.compile_seconds))
    return program.takes, *seconds, program.origin or "not run", program.reason


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}{'' if n == 1 else 's'}"
