"""What was recorded, as Python sees it."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ..dsl.timeline import Category

_EVENT = struct.Struct("=4q4i")  # core/timeline.h
_CATEGORIES = tuple(category.name.lower() for category in Category)


class Event(NamedTuple):
    """A span, a moment (`cache`) or a counter's value (`memory`)."""

    category: str  # call, eager, program, launch, kernel, copy, compile, cache or memory
    name: str
    detail: str  # what is compiled
    track: int  # a thread or a device's queue
    start: int  # nanoseconds since the recording began
    duration: int  # nanoseconds
    value: int  # bytes of copies and counters, units of a kernel's range
    launch: int  # equal for a launch and its kernels; 0: none

    @property
    def end(self) -> int:
        """Nanoseconds since the recording began."""
        return self.start + self.duration


class Track(NamedTuple):
    """Where spans lie one after another or inside each other: a thread, or a device's queue."""

    number: int
    thread: int  # the system's number; 0: not a thread
    name: str


class Recording(Sequence[Event]):
    """The events of one recording, thread by thread. They are made from the native core's records
    as they are read, which are a tenth of their size."""

    def __init__(
        self,
        since: int,
        until: int,
        in_use: int,
        found: Mapping[str, Any],
        threads: Mapping[int, str],
    ) -> None:
        self._since = since
        self.duration = until - since  # nanoseconds
        self.in_use = in_use  # bytes, at the start
        self._raw: bytes = found["events"]
        self._names = [_text(name) for name in found["names"]]
        self.dropped: int = found["dropped"]
        named = (
            Track(number, thread, _text(name) if is_named else threads.get(thread, _text(name)))
            for number, thread, name, is_named in found["tracks"]
        )
        used = {record[6] for record in _EVENT.iter_unpack(self._raw)}
        self.tracks = tuple(track for track in named if track.number in used)

    def __len__(self) -> int:
        return len(self._raw) // _EVENT.size

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        at = range(len(self))[index] * _EVENT.size
        return self._event(_EVENT.unpack_from(self._raw, at))

    def __iter__(self) -> Iterator[Event]:
        return map(self._event, _EVENT.iter_unpack(self._raw))

    def _event(self, record: tuple[int, ...]) -> Event:
        start, end, value, launch, name, detail, track, category = record
        return Event(
            category=_CATEGORIES[category],
            name=self._names[name],
            detail=self._names[detail],
            track=track,
            start=start - self._since,
            duration=max(end - start, 0),
            value=value,
            launch=launch,
        )


def _text(name: bytes) -> str:
    return name.decode(errors="replace")
