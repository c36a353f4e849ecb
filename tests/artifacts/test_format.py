"""The file: as docs/artifact.md has it, and whatever happens to it, a reason instead of a crash."""

from __future__ import annotations

import json
import os
import random
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import artifact_support as files
import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st

import tilewright as tw
from tilewright import _native
from tilewright.dsl.errors import ArtifactError


def load(data: bytes, trust_weights: bool = False) -> tw.Artifact:
    """From memory, by way of the same reader."""
    from tilewright.backends.artifacts.artifact import Artifact

    return Artifact(_native.Artifact.from_memory(data, not trust_weights), Path("memory.tw"))


@pytest.fixture(scope="module")
def data(path: Path) -> bytes:
    return path.read_bytes()


def test_the_file_is_as_documented(data: bytes, made: tw.Artifact) -> None:
    sections = files.take_apart(data)
    assert files.put_together(sections) == data
    manifest = json.loads(sections["manifest"])
    assert manifest == made.manifest
    assert manifest["device"] == "cpu" and manifest["inputs"][0]["shape"] == ["batch", 64]
    assert struct.unpack_from("<2q", sections["program"]) == (0x545031, 1)
    weights = safetensors.numpy.load(sections["weights"])
    assert sorted(weights) == sorted(manifest["weights"])
    assert not {"graph", "source"} & set(sections) and b"/test" not in sections["manifest"]


def test_kernels_are_objects_words_and_tables(data: bytes) -> None:
    section = files.take_apart(data)["kernels"]
    (count,), at = struct.unpack_from("<q", section), 8
    for _ in range(count):
        (n_tables,) = struct.unpack_from("<q", section, at)
        sizes = struct.unpack_from(f"<{2 + n_tables}q", section, at + 8)
        at += 8 * (3 + n_tables)
        assert section[at : at + 4] == b"\x7fELF"
        words = at + -(-sizes[0] // 8) * 8
        assert struct.unpack_from("<q", section, words) == (0x544B31,)
        at += sum(-(-size // 8) * 8 for size in sizes)
    assert count > 0 and at == len(section)


def test_weights_lie_aligned(data: bytes) -> None:
    weights = files.take_apart(data)["weights"]
    place = data.index(weights)
    header = int.from_bytes(weights[:8], "little")
    assert place % 64 == 0 and (8 + header) % 64 == 0
    for entry in json.loads(weights[8 : 8 + header]).values():
        begin, end = entry["data_offsets"]
        assert begin % (64 if (end - begin) % 64 == 0 else 4) == 0


# --------------------------------------------------------------------------- damage


def test_every_truncation_is_refused(data: bytes, tmp_path: Path) -> None:
    chance = random.Random(os.environ["TILEWRIGHT_SEED"])
    cuts = {*range(0, 400), *(chance.randrange(len(data)) for _ in range(300)), len(data) - 1}
    for cut in cuts:
        with pytest.raises(ArtifactError, match="artifact: "):
            load(data[:cut])
    for cut in (0, 10, 63, 64, len(data) // 2):
        short = tmp_path / "short.tw"
        short.write_bytes(data[:cut])
        with pytest.raises(ArtifactError, match="artifact: "):
            tw.load(short)
    with pytest.raises(ArtifactError, match="it has .* bytes; its header says"):
        load(data + b"\0")


def test_every_flipped_bit_is_found(data: bytes) -> None:
    chance = random.Random(os.environ["TILEWRIGHT_SEED"])
    places = [*range(320), *(chance.randrange(len(data)) for _ in range(1500))]
    for place in places:
        bad = bytearray(data)
        bad[place] ^= 1 << chance.randrange(8)
        with pytest.raises(ArtifactError, match="artifact: "):
            load(bytes(bad))


def test_without_their_checksum_only_weights_may_differ(data: bytes, pixels: np.ndarray) -> None:
    sections = files.take_apart(data)
    start = data.index(sections["weights"])
    header = 8 + int.from_bytes(sections["weights"][:8], "little")
    chance = random.Random(os.environ["TILEWRIGHT_SEED"])
    for _ in range(300):
        bad = bytearray(data)
        bad[chance.randrange(start)] ^= 1 << chance.randrange(8)
        with pytest.raises(ArtifactError, match="artifact: "):
            load(bytes(bad), trust_weights=True)
    for _ in range(300):  # the table of the weights is read with care all the same
        bad = bytearray(data)
        bad[start + chance.randrange(header)] ^= 1 << chance.randrange(8)
        try:
            load(bytes(bad), trust_weights=True)(pixels)
        except ArtifactError as error:
            assert "artifact: " in str(error)
    bad = bytearray(data)
    bad[start + header] ^= 1
    assert load(bytes(bad), trust_weights=True)(pixels).shape == (21, 10)
    with pytest.raises(ArtifactError, match="section weights does not have its checksum"):
        load(bytes(bad))


def test_other_files_are_refused() -> None:
    for other in (b"", b"PK\3\4" * 100, b"\x7fELF" + bytes(500), os.urandom(5000)):
        with pytest.raises(ArtifactError, match="damaged|no artifact of tilewright"):
            load(other)


# --------------------------------------------------------------------------- foreign artifacts


def changed(data: bytes, key: str, value: Any) -> bytes:
    return files.with_manifest(data, lambda manifest: manifest.update({key: value}))


def test_a_newer_format_is_refused(data: bytes) -> None:
    newer = files.put_together(files.take_apart(data), version=2)
    with pytest.raises(ArtifactError, match="format version 2; this library reads version 1"):
        load(newer)


def test_another_processor_is_refused(data: bytes) -> None:
    needs = json.loads(files.take_apart(data)["manifest"])["needs"]
    other = {"x86_64": "aarch64", "aarch64": "x86_64"}[needs[0]]
    with pytest.raises(ArtifactError, match=f"compiled for {other} processors; this one is"):
        load(changed(data, "needs", [other]))
    with pytest.raises(ArtifactError, match="a processor with warp_drive, which this one does not"):
        load(changed(data, "needs", [*needs, "warp_drive"]))


def test_what_the_host_needs_the_host_has(data: bytes) -> None:
    needs = json.loads(files.take_apart(data)["manifest"])["needs"]
    assert needs == list(tw.lowering.machine.host().needs)
    load(data)


def test_another_device_is_refused(data: bytes) -> None:
    with pytest.raises(ArtifactError, match="for the device abacus"):
        load(changed(data, "device", "abacus"))


# --------------------------------------------------------------------------- forged files


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: m.pop("needs"), "needs is missing"),
        (lambda m: m.update(name=""), "name is empty"),
        (lambda m: m.update(name="a\nb"), "a character that names must not have"),
        (lambda m: m.update(format=2), "format is not that of the file"),
        (lambda m: m.update(sizes=[]), "another number of sizes"),
        (lambda m: m.update(sizes=["other"]), "what the program does not"),
        (lambda m: m["inputs"].clear(), "another number of"),
        (lambda m: m["inputs"][0].update(dtype="float64"), "says of x what the program does not"),
        (lambda m: m["inputs"][0].update(dtype="float31"), "dtype is not known"),
        (lambda m: m["inputs"][0].update(shape=["batch", 65]), "what the program does not"),
        (lambda m: m["inputs"][0].update(shape=["batch"]), "what the program does not"),
        (lambda m: m["outputs"].append(m["outputs"][0]), "a name twice"),
        (lambda m: m["weights"].pop(), "another number of weights"),
        (lambda m: m["weights"].__setitem__(0, m["weights"][1]), "is not what the program takes"),
        (lambda m: m["weights"].__setitem__(0, "absent"), "a weight that is not there"),
        (lambda m: m.update(requirements=[{"words": [2, 1, 9], "reason": ""}]), "damaged"),
        (lambda m: m.update(requirements=[{"words": [], "reason": ""}]), "damaged"),
        (lambda m: m.update(requirements=[{"words": [2, 1, 0.5], "reason": ""}]), "whole numbers"),
        (lambda m: m.update(result={"array": 1}), "a pytree is not as it must be"),
        (lambda m: m.update(result={"named": ["class", ["a"], []]}), "a pytree is not"),
        (lambda m: m.update(result={"dict": [[[], {"array": 0}]]}), "a pytree is not"),
        (lambda m: m.update(arguments=[]), "its arguments are not the inputs"),
        (lambda m: m.update(arguments=[{"name": 3, "tree": {"array": 0}}]), "no proper name"),
    ],
)
def test_a_forged_manifest_is_refused(
    data: bytes, change: Callable[[dict[str, Any]], object], message: str
) -> None:
    with pytest.raises(ArtifactError, match=message):
        load(files.with_manifest(data, change))


def test_a_condition_that_fails_is_told(data: bytes, pixels: np.ndarray) -> None:
    words = [10, 1, 0, 0, -30, 2, 0, 0, 0, 2, 0]  # batch - 30 + 0
    entry = {"words": words, "reason": "it must be 30 or more"}
    with pytest.raises(tw.ShapeError, match="batch = 21; it must be 30 or more"):
        load(changed(data, "requirements", [entry]))(pixels)


_scalars = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text()
_values = st.recursive(
    _scalars, lambda x: st.lists(x, max_size=3) | st.dictionaries(st.text(), x, max_size=3)
)
_KEYS = (
    "format", "name", "device", "needs", "sizes", "requirements", "inputs", "outputs", "weights",
    "arguments", "result", "tilewright", "fingerprint",
)  # fmt: skip


@given(key=st.sampled_from(_KEYS), value=_values)
def test_any_manifest_is_read_or_refused(
    data: bytes, pixels: np.ndarray, key: str, value: Any
) -> None:
    try:
        assert load(changed(data, key, value))(pixels).shape == (21, 10)
    except ArtifactError as error:
        assert "artifact: " in str(error)
    except tw.ShapeError:
        assert key == "requirements"


@given(text=st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_any_text_as_manifest_is_refused(data: bytes, text: bytes) -> None:
    sections = files.take_apart(data) | {"manifest": text}
    with pytest.raises(ArtifactError, match="artifact: "):
        load(files.put_together(sections))


@settings(max_examples=300)
@given(seed=st.integers(0, 2**32))
def test_damage_with_right_checksums_never_crashes_the_loader(data: bytes, seed: int) -> None:
    """What a checksum cannot find: the loader itself checks each word (a run of such a program is
    another matter: artifacts hold machine code)."""
    chance = random.Random(seed)
    sections = files.take_apart(data)
    name = chance.choice(("program", "kernels", "weights"))
    bad = bytearray(sections[name])
    end = len(bad)
    if name == "weights":  # of their data every change is another weight
        end = 8 + int.from_bytes(bad[:8], "little")
    for _ in range(chance.randrange(1, 4)):
        bad[chance.randrange(end)] = chance.choice((0, 1, 7, 127, 128, 255))
    if chance.random() < 0.2:
        del bad[chance.randrange(len(bad)) :]
    try:
        load(files.put_together(sections | {name: bytes(bad)}))
    except (ArtifactError, MemoryError) as error:
        assert str(error)


def test_deep_nesting_is_refused(data: bytes) -> None:
    deep: Any = {"array": 0}
    for _ in range(50):
        deep = {"tuple": [deep]}
    with pytest.raises(ArtifactError, match="damaged"):
        load(changed(data, "result", deep))
    with pytest.raises(ArtifactError, match="nested too deeply"):
        sections = files.take_apart(data) | {"manifest": b"[" * 100_000}
        load(files.put_together(sections))
