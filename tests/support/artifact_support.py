"""An artifact's file taken apart and put together, written from docs/artifact.md alone."""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Callable
from typing import Any

MAGIC = b"\x89TWA\r\n\x1a\n"
NAMES = ("manifest", "program", "kernels", "weights")


def take_apart(data: bytes) -> dict[str, bytes]:
    """The sections of a file; asserts all that the format promises."""
    magic, version, count, length, zero = struct.unpack_from("<8sIIQQ", data)
    assert (magic, version, length, zero) == (MAGIC, 1, len(data), 0)
    table = data[64 : 64 + 64 * count]
    assert data[32:64] == hashlib.sha256(data[:32] + table).digest()
    sections: dict[str, bytes] = {}
    end = 64 + len(table)
    for i in range(count):
        name, offset, size, digest = struct.unpack_from("<16sQQ32s", table, 64 * i)
        assert offset == -(-end // 64) * 64 and not any(data[end:offset])
        content = data[offset : offset + size]
        assert len(content) == size and hashlib.sha256(content).digest() == digest
        sections[name.rstrip(b"\0").decode()] = content
        end = offset + size
    assert end == len(data) and tuple(sections) == NAMES
    return sections


def put_together(sections: dict[str, bytes], version: int = 1) -> bytes:
    """A file with these sections and the right checksums."""
    body, table = b"", b""
    start = 64 + 64 * len(sections)
    for name, content in sections.items():
        body += bytes(-(start + len(body)) % 64)
        digest = hashlib.sha256(content).digest()
        table += struct.pack("<16sQQ32s", name.encode(), start + len(body), len(content), digest)
        body += content
    head = struct.pack("<8sIIQQ", MAGIC, version, len(sections), start + len(body), 0)
    return head + hashlib.sha256(head + table).digest() + table + body


def with_manifest(data: bytes, change: Callable[[dict[str, Any]], object]) -> bytes:
    """The file with another manifest; `change` works on the present one."""
    sections = take_apart(data)
    manifest = json.loads(sections["manifest"])
    change(manifest)
    sections["manifest"] = json.dumps(manifest).encode()
    return put_together(sections)
