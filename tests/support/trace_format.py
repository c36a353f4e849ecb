"""A validator of the Trace Event Format, as far as our files use it."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

NEEDED = {
    "X": {"name", "cat", "ts", "dur", "pid", "tid"},
    "C": {"name", "ts", "pid", "args"},
    "i": {"name", "ts", "pid", "tid", "s"},
    "M": {"name", "pid", "args"},
    "s": {"name", "cat", "id", "ts", "pid", "tid"},
    "f": {"name", "cat", "id", "ts", "pid", "tid", "bp"},
}


def validate(path: Path) -> list[dict[str, Any]]:
    """The events of a file, all of which are well formed."""
    whole = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse)
    assert set(whole) == {"displayTimeUnit", "otherData", "traceEvents"}
    assert whole["displayTimeUnit"] in ("ms", "ns")
    events: list[dict[str, Any]] = whole["traceEvents"]
    for event in events:
        _check_fields(event)
    _check_tracks(events)
    _check_nesting(events)
    _check_arrows(events)
    return events


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is not JSON")


def _check_fields(event: dict[str, Any]) -> None:
    missing = NEEDED[event["ph"]] - set(event)
    assert not missing, f"{event} lacks {missing}"
    assert isinstance(event["name"], str)
    assert event["name"]
    for key in ("pid", "tid"):
        assert isinstance(event.get(key, 0), int)
    for key in ("ts", "dur"):
        assert isinstance(event.get(key, 0), int | float)
        assert event.get(key, 0) >= 0, event
    if event["ph"] == "C":
        assert all(isinstance(value, int | float) for value in event["args"].values())
    if event["ph"] == "i":
        assert event["s"] in "gpt"


def _check_tracks(events: list[dict[str, Any]]) -> None:
    """Every track with events has one name."""
    named = [(e["pid"], e["tid"]) for e in events if e["name"] == "thread_name"]
    assert len(named) == len(set(named))
    used = {(e["pid"], e["tid"]) for e in events if e["ph"] not in "MC" and e.get("s") != "g"}
    assert used <= set(named), f"without a name: {used - set(named)}"


def _check_nesting(events: list[dict[str, Any]]) -> None:
    """Spans of a track lie one after another or inside each other. Times are kept in whole
    nanoseconds here, so that nothing is rounded."""
    tracks = defaultdict(list)
    for event in events:
        if event["ph"] == "X":
            start = round(event["ts"] * 1000)
            end = start + round(event["dur"] * 1000)
            tracks[event["pid"], event["tid"]].append((start, -end, event["name"]))
    for spans in tracks.values():
        open_ends: list[int] = []
        for start, minus_end, name in sorted(spans):
            while open_ends and open_ends[-1] <= start:
                open_ends.pop()
            assert not open_ends or -minus_end <= open_ends[-1], f"{name} crosses another span"
            open_ends.append(-minus_end)


def _check_arrows(events: list[dict[str, Any]]) -> None:
    """Every arrow has one start and one end, in this order, and both lie in a span."""
    starts = {e["id"]: e for e in events if e["ph"] == "s"}
    ends = {e["id"]: e for e in events if e["ph"] == "f"}
    assert len(starts) + len(ends) == sum(e["ph"] in "sf" for e in events)
    assert starts.keys() == ends.keys()
    spans = defaultdict(list)
    for event in events:
        if event["ph"] == "X":
            spans[event["tid"]].append((event["ts"], event["ts"] + event["dur"]))
    for number, start in starts.items():
        assert start["ts"] <= ends[number]["ts"]
        for event in (start, ends[number]):
            assert any(a <= event["ts"] <= b for a, b in spans[event["tid"]]), event
