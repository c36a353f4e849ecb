"""Messages between a tuner and its workers: a length, then JSON. Data only, never code."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from typing import Any

_HEAD = struct.Struct("<Q")
_MOST = 256 << 20  # bytes of a message

Message = dict[str, Any]


def frame(message: Message) -> bytes:
    """A message as bytes."""
    raw = json.dumps(message, separators=(",", ":")).encode()
    return _HEAD.pack(len(raw)) + raw


def read_message(read: Callable[[int], bytes]) -> Message | None:
    """The next message; `read(n)` gives n bytes, or fewer at the end, where the answer is None.

    Raises ValueError for what is no message.
    """
    head = read(_HEAD.size)
    if len(head) < _HEAD.size:
        return None
    (size,) = _HEAD.unpack(head)
    if size > _MOST:
        raise ValueError(f"message: got a length of {size} bytes; {_MOST} is the most")
    raw = read(size)
    if len(raw) < size:
        return None
    message = json.loads(raw)
    if not isinstance(message, dict):
        raise ValueError(f"message: got {type(message).__name__}; it must be an object")
    return message
