"""What to try next with a kernel: rules, each of which may have something to say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..lowering.fusion import Group
from ..lowering.work import Work
from .roof import LAUNCH, Bound

_GOOD = 0.75  # a share of the roofline at which the schedule has little left to give
_SHORT = 50e-6  # seconds of a launch that one thread may as well do alone


@dataclass(frozen=True)
class Facts:
    """What the rules look at. `tunable`: whether the schedule has knobs that can be measured;
    `tuned`: whether it runs with measured ones; `note`: what the schedule says of itself."""

    group: Group
    work: Work
    bound: Bound | None
    seconds: float
    threads: int
    most_threads: int
    tunable: bool
    tuned: bool
    note: str


def advise(facts: Facts) -> tuple[str, ...]:
    """What the rules say, most important first."""
    return tuple(said for rule in RULES if (said := rule(facts)))


def _of_routines(facts: Facts) -> str:
    if facts.group.kind == "native":
        return "a routine of the core does it: nothing is fused with it and nothing tuned"
    return ""


def _of_note(facts: Facts) -> str:
    if facts.note:
        return f"{facts.note}: report the shape, as the schedule for it ought to take it"
    return ""


def _of_latency(facts: Facts) -> str:
    if facts.bound and facts.bound.kind == "latency":
        return (
            f"too short to fill the machine ({facts.bound.seconds * 1e6:.1f} us of work, up to "
            f"{LAUNCH * 1e6:.0f} us of launching): do more at once (a larger batch), or stage more "
            "of the code as one program"
        )
    return ""


def _of_threads(facts: Facts) -> str:
    if facts.threads < facts.most_threads and facts.seconds > _SHORT:
        return (
            f"runs on {facts.threads} of {facts.most_threads} threads: its outer axes have too few "
            "elements to split, or its cost is estimated too low"
        )
    return ""


def _of_scattered_reads(facts: Facts) -> str:
    names = {n.primitive.name for n in facts.group.nodes}
    moving = sorted(names & {"transpose", "gather", "take", "concatenate", "pad"})
    if facts.bound and facts.bound.kind == "memory" and facts.bound.share < _GOOD and moving:
        return f"reads through {', '.join(moving)}: an operand that lies as it is read is faster"
    return ""


def _of_tuning(facts: Facts) -> str:
    slow = facts.bound is not None and facts.bound.share < _GOOD and facts.bound.kind != "latency"
    if slow and facts.tunable and not facts.tuned:
        return "tw.tune(f, ...) measures other knobs of the schedule"
    return ""


def _of_memory(facts: Facts) -> str:
    if facts.bound and facts.bound.kind == "memory" and facts.bound.share >= _GOOD:
        return (
            f"moves its bytes at the speed of {facts.bound.level}: only fewer bytes make it "
            "faster (fuse it with its neighbours, or use a half type)"
        )
    return ""


def _of_compute(facts: Facts) -> str:
    if facts.bound and facts.bound.kind == "compute" and facts.bound.share >= _GOOD:
        return "near the peak of arithmetic: only less work makes it faster"
    return ""


RULES: tuple[Callable[[Facts], str], ...] = (
    _of_note,
    _of_routines,
    _of_latency,
    _of_threads,
    _of_scattered_reads,
    _of_tuning,
    _of_memory,
    _of_compute,
)
