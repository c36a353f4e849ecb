"""A recording as a file in the Trace Event Format, which Perfetto and chrome://tracing open.

The format: docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU. Spans are
complete events (X), the bytes in use a counter (C), what the cache said instants (i); an arrow
(s, f) leads from a launch to its first kernel on every other track.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

from ..dsl.atomic import written
from .recording import Event, Recording, Track

_QUEUES = 10_000_000  # the system's numbers are smaller; tracks without one count from here
_VALUES = {"copy": "bytes", "kernel": "units"}


def write_trace(path: Path, recording: Recording) -> None:
    """Write the file, in whole or not at all."""
    with written(path) as file:
        _write(file, recording)


def _write(file: IO[str], recording: Recording) -> None:
    other = {"dropped_events": recording.dropped, "program": "tilewright"}
    head = json.dumps({"displayTimeUnit": "ns", "otherData": other})
    file.write(head[:-1] + ', "traceEvents": [\n')
    separator = ""
    for made in trace_events(recording):
        file.write(separator + json.dumps(made))
        separator = ",\n"
    file.write("\n]}\n")


def trace_events(recording: Recording) -> Iterator[dict[str, Any]]:
    """The objects of the file: names of tracks, events, arrows."""
    process = os.getpid()
    numbers = _numbers(recording.tracks)
    yield _metadata("process_name", process, 0, name="tilewright")
    for order, track in enumerate(recording.tracks):
        yield _metadata("thread_name", process, numbers[track.number], name=track.name)
        yield _metadata("thread_sort_index", process, numbers[track.number], sort_index=order)
    arrows = _Arrows()
    for event in recording:
        yield _event(event, process, numbers[event.track])
        arrows.note(event)
    for number, (event, kind) in arrows.ends():
        arrow = {"name": "launch", "cat": "launch", "id": number, "ts": event.start / 1000}
        yield arrow | kind | {"pid": process, "tid": numbers[event.track]}
    if recording.dropped:
        text = f"the recording was full: {recording.dropped} events are missing"
        end = recording.duration / 1000
        yield {"ph": "i", "s": "g", "name": text, "ts": end, "pid": process, "tid": 0}


def _numbers(tracks: Iterable[Track]) -> dict[int, int]:
    """A thread number for each track. The system may give that of an ended thread again."""
    found: dict[int, int] = {}
    for track in tracks:
        is_free = track.thread and track.thread not in found.values()
        found[track.number] = track.thread if is_free else _QUEUES + track.number
    return found


def _metadata(kind: str, process: int, thread: int, **args: Any) -> dict[str, Any]:
    return {"ph": "M", "name": kind, "pid": process, "tid": thread, "ts": 0, "args": args}


def _event(event: Event, process: int, thread: int) -> dict[str, Any]:
    args: dict[str, Any] = {"of": event.detail} if event.detail else {}
    made = {"ph": "X", "name": event.name, "cat": event.category, "ts": event.start / 1000}
    made |= {"pid": process, "tid": thread, "args": args}
    if event.category == "memory":
        args["bytes"] = event.value
        return made | {"ph": "C", "name": "memory in use"}
    if event.category == "cache":
        return made | {"ph": "i", "s": "t"}
    if event.category in _VALUES:
        args[_VALUES[event.category]] = event.value
    if event.launch:
        args["launch"] = event.launch
    made["dur"] = event.duration / 1000
    return made


class _Arrows:
    """From each launch to its first kernel on every other track."""

    def __init__(self) -> None:
        self._launches: dict[int, Event] = {}
        self._first: dict[tuple[int, int], Event] = {}

    def note(self, event: Event) -> None:
        if event.category == "launch":
            self._launches[event.launch] = event
        elif event.category == "kernel" and event.launch:
            known = self._first.setdefault((event.launch, event.track), event)
            if event.start < known.start:
                self._first[event.launch, event.track] = event

    def ends(self) -> Iterator[tuple[int, tuple[Event, dict[str, Any]]]]:
        """Both ends of each arrow with its number. The launch of a kernel may be missing: it ended
        after the recording, or there was no room for it."""
        for number, ((launch, track), kernel) in enumerate(self._first.items(), 1):
            if launch in self._launches and track != self._launches[launch].track:
                yield number, (self._launches[launch], {"ph": "s"})
                yield number, (kernel, {"ph": "f", "bp": "e"})
